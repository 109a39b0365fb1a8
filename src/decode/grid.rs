//! One grid, `[1, h, w, channels]`: YOLOv2, whose cells hold a box for each of some anchors, and FOMO, a
//! heat map a class.

use super::Detection;
use super::read::Numbers;
use crate::geometry::NormBox;
use crate::infer::{Engine, TensorSpec};

/// Reads `[1, h, w, anchors * (5 + classes)]`, the cells' elements as the network made them: `tx, ty, tw,
/// th`, objectness, class logits. Redmon and Farhadi, "YOLO9000", section 2:
/// `cx = (sigmoid(tx) + x) / w`, `w = anchor * e^tw / w`, score = sigmoid(objectness) * softmax(classes).
#[derive(Clone, Debug)]
pub struct Yolov2 {
    /// The output.
    pub spec: TensorSpec,
    /// Width and height of the anchors, in cells.
    pub anchors: Vec<[f32; 2]>,
}

/// Reads `[1, h, w, 1 + classes]`, a softmax with the background first.
#[derive(Clone, Debug)]
pub struct Fomo {
    /// The output.
    pub spec: TensorSpec,
}

/// Height and width of a grid.
fn sides(spec: &TensorSpec) -> (usize, usize) {
    (spec.shape[1], spec.shape[2])
}

impl Yolov2 {
    pub(super) fn classes(&self) -> usize {
        self.spec.shape[3] / self.anchors.len() - 5
    }

    /// Boxes in fractions of the input, before NMS.
    pub(super) fn decode(&self, engine: &dyn Engine, threshold: f32, found: &mut Vec<Detection>) {
        let numbers = Numbers::new(&self.spec, engine.output(0));
        let (h, w) = sides(&self.spec);
        let (classes, width) = (self.classes(), 5 + self.classes());
        let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
        for cell in 0..h * w {
            for (a, [aw, ah]) in self.anchors.iter().enumerate() {
                let start = (cell * self.anchors.len() + a) * width;
                let value = |i: usize| numbers.real(start + i);
                let object = sigmoid(value(4));
                if object < threshold {
                    continue;
                }
                let logit = |class: usize| value(5 + class);
                let best = (0..classes).fold(0, |best, c| if logit(c) > logit(best) { c } else { best });
                let sum: f32 = (0..classes).map(|c| (logit(c) - logit(best)).exp()).sum();
                let score = object / sum;
                if score >= threshold {
                    let (x, y) =
                        ((cell % w) as f32 + sigmoid(value(0)), (cell / w) as f32 + sigmoid(value(1)));
                    let (bw, bh) = (aw * value(2).exp(), ah * value(3).exp());
                    let (w, h) = (w as f32, h as f32);
                    let bounds = NormBox::around(x / w, y / h, bw / w, bh / h);
                    found.push(Detection::new(best, score, bounds));
                }
            }
        }
    }
}

impl Fomo {
    pub(super) fn classes(&self) -> usize {
        self.spec.shape[3] - 1
    }

    /// Boxes in fractions of the input: cells of a class that touch, diagonally too, are one object with
    /// the best score among them, as Edge Impulse's SDK joins them (`ei_fill_result_fomo.h`).
    pub(super) fn decode(&self, engine: &dyn Engine, threshold: f32, found: &mut Vec<Detection>) {
        let numbers = Numbers::new(&self.spec, engine.output(0));
        let (h, w) = sides(&self.spec);
        let (cell_w, cell_h) = (1.0 / w as f32, 1.0 / h as f32);
        for cell in 0..h * w {
            for class in 0..self.classes() {
                let score = numbers.real(cell * self.spec.shape[3] + 1 + class);
                if score >= threshold {
                    let (x, y) = ((cell % w) as f32 * cell_w, (cell / w) as f32 * cell_h);
                    let bounds = NormBox::new(x, y, x + cell_w, y + cell_h);
                    join(found, Detection::new(class, score.min(1.0), bounds));
                }
            }
        }
        for d in found {
            d.bounds = d.bounds.clamped();
        }
    }
}

/// Adds `new` to the objects of its class that it touches, which become one, or else as one of its own.
fn join(found: &mut Vec<Detection>, mut new: Detection) {
    /// Less than any cell, more than rounding.
    const TOUCH: f32 = 1e-4;
    let mut i = 0;
    while i < found.len() {
        let (a, b) = (found[i].bounds, new.bounds);
        let apart = a.x_max + TOUCH < b.x_min
            || b.x_max + TOUCH < a.x_min
            || a.y_max + TOUCH < b.y_min
            || b.y_max + TOUCH < a.y_min;
        if found[i].class != new.class || apart {
            i += 1;
            continue;
        }
        let old = found.swap_remove(i);
        new.score = new.score.max(old.score);
        new.bounds = NormBox::new(
            a.x_min.min(b.x_min),
            a.y_min.min(b.y_min),
            a.x_max.max(b.x_max),
            a.y_max.max(b.y_max),
        );
        // A larger box may touch what it passed.
        i = 0;
    }
    found.push(new);
}
