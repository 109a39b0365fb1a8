//! Which frames may be worth saving, by what the model answered and when.

use crate::config;
use std::time::{Duration, Instant};

/// Why a frame is worth labelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The model is unsure of something on it.
    Uncertain,
    /// It looks like none before.
    Scene,
    /// The model sees nothing on it.
    Negative,
}

impl Reason {
    /// In a file's name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Uncertain => "uncertain",
            Self::Scene => "scene",
            Self::Negative => "negative",
        }
    }
}

/// The judge of one camera's frames.
#[derive(Debug)]
pub struct Worth {
    interval: Duration,
    uncertain: [f32; 2],
    negatives: Option<Duration>,
    last: Option<Instant>,
    last_uncertain: Option<Instant>,
    last_negative: Option<Instant>,
}

impl Worth {
    /// As the config has it.
    #[must_use]
    pub const fn new(config: &config::Collect) -> Self {
        let config::Collect { interval, uncertain, negatives, .. } = config;
        Self {
            interval: *interval,
            uncertain: *uncertain,
            negatives: *negatives,
            last: None,
            last_uncertain: None,
            last_negative: None,
        }
    }

    /// The least score that says something.
    #[must_use]
    pub const fn floor(&self) -> f32 {
        self.uncertain[0]
    }

    /// The reason to look at a frame of `now` with these scores: an uncertain one each interval, and another each
    /// interval.
    pub fn judge(&mut self, now: Instant, scores: impl Iterator<Item = f32>) -> Option<Reason> {
        let since = |then: Option<Instant>| then.map(|then| now.saturating_duration_since(then));
        let early = |then| since(then).is_some_and(|passed| passed < self.interval);
        let [low, high] = self.uncertain;
        let (mut unsure, mut any) = (false, false);
        for score in scores.filter(|&score| score >= low) {
            (unsure, any) = (unsure || score <= high, true);
        }
        let due = |every: Duration| since(self.last_negative).is_none_or(|passed| passed >= every);
        if unsure && !early(self.last_uncertain) {
            self.last_uncertain = Some(now);
            return Some(Reason::Uncertain);
        }
        if early(self.last) {
            return None;
        }
        let reason = if !any && self.negatives.is_some_and(due) {
            self.last_negative = Some(now);
            Reason::Negative
        } else {
            Reason::Scene
        };
        self.last = Some(now);
        Some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_an_interval_for_the_best_reason() {
        let config = config::Collect {
            path: None,
            max_bytes: 1 << 20,
            interval: Duration::from_secs(10),
            uncertain: [0.2, 0.6],
            negatives: Some(Duration::from_secs(60)),
        };
        let (mut worth, start) = (Worth::new(&config), Instant::now());
        let mut at = |seconds: u64, scores: &[f32]| {
            worth.judge(start + Duration::from_secs(seconds), scores.iter().copied())
        };
        assert_eq!(at(0, &[0.9, 0.3]), Some(Reason::Uncertain));
        assert_eq!(at(1, &[0.9]), Some(Reason::Scene));
        assert_eq!(at(9, &[0.4]), None);
        assert_eq!(at(11, &[0.9, 0.4]), Some(Reason::Uncertain));
        assert_eq!(at(12, &[0.9]), Some(Reason::Scene));
        assert_eq!(at(22, &[0.1]), Some(Reason::Negative));
        assert_eq!(at(32, &[]), Some(Reason::Scene));
        assert_eq!(at(80, &[]), Some(Reason::Scene));
        assert_eq!(at(90, &[]), Some(Reason::Negative));
        let mut never = Worth::new(&config::Collect { negatives: None, ..config });
        assert_eq!(never.judge(start, std::iter::empty()), Some(Reason::Scene));
    }
}
