//! COCO's average precision, box for box as `COCOeval` of pycocotools computes it: IoU 0.50:0.95, 101
//! recall levels, 100 detections a picture and class, area `all`.
//! <https://github.com/cocodataset/cocoapi/blob/master/PythonAPI/pycocotools/cocoeval.py>

use super::{Object, Scene, Seen};
use std::cmp::Ordering;

/// Detections of a class that count in a picture, the best first.
const MAX_DETECTIONS: usize = 100;

/// IoU thresholds from 0.50 to 0.95.
const THRESHOLDS: usize = 10;

/// Recall levels from 0 to 1.
const LEVELS: usize = 101;

/// `numpy.linspace(0.5, 0.95, 10)`, to the bit.
fn iou_threshold(i: usize) -> f64 {
    if i + 1 == THRESHOLDS { 0.95 } else { i as f64 * ((0.95 - 0.5) / 9.0) + 0.5 }
}

/// `numpy.linspace(0, 1, 101)`, to the bit.
fn recall_level(i: usize) -> f64 {
    if i + 1 == LEVELS { 1.0 } else { i as f64 * 0.01 }
}

/// The average precision of one class, or the mean over classes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Over IoU 0.50:0.95.
    pub ap: f64,
    /// At IoU 0.50.
    pub ap50: f64,
    /// At IoU 0.75.
    pub ap75: f64,
}

/// Figures by class, `0..classes`; `None` for a class without an object to find, which pycocotools marks
/// with -1. The order of `scenes` decides between equal scores, as the order of image ids does there.
#[must_use]
pub fn by_class(scenes: &[Scene], classes: usize) -> Vec<Option<Figures>> {
    (0..classes).map(|class| of_class(scenes, class)).collect()
}

/// The mean over the classes that have figures.
#[must_use]
pub fn mean(figures: &[Option<Figures>]) -> Option<Figures> {
    let n = figures.iter().flatten().count();
    let over = |part: fn(&Figures) -> f64| figures.iter().flatten().map(part).sum::<f64>() / n as f64;
    (n > 0).then(|| Figures { ap: over(|f| f.ap), ap50: over(|f| f.ap50), ap75: over(|f| f.ap75) })
}

/// What became of a detection at one IoU threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Hit,
    Wrong,
    /// On an object that need not be found.
    NoMatter,
}

fn of_class(scenes: &[Scene], class: usize) -> Option<Figures> {
    let mut scores = Vec::new();
    let mut fates: [Vec<Fate>; THRESHOLDS] = std::array::from_fn(|_| Vec::new());
    let mut wanted = 0;
    for scene in scenes {
        let mut objects: Vec<&Object> = scene.objects.iter().filter(|o| o.class == class).collect();
        objects.sort_by_key(|o| o.is_optional());
        wanted += objects.iter().filter(|o| !o.is_optional()).count();
        let mut seen: Vec<&Seen> = scene.seen.iter().filter(|s| s.class == class).collect();
        seen.sort_by(|a, b| descending(a.score, b.score));
        seen.truncate(MAX_DETECTIONS);
        let overlaps: Vec<Vec<f64>> =
            seen.iter().map(|s| objects.iter().map(|o| s.bounds.iou(o.bounds, o.crowd)).collect()).collect();
        for (i, fates) in fates.iter_mut().enumerate() {
            fates.extend(assign(&objects, &overlaps, iou_threshold(i)));
        }
        scores.extend(seen.iter().map(|s| s.score));
    }
    if wanted == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| descending(scores[a], scores[b]));
    let at = fates.map(|fates| precision(order.iter().map(|&i| fates[i]), wanted));
    Some(Figures { ap: at.iter().sum::<f64>() / at.len() as f64, ap50: at[0], ap75: at[5] })
}

fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// The fates of one picture's detections, best first: each takes the object it overlaps most among those
/// left, at least by `threshold`, one that must be found before one that need not (those stand last). A
/// crowd is never used up.
fn assign(objects: &[&Object], overlaps: &[Vec<f64>], threshold: f64) -> Vec<Fate> {
    let mut taken = vec![false; objects.len()];
    let choose = |overlaps: &Vec<f64>| {
        let (mut best, mut chosen) = (threshold.min(1.0 - 1e-10), None::<usize>);
        for (i, object) in objects.iter().enumerate() {
            if taken[i] && !object.crowd {
                continue;
            }
            if chosen.is_some_and(|c| !objects[c].is_optional()) && object.is_optional() {
                break;
            }
            if overlaps[i] >= best {
                (best, chosen) = (overlaps[i], Some(i));
            }
        }
        let Some(chosen) = chosen else { return Fate::Wrong };
        taken[chosen] = true;
        if objects[chosen].is_optional() { Fate::NoMatter } else { Fate::Hit }
    };
    overlaps.iter().map(choose).collect()
}

/// The mean, over the recall levels, of the best precision at that recall or a higher one.
fn precision(fates: impl Iterator<Item = Fate>, wanted: usize) -> f64 {
    let (mut hits, mut wrong) = (0.0, 0.0);
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for fate in fates {
        match fate {
            Fate::Hit => hits += 1.0,
            Fate::Wrong => wrong += 1.0,
            Fate::NoMatter => {}
        }
        curve.push((hits / wanted as f64, hits / (wrong + hits + f64::EPSILON)));
    }
    for i in (1..curve.len()).rev() {
        curve[i - 1].1 = curve[i - 1].1.max(curve[i].1);
    }
    let at =
        |level: f64| curve.get(curve.partition_point(|&(recall, _)| recall < level)).map_or(0.0, |p| p.1);
    (0..LEVELS).map(|i| at(recall_level(i))).sum::<f64>() / LEVELS as f64
}

#[cfg(test)]
mod tests {
    use super::super::Bounds;
    use super::*;

    fn bounds(x: f64, w: f64) -> Bounds {
        Bounds { x, y: 0.0, w, h: 10.0 }
    }

    fn object(x: f64) -> Object {
        Object { class: 0, bounds: bounds(x, 10.0), crowd: false, ignored: false }
    }

    fn seen(x: f64, w: f64, score: f64) -> Seen {
        Seen { class: 0, score, bounds: bounds(x, w) }
    }

    #[test]
    fn a_found_object_and_a_missed_one() {
        // Recall 0.5 at precision 1: 51 of the 101 levels. At IoU 0.8 the box counts up to 0.80.
        let scene = Scene { objects: vec![object(0.0), object(50.0)], seen: vec![seen(0.0, 8.0, 0.9)] };
        let figures = by_class(&[scene], 2);
        let Figures { ap, ap50, ap75 } = figures[0].expect("there are objects");
        assert!((ap50 - 51.0 / 101.0).abs() < 1e-12 && (ap75 - ap50).abs() < 1e-12);
        assert!((ap - 0.7 * ap50).abs() < 1e-12, "{ap}");
        assert_eq!(figures[1], None);
        assert_eq!(mean(&figures), figures[0]);
        assert_eq!(mean(&figures[1..]), None);
    }

    #[test]
    fn a_crowd_forgives_any_number_of_detections_a_difficult_object_one() {
        let crowd = Object { crowd: true, ..object(50.0) };
        let difficult = Object { ignored: true, ..object(100.0) };
        let hit = seen(0.0, 10.0, 0.5);
        let ap = |objects: &[Object], more: &[Seen]| {
            let scene = Scene { objects: objects.to_vec(), seen: [more, &[hit]].concat() };
            by_class(&[scene], 1)[0].expect("there are objects").ap
        };
        let in_crowd = [seen(50.0, 5.0, 0.9), seen(55.0, 5.0, 0.8)];
        let twice = [seen(100.0, 10.0, 0.9), seen(100.0, 10.0, 0.8)];
        assert!((ap(&[crowd, object(0.0)], &in_crowd) - 1.0).abs() < 1e-9);
        assert!((ap(&[difficult, object(0.0)], &twice[..1]) - 1.0).abs() < 1e-9);
        assert!((ap(&[difficult, object(0.0)], &twice) - 0.5).abs() < 1e-9);
    }
}
