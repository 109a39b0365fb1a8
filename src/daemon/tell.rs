//! What the daemon says of itself: to systemd, in the log, and on the topics `stats` and `info`.

use super::{Daemon, accelerators, report, thermal};
use crate::publish::Publication;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Daemon {
    /// READY once a frame was processed or every camera has ended its first attempt, or `anyway`.
    pub(super) fn tell_ready(&mut self, anyway: bool) {
        if self.ready {
            return;
        }
        let known = || self.fleet.cameras.values().map(|camera| &camera.known);
        let processed = known().any(|k| k.processed.load(Ordering::Acquire) > 0);
        if anyway || processed || known().all(|k| k.attempted.load(Ordering::Acquire)) {
            self.ready = true;
            self.notifier.ready(&self.status());
            log::info!("ready after {} ms: {}", self.started.elapsed().as_millis(), self.status());
        }
    }

    /// A line for `systemctl status`.
    pub(super) fn status(&self) -> String {
        let online = self.fleet.cameras.values().filter(|c| c.known.online.load(Ordering::Relaxed)).count();
        let slowed = thermal::in_words(&self.context.dial);
        let accelerators = accelerators::in_words();
        format!("{online} of {} cameras online{slowed}{accelerators}", self.fleet.cameras.len())
    }

    pub(super) fn tell_stats(&mut self) {
        let lost = self.recorder.lost.load(Ordering::Relaxed);
        if lost > self.events_lost {
            log::warn!("events come faster than they can be written down: {lost} were lost so far");
            self.events_lost = lost;
        }
        let thermal = thermal::figures(self.config.thermal, &self.context.dial);
        let (mqtt, outbox) = (self.publishing.figures(), self.publishing.outbox());
        let accelerators = accelerators::figures();
        let figures = report::Figures { mqtt, outbox, lost, thermal, accelerators };
        let stats = self.stats.collect(&self.fleet, &figures);
        self.context.sink.publish(&Publication::Stats(&stats));
        self.notifier.status(&self.status());
    }

    /// Publishes `info` from a thread of its own, since checksums take a while.
    pub(super) fn tell_info(&self) {
        let (runtime, sink) = (Arc::clone(&self.runtime), Arc::clone(&self.context.sink));
        let models = report::models(&self.fleet);
        let cameras: Vec<String> = self.config.cameras.iter().map(|c| c.name.clone()).collect();
        let work = move || sink.publish(&Publication::Info(&report::info(&runtime, &models, &cameras)));
        if let Err(e) = std::thread::Builder::new().name("info".to_owned()).spawn(work) {
            log::warn!("start a thread for the info topic: {e}");
        }
    }
}
