//! The share of their time that models work, kept to.
//!
//! Two measures, and the stricter one holds. Of all frames that a camera gives, the share is looked at: that
//! slows a model that is faster than its cameras. After a look that took `t` the model rests until `t / share`
//! has passed since it began: that slows one that is always busy, whatever its cameras give. Either way it does
//! the share of what it would have done. During a rest frames are overwritten where they lie, as they are when
//! a model is slow, so that cameras go on taking turns and files wait.

use crate::thermal::{Dial, Share};
use std::time::{Duration, Instant};

/// What a look costs, in eighths of a frame.
const LOOK: u64 = 8;

/// No rest is longer, so that a camera is not taken for silent.
const LONGEST: Duration = Duration::from_secs(20);

/// Slows the looks of one model.
#[derive(Debug)]
pub struct Brake<'a> {
    dial: &'a Dial,
    share: Share,
    /// By camera.
    purses: Vec<Purse>,
    /// The model rests until then.
    until: Option<Instant>,
}

/// Eighths of a frame that a camera has to spend, and how many of its frames were overwritten so far.
#[derive(Clone, Copy, Debug)]
struct Purse {
    eighths: u64,
    dropped: u64,
}

impl<'a> Brake<'a> {
    /// For a model of so many cameras, as `dial` says.
    pub fn new(dial: &'a Dial, cameras: usize) -> Self {
        let purses = vec![Purse { eighths: LOOK, dropped: 0 }; cameras];
        Self { dial, share: Share::WHOLE, purses, until: None }
    }

    /// For how long the model goes on resting.
    pub fn rest(&self, now: Instant) -> Duration {
        if self.dial.share() == Share::WHOLE {
            return Duration::ZERO;
        }
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Whether the model may look at a frame of `camera`, of whose frames `dropped` were overwritten so far.
    pub fn may_look(&mut self, camera: usize, dropped: u64) -> bool {
        self.share = self.dial.share();
        let share = u64::from(self.share.eighths());
        let purse = &mut self.purses[camera];
        let frames = 1 + dropped.saturating_sub(purse.dropped).min(LOOK);
        // No more is saved up than one look and what a frame brings.
        purse.eighths = (purse.eighths + frames * share).min(LOOK + share);
        purse.dropped = dropped;
        purse.eighths >= LOOK
    }

    /// The model looks at that frame from `now` on; the look before took `took`.
    pub fn look(&mut self, camera: usize, now: Instant, took: Duration) {
        let purse = &mut self.purses[camera];
        purse.eighths = purse.eighths.saturating_sub(LOOK);
        self.until = Some(now + (took * 8 / u32::from(self.share.eighths())).min(LONGEST));
    }
}
