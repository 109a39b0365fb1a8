//! Proof of progress: every supervised thread beats its [`Pulse`] within its own deadline, and the
//! watchdog is fed only while all of them do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// All supervised threads. Clones watch over the same ones.
#[derive(Clone, Debug)]
pub struct Vitals {
    start: Instant,
    pulses: Arc<Mutex<Vec<Weak<Inner>>>>,
}

/// One thread's proof of progress. Dropping it ends the supervision.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    deadline: Duration,
    start: Instant,
    /// Milliseconds from `start` to the last beat.
    last_ms: AtomicU64,
}

impl Default for Vitals {
    fn default() -> Self {
        Self { start: Instant::now(), pulses: Arc::default() }
    }
}

impl Vitals {
    /// Supervises a thread that promises to beat at least every `deadline`, from now on.
    #[must_use]
    pub fn register(&self, name: impl Into<String>, deadline: Duration) -> Pulse {
        let last_ms = AtomicU64::new(millis(self.start.elapsed()));
        let inner = Arc::new(Inner { name: name.into(), deadline, start: self.start, last_ms });
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        pulses.retain(|p| p.strong_count() > 0);
        pulses.push(Arc::downgrade(&inner));
        Pulse(inner)
    }

    /// The first thread that missed its deadline, in words, if any did.
    #[must_use]
    pub fn stuck(&self) -> Option<String> {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        pulses.iter().filter_map(Weak::upgrade).find_map(|pulse| {
            let silent = self
                .start
                .elapsed()
                .saturating_sub(Duration::from_millis(pulse.last_ms.load(Ordering::Relaxed)));
            (silent > pulse.deadline)
                .then(|| format!("{} made no progress for {:.0} s", pulse.name, silent.as_secs_f64()))
        })
    }
}

impl Pulse {
    /// Proves progress.
    pub fn beat(&self) {
        self.0.last_ms.store(millis(self.0.start.elapsed()), Ordering::Relaxed);
    }
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_thread_is_named_until_it_beats_or_ends() {
        let vitals = Vitals::default();
        let pulse = vitals.register("capture of porch", Duration::from_millis(5));
        assert_eq!(vitals.stuck(), None);
        std::thread::sleep(Duration::from_millis(20));
        assert!(vitals.stuck().expect("it is silent").contains("capture of porch"));
        pulse.beat();
        assert_eq!(vitals.stuck(), None);
        std::thread::sleep(Duration::from_millis(20));
        drop(pulse);
        assert_eq!(vitals.stuck(), None);
    }
}
