//! Where something stands, or stood when it was last seen: a parked car that the model misses for a while,
//! or that stood there before edgecam was started again, is no news.
//!
//! A place is remembered for as long as something stood there, an hour's parking for an hour: who stood at a
//! door for a minute makes no secret of who comes next.

use super::Track;
use crate::geometry::NormBox;
use std::time::Duration;

/// Something that appears here overlaps with what stood here by this much.
const SAME_PLACE: f32 = 0.5;
/// Places at most; the ones seen longest ago go.
const MOST: usize = 64;
/// Between two times that the list is told though nothing came or went.
const REFRESH: Duration = Duration::from_secs(3600);

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its class.
    pub class: usize,
    /// Where it is.
    pub bounds: NormBox,
    /// When it was last seen.
    pub last_seen: Duration,
    /// For how long it stood there then.
    pub stood: Duration,
}

/// The places where nothing is seen now.
#[derive(Debug)]
pub struct Parking {
    places: Vec<Place>,
    remember: Duration,
    changed: bool,
    told: Duration,
}

impl Parking {
    pub fn new(remember: Duration) -> Self {
        Self { places: Vec::new(), remember, changed: false, told: Duration::ZERO }
    }

    pub fn remember(&mut self, places: Vec<Place>) {
        self.places = places;
        self.places.truncate(MOST);
    }

    /// Something began to stand, or to move.
    pub fn note_change(&mut self) {
        self.changed = true;
    }

    /// A track ended; if it was standing for `stood`, its place is remembered.
    pub fn leave(&mut self, track: &Track, stood: Duration) {
        if !track.stationary {
            return;
        }
        if self.places.len() == MOST {
            let oldest = (0..MOST).min_by_key(|&i| self.places[i].last_seen).unwrap_or(0);
            self.places.swap_remove(oldest);
        }
        let (class, bounds, last_seen) = (track.class, track.bounds, track.last_seen);
        self.places.push(Place { class, bounds, last_seen, stood });
        self.changed = true;
    }

    /// The place of something that appears at `bounds`, which is then no longer only remembered.
    pub fn take(&mut self, class: usize, bounds: NormBox, at: Duration) -> Option<Place> {
        let remember = self.remember;
        self.places.retain(|p| at.saturating_sub(p.last_seen) <= p.stood.min(remember));
        let like = |p: &Place| p.bounds.iou(bounds) * if p.class == class { 1.0 } else { 0.9 };
        let best = (0..self.places.len())
            .max_by(|&a, &b| like(&self.places[a]).total_cmp(&like(&self.places[b])))?;
        (like(&self.places[best]) >= SAME_PLACE).then(|| {
            self.changed = true;
            self.places.swap_remove(best)
        })
    }

    /// All places, those of `standing` too, if something changed or they were not told for an hour.
    pub fn take_changed(
        &mut self,
        now: Duration,
        standing: impl Iterator<Item = Place>,
    ) -> Option<Vec<Place>> {
        let due = now.saturating_sub(self.told) >= REFRESH;
        if !self.changed && !due {
            return None;
        }
        let places: Vec<Place> = standing.chain(self.places.iter().copied()).collect();
        let changed = std::mem::take(&mut self.changed);
        self.told = now;
        (changed || !places.is_empty()).then_some(places)
    }
}
