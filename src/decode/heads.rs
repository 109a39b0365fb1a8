//! Raw heads: scores `[1, n, classes]` and box encodings `[1, n, 4 or more]` relative to `n` anchors, in
//! one pair of outputs or in several that follow each other.

use super::Detection;
use super::anchors::{Anchor, Scheme};
use super::read::Numbers;
use super::scores::Scores;
use crate::frame::Size;
use crate::geometry::NormBox;
use crate::infer::{Engine, TensorSpec};

/// How an encoding becomes a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coding {
    /// Whether y comes before x and height before width.
    pub y_first: bool,
    /// Centres move by this much of the anchor's size.
    pub center: [f32; 2],
    /// Sizes: the anchor's times e to this much of the encoding, or, where `linear`, times this much.
    pub size: [f32; 2],
    /// Sizes without the exponential.
    pub linear: bool,
}

impl Coding {
    /// The coding that goes with a scheme. SSD and edgecam's own: `faster_rcnn_box_coder.py` of the TensorFlow Object
    /// Detection API with the scales 10 and 5; EfficientDet: `decode_box_outputs` of google/automl;
    /// BlazeFace: `tensors_to_detections_calculator.cc` of MediaPipe, in pixels of the input; RetinaFace:
    /// `utils/box_utils.py` of Pytorch_Retinaface with the variances 0.1 and 0.2.
    #[must_use]
    pub fn of(scheme: Scheme, input: Size) -> Self {
        match scheme {
            Scheme::Ssd | Scheme::Fpn | Scheme::Cells => {
                Self { y_first: true, center: [0.1; 2], size: [0.2; 2], linear: false }
            }
            Scheme::EfficientDet | Scheme::EfficientDetLite => {
                Self { y_first: true, center: [1.0; 2], size: [1.0; 2], linear: false }
            }
            Scheme::BlazeFace => {
                let pixel = [1.0 / input.width as f32, 1.0 / input.height as f32];
                Self { y_first: false, center: pixel, size: pixel, linear: true }
            }
            Scheme::RetinaFace => Self { y_first: false, center: [0.1; 2], size: [0.2; 2], linear: false },
        }
    }

    fn decode(&self, [a, b, c, d]: [f32; 4], [x, y, w, h]: Anchor) -> NormBox {
        let ([dx, dy], [dw, dh]) = if self.y_first { ([b, a], [d, c]) } else { ([a, b], [c, d]) };
        let size =
            |t: f32, by: f32, side: f32| if self.linear { t * by * side } else { (t * by).exp() * side };
        let ([cx, cy], [sx, sy]) = (self.center, self.size);
        NormBox::around(x + dx * cx * w, y + dy * cy * h, size(dw, sx, w), size(dh, sy, h))
    }
}

/// A pair of outputs for anchors that follow each other.
#[derive(Clone, Debug)]
pub struct Head {
    /// Rows of scores.
    pub scores: Scores,
    /// Rows of encodings: the output and its index.
    pub boxes: (TensorSpec, usize),
    /// Elements of a row of encodings, of which the first four are the box.
    pub box_width: usize,
}

/// Reads raw heads.
#[derive(Clone, Debug)]
pub struct Heads {
    /// In the order of their anchors.
    pub heads: Vec<Head>,
    /// One a row of all heads.
    pub anchors: Vec<Anchor>,
    /// Where anchors are from.
    pub scheme: Scheme,
    /// How encodings become boxes.
    pub coding: Coding,
}

impl Heads {
    pub(super) fn classes(&self) -> usize {
        self.heads[0].scores.classes()
    }

    /// Boxes in fractions of the input, before NMS.
    pub(super) fn decode(&self, engine: &dyn Engine, threshold: f32, found: &mut Vec<Detection>) {
        let mut first = 0;
        for Head { scores, boxes: (spec, output), box_width } in &self.heads {
            let values = Numbers::new(&scores.spec, engine.output(scores.output));
            let boxes = Numbers::new(spec, engine.output(*output));
            let rows = scores.spec.elements() / scores.width;
            let least = scores.threshold(&values, threshold);
            for row in 0..rows {
                if let Some((class, score)) = scores.best(&values, row, least) {
                    let encoding = std::array::from_fn(|k| boxes.real(row * box_width + k));
                    let bounds = self.coding.decode(encoding, self.anchors[first + row]);
                    found.push(Detection::new(class, score, bounds));
                }
            }
            first += rows;
        }
    }
}
