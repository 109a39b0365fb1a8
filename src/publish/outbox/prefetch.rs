//! What the callers take next is put before them: what was just stored, then what is read on.

use super::entry::Row;
use super::keeper::Keeper;

impl Keeper {
    /// Counts new entries and puts them before the callers, as far as there is room.
    pub fn offer(&mut self, rows: &[Row]) {
        let mut state = self.shared.lock();
        for row in rows {
            state.count_in(1, row.bytes());
            if !state.more && state.window.has_room() {
                self.cursor = row.number;
                state.window.insert(row.clone());
            } else {
                state.more = true;
                self.unread |= self.healthy;
            }
        }
        drop(state);
        if !rows.is_empty() {
            self.shared.tell_ready();
        }
    }

    /// Reads on where the window has room: what is on the disk, then what is in memory.
    pub fn refill(&mut self) {
        let hungry = |keeper: &Self| {
            let state = keeper.shared.lock();
            (state.more && state.window.is_hungry()).then(|| state.window.room())
        };
        while let Some(room) = hungry(self) {
            if self.unread {
                self.read_on(room);
            } else if let Some(row) = self.memory.after(self.cursor).cloned() {
                self.cursor = row.number;
                self.shared.lock().window.insert(row);
            }
            self.shared.lock().more =
                self.unread || self.memory.last().is_some_and(|last| last > self.cursor);
            self.shared.tell_ready();
        }
    }

    fn read_on(&mut self, room: (usize, u64)) {
        let Some(disk) = &self.disk else {
            self.unread = false;
            return;
        };
        match disk.load(self.cursor, room) {
            Ok((rows, missing, all)) => {
                self.unread = !all;
                let mut state = self.shared.lock();
                for row in rows {
                    self.cursor = row.number;
                    if !self.owed.contains(&row.number) && !state.is_acknowledged(row.number) {
                        state.window.insert(row);
                    }
                }
                for (number, bytes) in missing {
                    if self.owed.insert(number) && !state.is_acknowledged(number) {
                        state.figures.dropped_broken += 1;
                        state.count_out(1, bytes);
                    }
                }
            }
            Err(why) => {
                // What is in memory goes on; the rest is read when the disk is back.
                self.unread = false;
                self.close_disk();
                self.degrade(why);
            }
        }
    }
}
