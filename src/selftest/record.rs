//! What was seen, and where two records of it differ.

use crate::decode::Detection;
use crate::geometry::NormBox;
use serde::{Deserialize, Serialize};

/// Scores from here on count.
pub const THRESHOLD: f32 = 0.5;
/// How far two scores may be apart and still be the same.
pub const SCORE_TOLERANCE: f32 = 0.02;
/// The least overlap of two boxes that are the same.
const LEAST_IOU: f32 = 0.95;

/// A shape that was found.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// What the detector calls it.
    pub label: String,
    /// How sure it is, 0..1.
    pub score: f32,
    /// Left, top, right, bottom in fractions of the frame.
    #[serde(rename = "box")]
    pub bounds: [f32; 4],
    /// What the classifier says of it, where it was asked: label and score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<(String, f32)>,
}

impl Sighting {
    /// A detection with its names; `names` are the classifier's.
    #[must_use]
    pub fn of(d: &Detection, labels: &[String], names: &[String]) -> Self {
        let round = |v: f32| (v * 1e4).round() / 1e4;
        let name = |names: &[String], class: usize| names.get(class).cloned().unwrap_or_default();
        let b = d.bounds;
        Self {
            label: name(labels, d.class),
            score: round(d.score),
            bounds: [b.x_min, b.y_min, b.x_max, b.y_max].map(round),
            second: d.sub_class.map(|class| (name(names, class.class), round(class.score))),
        }
    }

    fn iou(&self, other: &Self) -> f32 {
        let of = |[x_min, y_min, x_max, y_max]: [f32; 4]| NormBox::new(x_min, y_min, x_max, y_max);
        of(self.bounds).iou(of(other.bounds))
    }

    fn counts(&self) -> bool {
        self.score >= THRESHOLD
    }

    /// Whether this is `other` within the tolerance.
    fn is(&self, other: &Self) -> bool {
        let close = |a: f32, b: f32| (a - b).abs() <= SCORE_TOLERANCE;
        let same_second = match (&self.second, &other.second) {
            (Some((label, score)), Some((other, other_score))) => {
                label == other && close(*score, *other_score)
            }
            // Only the best few are asked about; which these are may differ by one whose score is nearly the same.
            _ => true,
        };
        self.label == other.label
            && close(self.score, other.score)
            && self.iou(other) >= LEAST_IOU
            && same_second
    }
}

/// What was seen of one scene.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// The scene's seed.
    pub seed: u64,
    /// The frame's number in it.
    pub frame: u64,
    /// What was found, best first.
    pub seen: Vec<Sighting>,
}

/// What was seen of all scenes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// One after the other.
    pub scenes: Vec<Scene>,
}

impl Recorded {
    /// How many sightings count.
    #[must_use]
    pub fn count(&self) -> usize {
        self.scenes.iter().flat_map(|scene| &scene.seen).filter(|seen| seen.counts()).count()
    }

    /// What `other` saw differently, a sentence each.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.scenes.len() != other.scenes.len() {
            found.push(format!("{} scenes instead of {}", other.scenes.len(), self.scenes.len()));
        }
        for (mine, theirs) in self.scenes.iter().zip(&other.scenes) {
            let missing = mine.seen.iter().filter(|m| m.counts() && !theirs.seen.iter().any(|t| m.is(t)));
            let new = theirs.seen.iter().filter(|t| t.counts() && !mine.seen.iter().any(|m| m.is(t)));
            let place = format!("scene {} frame {}", mine.seed, mine.frame);
            let asked = |scene: &Scene| scene.seen.iter().filter(|seen| seen.second.is_some()).count();
            if asked(mine) > 0 && asked(theirs) == 0 && !theirs.seen.is_empty() {
                found.push(format!("{place}: the classifier names nothing"));
            }
            found.extend(missing.map(|m| format!("{place}: {} is missing", m.in_words())));
            found.extend(new.map(|t| format!("{place}: {} was not there", t.in_words())));
        }
        found
    }
}

impl Sighting {
    fn in_words(&self) -> String {
        let second = self.second.as_ref().map(|(label, score)| format!(" ({label} {score:.2})"));
        format!("{} {:.2} at {:?}{}", self.label, self.score, self.bounds, second.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(label: &str, score: f32, x: f32, second: Option<f32>) -> Sighting {
        let second = second.map(|score| (label.to_owned(), score));
        Sighting { label: label.to_owned(), score, bounds: [x, 0.0, x + 0.4, 0.4], second }
    }

    fn record(seen: Vec<Sighting>) -> Recorded {
        Recorded { scenes: vec![Scene { seed: 1, frame: 2, seen }] }
    }

    #[test]
    fn within_the_tolerance_is_the_same() {
        let recorded = record(vec![seen("red", 0.9, 0.1, Some(0.8)), seen("blue", 0.49, 0.5, None)]);
        let now = record(vec![seen("blue", 0.505, 0.5, None), seen("red", 0.89, 0.101, Some(0.81))]);
        assert_eq!(recorded.differences(&now), Vec::<String>::new());
        assert_eq!((recorded.count(), now.count()), (1, 2));
    }

    #[test]
    fn each_difference_is_a_sentence() {
        let recorded = record(vec![seen("red", 0.9, 0.1, Some(0.8))]);
        for (now, parts) in [
            (vec![], &["scene 1 frame 2: red 0.90 at [0.1, 0.0, 0.5, 0.4] (red 0.80) is missing"][..]),
            (
                vec![seen("red", 0.8, 0.1, Some(0.8))],
                &["red 0.90", "red 0.80 at [0.1, 0.0, 0.5, 0.4] (red 0.80) was not there"],
            ),
            (vec![seen("red", 0.9, 0.1, None)], &["the classifier names nothing"]),
            (vec![seen("red", 0.9, 0.2, Some(0.8))], &["is missing", "was not there"]),
            (vec![seen("red", 0.9, 0.1, Some(0.5))], &["is missing", "(red 0.50) was not there"]),
            (vec![seen("blue", 0.9, 0.1, Some(0.8))], &["red 0.90", "blue 0.90"]),
        ] {
            let found = recorded.differences(&record(now));
            assert_eq!(found.len(), parts.len(), "{found:?}");
            assert!(found.iter().zip(parts).all(|(found, part)| found.contains(part)), "{found:?}");
        }
        assert_eq!(recorded.differences(&Recorded { scenes: vec![] }), ["0 scenes instead of 1"]);
    }
}
