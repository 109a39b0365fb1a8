//! Classification: one score a class, as probabilities or as logits.

use super::Class;
use super::read::{range, real, reals};
use crate::infer::{Engine, TensorSpec};
use crate::model::Activation;

/// How many classes are reported.
const TOP: usize = 5;

/// How far a value may lie outside 0..1 and still be a probability.
const SLACK: f32 = 0.02;

/// Reads the one output of a classifier.
#[derive(Clone, Debug)]
pub struct Classify {
    spec: TensorSpec,
    /// Known from the quantisation; a float output shows by its values whether it is none or a softmax.
    activation: Option<Activation>,
}

impl Classify {
    /// For the output `spec`. What makes scores of it is `said`, else shown by the range of its quantised
    /// values or, of floats, by each answer.
    pub fn new(spec: &TensorSpec, said: Option<Activation>) -> Result<Self, String> {
        let classes = spec.elements();
        if classes < 2 || spec.shape.iter().any(|&d| d != 1 && d != classes) {
            return Err(format!(
                "a classifier's output has the shape [1, classes], its has {:?}",
                spec.shape
            ));
        }
        let usual = |(low, high): (f32, f32)| {
            let done = low >= -SLACK && high <= 1.0 + SLACK;
            if done { Activation::None } else { Activation::Softmax }
        };
        Ok(Self { spec: spec.clone(), activation: said.or(range(spec).map(usual)) })
    }

    /// What makes scores of its output, where that is known before its answers.
    #[must_use]
    pub const fn activation(&self) -> Option<Activation> {
        self.activation
    }

    pub(super) fn classes(&self) -> usize {
        self.spec.elements()
    }

    pub(super) fn decode(&self, engine: &dyn Engine, classes: &mut Vec<Class>) {
        let bytes = engine.output(0);
        let values = || reals(&self.spec, bytes);
        let activation = self.activation.unwrap_or_else(|| {
            let done = values().all(|v| (-SLACK..=1.0 + SLACK).contains(&v));
            if done { Activation::None } else { Activation::Softmax }
        });
        for (class, score) in values().enumerate().filter(|(_, v)| v.is_finite()) {
            let rank = classes.iter().position(|best| score > best.score).unwrap_or(classes.len());
            if rank < TOP {
                classes.truncate(TOP - 1);
                classes.insert(rank, Class { class, score });
            }
        }
        match activation {
            Activation::None => {}
            Activation::Sigmoid => classes.iter_mut().for_each(|c| c.score = 1.0 / (1.0 + (-c.score).exp())),
            Activation::Softmax => softmax(&self.spec, bytes, classes),
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
