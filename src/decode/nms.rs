//! Non-maximum suppression: of boxes that overlap, the best stays.

use super::Detection;
use crate::model::NmsKeys;
use std::cmp::Ordering;

/// More candidates than this are cut to the best, so that a low threshold costs no seconds.
const MOST_CANDIDATES: usize = 4096;

/// Which boxes stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nms {
    /// Boxes that overlap by more are one.
    pub iou: f32,
    /// Whether boxes of different classes are one too.
    pub agnostic: bool,
    /// The most that stay.
    pub limit: usize,
}

/// Best first. Equal scores, which quantised models give all the time, go by place: further right first,
/// then what ends higher up. That is as good as any order, the same however they are sorted, and the one
/// in which the reference's arbitrary choices come out alike.
pub(super) fn best_first(a: &Detection, b: &Detection) -> Ordering {
    let center = |d: &Detection| ((d.bounds.x_min + d.bounds.x_max) * 1e4).round() as i32;
    b.score
        .total_cmp(&a.score)
        .then_with(|| center(b).cmp(&center(a)))
        .then_with(|| a.bounds.y_max.total_cmp(&b.bounds.y_max))
        .then_with(|| a.class.cmp(&b.class))
}

impl Nms {
    /// What the user says, else an IoU of 0.6 a class and 100 detections.
    #[must_use]
    pub fn new(keys: Option<NmsKeys>) -> Self {
        let keys = keys.unwrap_or_default();
        Self {
            iou: keys.iou.unwrap_or(0.6),
            agnostic: keys.agnostic.unwrap_or(false),
            limit: keys.limit.unwrap_or(100),
        }
    }

    /// Leaves the best of `detections`, best first. Greedy: a box goes when it overlaps a better one that
    /// stays.
    pub fn suppress(&self, detections: &mut Vec<Detection>) {
        if detections.len() > MOST_CANDIDATES {
            detections.select_nth_unstable_by(MOST_CANDIDATES, best_first);
            detections.truncate(MOST_CANDIDATES);
        }
        detections.sort_unstable_by(best_first);
        let mut kept = 0;
        for i in 0..detections.len() {
            let candidate = detections[i];
            let hides = |best: &Detection| {
                (self.agnostic || best.class == candidate.class)
                    && best.bounds.iou(candidate.bounds) > self.iou
            };
            if !detections[..kept].iter().any(hides) {
                detections[kept] = candidate;
                kept += 1;
                if kept == self.limit {
                    break;
                }
            }
        }
        detections.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::NormBox;

    fn at(x: f32, class: usize, score: f32) -> Detection {
        Detection::new(class, score, NormBox::new(x, 0.0, x + 0.2, 0.2))
    }

    fn scores(nms: Nms, detections: &[Detection]) -> Vec<f32> {
        let mut kept = detections.to_vec();
        nms.suppress(&mut kept);
        kept.iter().map(|d| d.score).collect()
    }

    #[test]
    fn the_best_of_a_class_hides_what_overlaps_it() {
        // Overlaps by 0.6 (x 0 and 0.05) and 1/3 (0 and 0.1).
        let all = [at(0.1, 0, 0.7), at(0.0, 0, 0.9), at(0.05, 0, 0.8), at(0.05, 1, 0.6)];
        let nms = Nms { iou: 0.5, agnostic: false, limit: 10 };
        assert_eq!(scores(nms, &all), [0.9, 0.7, 0.6]);
        assert_eq!(scores(Nms { agnostic: true, ..nms }, &all), [0.9, 0.7]);
        assert_eq!(scores(Nms { limit: 1, ..nms }, &all), [0.9]);
        assert_eq!(scores(Nms { iou: 0.7, ..nms }, &all), [0.9, 0.8, 0.7, 0.6]);
    }

    #[test]
    fn many_candidates_are_cut_to_the_best() {
        let all: Vec<_> = (0..10_000).map(|i| at((i % 97) as f32, 0, i as f32 / 10_000.0)).collect();
        let kept = scores(Nms { iou: 0.5, agnostic: false, limit: 50 }, &all);
        assert_eq!((kept.len(), kept[0]), (50, 0.9999));
    }
}
