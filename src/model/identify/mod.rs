//! What is it? From a model's tensors, graph and metadata to how its input is written and its outputs
//! are read. Whatever a model doesn't show is asked for: it is never guessed where boxes could be wrong.

mod boxes;
mod detr;
mod grid;
mod input;
mod kind;
mod trial;
mod yolo;

use super::graph::Graph;
use super::labels::Labels;
use super::manifest::{Channels, Manifest};
use super::metadata::Metadata;
use crate::decode::Decoder;
use crate::geometry::Fit;
use crate::infer::TensorSpec;
use crate::preprocess::Normalization;
use serde::Serialize;
pub use trial::Trial;

/// All that is known before anything is inferred.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The one input.
    pub input: &'a TensorSpec,
    /// The outputs.
    pub outputs: &'a [TensorSpec],
    /// What the graph shows.
    pub graph: &'a Graph,
    /// What the model says about itself.
    pub metadata: &'a Metadata,
    /// Names of classes, whoever gave them.
    pub labels: Option<&'a Labels>,
    /// What the user says.
    pub said: &'a Manifest,
}

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The manifest's key for it, or another word.
    pub key: &'static str,
    /// What it is.
    pub value: String,
    /// Why.
    pub because: String,
    /// Whether nothing shows it and it may be wrong.
    pub assumed: bool,
}

/// What a model is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Reads its outputs.
    pub decoder: Decoder,
    /// How a frame is brought to its input's size.
    pub fit: Fit,
    /// How pixels become its input.
    pub normalization: Normalization,
    /// The order of its colours.
    pub channels: Channels,
    /// How all that was found out.
    pub findings: Vec<Finding>,
}

/// Collects findings.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn note(&mut self, key: &'static str, value: impl Into<String>, because: impl Into<String>) {
        self.0.push(Finding { key, value: value.into(), because: because.into(), assumed: false });
    }

    /// Notes what was said, or else what `infer` finds out.
    fn said_or<T: Copy + Serialize>(
        &mut self,
        key: &'static str,
        said: Option<T>,
        infer: impl FnOnce() -> Result<(T, String), String>,
    ) -> Result<T, String> {
        let (value, because) = match said {
            Some(value) => (value, SAID.to_owned()),
            None => infer()?,
        };
        self.note(key, word(&value), because);
        Ok(value)
    }
}

const SAID: &str = "the config or manifest says so";

/// A value as a manifest would have it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}

impl Evidence<'_> {
    /// The width and height of the input; zero where it is no picture.
    fn size(&self) -> crate::frame::Size {
        const LEAST: usize = 8;
        let (w, h) = match *self.input.shape.as_slice() {
            [1, h, w, 1 | 3] | [1, 1 | 3, h, w] if w.min(h) >= LEAST => (w, h),
            _ => (0, 0),
        };
        crate::frame::Size::new(w as u32, h as u32)
    }

    /// The operator that makes an output.
    fn maker(&self, output: &TensorSpec) -> Option<&str> {
        self.graph.makers.get(&output.name).map(String::as_str)
    }

    /// The outputs in words.
    fn outputs_in_words(&self) -> String {
        let words = self.outputs.iter().map(|o| {
            let maker = self.maker(o).map(|op| format!(" from {op}")).unwrap_or_default();
            format!("{} {:?} {:?}{maker}", o.name, o.shape, o.element)
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Whether the labels can be the names of so many classes, a background in front not counted.
    fn named(&self, classes: usize) -> bool {
        self.labels.is_some_and(|labels| labels.counts().any(|n| n == classes))
    }

    /// A refusal of what edgecam has no decoder for.
    fn unreadable(&self, why: &str) -> String {
        format!("{why} (outputs: {}); edgecam has no decoder for that", self.outputs_in_words())
    }

    /// A refusal that says what was seen and what settles it.
    fn unclear(&self, why: &str, keys: &str) -> String {
        format!(
            "{why} (outputs: {}); {keys} in the config or in its .toml manifest settles it",
            self.outputs_in_words()
        )
    }
}

/// Finds out what a model is, running it once where only its answers tell. The error is a sentence to
/// follow `load model NAME: `.
pub fn identify(e: &Evidence<'_>, trial: &mut Trial<'_>) -> Result<Identity, String> {
    let mut findings = Findings::default();
    input::check(e)?;
    let reader = kind::reader(e, trial, &mut findings)?;
    let decoder = Decoder::new(reader, e.said.nms);
    let kind = decoder.kind();
    let channels = input::channels(e, &decoder, &mut findings)?;
    let normalization = input::normalization(e, kind, &mut findings);
    let fit = findings.said_or("fit", e.said.fit, || Ok(input::usual_fit(&decoder)))?;
    if let Some(nms) = decoder.nms() {
        let classes = if nms.agnostic { "all classes together" } else { "each class" };
        let because = if e.said.nms.is_some() {
            SAID
        } else {
            "boxes of this kind overlap; these are the usual values"
        };
        findings.note("nms", format!("IoU {} for {classes}, at most {}", nms.iou, nms.limit), because);
    }
    Ok(Identity { decoder, fit, normalization, channels, findings: findings.0 })
}

#[cfg(test)]
mod tests;
