#![expect(clippy::print_stdout, reason = "figures for the documents")]

use super::*;
use crate::eval::mot::{Boxes, Mot, compare};
use crate::geometry::NormBox;
use std::fmt::Write as _;

/// The same numbers each time (Vigna's SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.next()
    }

    /// About normal, of deviation 1.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.next()).sum::<f32>() - 6.0
    }
}

/// An object that crosses the picture, and perhaps stops on its way.
struct Walker {
    number: u64,
    class: usize,
    size: [f32; 2],
    from: [f32; 2],
    velocity: [f32; 2],
    start: f32,
    stop: f32,
    pause: f32,
}

impl Walker {
    fn new(number: u64, random: &mut Random) -> Self {
        let height = random.between(0.12, 0.35);
        let size = [height * random.between(0.3, 0.5), height];
        let left = random.next() < 0.5;
        let from = [if left { -size[0] / 2.0 } else { 1.0 + size[0] / 2.0 }, random.between(0.3, 0.8)];
        // From a stroll to a run, in body heights a second.
        let speed = height * random.between(0.4, 1.2);
        let velocity = [if left { speed } else { -speed }, random.between(-0.03, 0.03)];
        let pause = if random.next() < 0.3 { random.between(2.0, 8.0) } else { 0.0 };
        let (start, stop) = (random.between(0.0, 50.0), random.between(1.0, 4.0));
        Self { number, class: usize::from(random.next() < 0.3), size, from, velocity, start, stop, pause }
    }

    /// Where it is, while at least half of it is in the picture.
    fn at(&self, t: f32) -> Option<NormBox> {
        let walked = t - self.start;
        if walked < 0.0 {
            return None;
        }
        let walked = if walked > self.stop { self.stop.max(walked - self.pause) } else { walked };
        let [x, y] = [0, 1].map(|i| self.from[i] + self.velocity[i] * walked);
        let b = NormBox::around(x, y, self.size[0], self.size[1]);
        let seen = b.clamped();
        (seen.area() >= 0.5 * b.area()).then_some(seen)
    }
}

/// A minute of people and dogs; a fifth of the detections is missing, boxes are off by some, and now and then
/// there is one of nothing.
fn scene(seed: u64, fps: f32) -> (Vec<Boxes>, Vec<Vec<Detection>>) {
    let mut random = Random(seed);
    let walkers: Vec<Walker> = (1..=14).map(|number| Walker::new(number, &mut random)).collect();
    let (mut truth, mut looks) = (Vec::new(), Vec::new());
    for n in 0..(60.0 * fps) as u32 {
        let t = n as f32 / fps;
        let there: Vec<(&Walker, NormBox)> = walkers.iter().filter_map(|w| Some((w, w.at(t)?))).collect();
        truth.push(there.iter().map(|(w, b)| (w.number, *b)).collect());
        let mut detections = Vec::new();
        for (walker, b) in there {
            if random.next() < 0.2 {
                continue;
            }
            let (w, h) = (b.x_max - b.x_min, b.y_max - b.y_min);
            let mut jitter = |size: f32| 0.04 * size * random.normal();
            let b = NormBox::new(
                b.x_min + jitter(w),
                b.y_min + jitter(h),
                b.x_max + jitter(w),
                b.y_max + jitter(h),
            );
            let score = random.between(0.4, 0.95);
            detections.push(Detection::new(walker.class, score, b.clamped()));
        }
        if random.next() < 0.03 {
            let b = NormBox::around(random.next(), random.next(), 0.1, 0.2).clamped();
            detections.push(Detection::new(0, random.between(0.5, 0.6), b));
        }
        looks.push(detections);
    }
    (truth, looks)
}

fn settings() -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        min_hits: 3,
        max_lost: 2 * second,
        stationary_after: 10 * second,
        stationary_max_lost: 60 * second,
        remember: 86_400 * second,
    }
}

fn sure(d: &Detection) -> bool {
    d.score >= 0.5
}

/// The tracks of a scene from the first to the last time each was seen, as events tell of them; where one was
/// missed in between it was on the line between.
fn follow(seen: &[Vec<Detection>], fps: f32) -> Vec<Boxes> {
    let mut tracker = Tracker::new(settings());
    let mut sightings: std::collections::BTreeMap<u64, Vec<(usize, NormBox)>> =
        std::collections::BTreeMap::new();
    let mut confirmed = std::collections::BTreeSet::new();
    for (n, detections) in seen.iter().enumerate() {
        tracker.update(Duration::from_secs_f32(n as f32 / fps), detections, sure);
        for track in tracker.tracks() {
            if track.seen_now {
                sightings.entry(track.number).or_default().push((n, track.bounds));
            }
            if track.phase == Phase::Confirmed {
                confirmed.insert(track.number);
            }
        }
    }
    let mut frames: Vec<Boxes> = vec![Vec::new(); seen.len()];
    for (number, list) in sightings.iter().filter(|(number, _)| confirmed.contains(number)) {
        for pair in list.windows(2) {
            let ((from, a), (to, b)) = (pair[0], pair[1]);
            for (n, frame) in frames[from..to].iter_mut().enumerate() {
                let share = n as f32 / (to - from) as f32;
                let mix = |a: f32, b: f32| a + (b - a) * share;
                let at = NormBox::new(
                    mix(a.x_min, b.x_min),
                    mix(a.y_min, b.y_min),
                    mix(a.x_max, b.x_max),
                    mix(a.y_max, b.y_max),
                );
                frame.push((*number, at));
            }
        }
        if let Some((n, b)) = list.last() {
            frames[*n].push((*number, *b));
        }
    }
    frames
}

fn score(fps: f32) -> Mot {
    let mut sum = Mot::default();
    for seed in 1..=10 {
        let (truth, seen) = scene(seed, fps);
        let frames: Vec<(Boxes, Boxes)> = truth.into_iter().zip(follow(&seen, fps)).collect();
        let mot = compare(&frames);
        sum.truth += mot.truth;
        sum.tracked += mot.tracked;
        sum.missed += mot.missed;
        sum.false_boxes += mot.false_boxes;
        sum.switches += mot.switches;
        sum.identified += mot.identified;
        write_down(seed, fps, &frames);
    }
    println!("{fps} fps: IDF1 {:.4}, MOTA {:.4}, {sum:?}", sum.idf1(), sum.mota());
    sum
}

/// For a comparison with other programs: `EDGECAM_MOT` names a folder for `FPS-SEED-truth.csv` and
/// `FPS-SEED-tracks.csv` (MOTChallenge: frame, number, left, top, width, height).
fn write_down(seed: u64, fps: f32, frames: &[(Boxes, Boxes)]) {
    let Some(folder) = std::env::var_os("EDGECAM_MOT").map(std::path::PathBuf::from) else { return };
    let text = |of: fn(&(Boxes, Boxes)) -> &Boxes| {
        let mut text = String::new();
        for (n, frame) in frames.iter().enumerate() {
            for (number, b) in of(frame) {
                let (w, h) = (b.x_max - b.x_min, b.y_max - b.y_min);
                let _ = writeln!(text, "{},{number},{},{},{w},{h},1,-1,-1,-1", n + 1, b.x_min, b.y_min);
            }
        }
        text
    };
    for (name, text) in [("truth", text(|f| &f.0)), ("tracks", text(|f| &f.1))] {
        std::fs::write(folder.join(format!("{fps}-{seed}-{name}.csv")), text).expect("the folder is there");
    }
}

#[test]
fn generated_scenes_are_followed() {
    let (fast, slow) = (score(10.0), score(3.0));
    assert!(fast.idf1() >= 0.95, "10 fps: {fast:?}");
    assert!(slow.idf1() >= 0.90, "3 fps: {slow:?}");
    assert!(fast.mota() >= 0.9 && slow.mota() >= 0.8, "{} {}", fast.mota(), slow.mota());
}

fn person(x: f32) -> Detection {
    Detection::new(0, 0.9, NormBox::around(x, 0.5, 0.1, 0.3))
}

fn seconds(t: f32) -> Duration {
    Duration::from_secs_f32(t)
}

#[test]
fn a_track_is_tentative_then_confirmed_then_lost_and_its_number_never_comes_back() {
    let mut tracker = Tracker::new(settings());
    let mut numbers = Vec::new();
    for round in 0..5 {
        let start = round as f32 * 10.0;
        for n in 0..5 {
            tracker.update(seconds(start + n as f32 / 5.0), &[person(0.3)], sure);
            let track = tracker.tracks()[0];
            assert_eq!(track.phase == Phase::Confirmed, n >= 2);
            assert_eq!(tracker.is_unsettled(), n < 2);
            assert_eq!(tracker.track_of(0), Some(track.number));
        }
        numbers.push(tracker.tracks()[0].number);
        tracker.update(seconds(start + 2.0), &[], sure);
        assert!(tracker.is_unsettled() && tracker.ended().is_empty(), "missed, not lost");
        tracker.update(seconds(start + 4.0), &[], sure);
        assert_eq!(tracker.ended().len(), 1);
        assert!(tracker.tracks().is_empty());
    }
    let mut once = numbers.clone();
    once.dedup();
    assert_eq!(once.len(), 5, "{numbers:?}");
}

#[test]
fn faint_detections_keep_a_track_and_begin_none() {
    let mut tracker = Tracker::new(settings());
    let faint = |x| Detection { score: 0.3, ..person(x) };
    tracker.update(seconds(0.0), &[faint(0.3)], sure);
    assert!(tracker.tracks().is_empty());
    for n in 1..4 {
        tracker.update(seconds(n as f32 / 5.0), &[person(0.3)], sure);
    }
    for n in 4..40 {
        tracker.update(seconds(n as f32 / 5.0), &[faint(0.3)], sure);
    }
    assert_eq!(tracker.tracks()[0].number, 1);
    assert!(tracker.tracks()[0].seen_now);
}

#[test]
fn a_second_box_of_one_person_and_a_class_that_flips_make_no_second_track() {
    let mut tracker = Tracker::new(settings());
    let upper = Detection::new(0, 0.6, NormBox::new(0.25, 0.35, 0.35, 0.52));
    for n in 0..20 {
        let whole = Detection { class: usize::from(n % 4 == 3), ..person(0.3) };
        tracker.update(seconds(n as f32 / 5.0), &[whole, upper], sure);
    }
    assert_eq!(tracker.tracks().len(), 1);
    assert_eq!((tracker.tracks()[0].class, tracker.tracks()[0].number), (0, 1));
}

#[test]
fn who_stands_still_is_there_though_nobody_looks() {
    let mut tracker = Tracker::new(settings());
    for n in 0..5 {
        tracker.update(seconds(n as f32 / 5.0), &[person(0.3)], sure);
    }
    assert!(!tracker.is_unsettled());
    for n in 1..300 {
        tracker.still(seconds(1.0 + n as f32 / 5.0));
    }
    tracker.update(seconds(61.0), &[person(0.3)], sure);
    assert_eq!((tracker.tracks()[0].number, tracker.tracks()[0].stationary), (1, true));
}

/// A car that stands, and is detected now and then as light changes, for half an hour.
#[test]
fn a_parked_car_under_changing_light_is_one_object_and_news_once_when_it_leaves() {
    let mut random = Random(5);
    let mut tracker = Tracker::new(settings());
    let (mut news, mut ended) = (std::collections::BTreeSet::new(), 0);
    let car = |x: f32| Detection::new(2, 0.8, NormBox::around(x, 0.6, 0.3, 0.2));
    // It drives in, and stands from its third second on.
    let place = |t: f32| if t < 3.0 { t * 0.15 } else { 0.45 };
    let mut visible = true;
    for n in 0..30 * 60 * 5 {
        let t = n as f32 / 5.0;
        // Light comes and goes for up to two minutes at a time, after the first one.
        if t > 60.0 && random.next() < 0.004 {
            visible = !visible;
        }
        let mut d = car(place(t));
        let mut jitter = || 0.006 * random.normal();
        d.bounds = NormBox::new(
            d.bounds.x_min + jitter(),
            d.bounds.y_min + jitter(),
            d.bounds.x_max + jitter(),
            d.bounds.y_max + jitter(),
        );
        d.score = if visible { random.between(0.4, 0.9) } else { random.between(0.0, 0.3) };
        let seen: Vec<Detection> =
            if d.score > 0.2 && (visible || random.next() < 0.01) { vec![d] } else { vec![] };
        tracker.update(seconds(t), &seen, sure);
        news.extend(
            tracker
                .tracks()
                .iter()
                .filter(|t| t.phase == Phase::Confirmed && !t.remembered)
                .map(|t| t.number),
        );
        ended += tracker.ended().iter().filter(|t| t.phase == Phase::Confirmed).count();
    }
    assert_eq!(news.len(), 1, "{news:?}");
    println!("the car was lost {ended} times");
    // It is seen again, and drives off: that is news.
    let number_before = tracker.tracks().iter().map(|t| t.number).max().unwrap_or(0);
    for n in 0..40 {
        let t = 1800.0 + n as f32 / 5.0;
        tracker.update(seconds(t), &[car(if n < 15 { 0.45 } else { 0.45 + (n - 15) as f32 * 0.03 })], sure);
    }
    let last = tracker.tracks().last().expect("it is there");
    assert!(!last.remembered && last.position_changes == 1, "{last:?} {number_before}");
}

#[test]
fn a_place_is_remembered_for_as_long_as_something_stood_there() {
    let stand = |tracker: &mut Tracker, from: f32, to: f32| {
        for n in (from * 2.0) as u32..(to * 2.0) as u32 {
            tracker.update(seconds(n as f32 / 2.0), &[person(0.3)], sure);
        }
    };
    for (away, remembered) in [(25.0, true), (90.0, false)] {
        let mut tracker = Tracker::new(Settings { stationary_max_lost: seconds(5.0), ..settings() });
        stand(&mut tracker, 0.0, 30.0);
        assert_eq!(tracker.take_parked().map(|places| places.len()), Some(1), "it stands");
        assert_eq!(tracker.take_parked(), None);
        for n in 60..60 + (away * 2.0) as u32 {
            tracker.update(seconds(n as f32 / 2.0), &[], sure);
        }
        assert!(tracker.tracks().is_empty());
        stand(&mut tracker, 30.0 + away, 33.0 + away);
        assert_eq!(tracker.tracks()[0].remembered, remembered, "{away} s");
    }
}

#[test]
fn the_next_run_knows_what_stands_where() {
    let mut tracker = Tracker::new(settings());
    let place =
        Place { class: 0, bounds: person(0.3).bounds, last_seen: Duration::ZERO, stood: seconds(600.0) };
    tracker.remember(vec![place]);
    for n in 0..5 {
        tracker.update(seconds(n as f32), &[person(0.3), person(0.8)], sure);
    }
    let remembered: Vec<bool> = tracker.tracks().iter().map(|t| t.remembered).collect();
    assert_eq!(remembered, [true, false]);
}

#[test]
fn hostile_boxes_are_no_trouble() {
    let mut tracker = Tracker::new(settings());
    let mut random = Random(9);
    for n in 0..500 {
        let list: Vec<Detection> = (0..60)
            .map(|_| {
                let b = NormBox::new(random.next(), random.next(), random.next(), random.next());
                Detection::new((random.next() * 5.0) as usize, random.next(), b)
            })
            .chain([Detection::new(0, 0.9, NormBox::new(0.5, 0.5, 0.5, 0.5))])
            .collect();
        // Time may stand still.
        tracker.update(seconds((n / 3) as f32), &list, sure);
        assert!(tracker.tracks().len() < 2000);
    }
    tracker.end_all();
    assert!(tracker.tracks().is_empty());
}
