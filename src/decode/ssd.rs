//! SSD with `TFLite_Detection_PostProcess` in the model: boxes `[1, n, 4]` as `y_min, x_min, y_max,
//! x_max` in fractions of the input, classes `[1, n]`, scores `[1, n]`, count `[1]`; sorted, after NMS.
//! <https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/kernels/detection_postprocess.cc>
//!
//! Exporters order the outputs differently (TF1: boxes, classes, scores, count; TF2: scores, boxes,
//! count, classes), so they are told apart by shape, by name and by value.

use super::Detection;
use super::read::{real, reals};
use crate::geometry::NormBox;
use crate::infer::{ElementType, Engine, TensorSpec};

/// Reads the four outputs.
#[derive(Clone, Debug)]
pub struct Ssd {
    specs: Vec<TensorSpec>,
    boxes: usize,
    count: usize,
    pair: Pair,
    /// The number of the first class; 1 where 0 stands for the background.
    first: usize,
    /// How many classes there are, where the graph shows it.
    classes: Option<usize>,
}

/// The two outputs of shape `[1, n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    /// Their names tell which is which.
    Named { classes: usize, scores: usize },
    /// Only their values do.
    Either(usize, usize),
}

impl Ssd {
    /// Tells the four outputs apart; the error says how they differ. `first` is the number of the first
    /// class, `classes` how many there are, where that is known.
    pub fn new(outputs: &[TensorSpec], first: usize, classes: Option<usize>) -> Result<Self, String> {
        let unlike =
            || "an SSD with post-processing has the outputs [1, n, 4], [1, n], [1, n] and [1]".to_owned();
        if outputs.len() != 4 || outputs.iter().any(|o| o.element != ElementType::F32) {
            return Err(unlike());
        }
        let boxes = outputs.iter().position(|o| matches!(*o.shape, [1, _, 4])).ok_or_else(unlike)?;
        let n = outputs[boxes].shape[1];
        let count = outputs.iter().position(|o| matches!(*o.shape, [1])).ok_or_else(unlike)?;
        let rows: Vec<usize> = (0..4).filter(|&i| outputs[i].shape == [1, n]).collect();
        let &[one, other] = rows.as_slice() else { return Err(unlike()) };
        Ok(Self {
            specs: outputs.to_vec(),
            boxes,
            count,
            pair: Pair::by_name(outputs, one, other),
            first,
            classes,
        })
    }

    pub(super) const fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// Boxes in fractions of the input.
    pub(super) fn decode(&mut self, engine: &dyn Engine, threshold: f32, found: &mut Vec<Detection>) {
        let specs = &self.specs;
        let value = |output: usize, i: usize| real(&specs[output], engine.output(output), i);
        let n = specs[self.boxes].shape[1].min(value(self.count, 0).max(0.0) as usize);
        let (classes, scores) = match self.pair {
            Pair::Named { classes, scores } => (classes, scores),
            Pair::Either(a, b) => {
                let values = |output: usize| reals(&specs[output], engine.output(output)).take(n);
                match are_scores(values(a), values(b)) {
                    Some(scores) => {
                        let (classes, scores) = if scores { (b, a) } else { (a, b) };
                        // A clear answer holds for those that show nothing, too.
                        self.pair = Pair::Named { classes, scores };
                        (classes, scores)
                    }
                    None => (a, b),
                }
            }
        };
        for i in 0..n {
            let (score, class) = (value(scores, i), value(classes, i));
            if !(score >= threshold && class >= self.first as f32) {
                continue;
            }
            let [y_min, x_min, y_max, x_max] = std::array::from_fn(|k| value(self.boxes, 4 * i + k));
            let bounds = NormBox::new(x_min, y_min, x_max, y_max);
            found.push(Detection::new(class.round() as usize - self.first, score.min(1.0), bounds));
        }
    }
}

impl Pair {
    /// TF1 names them `TFLite_Detection_PostProcess:1` (classes) and `:2` (scores); others say it.
    fn by_name(outputs: &[TensorSpec], first: usize, second: usize) -> Self {
        let says = |i: usize, suffix: &str, word: &str| {
            let name = outputs[i].name.to_ascii_lowercase();
            name.contains(word) || (name.contains("detection_postprocess") && name.ends_with(suffix))
        };
        for (classes, scores) in [(first, second), (second, first)] {
            if says(classes, ":1", "class") && says(scores, ":2", "score") {
                return Self::Named { classes, scores };
            }
        }
        Self::Either(first, second)
    }
}

/// Whether `a` rather than `b` are scores: scores are fractions up to 1, classes are whole numbers. `None`
/// where both could be either.
fn are_scores(a: impl Iterator<Item = f32>, b: impl Iterator<Item = f32>) -> Option<bool> {
    let looks = |values: &mut dyn Iterator<Item = f32>| {
        values.fold((false, 0.0_f32), |(fraction, highest), v| (fraction || v.fract() != 0.0, highest.max(v)))
    };
    let (mut a, mut b) = (a, b);
    match (looks(&mut a), looks(&mut b)) {
        ((true, highest), (false, _)) if highest <= 1.0 => Some(true),
        ((false, _), (true, highest)) if highest <= 1.0 => Some(false),
        ((_, a), (_, b)) if a <= 1.0 && b > 1.0 => Some(true),
        ((_, a), (_, b)) if b <= 1.0 && a > 1.0 => Some(false),
        _ => None,
    }
}
