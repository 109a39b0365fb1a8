//! Whether what a source delivers is of use: frames look whole to the capture, and only preparing them for
//! the model shows whether they can be decoded.

use super::CaptureCounters;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What became of the frames of an open source, seen from its capture.
#[derive(Debug)]
pub(super) struct Refusals {
    used: u64,
    refused: u64,
    /// The first refusal since a frame was of use.
    since: Option<Instant>,
    /// A frame was of use.
    pub any_used: bool,
}

impl Refusals {
    /// From now on.
    pub fn new(counters: &CaptureCounters) -> Self {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Self { used: count(&counters.used), refused: count(&counters.refused), since: None, any_used: false }
    }

    /// For how long one frame after the other has been refused.
    pub fn last(&mut self, counters: &CaptureCounters, now: Instant) -> Duration {
        let before = std::mem::replace(self, Self { since: self.since, ..Self::new(counters) });
        self.any_used = before.any_used || self.used != before.used;
        if self.used != before.used {
            self.since = None;
        } else if self.refused != before.refused {
            return now - *self.since.get_or_insert(now);
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_in_a_row_add_up() {
        let counters = CaptureCounters::default();
        let (mut refusals, start) = (Refusals::new(&counters), Instant::now());
        let mut at = |second, used, refused| {
            counters.used.fetch_add(used, Ordering::Relaxed);
            counters.refused.fetch_add(refused, Ordering::Relaxed);
            (refusals.last(&counters, start + Duration::from_secs(second)).as_secs(), refusals.any_used)
        };
        assert_eq!([at(0, 0, 1), at(5, 0, 1)], [(0, false), (5, false)]);
        // Nobody looks at frames while the model is busy: that is no refusal.
        assert_eq!(at(9, 0, 0), (0, false));
        assert_eq!([at(10, 1, 0), at(11, 0, 1), at(13, 0, 2)], [(0, true), (0, true), (2, true)]);
    }
}
