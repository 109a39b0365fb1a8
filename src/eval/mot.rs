//! How well objects are followed: MOTA by CLEAR MOT (Bernardin and Stiefelhagen 2008) and IDF1 (Ristani and
//! others 2016, arXiv:1609.01775).

use crate::geometry::NormBox;
use crate::track::Assignment;
use std::collections::BTreeMap;

/// A box and a true object go together from this IoU on.
const MATCH_IOU: f32 = 0.5;

/// Boxes of one frame, each with the number of its object or track.
pub type Boxes = Vec<(u64, NormBox)>;

/// What a sequence shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mot {
    /// Boxes of true objects.
    pub truth: u64,
    /// Boxes of tracks.
    pub tracked: u64,
    /// True boxes without a track.
    pub missed: u64,
    /// Boxes of tracks where nothing is.
    pub false_boxes: u64,
    /// Times that an object went over to another track.
    pub switches: u64,
    /// Boxes of objects and tracks that go together in the best one-to-one assignment over the whole sequence.
    pub identified: u64,
}

impl Mot {
    /// 1 - (missed + false + switches) / truth.
    #[must_use]
    pub fn mota(&self) -> f64 {
        1.0 - (self.missed + self.false_boxes + self.switches) as f64 / self.truth.max(1) as f64
    }

    /// The harmonic mean of the identified shares of truth and of tracks.
    #[must_use]
    pub fn idf1(&self) -> f64 {
        2.0 * self.identified as f64 / (self.truth + self.tracked).max(1) as f64
    }
}

/// Compares tracks with the truth, frame by frame.
#[must_use]
pub fn compare(frames: &[(Boxes, Boxes)]) -> Mot {
    let mut mot = Mot::default();
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let mut together: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut assignment = Assignment::default();
    for (truth, tracks) in frames {
        mot.truth += truth.len() as u64;
        mot.tracked += tracks.len() as u64;
        let like = |t: usize, h: usize| truth[t].1.iou(tracks[h].1);
        for (t, object) in truth.iter().enumerate() {
            for (_, track) in tracks.iter().enumerate().filter(|&(h, _)| like(t, h) >= MATCH_IOU) {
                *together.entry((object.0, track.0)).or_default() += 1;
            }
        }
        // Who went together goes on doing so, if it can.
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (t, object) in truth.iter().enumerate() {
            let before = last.get(&object.0).and_then(|number| tracks.iter().position(|h| h.0 == *number));
            // Another object may have gone over to its track since.
            let free = before.filter(|&h| like(t, h) >= MATCH_IOU && pairs.iter().all(|pair| pair.1 != h));
            pairs.extend(free.map(|h| (t, h)));
        }
        assignment.clear();
        for t in (0..truth.len()).filter(|&t| pairs.iter().all(|pair| pair.0 != t)) {
            for h in
                (0..tracks.len()).filter(|&h| pairs.iter().all(|pair| pair.1 != h) && like(t, h) >= MATCH_IOU)
            {
                // As many pairs as can be, then the most alike.
                assignment.may(t, h, 10.0 + like(t, h));
            }
        }
        pairs.extend(assignment.solve(truth.len(), tracks.len()));
        mot.missed += (truth.len() - pairs.len()) as u64;
        mot.false_boxes += (tracks.len() - pairs.len()) as u64;
        for (t, h) in pairs {
            let before = last.insert(truth[t].0, tracks[h].0);
            mot.switches += u64::from(before.is_some_and(|before| before != tracks[h].0));
        }
    }
    mot.identified = identified(&together, &mut assignment);
    mot
}

fn identified(together: &BTreeMap<(u64, u64), u64>, assignment: &mut Assignment) -> u64 {
    let list = |of: fn(&(u64, u64)) -> u64| {
        let mut all: Vec<u64> = together.keys().map(of).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let (objects, tracks) = (list(|key| key.0), list(|key| key.1));
    let index = |list: &[u64], number: u64| list.binary_search(&number).unwrap_or(0);
    assignment.clear();
    for (&(object, track), &n) in together {
        assignment.may(index(&objects, object), index(&tracks, track), n as f32);
    }
    let pairs = assignment.solve(objects.len(), tracks.len());
    pairs.iter().filter_map(|&(o, t)| together.get(&(objects[o], tracks[t]))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32) -> NormBox {
        NormBox::new(x, 0.0, x + 0.1, 0.1)
    }

    #[test]
    fn a_switch_a_miss_and_a_false_box_count_once_each() {
        let frames = [
            (vec![(1, at(0.1))], vec![(7, at(0.1))]),
            (vec![(1, at(0.2))], vec![(7, at(0.2)), (9, at(0.8))]),
            (vec![(1, at(0.3))], vec![]),
            (vec![(1, at(0.4))], vec![(8, at(0.4))]),
        ];
        let mot = compare(&frames);
        assert_eq!((mot.truth, mot.tracked, mot.missed, mot.false_boxes, mot.switches), (4, 4, 1, 1, 1));
        assert!((mot.mota() - 0.25).abs() < 1e-9);
        // Two of its four boxes go together with track 7.
        assert_eq!(mot.identified, 2);
        assert!((mot.idf1() - 0.5).abs() < 1e-9);
    }
}
