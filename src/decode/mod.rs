//! From output tensors to detections and classes.

use crate::geometry::NormBox;

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
