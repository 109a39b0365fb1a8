//! Classification: one score a class, as probabilities or as logits.

use super::Class;
use super::read::{range, real, reals};
use crate::infer::{Engine, TensorSpec};

/// How many classes are reported.
const TOP: usize = 5;

/// How far a value may lie outside 0..1 and still be a probability.
const SLACK: f32 = 0.02;

/// Reads the one output of a classifier.
#[derive(Clone, Debug)]
pub struct Classify {
    spec: TensorSpec,
    /// Known from the quantisation; a float output shows it by its values.
    probabilities: Option<bool>,
}

impl Classify {
    /// For the output `spec`. Whether it holds probabilities is `said`, else shown by the range of its
    /// quantised values or, of floats, by each answer.
    pub fn new(spec: &TensorSpec, said: Option<bool>) -> Result<Self, String> {
        let classes = spec.elements();
        if classes < 2 || spec.shape.iter().any(|&d| d != 1 && d != classes) {
            return Err(format!(
                "a classifier's output has the shape [1, classes], its has {:?}",
                spec.shape
            ));
        }
        let unit = |(low, high): (f32, f32)| low >= -SLACK && high <= 1.0 + SLACK;
        Ok(Self { spec: spec.clone(), probabilities: said.or(range(spec).map(unit)) })
    }

    /// Whether it holds probabilities, where that is known before its answers.
    #[must_use]
    pub const fn probabilities(&self) -> Option<bool> {
        self.probabilities
    }

    pub(super) fn classes(&self) -> usize {
        self.spec.elements()
    }

    pub(super) fn decode(&self, engine: &dyn Engine, classes: &mut Vec<Class>) {
        let bytes = engine.output(0);
        let values = || reals(&self.spec, bytes);
        let probabilities =
            self.probabilities.unwrap_or_else(|| values().all(|v| (-SLACK..=1.0 + SLACK).contains(&v)));
        for (class, score) in values().enumerate().filter(|(_, v)| v.is_finite()) {
            let rank = classes.iter().position(|best| score > best.score).unwrap_or(classes.len());
            if rank < TOP {
                classes.truncate(TOP - 1);
                classes.insert(rank, Class { class, score });
            }
        }
        if !probabilities {
            softmax(&self.spec, bytes, classes);
        }
        for class in classes {
            class.score = class.score.clamp(0.0, 1.0);
        }
    }
}

/// Turns the logits of the best classes into probabilities among all.
fn softmax(spec: &TensorSpec, bytes: &[u8], classes: &mut [Class]) {
    let Some(highest) = classes.first().map(|best| best.score) else { return };
    let sum: f32 = (0..spec.elements())
        .map(|i| real(spec, bytes, i))
        .filter(|v| v.is_finite())
        .map(|v| (v - highest).exp())
        .sum();
    for class in classes {
        class.score = (class.score - highest).exp() / sum;
    }
}
