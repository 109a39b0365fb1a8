//! From output tensors to detections and classes.

mod classify;
mod read;
mod ssd;

use crate::geometry::{NormBox, Placement};
use crate::infer::{Engine, TensorSpec};
use crate::model::DecoderKind;

/// One object on a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Index into the labels.
    pub class: usize,
    /// 0..1.
    pub score: f32,
    /// Where, in fractions of the frame.
    pub bounds: NormBox,
}

/// One class of a classifier's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Index into the labels.
    pub class: usize,
    /// A probability, 0..1.
    pub score: f32,
}

/// What a model said about one frame. Cleared and filled again for each.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Of a detector: best first.
    pub detections: Vec<Detection>,
    /// Of a classifier: the best few, best first.
    pub classes: Vec<Class>,
}

/// Reads a model's outputs.
#[derive(Clone, Debug)]
pub enum Decoder {
    /// One score a class.
    Classify(classify::Classify),
    /// SSD with its post-processing in the model.
    Ssd(ssd::Ssd),
}

impl Decoder {
    /// The decoder for a model with these outputs; `wanted` when the user says which. The error is the
    /// reason, to follow `model NAME: `.
    pub fn new(outputs: &[TensorSpec], wanted: Option<DecoderKind>) -> Result<Self, String> {
        let classify = || classify::Classify::new(outputs).map(Self::Classify);
        let ssd = || ssd::Ssd::new(outputs).map(Self::Ssd);
        match wanted {
            Some(DecoderKind::Classify) => classify(),
            Some(DecoderKind::Ssd) => ssd(),
            None => ssd().or_else(|_| classify()).map_err(|_| {
                let shapes: Vec<_> = outputs.iter().map(|o| format!("{} {:?}", o.name, o.shape)).collect();
                format!(
                    "its outputs ({}) are neither a classifier's (one of [1, classes]) nor an SSD's with post-processing (boxes, classes, scores, count)",
                    shapes.join(", ")
                )
            }),
        }
    }

    /// Which it is.
    #[must_use]
    pub const fn kind(&self) -> DecoderKind {
        match self {
            Self::Classify(_) => DecoderKind::Classify,
            Self::Ssd(_) => DecoderKind::Ssd,
        }
    }

    /// How many classes the model tells apart, where its outputs show it.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        match self {
            Self::Classify(c) => Some(c.classes()),
            Self::Ssd(_) => None,
        }
    }

    /// Fills `answer` from the engine's outputs. Detections below `threshold` are left out, boxes are
    /// brought back to the frame by `placement`.
    pub fn decode(&self, engine: &dyn Engine, placement: &Placement, threshold: f32, answer: &mut Answer) {
        answer.detections.clear();
        answer.classes.clear();
        match self {
            Self::Classify(c) => c.decode(engine, &mut answer.classes),
            Self::Ssd(s) => s.decode(engine, placement, threshold, &mut answer.detections),
        }
    }
}

#[cfg(test)]
mod tests;
