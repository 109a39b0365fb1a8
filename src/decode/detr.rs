//! DETR and its kin: `n` queries, each with class logits `[1, n, classes]` and a box `[1, n, 4]` as `cx,
//! cy, w, h` in fractions of the input. DETR ends its classes with "no object" and takes a softmax;
//! Deformable DETR, RT-DETR and RF-DETR take a sigmoid each.
//! `PostProcess` in `models/detr.py` of facebookresearch/detr and `src/zoo/rtdetr` of lyuwenyu/RT-DETR.

use super::Detection;
use super::read::Numbers;
use super::scores::Scores;
use crate::geometry::NormBox;
use crate::infer::{Engine, TensorSpec};

/// Reads the two outputs.
#[derive(Clone, Debug)]
pub struct Detr {
    /// Rows of scores.
    pub scores: Scores,
    /// Rows of boxes: the output and its index.
    pub boxes: (TensorSpec, usize),
}

impl Detr {
    /// Boxes in fractions of the input; they need no NMS.
    pub(super) fn decode(&self, engine: &dyn Engine, threshold: f32, found: &mut Vec<Detection>) {
        let scores = Numbers::new(&self.scores.spec, engine.output(self.scores.output));
        let boxes = Numbers::new(&self.boxes.0, engine.output(self.boxes.1));
        let least = self.scores.threshold(&scores, threshold);
        for row in 0..self.boxes.0.elements() / 4 {
            if let Some((class, score)) = self.scores.best(&scores, row, least) {
                let [x, y, w, h] = std::array::from_fn(|k| boxes.real(row * 4 + k));
                found.push(Detection::new(class, score, NormBox::around(x, y, w, h)));
            }
        }
    }
}
