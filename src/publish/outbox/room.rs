//! What goes when there is too much, or it is too old: the oldest first, ends of events last.

use super::entry::{Kind, Row};
use super::keeper::{Batch, Keeper};

/// Bytes that may be held in memory while the disk can't be used.
const MAX_MEMORY: u64 = 8 << 20;
/// A full queue is made emptier by this part, so that not every entry has to search for the oldest.
const PART: u64 = 16;

impl Keeper {
    /// Drops what a batch leaves no room for.
    pub fn make_room(&mut self, batch: &mut Batch) {
        let limit = self.limits.max_bytes;
        let mut dropped = 0;
        // An entry that never fits is no reason to drop the others.
        batch.rows.retain(|row| {
            let fits = row.bytes() <= limit;
            dropped += u64::from(!fits);
            fits
        });
        self.shared.lock().figures.dropped_full += dropped;
        if !self.healthy {
            return;
        }
        let new: u64 = batch.rows.iter().map(Row::bytes).sum();
        let stored = self.shared.lock().figures.bytes;
        if stored + new <= limit {
            return;
        }
        let excess = (stored + new - (limit - limit / PART)).min(stored);
        if excess > 0 {
            self.drop_stored(excess);
        }
        let stored = self.shared.lock().figures.bytes;
        drop_from(&mut batch.rows, limit.saturating_sub(stored), &mut dropped);
        self.shared.lock().figures.dropped_full += dropped;
    }

    fn drop_stored(&mut self, bytes: u64) {
        self.collect_acknowledged();
        let Some(disk) = &self.disk else { return };
        match disk.oldest(bytes, &self.owed) {
            Ok(oldest) => {
                let count = self.forget(&oldest);
                self.shared.lock().figures.dropped_full += count;
            }
            Err(why) => self.degrade(why),
        }
    }

    /// Drops what is older than it may be.
    pub fn drop_old(&mut self) {
        let now = self.clock.now();
        let max_age = self.limits.max_age.as_secs();
        let mut old: Vec<(u64, u64)> = (self.memory.rows())
            .take_while(|row| now.up.saturating_sub(row.up) > max_age)
            .map(|row| (row.number, row.bytes()))
            .collect();
        self.collect_acknowledged();
        if let Some(disk) = self.disk.as_ref().filter(|_| self.healthy) {
            match disk.aged(max_age, now, self.clock.settled(now), &self.owed) {
                Ok(aged) => old.extend(aged),
                Err(why) => self.degrade(why),
            }
        }
        let count = self.forget(&old);
        self.shared.lock().figures.dropped_old += count;
    }

    /// Holds no more in memory than it may.
    pub fn shrink_memory(&mut self) {
        let limit = self.limits.max_bytes.min(MAX_MEMORY);
        while self.memory.bytes() > limit
            && let Some(victim) = self.memory.victim()
        {
            if let Some(row) = self.memory.remove(victim) {
                let mut state = self.shared.lock();
                state.window.remove(victim);
                state.count_out(1, row.bytes());
                state.figures.dropped_full += 1;
            }
        }
    }

    /// So that they are not taken for entries that wait.
    pub fn collect_acknowledged(&mut self) {
        let acknowledged = self.shared.lock().take_acknowledged();
        self.settle(acknowledged);
    }

    /// Entries go unsent; how many there were.
    fn forget(&mut self, entries: &[(u64, u64)]) -> u64 {
        let mut count = 0;
        for (number, bytes) in entries {
            let mut state = self.shared.lock();
            // It may have been acknowledged since.
            if !state.is_acknowledged(*number) {
                state.window.remove(*number);
                state.count_out(1, *bytes);
                drop(state);
                self.discard(*number);
                count += 1;
            }
        }
        count
    }
}

/// Drops of a batch what does not fit, ends last.
fn drop_from(rows: &mut Vec<Row>, room: u64, dropped: &mut u64) {
    *dropped = 0;
    let mut total: u64 = rows.iter().map(Row::bytes).sum();
    for ends in [false, true] {
        rows.retain(|row| {
            let goes = total > room && (row.kind == Kind::End) == ends;
            if goes {
                total -= row.bytes();
                *dropped += 1;
            }
            !goes
        });
    }
}
