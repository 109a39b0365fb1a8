//! The JSON of one answer, the same in `detections` messages and in what `edgecam detect` prints.

use crate::decode::{Class, Detection};
use crate::frame::Size;
use crate::pipeline::Latencies;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// The name of a class; `class 17` where there is none.
#[must_use]
pub fn label_of(labels: &[String], class: usize) -> Cow<'_, str> {
    match labels.get(class) {
        Some(label) if !label.is_empty() => Cow::Borrowed(label),
        _ => Cow::Owned(format!("class {class}")),
    }
}

/// A detection.
#[derive(Debug, Serialize)]
pub struct SeenObject<'a> {
    label: Cow<'a, str>,
    #[serde(serialize_with = "four_decimals")]
    score: f32,
    /// Pixels of the frame: `[x_min, y_min, x_max, y_max]`.
    #[serde(rename = "box")]
    pixels: [u32; 4],
    /// The same in fractions of the frame.
    box_norm: [Rounded; 4],
    /// The number of its track; it is counted as in view.
    #[serde(skip_serializing_if = "Option::is_none")]
    track_id: Option<u64>,
    /// What a second model says it is: its label and score.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_label: Option<(Cow<'a, str>, Rounded)>,
}

/// A class of a classifier's answer.
#[derive(Debug, Serialize)]
pub struct SeenClass<'a> {
    label: Cow<'a, str>,
    index: usize,
    #[serde(serialize_with = "four_decimals")]
    score: f32,
}

/// The stages of a frame in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LatencyMs {
    #[serde(serialize_with = "millis")]
    capture: Duration,
    #[serde(serialize_with = "millis")]
    preprocess: Duration,
    #[serde(serialize_with = "millis")]
    infer: Duration,
    #[serde(serialize_with = "millis")]
    decode: Duration,
    #[serde(serialize_with = "millis")]
    total: Duration,
}

impl From<&Latencies> for LatencyMs {
    fn from(l: &Latencies) -> Self {
        let Latencies { capture, preprocess, infer, decode, total } = *l;
        Self { capture, preprocess, infer, decode, total }
    }
}

/// The detections of a frame of `size`; `sub_labels` are the names of the second model's classes.
pub fn objects<'a>(
    detections: &'a [Detection],
    labels: &'a [String],
    sub_labels: &'a [String],
    size: Size,
) -> impl Iterator<Item = SeenObject<'a>> {
    detections.iter().map(move |d| SeenObject {
        label: label_of(labels, d.class),
        score: d.score,
        pixels: d.bounds.to_pixels(size).to_array(),
        box_norm: d.bounds.to_array().map(Rounded),
        track_id: d.track,
        sub_label: d.sub_class.map(|sub| (label_of(sub_labels, sub.class), Rounded(sub.score))),
    })
}

/// The classes of an answer.
pub fn classes<'a>(classes: &'a [Class], labels: &'a [String]) -> impl Iterator<Item = SeenClass<'a>> {
    classes.iter().map(move |c| SeenClass {
        label: label_of(labels, c.class),
        index: c.class,
        score: c.score,
    })
}

/// A fraction, told to four decimals.
#[derive(Clone, Copy, Debug)]
struct Rounded(f32);

impl Serialize for Rounded {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        four_decimals(&self.0, s)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn four_decimals<S: Serializer>(v: &f32, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64((f64::from(*v) * 1e4).round() / 1e4)
}

fn millis<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64((d.as_secs_f64() * 1e6).round() / 1e3)
}
