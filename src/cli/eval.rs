//! `edgecam eval`: how well a detector does on pictures whose objects are known.

mod report;
mod sheet;

use super::detect::score;
use super::{Exit, ModelArgs, runtime};
use crate::decode::Answer;
use crate::eval::classes::{Classes, listed};
use crate::eval::confusion::{Judged, judge};
use crate::eval::truth::{Picture, Truth, Unit, lines};
use crate::eval::{Bounds, Object, Scene, Seen};
use crate::frame::{Frame, Size, Timestamp};
use crate::geometry::NormBox;
use crate::model::{DecoderKind, Model, try_model};
use crate::pipeline::{Line, Stopwatch, step};
use crate::source::files;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Measure how well a detector does on pictures whose objects are known
#[derive(Args, Debug)]
pub(super) struct Eval {
    #[command(flatten)]
    model: ModelArgs,
    /// The folder of pictures
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// What they show: a COCO json, a folder of Pascal VOC xml, or a folder of YOLO txt
    #[arg(long, value_name = "PATH")]
    truth: PathBuf,
    /// The data.yaml or label file of a YOLO truth [default: classes.txt in its folder]
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Rename a class of the truth, as in car=vehicle; can be given more than once
    #[arg(long, value_name = "NAME=LABEL", value_parser = renaming)]
    map: Vec<(String, String)>,
    /// Evaluate these classes only
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// Least score of a detection for the average precision, 0 to 1
    #[arg(long, default_value_t = 0.01, value_parser = score)]
    threshold: f32,
    /// Least score of a detection for what is found, missed and confused, 0 to 1
    #[arg(long, value_name = "SCORE", default_value_t = 0.5, value_parser = score)]
    at: f32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write a picture of the worst mistakes into this PNG file
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
}

fn renaming(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').map(|(name, label)| (name.trim(), label.trim())) {
        Some((name, label)) if !name.is_empty() && !label.is_empty() => {
            Ok((name.to_owned(), label.to_owned()))
        }
        _ => Err("a class of the truth, =, and what it shall be called".to_owned()),
    }
}

/// A picture that was looked at.
struct Looked {
    picture: Picture,
    scene: Scene,
    judged: Judged,
    size: Size,
    time: Duration,
}

impl Eval {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let mut truth = match Truth::read(&self.truth, &self.images, self.names.as_deref()) {
            Ok(truth) => truth,
            Err(problems) => {
                say(&problems.lines());
                return Ok(Exit::Failure);
            }
        };
        let files = self.model.files();
        try_model(&files, None)?;
        let model = Model::load(&runtime()?, &files)?;
        let name = files.path.display();
        if model.info.decoder.kind() == DecoderKind::Classify {
            bail!("evaluate {name}: eval is for detectors, and this is a classifier");
        }
        let labels = model.info.labels.clone();
        if labels.iter().all(String::is_empty) {
            bail!("evaluate {name}: its classes have no names; name a label file with --labels");
        }
        let classes = match Classes::new(&truth.classes, &labels, &self.map, self.classes.as_deref()) {
            Ok(classes) => classes,
            Err(e) => {
                eprintln!("edgecam: {e}");
                return Ok(Exit::Usage);
            }
        };
        renumber(&mut truth, &classes);
        let unknown = self.check(&truth, &classes)?;
        say(&lines(&truth.notes));
        say(&lines(&truth.missing));

        let mut line = Line::new(model, NormBox::FULL, self.threshold, None).map_err(|e| anyhow!(e))?;
        let failed_before = truth.missing.len();
        let (looked, failed) = self.look_at_all(&mut line, truth, &classes)?;
        if looked.is_empty() {
            bail!("evaluate {name}: not one good picture");
        }
        let report = report::Report::new(self, &looked, &classes, unknown, failed + failed_before);
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            report.print(out)?;
        }
        if let Some(path) = &self.sheet {
            sheet::write(path, &looked, &classes, self.at)?;
        }
        Ok(if report.failed == 0 { Exit::Fine } else { Exit::Failure })
    }

    /// Says which classes only one side knows; returns those with objects that the model doesn't know.
    fn check(&self, truth: &Truth, classes: &Classes) -> anyhow::Result<Vec<String>> {
        let shown = self.truth.display();
        let mut counts = vec![0_usize; classes.all.len()];
        for object in truth.pictures.iter().flat_map(|picture| &picture.objects) {
            counts[object.class] += usize::from(!object.is_optional());
        }
        let with_objects: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] > 0).collect();
        if with_objects.is_empty() {
            bail!("evaluate on {shown}: its pictures show no object to find");
        }
        let name = |class: &usize| classes.name(*class).to_owned();
        let unknown: Vec<String> =
            with_objects.iter().filter(|&&c| !classes.all[c].in_model).map(name).collect();
        if unknown.len() == with_objects.len() {
            bail!(
                "evaluate on {shown}: the model knows none of its classes ({}); rename them with --map NAME=LABEL",
                listed(&unknown)
            );
        }
        if !unknown.is_empty() {
            eprintln!(
                "edgecam: the model doesn't know {} of the truth's classes, which count with an AP of 0: {}; rename with --map or choose with --classes",
                unknown.len(),
                listed(&unknown)
            );
        }
        let extra = classes.only_in_model();
        if !extra.is_empty() {
            eprintln!(
                "edgecam: the truth doesn't have {} of the model's labels, which don't count: {}",
                extra.len(),
                listed(&extra)
            );
        }
        Ok(unknown)
    }

    /// Runs the model on every picture; a bad one is said and left out. Also returns how many were bad.
    fn look_at_all(
        &self,
        line: &mut Line,
        truth: Truth,
        classes: &Classes,
    ) -> anyhow::Result<(Vec<Looked>, usize)> {
        let style = ProgressStyle::with_template("{pos}/{len} [{bar:40}] {eta} left")?;
        let bar = ProgressBar::new(truth.pictures.len() as u64).with_style(style.progress_chars("=> "));
        let (mut frame, mut answer) = (Frame::empty(), Answer::default());
        let (mut all, mut failed) = (Vec::with_capacity(truth.pictures.len()), 0);
        for picture in truth.pictures {
            bar.inc(1);
            match self.look(line, picture, truth.unit, classes, (&mut frame, &mut answer)) {
                Ok(looked) => all.push(looked),
                Err(e) => {
                    failed += 1;
                    bar.suspend(|| eprintln!("edgecam: {e:#}"));
                }
            }
        }
        bar.finish_and_clear();
        Ok((all, failed))
    }

    fn look(
        &self,
        line: &mut Line,
        picture: Picture,
        unit: Unit,
        classes: &Classes,
        (frame, answer): (&mut Frame, &mut Answer),
    ) -> anyhow::Result<Looked> {
        let name = picture.path.display();
        files::read(&picture.path, frame).map_err(|e| anyhow!("read picture {name}: {e}"))?;
        frame.captured = Timestamp::now();
        let mut watch = Stopwatch::start(frame);
        let prepared =
            step(line, frame, answer, &mut watch).with_context(|| format!("read picture {name}"))?;
        let size = prepared.size;
        if let Some(stated) = picture.stated.filter(|&stated| stated != size) {
            bail!("compare picture {name}: it is {size}, the truth is about one of {stated}");
        }
        let (w, h) = (f64::from(size.width), f64::from(size.height));
        let factors = if unit == Unit::Fraction { (w, h) } else { (1.0, 1.0) };
        let objects = picture.objects.iter();
        let objects =
            objects.map(|o| Object { bounds: o.bounds.scaled(factors.0, factors.1), ..*o }).collect();
        let seen = answer.detections.iter().filter_map(|d| {
            let [x, y, right, bottom] = d.bounds.to_array().map(f64::from);
            let bounds = Bounds { x, y, w: right - x, h: bottom - y }.scaled(w, h);
            Some(Seen { class: classes.of_model(d.class)?, score: f64::from(d.score), bounds })
        });
        let scene = Scene { objects, seen: seen.collect() };
        let judged = judge(&scene, f64::from(self.at), &|class| classes.all[class].in_truth);
        let l = watch.latencies;
        Ok(Looked { picture, scene, judged, size, time: l.preprocess + l.infer + l.decode })
    }
}

/// Brings the truth's class numbers to those of `classes`; objects that aren't evaluated go.
fn renumber(truth: &mut Truth, classes: &Classes) {
    for picture in &mut truth.pictures {
        picture.objects.retain_mut(|object| {
            let class = classes.of_truth(object.class);
            object.class = class.unwrap_or_default();
            class.is_some()
        });
    }
}

fn say(lines: &[String]) {
    for line in lines {
        eprintln!("edgecam: {line}");
    }
}
