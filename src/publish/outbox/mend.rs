//! A folder that can't be used: what was recorded waits in memory, the folder is tried again, and then all of it
//! goes to the disk in order.

use super::disk::{Change, Disk, Opens};
use super::entry::{Kind, Row};
use super::files;
use super::found::Found;
use super::keeper::Keeper;
use super::numbers::before_first;
use super::schema::Trouble;
use std::time::Instant;

/// Free bytes that the database needs beside the entries.
const SPARE: u64 = 64 << 10;

impl Keeper {
    /// The first attempt to open the folder.
    pub fn begin(&mut self) {
        let now = self.clock.now();
        self.base = before_first(None, false, now);
        self.last = self.base;
        self.cursor = self.last;
        if let Err(why) = self.reopen(None) {
            self.degrade(why);
            self.shared.opened(std::collections::BTreeMap::new());
        }
    }

    /// From now on entries are held in memory.
    pub fn degrade(&mut self, why: Trouble) {
        self.healthy = false;
        self.shared.lock().figures.in_memory = true;
        if let Trouble::Damaged(why) = why {
            let reopened = self.reopen(Some(why));
            return reopened.err().map_or((), |why| self.give_up(&why));
        }
        self.give_up(&why);
    }

    fn give_up(&mut self, why: &Trouble) {
        self.retry_at = Some(Instant::now() + self.retry);
        let why = why.to_string();
        if self.told.is_none() {
            log::warn!(
                "keep events in {}: {why}; they are held in memory until that is mended, the oldest dropped when \
                 it is long",
                self.folder.display()
            );
            self.told = Some(why);
        }
    }

    /// Tries the disk again, where it failed.
    pub fn mend(&mut self) {
        if self.healthy {
            return;
        }
        self.collect_acknowledged();
        // A full disk is not worn out by attempts that must fail.
        let full = self.disk.is_some()
            && files::free(&self.folder).is_some_and(|free| free < self.memory.bytes() + SPARE);
        let why = match if full { Err(Trouble::Full) } else { self.bring_home() } {
            Ok(()) => return,
            Err(why @ Trouble::Full) => why,
            Err(Trouble::Damaged(why)) => match self.reopen(Some(why)) {
                Ok(()) => return,
                Err(why) => why,
            },
            Err(_) => match self.reopen(None) {
                Ok(()) => return,
                Err(why) => why,
            },
        };
        self.give_up(&why);
    }

    /// Opens the folder, ends what the last run left open, and writes what is in memory.
    fn reopen(&mut self, suspect: Option<String>) -> Result<(), Trouble> {
        self.close_disk();
        self.collect_acknowledged();
        let (disk, found) = Disk::open(&self.folder, &self.clock.boot, suspect, &self.owed)?;
        let taken = found.last > Some(self.stored) && found.last >= self.memory.first();
        if taken && !self.memory.is_empty() && self.shared.lock().window.is_awaited() {
            return Err(Trouble::Other("its entries have the numbers of those under way".to_owned()));
        }
        let unused = !self.known && self.told.is_none();
        self.adopt(disk, found);
        if unused && self.memory.is_empty() && self.owed.is_empty() {
            self.use_disk();
            return Ok(());
        }
        self.bring_home()
    }

    fn adopt(&mut self, disk: Disk, mut found: Found) {
        self.disk = Some(disk);
        let now = self.clock.now();
        let first = !std::mem::replace(&mut self.known, true);
        if found.fresh {
            // What was read from a database that is lost is not lost with it.
            let rows = self.shared.lock().window.rows();
            for row in rows {
                self.memory.insert(row);
            }
            self.owed.clear();
            let mut state = self.shared.lock();
            state.figures.dropped_broken += state.figures.depth.saturating_sub(self.memory.len() as u64);
        }
        let mut pictures = std::mem::take(&mut found.pictures);
        pictures.append(&mut self.pictures);
        self.pictures = pictures;
        let mut state = self.shared.lock();
        state.figures.dropped_broken += found.missing.len() as u64;
        state.count_anew(found.depth + self.memory.len() as u64, found.bytes + self.memory.bytes());
        state.count_out(found.missing.len() as u64, found.missing.iter().map(|(_, bytes)| bytes).sum());
        drop(state);
        self.owed.extend(found.missing.iter().map(|(number, _)| number));
        self.unread = true;
        if first {
            let mut last = before_first(found.last, found.same_boot, now);
            let ends: Vec<Row> = std::mem::take(&mut found.open)
                .into_iter()
                .map(|(_, open)| {
                    last += 1;
                    let payload = (self.close)(&open.payload, last).into();
                    Row { number: last, kind: Kind::End, topic: open.topic, payload, up: now.up }
                })
                .collect();
            self.renumber(last);
            self.stored = last;
            self.last = if self.last == self.base { last } else { self.last.max(last) };
            let bytes = ends.iter().map(Row::bytes).sum();
            self.shared.lock().count_in(ends.len() as u64, bytes);
            for end in ends {
                self.memory.insert(end);
            }
            self.shared.opened(std::mem::take(&mut found.kept));
        } else {
            // Another process may have had the folder.
            if found.last > Some(self.stored) {
                self.renumber(found.last.unwrap_or_default());
            }
            self.last = self.last.max(found.last.unwrap_or_default());
        }
        self.look_anew();
    }

    /// What was recorded before the folder could be read, by a clock that was not set, has numbers that are taken.
    /// They get new ones; what was handed out is handed out again.
    fn renumber(&mut self, last: u64) {
        if self.memory.first().is_none_or(|first| first > last) {
            return;
        }
        let mut last = last.max(self.last);
        for mut row in self.memory.take() {
            last += 1;
            let topic = row.topic.clone();
            if row.kind == Kind::Picture && self.pictures.get(&topic).is_some_and(|(n, _)| *n == row.number) {
                self.pictures.insert(topic, (last, row.bytes()));
            }
            row.number = last;
            self.memory.insert(row);
        }
        self.last = last;
        self.shared.lock().window = super::window::Window::default();
    }

    /// The window begins anew with the oldest on the disk; what was handed out stays in it.
    fn look_anew(&mut self) {
        let mut state = self.shared.lock();
        state.window.forget_waiting();
        state.more = true;
        self.cursor = 0;
    }

    /// Writes what is in memory; from then on the disk is used again.
    fn bring_home(&mut self) -> Result<(), Trouble> {
        let now = self.clock.now();
        let kept = self.shared.lock().all_kept();
        let Some(disk) = &mut self.disk else { return Err(Trouble::Other("it is closed".to_owned())) };
        // Makes room in the log.
        disk.checkpoint()?;
        let rows: Vec<Row> = self.memory.rows().cloned().collect();
        let open = Opens::All(&self.open);
        let change = Change { add: &rows, remove: &self.owed, open, kept: &kept, last: self.last, now };
        disk.apply(&change)?;
        disk.sync()?;
        self.memory.take();
        self.owed.clear();
        self.stored = self.last;
        self.shared.lock().figures.syncs += 1;
        self.use_disk();
        Ok(())
    }

    fn use_disk(&mut self) {
        self.healthy = true;
        self.retry_at = None;
        self.unread = true;
        let mut state = self.shared.lock();
        state.more = true;
        state.figures.in_memory = false;
        drop(state);
        self.count_written();
        if self.told.take().is_some() {
            log::info!("events are kept in {} again", self.folder.display());
        }
    }
}
