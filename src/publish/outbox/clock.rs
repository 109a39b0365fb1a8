//! How old an entry is, on a board that boots in 1970.
//!
//! An entry holds its boot and the seconds since; a boot holds when it started by the wall clock, as last seen in
//! it, so a clock that is set later corrects what was written before. Within a boot only the seconds since it
//! count, so that no step of the clock makes an entry older. Over boots the wall clock counts where both starts
//! are known, and this boot's has stood still for ten minutes; else an entry has no age.

use crate::telemetry::machine::Machine;
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// A wall clock before 2025 was not set.
const SANE: u64 = 1_735_689_600;
/// For so many seconds the clock has to be the same before it counts.
const SETTLED: u64 = 600;
/// A step of the clock, in seconds; less is drift.
pub const STEP: u64 = 60;

/// A time by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since boot, sleep included.
    pub up: u64,
    /// Milliseconds since the Unix epoch, by the wall clock.
    pub wall_ms: u64,
}

impl Moment {
    /// When this boot started, in Unix seconds; `None` while the clock was not set.
    pub fn started(self) -> Option<u64> {
        let wall = self.wall_ms / 1000;
        (wall >= SANE).then(|| wall.saturating_sub(self.up))
    }

    /// The wall clock in milliseconds; 0 while it was not set.
    pub fn sane_ms(self) -> u64 {
        if self.started().is_some() { self.wall_ms } else { 0 }
    }
}

/// The clocks, and since when the wall clock stands.
pub struct Clock {
    /// Another one after each boot.
    pub boot: String,
    read: Box<dyn Fn() -> Moment + Send>,
    /// This boot's start and the uptime at which it was first seen.
    seen: Option<(u64, u64)>,
}

impl Clock {
    /// The kernel's.
    pub fn of_this_machine() -> Self {
        let read = || {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let up = u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or_default();
            Moment { up, wall_ms: u64::try_from(wall.as_millis()).unwrap_or_default() }
        };
        // Without an id each run counts as a boot.
        let boot = Machine::default().boot_id().unwrap_or_else(|| format!("run-{}", read().wall_ms));
        Self::new(boot, read)
    }

    /// Any other, for tests.
    pub fn new(boot: String, read: impl Fn() -> Moment + Send + 'static) -> Self {
        Self { boot, read: Box::new(read), seen: None }
    }

    /// Now.
    pub fn now(&mut self) -> Moment {
        let now = (self.read)();
        self.seen = now.started().map(|started| match self.seen {
            Some(seen) if seen.0.abs_diff(started) <= STEP => seen,
            _ => (started, now.up),
        });
        now
    }

    /// This boot's start, where it can be relied upon.
    pub fn settled(&self, now: Moment) -> Option<u64> {
        self.seen.filter(|(_, since)| now.up.saturating_sub(*since) >= SETTLED).map(|(started, _)| started)
    }
}

/// Seconds since an entry of another boot, which started at `theirs`, was written `up` seconds into it.
pub fn age_over_boots(ours: Option<u64>, now: Moment, theirs: Option<u64>, up: u64) -> u64 {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours + now.up).saturating_sub(theirs + up),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_clock_counts_once_it_stands_still() {
        let (up, wall) = (Arc::new(AtomicU64::new(5)), Arc::new(AtomicU64::new(5)));
        let read = (Arc::clone(&up), Arc::clone(&wall));
        let mut clock = Clock::new("a".into(), move || Moment {
            up: read.0.load(Ordering::Relaxed),
            wall_ms: read.1.load(Ordering::Relaxed) * 1000,
        });
        let mut at = |u: u64, w: u64| {
            up.store(u, Ordering::Relaxed);
            wall.store(w, Ordering::Relaxed);
            let now = clock.now();
            clock.settled(now)
        };
        assert_eq!(at(5, 5), None, "1970");
        assert_eq!(at(6000, 6000), None, "still 1970");
        assert_eq!(at(6010, SANE + 6010), None, "just set");
        assert_eq!(at(6610, SANE + 6611), Some(SANE), "it stood, but for drift");
        assert_eq!(at(6620, SANE + 9_000_000), None, "it stepped");
        assert_eq!(at(7220, SANE + 9_000_600), Some(SANE + 8_993_380));
        let now = Moment { up: 10, wall_ms: 0 };
        assert_eq!(age_over_boots(Some(SANE + 100), now, Some(SANE), 10), 100);
        assert_eq!(age_over_boots(None, now, Some(SANE), 10), 0);
        assert_eq!(age_over_boots(Some(SANE), now, Some(SANE + 100), 10), 0, "from the future");
    }
}
