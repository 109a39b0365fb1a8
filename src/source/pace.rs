//! Two ways to a steady rate: [`Pace`] waits for the next moment (sources that make their own frames),
//! [`Limit`] lets only some of the frames of a faster source through. Both keep their phase.

use crate::shutdown::Shutdown;
use std::time::{Duration, Instant};

/// Waits so that it returns `fps` times a second.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    due: Option<Instant>,
}

impl Pace {
    /// A pace of `fps` a second; without one it never waits.
    #[must_use]
    pub fn new(fps: Option<f64>) -> Self {
        Self { interval: interval(fps), due: None }
    }

    /// Waits for the next moment; true when the shutdown ended the wait. One who is late by more than
    /// an interval is not hurried afterwards.
    #[must_use]
    pub fn wait(&mut self, shutdown: &Shutdown) -> bool {
        let now = Instant::now();
        let due = self.due.filter(|due| *due + self.interval > now).unwrap_or(now);
        self.due = Some(due + self.interval);
        shutdown.sleep(due.saturating_duration_since(now))
    }
}

/// Picks frames so that at most `fps` a second pass, evenly and tolerant of jitter: of each moment that
/// is due the nearest frame, so 30 to 5 frames a second is every sixth.
#[derive(Debug)]
pub struct Limit {
    interval: Duration,
    due: Option<Instant>,
    last: Option<Instant>,
    /// Between the frames offered, smoothed.
    period: Duration,
}

impl Limit {
    /// A limit of `fps` a second; without one all pass.
    #[must_use]
    pub fn new(fps: Option<f64>) -> Self {
        Self { interval: interval(fps), due: None, last: None, period: Duration::ZERO }
    }

    /// Whether a frame captured at `at` passes.
    #[must_use]
    pub fn passes(&mut self, at: Instant) -> bool {
        let step = self.last.replace(at).map(|last| at.saturating_duration_since(last).min(self.interval));
        self.period = match step {
            Some(step) if self.period.is_zero() => step,
            Some(step) => (self.period * 7 + step) / 8,
            None => self.period,
        };
        let Some(due) = self.due else {
            self.due = Some(at + self.interval);
            return true;
        };
        if at + self.period / 2 < due {
            // A clock that went far back must not silence the camera.
            if due - at > 2 * self.interval {
                self.due = None;
            }
            return false;
        }
        self.due = Some((due + self.interval).max(at + self.interval / 2));
        true
    }

    /// For who would rather wait than drop: how long until one passes at `now`, or `None` when it has
    /// passed.
    #[must_use]
    pub fn wait(&mut self, now: Instant) -> Option<Duration> {
        if self.passes(now) { None } else { Some(self.due?.saturating_duration_since(now)) }
    }
}

fn interval(fps: Option<f64>) -> Duration {
    fps.and_then(|fps| Duration::try_from_secs_f64(1.0 / fps).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Indices of the frames that pass, of `n` frames at `from` a second, each late by up to `jitter_ms`.
    fn passed(from: f64, to: f64, n: u32, jitter_ms: u64) -> Vec<u32> {
        let start = Instant::now();
        let mut limit = Limit::new(Some(to));
        let jitter = |i: u32| Duration::from_millis(u64::from(i * 7919 % 13) * jitter_ms / 13);
        (0..n)
            .filter(|&i| limit.passes(start + Duration::from_secs_f64(f64::from(i) / from) + jitter(i)))
            .collect()
    }

    #[test]
    fn thirty_to_five_is_every_sixth_even_with_jitter() {
        for jitter in [0, 8, 15] {
            let frames = passed(30.0, 5.0, 300, jitter);
            assert!(frames.windows(2).all(|w| (5..=7).contains(&(w[1] - w[0]))), "{jitter} ms: {frames:?}");
            assert_eq!(frames.len(), 50, "{jitter} ms");
        }
        assert!(passed(30.0, 5.0, 300, 0).windows(2).all(|w| w[1] - w[0] == 6));
    }

    #[test]
    fn the_mean_rate_is_kept_where_the_rates_do_not_divide() {
        for (to, expected) in [(20.0, 400), (25.0, 500), (7.0, 140)] {
            let n = passed(30.0, to, 600, 5).len();
            assert!((expected - 3..=expected + 3).contains(&n), "{to} fps: {n} of 600");
        }
    }

    #[test]
    fn a_limit_of_the_cameras_own_rate_or_none_drops_nothing() {
        assert_eq!(passed(29.97, 30.0, 1000, 6).len(), 1000);
        assert_eq!(passed(30.0, 60.0, 100, 6).len(), 100);
        let (mut limit, now) = (Limit::new(None), Instant::now());
        assert!(limit.passes(now) && limit.passes(now));
    }

    #[test]
    fn a_clock_that_went_back_does_not_silence_the_camera() {
        let mut limit = Limit::new(Some(10.0));
        let now = Instant::now();
        assert!(limit.passes(now + Duration::from_secs(60)));
        assert!(!limit.passes(now));
        assert!(limit.passes(now + Duration::from_millis(1)));
    }

    #[test]
    fn a_pace_keeps_its_rate_and_ends_at_shutdown() {
        let shutdown = Shutdown::new();
        let mut pace = Pace::new(Some(100.0));
        let start = Instant::now();
        for _ in 0..11 {
            assert!(!pace.wait(&shutdown));
        }
        assert!(start.elapsed() >= Duration::from_millis(99));
        let mut slow = Pace::new(Some(0.01));
        assert!(!slow.wait(&shutdown));
        shutdown.trigger();
        assert!(slow.wait(&shutdown));
    }
}
