//! Scores in rows, one a class, whatever turns them into probabilities.

use super::read::{Floor, Numbers};
use crate::infer::TensorSpec;
use crate::model::{Activation, Background};

/// Rows of class scores in one output, `[1, rows, classes]`.
#[derive(Clone, Debug)]
pub struct Scores {
    /// The output.
    pub spec: TensorSpec,
    /// Its index.
    pub output: usize,
    /// Elements of a row, the background included.
    pub width: usize,
    /// The class that stands for nothing.
    pub background: Background,
    /// What turns elements into scores.
    pub activation: Activation,
}

/// A threshold, ready to be compared with elements.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    score: f32,
    floor: Floor,
}

impl Scores {
    /// How many classes are told apart.
    pub(super) fn classes(&self) -> usize {
        self.width - usize::from(self.background != Background::None)
    }

    /// `score` for [`Scores::best`]. A softmax has no such limit for a single element.
    pub(super) fn threshold(&self, numbers: &Numbers<'_>, score: f32) -> Threshold {
        let least = match self.activation {
            Activation::None => score,
            Activation::Sigmoid => logit(score),
            Activation::Softmax => f32::MIN,
        };
        Threshold { score, floor: numbers.floor(least) }
    }

    /// The best class of row `row` and its score, if that is not below the threshold. Classes count from
    /// 0 without the background.
    pub(super) fn best(
        &self,
        numbers: &Numbers<'_>,
        row: usize,
        threshold: Threshold,
    ) -> Option<(usize, f32)> {
        let start = row * self.width;
        let classes = match self.background {
            Background::None => start..start + self.width,
            Background::First => start + 1..start + self.width,
            Background::Last => start..start + self.width - 1,
        };
        let (class, value) = numbers.greatest(classes, threshold.floor)?;
        let score = match self.activation {
            Activation::None => value,
            Activation::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            Activation::Softmax => self.softmax(numbers, start, value, threshold.score)?,
        };
        (score >= threshold.score).then_some((class, score.min(1.0)))
    }

    /// The probability of the class with the logit `value`; `None` where the background alone leaves it
    /// less than `least`.
    fn softmax(&self, numbers: &Numbers<'_>, start: usize, value: f32, least: f32) -> Option<f32> {
        let nothing = match self.background {
            Background::None => None,
            Background::First => Some(start),
            Background::Last => Some(start + self.width - 1),
        };
        let share = |other: f32| (other - value).exp();
        if nothing.is_some_and(|i| 1.0 / (1.0 + share(numbers.real(i))) < least) {
            return None;
        }
        let sum: f32 = (start..start + self.width).map(|i| share(numbers.real(i))).sum();
        Some(1.0 / sum)
    }
}

/// The inverse of the sigmoid.
fn logit(p: f32) -> f32 {
    (p / (1.0 - p)).ln()
}
