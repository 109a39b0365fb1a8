//! What subscribers are promised to get: events, their pictures, and what the next run must know, on their
//! way into the outbox.

use super::Publication;
use super::outbox::{Entry, Figures, Limits, Outbox};
use crate::event::{Parked, ended_by_restart};
use crate::telemetry::clock::Clock;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The outbox, once there is a broker to send to.
#[derive(Debug, Default)]
pub struct Post {
    outbox: OnceLock<Outbox>,
    clock: Arc<Clock>,
}

impl Post {
    /// Opens the outbox in `folder`; what was open when the last run ended is ended. Later calls only change
    /// the limits.
    pub fn open(&self, folder: PathBuf, limits: Limits) {
        if let Some(outbox) = self.outbox.get() {
            return outbox.set_limits(limits);
        }
        // The first events come a while after the first question.
        let _ = self.clock.is_synced();
        let clock = Arc::clone(&self.clock);
        let close =
            move |last: &[u8], seq: u64| ended_by_restart(last, &clock.stamp(seq)).unwrap_or_default();
        let _ = self.outbox.set(Outbox::start(folder, limits, close));
    }

    /// The outbox, where there is one.
    pub fn outbox(&self) -> Option<&Outbox> {
        self.outbox.get()
    }

    /// What stood where before a camera when the last run ended.
    #[must_use]
    pub fn parked(&self, camera: &str) -> Vec<Parked> {
        let kept = self.outbox().and_then(|outbox| outbox.kept(&format!("parked/{camera}")));
        kept.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// What waits, and what was dropped.
    pub fn figures(&self) -> Option<Figures> {
        self.outbox().map(Outbox::figures)
    }

    /// Puts into the outbox what belongs there.
    pub fn publish(&self, publication: &Publication<'_>) {
        let Some(outbox) = self.outbox() else { return };
        match publication {
            Publication::Event(event) => {
                let (event, clock) = ((*event).clone(), Arc::clone(&self.clock));
                outbox.record(Entry::Event {
                    id: event.after.id.to_string(),
                    camera: event.after.camera.to_string(),
                    topic: "events".to_owned(),
                    open: event.after.end_time.is_none(),
                    write: Box::new(move |seq| event.to_json(&clock.stamp(seq))),
                });
            }
            Publication::Snapshot { camera, of: Some(label), jpeg } => {
                outbox.record(Entry::Picture {
                    topic: format!("{camera}/{label}/snapshot"),
                    jpeg: jpeg.clone(),
                });
            }
            Publication::Parked { camera, places } => {
                if let Ok(text) = serde_json::to_vec(places) {
                    outbox.keep(&format!("parked/{camera}"), text);
                }
            }
            _ => {}
        }
    }
}
