//! What a camera's two threads tell each other, and what commands tell them.

use crate::frame::Timestamp;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared by the threads that look at a camera, and by who gives them commands.
#[derive(Debug)]
pub struct Switches {
    start: Instant,
    /// Whether a model looks at all.
    detect: AtomicBool,
    /// The least score of a detection that is reported, as bits.
    threshold: AtomicU32,
    /// A picture of now was asked for.
    picture: AtomicBool,
    /// The model must look even if nothing moves.
    unsettled: AtomicBool,
    /// Milliseconds from `start` to the last frame of the camera; 0 before the first.
    last_frame: AtomicU64,
    /// Nanoseconds from `start` to the last frame that no model looked at, since nothing moved on it.
    last_still: AtomicU64,
}

impl Switches {
    /// A model looks, and `threshold` is the least score.
    #[must_use]
    pub fn new(threshold: f32) -> Self {
        Self {
            start: Instant::now(),
            detect: AtomicBool::new(true),
            threshold: AtomicU32::new(threshold.to_bits()),
            picture: AtomicBool::new(false),
            unsettled: AtomicBool::new(false),
            last_frame: AtomicU64::new(0),
            last_still: AtomicU64::new(0),
        }
    }

    /// Whether a model looks.
    #[must_use]
    pub fn detects(&self) -> bool {
        self.detect.load(Ordering::Relaxed)
    }

    /// Has the model look, or not.
    pub fn detect(&self, on: bool) {
        self.detect.store(on, Ordering::Relaxed);
    }

    /// The least score of a detection that is reported.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        f32::from_bits(self.threshold.load(Ordering::Relaxed))
    }

    /// Sets it.
    pub fn set_threshold(&self, threshold: f32) {
        self.threshold.store(threshold.to_bits(), Ordering::Relaxed);
    }

    /// Asks for a picture of now.
    pub fn ask_for_picture(&self) {
        self.picture.store(true, Ordering::Relaxed);
    }

    /// Whether a picture was asked for; it is not asked for any more then.
    #[must_use]
    pub fn take_picture_wish(&self) -> bool {
        self.picture.load(Ordering::Relaxed) && self.picture.swap(false, Ordering::Relaxed)
    }

    /// Whether the model must look even if nothing moves.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::Relaxed)
    }

    /// Says so.
    pub fn set_unsettled(&self, unsettled: bool) {
        self.unsettled.store(unsettled, Ordering::Relaxed);
    }

    /// The camera gave a frame.
    pub fn note_frame(&self) {
        self.last_frame.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// For how long it has given none.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.last_frame.load(Ordering::Relaxed)))
    }

    /// No model looked at the frame of this moment, since nothing moved on it.
    pub fn note_still(&self, captured: Timestamp) {
        let since = captured.instant.saturating_duration_since(self.start);
        self.last_still.store(since.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The last such moment, once.
    #[must_use]
    pub fn take_still(&self) -> Option<Instant> {
        match self.last_still.swap(0, Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.start + Duration::from_nanos(nanos)),
        }
    }
}
