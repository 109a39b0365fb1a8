//! What `edgecam eval` prints: a table, or JSON.

use super::{Eval, Looked};
use crate::eval::Scene;
use crate::eval::classes::Classes;
use crate::eval::confusion::{Confusion, Counts, OVERLAP};
use crate::eval::metric::{Figures, by_class, mean};
use crate::telemetry::latency::percentiles;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::time::Duration;

/// Pairs of classes taken for each other that the table ends with.
const PAIRS: usize = 10;

/// All figures of an evaluation.
#[derive(Debug, Serialize)]
pub struct Report {
    model: String,
    truth: String,
    images: usize,
    /// Pictures that are missing or bad and were left out.
    pub failed: usize,
    objects: usize,
    #[serde(flatten)]
    all: FiguresJson,
    per_class: Rows,
    threshold: f32,
    confusion: ConfusionJson,
    false_positives: usize,
    false_negatives: usize,
    unknown_to_model: Vec<String>,
    unknown_to_truth: Vec<String>,
    time_ms: Time,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct FiguresJson {
    ap: f64,
    ap50: f64,
    ap75: f64,
}

/// One class.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    label: String,
    /// Absent where there is no object to find, but a false alarm.
    #[serde(flatten)]
    figures: Option<FiguresJson>,
    #[serde(flatten)]
    counts: Counts,
}

/// The classes with objects or false alarms, the most frequent first; in JSON those with objects by label.
#[derive(Debug)]
struct Rows(Vec<Row>);

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        for row in self.0.iter().filter(|row| row.figures.is_some()) {
            map.serialize_entry(&row.label, row)?;
        }
        map.end()
    }
}

#[derive(Debug, Serialize)]
struct ConfusionJson {
    score: f32,
    iou: f64,
    #[serde(flatten)]
    counts: Counts,
    pairs: Vec<Pair>,
}

#[derive(Debug, Serialize)]
struct Pair {
    truth: String,
    taken_for: String,
    count: usize,
}

/// Preprocessing, model and decoding of a picture, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Time {
    median: f64,
    p95: f64,
}

impl From<Figures> for FiguresJson {
    fn from(Figures { ap, ap50, ap75 }: Figures) -> Self {
        Self { ap, ap50, ap75 }
    }
}

impl Report {
    /// Computes all figures.
    pub fn new(
        eval: &Eval,
        looked: &[Looked],
        classes: &Classes,
        unknown_to_model: Vec<String>,
        failed: usize,
    ) -> Self {
        let scenes: Vec<Scene> = looked.iter().map(|l| l.scene.clone()).collect();
        let figures = by_class(&scenes, classes.all.len());
        let confusion = Confusion::of(looked.iter().map(|l| (&l.scene, &l.judged)), classes.all.len());
        let name = |class: usize| classes.name(class).to_owned();
        let rows = figures.iter().zip(&confusion.classes).enumerate();
        let mut rows: Vec<Row> = rows
            .filter(|(_, (figures, counts))| figures.is_some() || counts.false_alarms > 0)
            .map(|(class, (f, c))| Row { label: name(class), figures: f.map(Into::into), counts: *c })
            .collect();
        rows.sort_by(|a, b| b.counts.objects.cmp(&a.counts.objects).then_with(|| a.label.cmp(&b.label)));
        let mut sum = Counts::default();
        for c in &confusion.classes {
            sum.objects += c.objects;
            sum.found += c.found;
            sum.confused += c.confused;
            sum.missed += c.missed;
            sum.false_alarms += c.false_alarms;
        }
        let pairs = confusion.pairs.iter();
        let pairs = pairs.map(|&(a, b, count)| Pair { truth: name(a), taken_for: name(b), count }).collect();
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        let mut times: Vec<Duration> = looked.iter().map(|l| l.time).collect();
        let time = percentiles(&mut times).map_or((0.0, 0.0), |p| (ms(p.p50), ms(p.p95)));
        Self {
            model: eval.model.model.display().to_string(),
            truth: eval.truth.display().to_string(),
            images: looked.len(),
            failed,
            objects: sum.objects,
            all: mean(&figures).unwrap_or_default().into(),
            per_class: Rows(rows),
            threshold: eval.threshold,
            confusion: ConfusionJson { score: eval.at, iou: OVERLAP, counts: sum, pairs },
            false_positives: sum.false_alarms + sum.confused,
            false_negatives: sum.missed + sum.confused,
            unknown_to_model,
            unknown_to_truth: classes.only_in_model().into_iter().map(str::to_owned).collect(),
            time_ms: Time { median: time.0, p95: time.1 },
        }
    }

    /// Prints the table.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { images, objects, confusion, .. } = self;
        let rows = &self.per_class.0;
        let classes = rows.iter().filter(|row| row.figures.is_some()).count();
        let ms = self.time_ms.median;
        writeln!(out, "{images} pictures, {objects} objects of {classes} classes, {ms:.1} ms a picture")?;
        let score = confusion.score;
        writeln!(out, "found, confused, missed and false: at a score of {score} and an IoU of {OVERLAP}")?;
        writeln!(out)?;
        let wide = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0).max("class".len());
        writeln!(out, "{:wide$}  objects     AP   AP50   AP75   found confused missed  false", "class")?;
        let mut line = |label: &str, f: Option<FiguresJson>, c: Counts| {
            let [ap, ap50, ap75] = match f {
                Some(f) => [f.ap, f.ap50, f.ap75].map(|v| format!("{v:.3}")),
                None => ["-"; 3].map(str::to_owned),
            };
            let Counts { objects, found, confused, missed, false_alarms } = c;
            writeln!(
                out,
                "{label:wide$}  {objects:>7} {ap:>6} {ap50:>6} {ap75:>6}  {found:>6} {confused:>8} {missed:>6} {false_alarms:>6}"
            )
        };
        line("all", Some(self.all), confusion.counts)?;
        for row in rows {
            line(&row.label, row.figures, row.counts)?;
        }
        if !confusion.pairs.is_empty() {
            writeln!(out)?;
        }
        for Pair { truth, taken_for, count } in confusion.pairs.iter().take(PAIRS) {
            writeln!(out, "{count} × {truth} taken for {taken_for}")?;
        }
        Ok(())
    }
}
