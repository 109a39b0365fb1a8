//! Thermal care: while the board is hot, models work a smaller share of their time, so that the firmware need
//! not lower the clock of everything. [`Controller`] decides, a [`Dial`] tells the models' threads, and
//! `pipeline` keeps to it.

mod controller;

pub use controller::{Controller, INTERVAL};

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// The share of their time that models work, in eighths: 1, 3/4, 1/2, 1/4 or 1/8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u8);

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(8);
    /// What is left at once where the firmware holds the board back already.
    pub const QUARTER: Self = Self(2);

    /// One step down; from the last one there is none.
    #[must_use]
    pub const fn less(self) -> Self {
        Self(match self.0 {
            8 => 6,
            6 => 4,
            4 => 2,
            _ => 1,
        })
    }

    /// One step up; from the whole there is none.
    #[must_use]
    pub const fn more(self) -> Self {
        Self(match self.0 {
            1 => 2,
            2 => 4,
            4 => 6,
            _ => 8,
        })
    }

    /// How many eighths it is.
    #[must_use]
    pub const fn eighths(self) -> u8 {
        self.0
    }

    /// As a number, up to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 8.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            8 => f.write_str("1"),
            6 => f.write_str("3/4"),
            4 => f.write_str("1/2"),
            2 => f.write_str("1/4"),
            _ => f.write_str("1/8"),
        }
    }
}

/// The share of now: set in one place, read by the threads of all models with each frame.
#[derive(Debug)]
pub struct Dial(AtomicU8);

impl Default for Dial {
    fn default() -> Self {
        Self(AtomicU8::new(Share::WHOLE.0))
    }
}

impl Dial {
    /// What it is set to.
    #[must_use]
    pub fn share(&self) -> Share {
        Share(self.0.load(Ordering::Relaxed))
    }

    /// Sets it.
    pub fn set(&self, share: Share) {
        self.0.store(share.0, Ordering::Relaxed);
    }
}
