//! One object: from its first sight to its last.

use super::Settings;
use super::motion::BoxModel;
use super::parked::Parking;
use super::stillness::Stillness;
use crate::decode::Detection;
use crate::geometry::NormBox;
use std::time::Duration;

/// How far a track has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not seen often enough yet.
    Tentative,
    /// An object.
    Confirmed,
}

/// An object over time.
#[derive(Clone, Copy, Debug)]
pub struct Track {
    /// Never used again by a tracker; from 1.
    pub number: u64,
    /// Index into the labels; stays the same once it is confirmed.
    pub class: usize,
    /// Where it was last seen.
    pub bounds: NormBox,
    /// Of its last detection.
    pub score: f32,
    /// The best so far.
    pub top_score: f32,
    /// How far it has come.
    pub phase: Phase,
    /// When it was first seen.
    pub first_seen: Duration,
    /// When it was last seen, or known to be where it was.
    pub last_seen: Duration,
    /// The last look showed it.
    pub seen_now: bool,
    /// It has not moved for a while.
    pub stationary: bool,
    /// Looks since it moved.
    pub motionless_frames: u32,
    /// How often it began to move after it had stayed.
    pub position_changes: u32,
    /// It stands where something stood before, and has not moved since.
    pub remembered: bool,
    pub(super) hits: u32,
    pub(super) misses: u32,
    pub(super) model: BoxModel,
    pub(super) stillness: Stillness,
    /// Scores by class while it is tentative.
    pub(super) votes: [(usize, f32); 3],
}

impl Track {
    /// Takes in a detection of it.
    pub(super) fn see(&mut self, d: &Detection, at: Duration, settings: &Settings, parking: &mut Parking) {
        self.model.correct(d.bounds);
        (self.bounds, self.score, self.last_seen, self.seen_now) = (d.bounds, d.score, at, true);
        self.top_score = self.top_score.max(d.score);
        self.misses = 0;
        self.hits += 1;
        let was = self.stationary;
        if self.stillness.look(self.model.bounds(), at, settings.stationary_after) {
            // What stood there is on its way: it is news.
            self.remembered = false;
        }
        self.stationary = self.stillness.stationary;
        self.motionless_frames = self.stillness.motionless;
        self.position_changes = self.stillness.changes;
        if was != self.stationary {
            parking.note_change();
        }
        if self.phase == Phase::Tentative {
            self.count(d);
            self.confirm(at, settings, parking);
        }
    }

    /// Counts what it was taken for.
    pub(super) fn count(&mut self, d: &Detection) {
        let place = self.votes.iter().position(|(class, score)| *class == d.class || *score == 0.0);
        if let Some(place) = place {
            self.votes[place] = (d.class, self.votes[place].1 + d.score);
        }
        let best =
            self.votes.iter().fold(self.votes[0], |best, vote| if vote.1 > best.1 { *vote } else { best });
        self.class = best.0;
    }

    pub(super) fn confirm(&mut self, at: Duration, settings: &Settings, parking: &mut Parking) {
        if self.hits < settings.min_hits {
            return;
        }
        self.phase = Phase::Confirmed;
        if let Some(place) = parking.take(self.class, self.bounds, at) {
            self.stillness.resume(place.bounds, at, place.stood);
            (self.remembered, self.stationary) = (true, true);
        }
    }
}
