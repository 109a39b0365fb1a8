//! Numbers that only grow, whatever is lost.

use super::clock::Moment;

/// So many numbers at most are given out before the log is made to last.
pub const MAX_UNSYNCED: u64 = 4096;
/// More than a power cut takes: what is not synced, and a batch.
const STRIDE: u64 = 4 * MAX_UNSYNCED;

/// The number before the first one of this run. `last` is the last one on the disk; `same_boot` says that no power
/// cut can have taken later ones. Else the numbers go on well above, by the clock where it is set: no subscriber
/// sees two entries of one number, even after the database was lost.
pub fn before_first(last: Option<u64>, same_boot: bool, now: Moment) -> u64 {
    match last {
        Some(last) if same_boot => last,
        Some(last) => (last + STRIDE).max(now.sane_ms()),
        None => now.sane_ms(),
    }
}
