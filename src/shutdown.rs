//! One token that ends every wait, of threads and of tasks alike.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A shared, one-way switch: once triggered it stays so. Clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    triggered: Mutex<bool>,
    threads: Condvar,
    tasks: Notify,
}

impl Shutdown {
    /// A switch nobody has triggered.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every wait, now and in future.
    pub fn trigger(&self) {
        *self.0.triggered.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.threads.notify_all();
        self.0.tasks.notify_waiters();
    }

    /// Whether it has been triggered.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        *self.0.triggered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for `duration` or until triggered; true when triggered.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> bool {
        let deadline = Instant::now() + duration;
        let mut triggered = self.0.triggered.lock().unwrap_or_else(PoisonError::into_inner);
        while !*triggered {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            triggered =
                self.0.threads.wait_timeout(triggered, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Resolves once triggered.
    pub async fn triggered(&self) {
        loop {
            let notified = self.0.tasks.notified();
            let mut notified = std::pin::pin!(notified);
            notified.as_mut().enable();
            if self.is_triggered() {
                return;
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_ends_a_sleep_and_is_remembered() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.sleep(Duration::from_millis(1)));
        let other = shutdown.clone();
        let sleeper = std::thread::spawn(move || other.sleep(Duration::from_secs(60)));
        shutdown.trigger();
        assert!(sleeper.join().expect("the sleeper does not panic"));
        assert!(shutdown.sleep(Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn a_task_that_waits_later_still_hears_it() {
        let shutdown = Shutdown::new();
        shutdown.trigger();
        shutdown.triggered().await;
    }
}
