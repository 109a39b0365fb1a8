//! Events and their pictures, kept in order on the disk until the broker has acknowledged them: bounded, safe
//! from a crash, sparing with an SD card. One thread owns the disk; nothing else ever waits for it.
//!
//! What [`Outbox::next`] hands out was committed before, so that it survives a `kill -9`; a power cut takes at
//! most what came within the last [`Limits::sync_interval`]. A folder that can't be used, or a full disk, is told
//! once, and entries are held in memory until it is mended.

mod boot;
mod clock;
mod disk;
mod entry;
mod files;
mod found;
mod keeper;
mod memory;
mod mend;
mod numbers;
mod prefetch;
mod room;
mod schema;
mod shared;
mod window;

#[cfg(test)]
mod tests;

pub use entry::{Entry, Figures, Limits, Parcel, Write};

use clock::Clock;
use keeper::Keeper;
use shared::Shared;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Between two attempts to use a folder that failed.
const RETRY: Duration = Duration::from_secs(30);
/// How long [`Outbox::stop`] waits for the disk.
const STOP: Duration = Duration::from_secs(3);
/// How long [`Outbox::kept`] waits for the folder to be opened.
const OPEN: Duration = Duration::from_secs(5);

/// The queue. Shared in an [`Arc`]; its thread ends with [`Outbox::stop`], or when it is dropped.
pub struct Outbox {
    shared: Arc<Shared>,
}

impl Outbox {
    /// Opens `folder`, made where it is missing, on a thread of its own. Never fails: see the head of this module.
    ///
    /// `close` makes the payload of the end of an event that was open when the last run ended, from the event's
    /// last payload and the end's number. Those ends are queued first, in one transaction.
    #[must_use]
    pub fn start(
        folder: PathBuf,
        limits: Limits,
        close: impl Fn(&[u8], u64) -> Vec<u8> + Send + 'static,
    ) -> Self {
        Self::start_with(folder, limits, RETRY, Clock::of_this_machine(), Box::new(close))
    }

    fn start_with(
        folder: PathBuf,
        limits: Limits,
        retry: Duration,
        clock: Clock,
        close: keeper::Close,
    ) -> Self {
        let shared = Arc::new(Shared::new(limits));
        let keeper = Keeper::new(Arc::clone(&shared), folder, limits, retry, clock, close);
        let spawned = std::thread::Builder::new().name("outbox".to_owned()).spawn(move || keeper.run());
        if let Err(e) = spawned {
            log::error!("start the thread of the outbox: {e}; no event leaves");
            shared.end();
        }
        Self { shared }
    }

    /// Queues an entry; it may be handed out once it is on the disk. From any thread, never blocks: what comes
    /// faster than the disk takes it is dropped and counted.
    pub fn record(&self, entry: Entry) {
        self.shared.record(entry);
    }

    /// Resolves when [`Outbox::next`] has something to give. For one task.
    pub async fn ready(&self) {
        self.shared.ready().await;
    }

    /// A new connection: begins anew with the oldest entry that was not acknowledged.
    pub fn rewind(&self) {
        self.shared.rewind();
    }

    /// The next entry in order; `None` when there is none, or when 128 entries or 4 MiB are unacknowledged.
    #[must_use]
    pub fn next(&self) -> Option<Parcel> {
        self.shared.next()
    }

    /// The broker has the entry: it is removed, from the disk a little later.
    pub fn acknowledge(&self, number: u64) {
        self.shared.acknowledge(number);
    }

    /// How full it is, and what was lost.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }

    /// Keeps a small value over restarts, within [`Limits::sync_interval`]; an empty one removes the key.
    pub fn keep(&self, key: &str, value: Vec<u8>) {
        self.shared.keep(key, value);
    }

    /// What was kept, by this run or an earlier one. Waits until the folder was opened, five seconds at most: ask
    /// at the start, not on a task.
    #[must_use]
    pub fn kept(&self, key: &str) -> Option<Vec<u8>> {
        self.shared.kept(key, OPEN)
    }

    /// New limits, from the next entry on.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.set_limits(limits);
    }

    /// Writes what is left and closes the folder; blocks for three seconds at most. What is recorded later is
    /// dropped.
    pub fn stop(&self) {
        if !self.shared.stop(STOP) {
            log::warn!("the outbox's disk does not answer; what was recorded last may be lost");
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("figures", &self.figures()).finish()
    }
}
