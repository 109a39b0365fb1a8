//! A second model on a detector's crops: a classifier that tells which bird the 'bird' is.

use super::StepError;
use crate::decode::{Answer, Class};
use crate::frame::Frame;
use crate::geometry::{NormBox, Polygon};
use crate::infer::InputMemory;
use crate::model::{DecoderKind, Model, ModelInfo};
use crate::preprocess::Preprocessor;
use std::sync::Arc;

/// Crops of a frame that are looked at, the best detections first; a flock must not stop the camera.
const MOST_CROPS: usize = 4;

/// Names of classes that say nothing.
const NOTHING: [&str; 2] = ["", "background"];

/// The classifier of a camera, and what it looks at.
#[derive(Debug)]
pub struct Cascade {
    model: Model,
    input: Box<dyn InputMemory>,
    preprocessor: Preprocessor,
    answer: Answer,
    /// By the detector's class: whether it is looked at.
    of: Vec<bool>,
    threshold: f32,
}

impl Cascade {
    /// Has `model` look at the detections of `detector` whose label is in `of`; what it thinks counts from
    /// `threshold` on. The error says what does not go together.
    pub fn new(
        mut model: Model,
        detector: &ModelInfo,
        of: &[String],
        threshold: f32,
    ) -> Result<Self, String> {
        fits(&model.info, detector, of)?;
        let preprocessor = Preprocessor::of(&model.info, NormBox::FULL)?;
        let input = model.engine.new_input().map_err(|e| e.to_string())?;
        let of = detector.labels.iter().map(|label| of.contains(label)).collect();
        Ok(Self { model, input, preprocessor, answer: Answer::default(), of, threshold })
    }

    /// Shows it black where `mask` is.
    #[must_use]
    pub fn with_mask(mut self, mask: Arc<[Polygon]>) -> Self {
        self.preprocessor = self.preprocessor.with_mask(mask);
        self
    }

    /// The names of what it tells apart.
    #[must_use]
    pub fn labels(&self) -> Arc<[String]> {
        self.model.info.labels.clone()
    }

    /// Looks at the crops of `frame` that `answer` has, and notes in it what they are.
    pub fn classify(&mut self, frame: &Frame, answer: &mut Answer) -> Result<(), StepError> {
        let wanted = |class: usize| self.of.get(class).copied().unwrap_or(false);
        for detection in answer.detections.iter_mut().filter(|d| wanted(d.class)).take(MOST_CROPS) {
            self.preprocessor.show(detection.bounds);
            let (_, placement) = self.preprocessor.write(frame, self.input.bytes_mut())?;
            self.model.engine.invoke(self.input.as_mut())?;
            let engine = self.model.engine.as_ref();
            self.model.info.decoder.decode(engine, &placement, self.threshold, &mut self.answer);
            detection.sub_class = best(&self.answer.classes, &self.model.info.labels, self.threshold);
        }
        Ok(())
    }
}

/// Whether a classifier and the labels it is to look at go with a detector.
pub fn fits(classifier: &ModelInfo, detector: &ModelInfo, of: &[String]) -> Result<(), String> {
    if classifier.decoder.kind() != DecoderKind::Classify {
        return Err("the second model is no classifier".to_owned());
    }
    if detector.decoder.kind() == DecoderKind::Classify {
        return Err("the first model is a classifier and finds nothing to look at".to_owned());
    }
    match of.iter().find(|&label| !detector.labels.contains(label)) {
        Some(unknown) => Err(format!("the detector has no label {unknown}")),
        None => Ok(()),
    }
}

/// The best class, if it is sure enough and has a name.
fn best(classes: &[Class], labels: &[String], threshold: f32) -> Option<Class> {
    let best = classes.first().copied().filter(|best| best.score >= threshold)?;
    let named = labels.get(best.class).is_none_or(|label| !NOTHING.contains(&label.as_str()));
    named.then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unsure_or_nothing_is_not_told() {
        let labels = ["background".to_owned(), "robin".to_owned()];
        let class = |class, score| vec![Class { class, score }];
        assert_eq!(best(&class(1, 0.6), &labels, 0.5), Some(Class { class: 1, score: 0.6 }));
        assert_eq!(best(&class(1, 0.4), &labels, 0.5), None);
        assert_eq!(best(&class(0, 0.9), &labels, 0.5), None);
        assert_eq!(best(&[], &labels, 0.5), None);
    }
}
