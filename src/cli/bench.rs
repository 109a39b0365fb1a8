//! `edgecam bench`: what each stage costs, and by how much the whole exceeds the bare runtime.
//!
//! Bare runs, frames one after the other, and frames with preparation overlapped take turns, so that
//! all see the same machine.

mod frames;
mod rounds;

use super::{Exit, ModelArgs, runtime};
use crate::frame::Frame;
use crate::geometry::NormBox;
use crate::model::{Model, try_model};
use crate::pipeline::{Entrance, Filter, Line, Reader};
use crate::preprocess::Preprocessor;
use crate::telemetry::latency::percentiles;
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use rounds::Samples;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Turns that each way of running gets.
const ROUNDS: usize = 5;

/// What a camera would deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Form {
    Mjpeg,
    Yuyv,
    Rgb,
}

/// Measure what a frame costs, beside the bare runtime
#[derive(Args, Debug)]
pub(super) struct Bench {
    #[command(flatten)]
    model: ModelArgs,
    /// A folder of JPEG, PNG or BMP files; those of the most frequent size are used
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Frames of each round
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    frames: u32,
    /// The form in which frames arrive
    #[arg(long = "as", value_enum, default_value_t = Form::Mjpeg)]
    form: Form,
    /// How pictures are brought to the input size, instead of the model's way
    #[arg(long, value_name = "stretch|letterbox", value_parser = fit)]
    fit: Option<crate::geometry::Fit>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn fit(text: &str) -> Result<crate::geometry::Fit, String> {
    match text {
        "stretch" => Ok(crate::geometry::Fit::Stretch),
        "letterbox" => Ok(crate::geometry::Fit::Letterbox),
        _ => Err("stretch or letterbox".to_owned()),
    }
}

/// Median and 95th percentile in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Figure {
    median: f64,
    p95: f64,
}

impl Figure {
    fn of(samples: &mut [Duration]) -> Self {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        let (median, p95) = percentiles(samples).map_or((0.0, 0.0), |p| (ms(p.p50), ms(p.p95)));
        Self { median, p95 }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    input: Form,
    frame_size: [u32; 2],
    threads: u16,
    frames: usize,
    bare_ms: Figure,
    preprocess_ms: Figure,
    infer_ms: Figure,
    decode_ms: Figure,
    cpu_outside_model_ms: Figure,
    sequential_ms: Figure,
    overlapped_ms: Figure,
    overhead_sequential_percent: f64,
    overhead_overlapped_percent: f64,
    allocations_per_frame: Allocations,
}

/// Rust heap allocations of each stage; libjpeg-turbo and the runtime have allocators of their own.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Allocations {
    preprocess: f64,
    infer: f64,
    decode: f64,
    message: f64,
}

impl Bench {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let files = self.model.files();
        try_model(&files, None)?;
        let runtime = runtime()?;
        let (pictures, frames, left_out) = frames::load(&self.images, self.form)?;
        if left_out > 0 {
            let size = frames[0].size;
            eprintln!(
                "edgecam: {left_out} picture(s) that are not {size} are left out: a camera's are of one size"
            );
        }
        let load = || -> anyhow::Result<Model> {
            let mut model = Model::load(&runtime, &files)?;
            model.info.fit = self.fit.unwrap_or(model.info.fit);
            Ok(model)
        };
        let mut line = Line::new(load()?, NormBox::FULL, 0.5, None).map_err(|e| anyhow!(e))?;
        check(&mut line, &pictures, &frames)?;
        let mut other = load()?;
        let preprocessor = Preprocessor::of(&other.info, NormBox::FULL);
        let mut entrance = [Entrance::open(preprocessor.map_err(|e| anyhow!(e))?, false)];
        let mut filter = [Reader::new(Filter::new(&other.info, 0.5, None).map_err(|e| anyhow!(e))?)];
        let n = self.frames as usize;
        let mut samples = Samples::with_capacity(n * ROUNDS);
        for round in 0..=ROUNDS {
            rounds::bare(&mut line, n, &mut samples)?;
            rounds::sequential(&mut line, &frames, n, &mut samples)?;
            rounds::overlapped(&mut other, &mut entrance, &mut filter, &frames, n, &mut samples)?;
            if round == 0 {
                samples.clear();
            }
        }
        let size = frames[0].size;
        let report = self.report([size.width, size.height], &mut samples);
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            print(out, &report)?;
        }
        Ok(Exit::Fine)
    }

    fn report(&self, frame_size: [u32; 2], samples: &mut Samples) -> Report {
        let frames = samples.sequential.len();
        let bare = Figure::of(&mut samples.bare);
        let sequential = Figure::of(&mut samples.sequential);
        let overlapped = Figure::of(&mut samples.overlapped);
        let over = |figure: Figure| (figure.median / bare.median - 1.0) * 100.0;
        Report {
            model: self.model.model.display().to_string(),
            input: self.form,
            frame_size,
            threads: self.model.threads,
            frames,
            bare_ms: bare,
            preprocess_ms: Figure::of(&mut samples.preprocess),
            infer_ms: Figure::of(&mut samples.infer),
            decode_ms: Figure::of(&mut samples.decode),
            cpu_outside_model_ms: Figure::of(&mut samples.outside),
            sequential_ms: sequential,
            overlapped_ms: overlapped,
            overhead_sequential_percent: over(sequential),
            overhead_overlapped_percent: over(overlapped),
            allocations_per_frame: samples.allocations.per_frame(frames),
        }
    }
}

/// Prepares every frame once, so that a bad picture is named.
fn check(line: &mut Line, pictures: &[PathBuf], frames: &[Frame]) -> anyhow::Result<()> {
    for (picture, frame) in pictures.iter().zip(frames) {
        let written = line.preprocessor.write(frame, line.input.bytes_mut());
        written.with_context(|| format!("read picture {}", picture.display()))?;
    }
    Ok(())
}

fn print(out: &mut dyn Write, r: &Report) -> std::io::Result<()> {
    let [w, h] = r.frame_size;
    writeln!(
        out,
        "{} on {w}x{h} {:?} frames, {} thread(s), {} frames",
        r.model, r.input, r.threads, r.frames
    )?;
    writeln!(out, "{:<24} {:>9} {:>9}", "", "median", "p95")?;
    for (name, figure) in [
        ("bare runtime", r.bare_ms),
        ("preprocess", r.preprocess_ms),
        ("infer", r.infer_ms),
        ("decode", r.decode_ms),
        ("CPU time but the model's", r.cpu_outside_model_ms),
        ("one after the other", r.sequential_ms),
        ("overlapped", r.overlapped_ms),
    ] {
        writeln!(out, "{name:<24} {:>6.3} ms {:>6.3} ms", figure.median, figure.p95)?;
    }
    writeln!(
        out,
        "over the bare runtime: {:+.1} % one after the other, {:+.1} % overlapped",
        r.overhead_sequential_percent, r.overhead_overlapped_percent
    )?;
    let a = r.allocations_per_frame;
    let [preprocess, infer, decode, message] = [a.preprocess, a.infer, a.decode, a.message];
    writeln!(
        out,
        "allocations a frame: {preprocess} preprocess, {infer} infer, {decode} decode; {message} its message"
    )
}
