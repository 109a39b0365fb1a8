//! Whether the clock can be believed: a Pi has none of its own, and begins with the time it last knew.

use super::machine::Machine;
use crate::event::Stamp;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Made by systemd-timesyncd when it has set the clock (systemd-timesyncd.service(8)).
pub(crate) const MARK: &str = "/run/systemd/timesync/synchronized";
/// Between two questions while the answer is no.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// What is known of the clock.
#[derive(Debug)]
pub struct Clock {
    boot_id: Option<String>,
    start: Instant,
    /// `UNKNOWN`, `NO` or `YES`.
    answer: Arc<AtomicU8>,
    /// Seconds from `start` to the next question.
    ask_at: AtomicU64,
}

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

impl Default for Clock {
    fn default() -> Self {
        let answer = Arc::new(AtomicU8::new(if Path::new(MARK).exists() { YES } else { UNKNOWN }));
        Self {
            boot_id: Machine::default().boot_id(),
            start: Instant::now(),
            answer,
            ask_at: AtomicU64::new(0),
        }
    }
}

impl Clock {
    /// What an event gets that is written down now.
    #[must_use]
    pub fn stamp(&self, seq: u64) -> Stamp<'_> {
        Stamp { seq, boot_id: self.boot_id.as_deref(), time_synced: self.is_synced() }
    }

    /// Whether a time server has set the clock, as far as that is known now; `None` where nobody knows. Has it
    /// found out at most once a minute, on a thread of its own, and never again after a yes.
    #[must_use]
    pub fn is_synced(&self) -> Option<bool> {
        let now = self.start.elapsed().as_secs();
        let known = self.answer.load(Ordering::Relaxed);
        if known != YES && now >= self.ask_at.load(Ordering::Relaxed) {
            self.ask_at.store(now + ASK_EVERY.as_secs(), Ordering::Relaxed);
            let answer = Arc::clone(&self.answer);
            let work = move || {
                let synced = if Path::new(MARK).exists() { Some(true) } else { ask() };
                answer.store(synced.map_or(UNKNOWN, |yes| if yes { YES } else { NO }), Ordering::Relaxed);
            };
            if let Err(e) = std::thread::Builder::new().name("clock".to_owned()).spawn(work) {
                log::debug!("start a thread to ask for the clock: {e}");
            }
        }
        match known {
            YES => Some(true),
            NO => Some(false),
            _ => None,
        }
    }
}

/// What the kernel knows (`timedatectl show` tells `STA_UNSYNC` of adjtimex(2), whatever program sets the clock).
fn ask() -> Option<bool> {
    let told = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    match told.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}
