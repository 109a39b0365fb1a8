//! What is known of one object, and what of it was told.

use super::{Best, State};
use crate::zone::{Presence, ZoneSet};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// The wall clock was set, not slewed, when it moved by more than this against the monotonic one.
const CLOCK_STEP: f64 = 1.0;

/// An object and what was told of it.
#[derive(Debug)]
pub struct Known {
    pub first_seen: Duration,
    pub last_seen: Duration,
    pub now: State,
    pub told: Option<State>,
    pub told_at: Duration,
    pub presence: Presence,
    pub zones: ZoneSet,
    pub best: Best,
    pub pictured_at: Duration,
}

impl Known {
    /// Whether something is other than was told, but for what is other on each frame.
    pub fn is_changed(&self) -> bool {
        self.told.as_ref().is_none_or(|told| {
            let now = &self.now;
            let named = |state: &State| state.sub_label.as_ref().map(|(label, _)| Arc::clone(label));
            told.current_zones != now.current_zones
                || told.entered_zones != now.entered_zones
                || told.stationary != now.stationary
                || named(told) != named(now)
        })
    }

    /// After a step of the wall clock its times are told by the new one.
    pub fn heed_clock(&mut self, at: Duration, unix: f64) {
        let start = unix - at.saturating_sub(self.first_seen).as_secs_f64();
        let step = start - self.now.start_time;
        if step.abs() > CLOCK_STEP {
            self.now.start_time += step;
            self.now.frame_time += step;
            if let Some(shot) = &mut self.now.snapshot {
                shot.frame_time += step;
            }
        }
    }
}

/// `<start>-` and six characters of `a-z0-9`, as Frigate has it.
pub fn id(start_time: f64, seed: &str, camera: &str, number: u64) -> String {
    const CHARACTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let digest = Sha256::digest(format!("{seed}\n{camera}\n{number}"));
    let suffix: String =
        digest.iter().take(6).map(|&byte| char::from(CHARACTERS[usize::from(byte) % 36])).collect();
    format!("{start_time:.6}-{suffix}")
}
