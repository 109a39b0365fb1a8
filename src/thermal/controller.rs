//! From the board's temperature to a share of the models' time. Pure: time is counted in readings.

use super::Share;
use crate::telemetry::machine::{Figures, Throttling};
use std::time::Duration;

/// Between two readings.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Readings between two steps down, in which the board can answer: 10 s.
const ANSWER: u32 = 2;
/// Readings in a row that must be cool for a step up: 30 s.
const REST: u32 = 6;
/// The same after steps up that did not last: it doubles up to 4 minutes, until the whole share has kept cool
/// for as long.
const LONGEST_REST: u32 = 48;
/// Readings that may fail before the last one that did not is out of date: a minute.
const PATIENCE: u32 = 12;
/// °C below the limit from which on it is cool.
const HYSTERESIS: f64 = 5.0;
/// °C from which on the firmware of every Pi lowers the clock
/// (<https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#frequency-management-and-thermal-control>).
const FIRMWARE: f64 = 80.0;
/// °C that a board can have on which a program runs; what is outside is a broken sensor.
const PLAUSIBLE: std::ops::Range<f64> = 0.1..130.0;

/// Holds the temperature at a limit. Without a sensor it never asks for less than the whole.
#[derive(Clone, Debug)]
pub struct Controller {
    limit: f64,
    share: Share,
    /// The last plausible reading, °C, while it is not out of date.
    temperature: Option<f64>,
    /// Readings since then.
    blind: u32,
    /// Readings since the last step.
    settled: u32,
    /// Readings in a row that were cool.
    cool: u32,
    /// As many make a step up.
    rest: u32,
    /// The last step was one up.
    rising: bool,
}

impl Controller {
    /// One that begins with the whole and holds the temperature at `limit`, in °C.
    #[must_use]
    pub const fn new(limit: f64) -> Self {
        Self {
            limit,
            share: Share::WHOLE,
            temperature: None,
            blind: 0,
            settled: ANSWER,
            cool: 0,
            rest: REST,
            rising: false,
        }
    }

    /// Another limit from the next reading on.
    pub const fn set_limit(&mut self, limit: f64) {
        (self.limit, self.cool, self.rest) = (limit, 0, REST);
    }

    /// The share now.
    #[must_use]
    pub const fn share(&self) -> Share {
        self.share
    }

    /// In °C, as last read; absent where there is no sensor, or none that was plausible for a minute.
    #[must_use]
    pub const fn temperature(&self) -> Option<f64> {
        self.temperature
    }

    /// Takes in a reading, an [`INTERVAL`] after the one before; the share that is another one now, if it is.
    pub fn heed(&mut self, figures: &Figures) -> Option<Share> {
        let before = self.share;
        self.settled = self.settled.saturating_add(1);
        if let Some(t) = figures.temperature_c.filter(|t| PLAUSIBLE.contains(t)) {
            (self.temperature, self.blind) = (Some(t), 0);
        } else {
            self.blind = self.blind.saturating_add(1);
            if self.blind < PATIENCE {
                return None;
            }
            self.temperature = None;
        }
        match self.temperature {
            Some(t) if t >= self.limit => {
                self.hot(t >= FIRMWARE || is_throttled(figures.throttling.as_ref()));
            }
            Some(t) if t >= self.limit - HYSTERESIS => self.cool = 0,
            _ => self.cool(),
        }
        (self.share != before).then_some(self.share)
    }

    fn hot(&mut self, throttled: bool) {
        self.cool = 0;
        let share = if throttled && self.share > Share::QUARTER {
            Share::QUARTER
        } else if self.settled >= ANSWER {
            self.share.less()
        } else {
            return;
        };
        if share == self.share {
            return;
        }
        if std::mem::take(&mut self.rising) {
            self.rest = (self.rest * 2).min(LONGEST_REST);
        }
        (self.share, self.settled) = (share, 0);
    }

    fn cool(&mut self) {
        self.cool = self.cool.saturating_add(1);
        if self.share == Share::WHOLE {
            if self.cool >= LONGEST_REST {
                (self.rest, self.rising) = (REST, false);
            }
        } else if self.cool >= self.rest {
            (self.share, self.rising) = (self.share.more(), true);
            (self.settled, self.cool) = (0, 0);
        }
    }
}

/// Whether the firmware has lowered the clock. Its soft limit is no reason: on a Pi 3B+ that is 60 °C and costs
/// a seventh of the clock. The other flags may stand for a weak power supply, so they count on a hot board only.
fn is_throttled(throttling: Option<&Throttling>) -> bool {
    throttling.is_some_and(|t| t.now.iter().any(|flag| ["throttled", "frequency_capped"].contains(flag)))
}

#[cfg(test)]
mod tests;
