//! `edgecam detect`: a model on picture files.

use super::{Exit, ModelArgs, runtime};
use crate::decode::Answer;
use crate::draw;
use crate::frame::{Frame, Size, Timestamp};
use crate::geometry::NormBox;
use crate::model::{Model, try_model};
use crate::pipeline::{Latencies, Line, Stopwatch, step};
use crate::publish::json::{LatencyMs, SeenClass, SeenObject, classes, objects};
use crate::publish::label_of;
use crate::source::files;
use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Run a model on pictures
#[derive(Args, Debug)]
pub(super) struct Detect {
    #[command(flatten)]
    model: ModelArgs,
    /// Least score of a detection, 0 to 1
    #[arg(long, default_value_t = 0.5, value_parser = score)]
    threshold: f32,
    /// Print one line of JSON an image
    #[arg(long)]
    json: bool,
    /// Write pictures with the detections drawn in into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// JPEG, PNG or BMP files
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

pub(super) fn score(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(v) if (0.0..=1.0).contains(&v) => Ok(v),
        _ => Err("a score is a number from 0 to 1".to_owned()),
    }
}

/// The line of JSON.
#[derive(Serialize)]
struct Report<'a> {
    image: &'a str,
    size: [u32; 2],
    model: &'a str,
    detections: Vec<SeenObject<'a>>,
    classes: Vec<SeenClass<'a>>,
    latency_ms: LatencyMs,
}

impl Detect {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let files = self.model.files();
        try_model(&files, None)?;
        let model = Model::load(&runtime()?, &files)?;
        let labels = model.info.labels.clone();
        let mut line = Line::new(model, NormBox::FULL, self.threshold, None).map_err(|e| anyhow!(e))?;
        if let Some(dir) = &self.out {
            std::fs::create_dir_all(dir).with_context(|| format!("create folder {}", dir.display()))?;
        }
        let (mut frame, mut answer, mut written) = (Frame::empty(), Answer::default(), HashSet::new());
        let mut exit = Exit::Fine;
        for image in &self.images {
            let result = look(&mut line, image, &mut frame, &mut answer);
            let (size, latencies) = match result {
                Ok(seen) => seen,
                Err(e) => {
                    eprintln!("edgecam: {e:#}");
                    exit = Exit::Failure;
                    continue;
                }
            };
            self.print(out, image, size, &answer, &labels, &latencies)?;
            if let Some(dir) = &self.out {
                let path = unused(dir, image, &mut written);
                save(image, &path, &answer, &labels)?;
            }
        }
        Ok(exit)
    }

    fn print(
        &self,
        out: &mut dyn Write,
        image: &Path,
        size: Size,
        answer: &Answer,
        labels: &[String],
        latencies: &Latencies,
    ) -> anyhow::Result<()> {
        let image = image.to_string_lossy();
        if self.json {
            let report = Report {
                image: &image,
                size: [size.width, size.height],
                model: &self.model.model.to_string_lossy(),
                detections: objects(&answer.detections, labels, &[], size).collect(),
                classes: classes(&answer.classes, labels).collect(),
                latency_ms: LatencyMs::from(latencies),
            };
            return Ok(writeln!(out, "{}", serde_json::to_string(&report)?)?);
        }
        writeln!(out, "{image} ({size}, {:.1} ms)", latencies.infer.as_secs_f64() * 1e3)?;
        for d in &answer.detections {
            let b = d.bounds.to_pixels(size).to_array();
            writeln!(out, "  {:<20} {:>5.1} %  {b:?}", label_of(labels, d.class), d.score * 100.0)?;
        }
        for c in &answer.classes {
            writeln!(out, "  {:<40} {:>5.1} %", label_of(labels, c.class), c.score * 100.0)?;
        }
        Ok(())
    }
}

fn look(
    line: &mut Line,
    image: &Path,
    frame: &mut Frame,
    answer: &mut Answer,
) -> anyhow::Result<(Size, Latencies)> {
    files::read(image, frame).map_err(|e| anyhow!("read picture {}: {e}", image.display()))?;
    frame.captured = Timestamp::now();
    let mut watch = Stopwatch::start(frame);
    let prepared =
        step(line, frame, answer, &mut watch).with_context(|| format!("read picture {}", image.display()))?;
    Ok((prepared.size, watch.latencies))
}

/// A name for the annotated picture that this run has not used yet.
fn unused(dir: &Path, image: &Path, written: &mut HashSet<PathBuf>) -> PathBuf {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let names = std::iter::once(format!("{stem}.jpg")).chain((2..).map(|n| format!("{stem}-{n}.jpg")));
    let path = names.map(|name| dir.join(name)).find(|path| !written.contains(path)).unwrap_or_default();
    written.insert(path.clone());
    path
}

fn save(image: &Path, path: &Path, answer: &Answer, labels: &[String]) -> anyhow::Result<()> {
    let mut picture = image::ImageReader::open(image)?.with_guessed_format()?.decode()?.into_rgb8();
    draw::annotate(&mut picture, answer, labels).map_err(|e| anyhow!(e))?;
    let file = std::fs::File::create(path).with_context(|| format!("write {}", path.display()))?;
    let mut file = std::io::BufWriter::new(file);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 90)
        .encode_image(&picture)
        .with_context(|| format!("write {}", path.display()))?;
    Ok(file.flush()?)
}
