//! Objects over time: which detections of frame after frame are the same one.
//!
//! Two-stage association as in ByteTrack (Zhang and others 2022, arXiv:2110.06864): sure detections are
//! assigned first, then faint ones to the tracks that are left. Boxes are foreseen by a Kalman filter in
//! seconds and compared by IoU, at low frame rates by that of boxes with a margin (C-BIoU, Yang and others
//! 2023, arXiv:2211.14317). Pure: time comes with the detections.

mod assign;
mod life;
mod likeness;
mod motion;
mod parked;
mod stillness;

pub use assign::Assignment;
pub use life::{Phase, Track};
pub use parked::Place;

use crate::decode::Detection;
use likeness::Reach;
use motion::BoxModel;
use parked::Parking;
use std::time::Duration;
use stillness::Stillness;

/// Another class of the same object: the boxes must be nearly the same.
const OTHER_CLASS_IOU: f32 = 0.6;
/// What its likeness is worth.
const OTHER_CLASS: f32 = 0.8;
/// A second box of one object, of another part of it: this much of the smaller one lies in the other, and they
/// overlap by as much.
const PART_INSIDE: f32 = 0.8;
const PART_IOU: f32 = 0.35;
/// Looks that must have missed an object before it is gone, and one that was never sure.
const MISSES: u32 = 2;
const TENTATIVE_MISSES: u32 = 3;

/// How tracks begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Looks that must show an object.
    pub min_hits: u32,
    /// Gone when not seen for longer.
    pub max_lost: Duration,
    /// Stationary when it stayed for as long.
    pub stationary_after: Duration,
    /// Gone when stationary and not seen for longer.
    pub stationary_max_lost: Duration,
    /// The longest time that a place is remembered.
    pub remember: Duration,
}

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    tracks: Vec<Track>,
    ended: Vec<Track>,
    /// By detection of the last update: the number of its track.
    numbers: Vec<Option<u64>>,
    sure: Vec<bool>,
    next: u64,
    now: Duration,
    /// Between the last two looks.
    interval: Duration,
    parking: Parking,
    assignment: Assignment,
}

/// The rounds of the association, one after the other.
const ROUNDS: [Round; 3] = [
    Round { sure: true, phase: Phase::Confirmed },
    Round { sure: false, phase: Phase::Confirmed },
    Round { sure: true, phase: Phase::Tentative },
];

#[derive(Clone, Copy)]
struct Round {
    /// Of the detections.
    sure: bool,
    /// Of the tracks.
    phase: Phase,
}

impl Tracker {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            tracks: Vec::new(),
            ended: Vec::new(),
            numbers: Vec::new(),
            sure: Vec::new(),
            next: 1,
            now: Duration::ZERO,
            interval: Duration::ZERO,
            parking: Parking::new(settings.remember),
            assignment: Assignment::default(),
        }
    }

    /// The tracks after the last update.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Those that ended with it.
    #[must_use]
    pub fn ended(&self) -> &[Track] {
        &self.ended
    }

    /// The number of the track of a detection of the last update.
    #[must_use]
    pub fn track_of(&self, detection: usize) -> Option<u64> {
        self.numbers.get(detection).copied().flatten()
    }

    /// Whether the next frame must be looked at even if nothing moves: something was not seen often enough yet,
    /// or was missed.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.tracks.iter().any(|t| t.phase == Phase::Tentative || t.misses > 0)
    }

    /// Nothing moved up to `at`, and nobody looked: who was there still is.
    pub fn still(&mut self, at: Duration) {
        self.now = self.now.max(at);
        for track in self.tracks.iter_mut().filter(|t| t.misses == 0) {
            track.last_seen = track.last_seen.max(at);
            track.model.rest(at);
        }
    }

    /// What a look at the frame of time `at` found; those that are `sure` begin tracks, the others only keep
    /// them.
    pub fn update(&mut self, at: Duration, detections: &[Detection], sure: impl Fn(&Detection) -> bool) {
        self.interval = at.saturating_sub(self.now);
        self.now = self.now.max(at);
        let at = self.now;
        self.ended.clear();
        self.numbers.clear();
        self.numbers.resize(detections.len(), None);
        self.sure.clear();
        self.sure.extend(detections.iter().map(sure));
        for track in &mut self.tracks {
            track.model.predict(at, track.misses > 0);
            track.seen_now = false;
        }
        for round in ROUNDS {
            self.associate(round, detections, at);
        }
        for (index, detection) in detections.iter().enumerate() {
            if self.sure[index] && self.numbers[index].is_none() && !self.is_part(detection) {
                self.begin(index, detection, at);
            }
        }
        self.end_lost(at);
    }

    /// Ends all tracks.
    pub fn end_all(&mut self) {
        self.ended.clear();
        self.ended.append(&mut self.tracks);
        for track in &self.ended {
            self.parking.leave(track, track.stillness.stood(track.last_seen));
        }
    }

    /// What stands where, from before.
    pub fn remember(&mut self, places: Vec<Place>) {
        self.parking.remember(places);
    }

    /// What stands where and is no news, if that is other than at the last call.
    pub fn take_parked(&mut self) -> Option<Vec<Place>> {
        let standing = self.tracks.iter().filter(|t| t.stationary);
        let places = standing.map(|t| Place {
            class: t.class,
            bounds: t.bounds,
            last_seen: t.last_seen,
            stood: t.stillness.stood(t.last_seen),
        });
        self.parking.take_changed(self.now, places)
    }

    fn associate(&mut self, round: Round, detections: &[Detection], at: Duration) {
        let Self { tracks, numbers, sure, assignment, interval, .. } = self;
        assignment.clear();
        for (row, track) in tracks.iter().enumerate().filter(|(_, t)| !t.seen_now && t.phase == round.phase) {
            let reach = Reach::of(track, at, *interval, round.sure);
            let foreseen = track.model.bounds();
            for (column, detection) in detections.iter().enumerate() {
                if sure[column] != round.sure || numbers[column].is_some() {
                    continue;
                }
                let likeness = reach.likeness(foreseen, detection.bounds);
                let likeness = if detection.class == track.class {
                    likeness
                } else {
                    likeness
                        .filter(|_| foreseen.iou(detection.bounds) >= OTHER_CLASS_IOU)
                        .map(|l| l * OTHER_CLASS)
                };
                if let Some(likeness) = likeness {
                    assignment.may(row, column, likeness);
                }
            }
        }
        for &(row, column) in assignment.solve(tracks.len(), detections.len()) {
            numbers[column] = Some(tracks[row].number);
            tracks[row].see(&detections[column], at, &self.settings, &mut self.parking);
        }
    }

    /// Whether a detection is a second box of an object that was just seen.
    fn is_part(&self, d: &Detection) -> bool {
        self.tracks.iter().filter(|t| t.seen_now && t.class == d.class).any(|t| {
            let iou = t.bounds.iou(d.bounds);
            let inside = iou * (t.bounds.area() + d.bounds.area()) / (1.0 + iou);
            iou >= PART_IOU && inside >= PART_INSIDE * t.bounds.area().min(d.bounds.area())
        })
    }

    fn begin(&mut self, index: usize, d: &Detection, at: Duration) {
        let mut track = Track {
            number: self.next,
            class: d.class,
            bounds: d.bounds,
            score: d.score,
            top_score: d.score,
            phase: Phase::Tentative,
            first_seen: at,
            last_seen: at,
            seen_now: true,
            stationary: false,
            motionless_frames: 0,
            position_changes: 0,
            remembered: false,
            hits: 1,
            misses: 0,
            model: BoxModel::new(d.bounds, at),
            stillness: Stillness::new(d.bounds, at),
            votes: [(d.class, 0.0); 3],
        };
        track.count(d);
        track.confirm(at, &self.settings, &mut self.parking);
        self.numbers[index] = Some(self.next);
        self.next += 1;
        self.tracks.push(track);
    }

    fn end_lost(&mut self, at: Duration) {
        let Self { settings, tracks, ended, parking, .. } = self;
        tracks.retain_mut(|track| {
            if track.seen_now {
                return true;
            }
            track.misses += 1;
            let patience = if track.stationary { settings.stationary_max_lost } else { settings.max_lost };
            let unseen = at.saturating_sub(track.last_seen);
            let gone = match track.phase {
                Phase::Tentative => track.misses >= TENTATIVE_MISSES || unseen > settings.max_lost,
                Phase::Confirmed => track.misses >= MISSES && unseen > patience,
            };
            if gone && track.phase == Phase::Confirmed {
                parking.leave(track, track.stillness.stood(track.last_seen));
            }
            if gone {
                ended.push(*track);
            }
            !gone
        });
    }
}

#[cfg(test)]
mod tests;
