//! What a model finds, misses, takes for something else and sees where nothing is, at one score and an IoU
//! of 0.5.

use super::{Object, Scene, Seen};
use std::collections::HashMap;

/// The least IoU of a detection and the object that it is of.
pub const OVERLAP: f64 = 0.5;

/// What became of an object. The number is the detection's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Seen as what it is.
    Found(usize),
    /// Seen as something else.
    Confused(usize),
    /// Not seen.
    Missed,
    /// It need not be found.
    Optional,
}

/// What a detection is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It is right; the index of the object.
    Right(usize),
    /// It is of an object of another class; the index of the object.
    Confused(usize),
    /// Nothing of that class is there, or it was seen already.
    False,
    /// Of no account: below the score, on an object that need not be found, or of a class that the truth
    /// doesn't know.
    NoMatter,
}

/// One picture's objects and detections, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// By object.
    pub objects: Vec<Fate>,
    /// By detection.
    pub seen: Vec<Worth>,
}

/// Judges the detections of at least `score`. First each, the best first, takes the object of its class
/// that it overlaps most; then those left over on an object that need not be found are set aside; the rest
/// pair up across classes, the largest overlap first. `in_truth` tells the classes that the truth knows.
#[must_use]
pub fn judge(scene: &Scene, score: f64, in_truth: &dyn Fn(usize) -> bool) -> Judged {
    let Scene { objects, seen } = scene;
    let fate = |o: &Object| if o.is_optional() { Fate::Optional } else { Fate::Missed };
    let mut judged =
        Judged { objects: objects.iter().map(fate).collect(), seen: vec![Worth::NoMatter; seen.len()] };
    let overlap = |s: &Seen, o: &Object| s.bounds.iou(o.bounds, o.crowd);
    let mut order: Vec<usize> = (0..seen.len()).filter(|&s| seen[s].score >= score).collect();
    order.sort_by(|&a, &b| seen[b].score.total_cmp(&seen[a].score));

    let mut left = Vec::new();
    for s in order {
        let free = |o: &usize| judged.objects[*o] == Fate::Missed && objects[*o].class == seen[s].class;
        let best = (0..objects.len()).filter(free).map(|o| (overlap(&seen[s], &objects[o]), o));
        let best = best.filter(|b| b.0 >= OVERLAP).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, o)) = best {
            (judged.objects[o], judged.seen[s]) = (Fate::Found(s), Worth::Right(o));
        } else if !objects
            .iter()
            .any(|o| o.is_optional() && o.class == seen[s].class && overlap(&seen[s], o) >= OVERLAP)
        {
            left.push(s);
        }
    }

    let mut pairs: Vec<(f64, usize, usize)> = left
        .iter()
        .flat_map(|&s| (0..objects.len()).map(move |o| (s, o)))
        .map(|(s, o)| (overlap(&seen[s], &objects[o]), s, o))
        .filter(|pair| pair.0 >= OVERLAP)
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, s, o) in pairs {
        if judged.objects[o] == Fate::Missed && judged.seen[s] == Worth::NoMatter {
            (judged.objects[o], judged.seen[s]) = (Fate::Confused(s), Worth::Confused(o));
        }
    }
    for s in left {
        if judged.seen[s] == Worth::NoMatter && in_truth(seen[s].class) {
            judged.seen[s] = Worth::False;
        }
    }
    judged
}

/// The counts of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Objects to find.
    pub objects: usize,
    /// Found.
    pub found: usize,
    /// Seen as something else.
    pub confused: usize,
    /// Not seen.
    pub missed: usize,
    /// Detections of this class where nothing is.
    pub false_alarms: usize,
}

/// The counts of all classes, and which are taken for which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// By class.
    pub classes: Vec<Counts>,
    /// Truth's class, what it was taken for, how often; the most frequent first.
    pub pairs: Vec<(usize, usize, usize)>,
}

impl Confusion {
    /// Counts over all pictures, for classes `0..classes`.
    pub fn of<'a>(judged: impl Iterator<Item = (&'a Scene, &'a Judged)>, classes: usize) -> Self {
        let mut counts = vec![Counts::default(); classes];
        let mut pairs = HashMap::<(usize, usize), usize>::new();
        for (scene, judged) in judged {
            for (object, fate) in scene.objects.iter().zip(&judged.objects) {
                let c = &mut counts[object.class];
                match fate {
                    Fate::Optional => continue,
                    Fate::Found(_) => c.found += 1,
                    Fate::Missed => c.missed += 1,
                    Fate::Confused(s) => {
                        c.confused += 1;
                        *pairs.entry((object.class, scene.seen[*s].class)).or_default() += 1;
                    }
                }
                c.objects += 1;
            }
            for (seen, _) in scene.seen.iter().zip(&judged.seen).filter(|(_, w)| **w == Worth::False) {
                counts[seen.class].false_alarms += 1;
            }
        }
        let mut pairs: Vec<_> = pairs.into_iter().map(|((a, b), n)| (a, b, n)).collect();
        pairs.sort_by_key(|&(a, b, n)| (std::cmp::Reverse(n), a, b));
        Self { classes: counts, pairs }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bounds;
    use super::*;

    fn at(x: f64) -> Bounds {
        Bounds { x, y: 0.0, w: 10.0, h: 10.0 }
    }

    fn object(class: usize, x: f64) -> Object {
        Object { class, bounds: at(x), crowd: false, ignored: false }
    }

    fn seen(class: usize, x: f64, score: f64) -> Seen {
        Seen { class, score, bounds: at(x) }
    }

    #[test]
    fn each_kind_of_mistake() {
        let crowd = Object { crowd: true, ..object(0, 300.0) };
        let scene = Scene {
            objects: vec![object(0, 0.0), object(1, 100.0), object(1, 200.0), crowd],
            seen: vec![
                seen(1, 1.0, 0.99),  // on the first object, another class, but its own detection comes too
                seen(0, 2.0, 0.6),   // right
                seen(0, 101.0, 0.9), // takes the second object for class 0
                seen(0, 300.0, 0.8), // in the crowd
                seen(1, 200.0, 0.4), // below the score
                seen(2, 400.0, 0.9), // a class that the truth doesn't know
            ],
        };
        let judged = judge(&scene, 0.5, &|class| class < 2);
        assert_eq!(judged.objects, [Fate::Found(1), Fate::Confused(2), Fate::Missed, Fate::Optional]);
        let no = Worth::NoMatter;
        assert_eq!(judged.seen, [Worth::False, Worth::Right(0), Worth::Confused(1), no, no, no]);
        let confusion = Confusion::of([(&scene, &judged)].into_iter(), 3);
        assert_eq!(confusion.pairs, [(1, 0, 1)]);
        let counts = |objects, found, confused, missed, false_alarms| Counts {
            objects,
            found,
            confused,
            missed,
            false_alarms,
        };
        assert_eq!(confusion.classes, [counts(1, 1, 0, 0, 0), counts(2, 0, 1, 1, 1), counts(0, 0, 0, 0, 0)]);
    }
}
