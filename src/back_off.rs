//! Waits between attempts to open a camera.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Waits that double from `first` to `cap`, each shortened by up to a quarter at random, so that many
/// cameras behind one fault do not come back in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), cap: Duration::from_secs(30) }
    }
}

impl BackOff {
    /// The waits from the first on.
    #[must_use]
    pub fn delays(self) -> Delays {
        Delays { next: self.first, cap: self.cap }
    }
}

/// A run of waits.
#[derive(Debug)]
pub struct Delays {
    next: Duration,
    cap: Duration,
}

impl Delays {
    /// How long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.next.min(self.cap);
        self.next = delay * 2;
        let random = RandomState::new().hash_one(0) % 1024;
        delay.saturating_sub(delay / 4 * random as u32 / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_with_jitter_below() {
        let mut delays = BackOff::default().delays();
        for full in [1, 2, 4, 8, 16, 30, 30, 30].map(Duration::from_secs) {
            let delay = delays.next_delay();
            assert!(delay <= full && delay >= full / 4 * 3, "{delay:?} of {full:?}");
        }
    }
}
