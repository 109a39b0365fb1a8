//! The end, in order.

use super::fleet::{Fleet, ended};
use super::{Daemon, End};
use crate::control;
use std::time::Duration;

/// Threads that don't end within this are left to the end of the process.
const STOP_WITHIN: Duration = Duration::from_millis(1800);

/// For what is in view to end, and for the pictures that are being made.
const LAST_EVENTS_WITHIN: Duration = Duration::from_millis(400);

/// For the models to answer the last frames of files.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(30);

impl Daemon {
    /// Cameras and models end and `offline` goes out side by side. At the end of all files the last
    /// answers go out first.
    pub(super) async fn stop(&mut self, end: End) {
        self.shutdown.trigger();
        if end == End::NoMoreFrames {
            self.fleet.finish();
            Self::wait_for(&self.fleet, LAST_ANSWERS_WITHIN).await;
        }
        self.fleet.stop();
        // The last events go out before `offline`.
        ended(LAST_EVENTS_WITHIN, || self.fleet.is_blind()).await;
        self.context.reports = None;
        self.recorder.finish();
        ended(LAST_EVENTS_WITHIN, || self.recorder.is_stopped()).await;
        tokio::join!(Self::wait_for(&self.fleet, STOP_WITHIN), self.publishing.stop());
        self.fleet.let_go();
        if let Some(task) = self.control.take() {
            let _ = tokio::time::timeout(2 * control::LAST_VERDICT_WITHIN, task).await;
        }
    }

    async fn wait_for(fleet: &Fleet, within: Duration) {
        if !ended(within, || fleet.is_stopped()).await {
            log::warn!("a thread did not end within {within:?}");
        }
    }
}
