//! Whether an object stays where it is.

use crate::geometry::NormBox;
use std::time::Duration;

/// A box that overlaps with where it was by this much has not moved.
const SAME_PLACE: f32 = 0.7;
/// So many looks in a row, over this time, must show it elsewhere: boxes jump now and then.
const AWAY_LOOKS: u32 = 3;
const AWAY_FOR: Duration = Duration::from_millis(500);

/// What an object's place was, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Stillness {
    place: NormBox,
    since: Duration,
    away: u32,
    away_since: Duration,
    /// It has stayed for long enough.
    pub stationary: bool,
    /// Looks since it moved.
    pub motionless: u32,
    /// How often it began to move after it had stayed.
    pub changes: u32,
}

impl Stillness {
    /// An object that has just come.
    pub fn new(place: NormBox, at: Duration) -> Self {
        Self { place, since: at, away: 0, away_since: at, stationary: false, motionless: 0, changes: 0 }
    }

    /// For how long it has stayed.
    pub fn stood(&self, at: Duration) -> Duration {
        at.saturating_sub(self.since)
    }

    /// It stands where something stood before, for `stood`.
    pub fn resume(&mut self, place: NormBox, at: Duration, stood: Duration) {
        (self.place, self.since, self.stationary) = (place, at.saturating_sub(stood), true);
    }

    /// Takes in where it is; true when it begins to move after it had stayed.
    pub fn look(&mut self, bounds: NormBox, at: Duration, stationary_after: Duration) -> bool {
        if bounds.iou(self.place) >= SAME_PLACE {
            self.away = 0;
            self.motionless += 1;
            self.stationary |= self.stood(at) >= stationary_after;
            return false;
        }
        if self.away == 0 {
            self.away_since = at;
        }
        self.away += 1;
        let gone = self.away >= AWAY_LOOKS && at.saturating_sub(self.away_since) >= AWAY_FOR;
        if self.stationary && !gone {
            return false;
        }
        let departed = self.stationary;
        let changes = self.changes + u32::from(departed);
        *self = Self { changes, ..Self::new(bounds, at) };
        departed
    }
}
