//! From output tensors to detections and classes.

mod anchors;
mod classify;
mod detr;
mod grid;
mod heads;
mod nms;
mod read;
mod rows;
mod scores;
mod ssd;
mod yolo;

pub use anchors::Scheme;
pub use classify::Classify;
pub use detr::Detr;
pub use grid::{Fomo, Yolov2};
pub use heads::{Coding, Head, Heads};
pub use nms::Nms;
pub use read::{range, reals};
pub use rows::{Rows, USUAL};
pub use scores::Scores;
pub use ssd::Ssd;
pub use yolo::{Yolo, cells};

use crate::geometry::{NormBox, Placement};
use crate::infer::Engine;
use crate::model::{DecoderKind, NmsKeys};
use read::Memory;

/// One object on a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Index into the labels.
    pub class: usize,
    /// 0..1.
    pub score: f32,
    /// Where, in fractions of the frame.
    pub bounds: NormBox,
    /// What a second model says it is, by index into that model's labels.
    pub sub_class: Option<Class>,
    /// The number of the track it belongs to.
    pub track: Option<u64>,
}

impl Detection {
    /// What a detector found.
    #[must_use]
    pub const fn new(class: usize, score: f32, bounds: NormBox) -> Self {
        Self { class, score, bounds, sub_class: None, track: None }
    }
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

/// How the outputs of one kind of model are read.
#[derive(Clone, Debug)]
pub enum Reader {
    /// One score a class.
    Classify(Classify),
    /// SSD with its post-processing in the model.
    Ssd(Ssd),
    /// Scores and encodings relative to anchors.
    Anchors(Heads),
    /// Rows or columns of box and scores.
    Yolo(Yolo),
    /// A grid with anchors.
    Yolov2(Yolov2),
    /// A row a detection.
    Rows(Rows),
    /// Queries with boxes and logits.
    Detr(Detr),
    /// A heat map a class.
    Fomo(Fomo),
}

/// Reads a model's outputs, and the memory it works in.
#[derive(Clone, Debug)]
pub struct Decoder {
    reader: Reader,
    /// Of boxes that overlap, the best stays; `None` where the model has seen to that.
    nms: Option<Nms>,
    /// The most detections of a frame.
    limit: usize,
    memory: Memory,
}

impl Decoder {
    /// A decoder; `keys` is what the user says about suppression and the number of detections.
    #[must_use]
    pub fn new(reader: Reader, keys: Option<NmsKeys>) -> Self {
        let overlapping = matches!(reader, Reader::Anchors(_) | Reader::Yolo(_) | Reader::Yolov2(_));
        let asked = keys.is_some_and(|keys| keys.iou.is_some() || keys.agnostic.is_some());
        let nms = Nms::new(keys);
        Self {
            reader,
            limit: nms.limit,
            nms: (overlapping || asked).then_some(nms),
            memory: Memory::default(),
        }
    }

    /// Which it is.
    #[must_use]
    pub const fn kind(&self) -> DecoderKind {
        match &self.reader {
            Reader::Classify(_) => DecoderKind::Classify,
            Reader::Ssd(_) => DecoderKind::Ssd,
            Reader::Anchors(_) => DecoderKind::Anchors,
            Reader::Yolo(yolo) if !yolo.yolox => DecoderKind::Yolo,
            Reader::Yolo(_) => DecoderKind::Yolox,
            Reader::Yolov2(_) => DecoderKind::Yolov2,
            Reader::Rows(_) => DecoderKind::Rows,
            Reader::Detr(_) => DecoderKind::Detr,
            Reader::Fomo(_) => DecoderKind::Fomo,
        }
    }

    /// How many classes the model tells apart, where its outputs show it.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        match &self.reader {
            Reader::Classify(c) => Some(c.classes()),
            Reader::Anchors(heads) => Some(heads.classes()),
            Reader::Yolo(yolo) => Some(yolo.classes),
            Reader::Yolov2(grid) => Some(grid.classes()),
            Reader::Detr(detr) => Some(detr.scores.classes()),
            Reader::Fomo(grid) => Some(grid.classes()),
            Reader::Ssd(ssd) => ssd.classes(),
            Reader::Rows(_) => None,
        }
    }

    /// The scheme of the anchors of raw heads.
    #[must_use]
    pub const fn scheme(&self) -> Option<Scheme> {
        match &self.reader {
            Reader::Anchors(heads) => Some(heads.scheme),
            _ => None,
        }
    }

    /// Which of overlapping boxes stay; `None` where all do.
    #[must_use]
    pub const fn nms(&self) -> Option<Nms> {
        self.nms
    }

    /// Fills `answer` from the engine's outputs. Detections below `threshold` are left out, boxes are
    /// brought back to the frame by `placement`.
    pub fn decode(
        &mut self,
        engine: &dyn Engine,
        placement: &Placement,
        threshold: f32,
        answer: &mut Answer,
    ) {
        answer.detections.clear();
        answer.classes.clear();
        let found = &mut answer.detections;
        match &mut self.reader {
            Reader::Classify(c) => return c.decode(engine, &mut answer.classes),
            Reader::Ssd(ssd) => ssd.decode(engine, threshold, found),
            Reader::Anchors(heads) => heads.decode(engine, threshold, found),
            Reader::Yolo(yolo) => yolo.decode(engine, threshold, &mut self.memory, found),
            Reader::Yolov2(grid) => grid.decode(engine, threshold, found),
            Reader::Rows(rows) => rows.decode(engine, threshold, found),
            Reader::Detr(detr) => detr.decode(engine, threshold, found),
            Reader::Fomo(grid) => grid.decode(engine, threshold, found),
        }
        match self.nms {
            Some(nms) => nms.suppress(found),
            None => found.sort_unstable_by(nms::best_first),
        }
        found.truncate(self.limit);
        for detection in found.iter_mut() {
            detection.bounds = placement.to_frame(detection.bounds);
        }
        // A box wholly in the padding, or not a number, is no place in the frame.
        found.retain(|detection| detection.bounds.area() > 0.0);
    }
}

#[cfg(test)]
mod tests;
