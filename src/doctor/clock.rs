//! The clock: events are told with its time, and certificates are judged by it.

use super::{Board, Finding};
use crate::telemetry::clock::MARK;

/// Whether a time server has set it, and what it begins with after a power cut.
#[must_use]
pub fn findings(board: &Board) -> Vec<Finding> {
    let told = board.ask("timedatectl", &["show", "--property=NTPSynchronized", "--value"]);
    let set = match told.as_deref().map(str::trim) {
        _ if board.has(MARK) => Finding::ok("clock", "a time server has set it"),
        Some("yes") => Finding::ok("clock", "a time server has set it"),
        Some("no") => Finding::warn(
            "clock",
            "no time server has set it since boot; events are told with `time_synced` false",
            "`sudo timedatectl set-ntp true`, and see that the network lets NTP (UDP 123) out; `timedatectl timesync-status` says more",
        ),
        _ => Finding::note("clock", "nobody knows whether a time server has set it"),
    };
    let begins = board.pi().is_some() && board.entries("/sys/class/rtc").is_empty();
    let note = "the board has no clock of its own: after a power cut it begins with the time it last knew, until a time server answers";
    std::iter::once(set).chain(begins.then(|| Finding::note("clock", note))).collect()
}
