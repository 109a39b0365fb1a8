//! The entries next in line, in memory, so that handing them out never waits for the disk.

use super::entry::{Parcel, Row};
use std::collections::VecDeque;

/// At most so many.
const MAX_ENTRIES: usize = 128;
/// At most so many bytes, though always one entry.
const MAX_BYTES: u64 = 4 << 20;

/// In the order of their numbers; an entry leaves when it is acknowledged.
#[derive(Debug, Default)]
pub struct Window {
    slots: VecDeque<Slot>,
    bytes: u64,
}

#[derive(Debug)]
struct Slot {
    row: Row,
    given: bool,
}

/// How an entry stands in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not in it.
    Absent,
    /// Not handed out.
    Waiting,
    /// Handed out, and not acknowledged.
    Given,
}

impl Window {
    /// How many entries still fit, and bytes.
    pub fn room(&self) -> (usize, u64) {
        (MAX_ENTRIES.saturating_sub(self.slots.len()), MAX_BYTES.saturating_sub(self.bytes))
    }

    /// Whether it is worth reading more: a quarter is free.
    pub fn is_hungry(&self) -> bool {
        self.slots.len() <= MAX_ENTRIES / 4 * 3 && self.bytes <= MAX_BYTES / 4 * 3
    }

    /// Whether another entry may be added.
    pub fn has_room(&self) -> bool {
        self.slots.len() < MAX_ENTRIES && self.bytes < MAX_BYTES
    }

    fn find(&self, number: u64) -> Result<usize, usize> {
        self.slots.binary_search_by_key(&number, |slot| slot.row.number)
    }

    /// Adds an entry in its place; one that is there stays as it is.
    pub fn insert(&mut self, row: Row) {
        if let Err(at) = self.find(row.number) {
            self.bytes += row.bytes();
            self.slots.insert(at, Slot { row, given: false });
        }
    }

    /// How an entry stands.
    pub fn standing(&self, number: u64) -> Standing {
        match self.find(number) {
            Ok(at) if self.slots[at].given => Standing::Given,
            Ok(_) => Standing::Waiting,
            Err(_) => Standing::Absent,
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, number: u64) -> Option<Row> {
        let slot = self.find(number).ok().and_then(|at| self.slots.remove(at))?;
        self.bytes -= slot.row.bytes();
        Some(slot.row)
    }

    /// The oldest one that was not given.
    pub fn next(&mut self) -> Option<Parcel> {
        let slot = self.slots.iter_mut().find(|slot| !slot.given)?;
        slot.given = true;
        Some(slot.row.parcel())
    }

    /// Whether `next` gives something.
    pub fn has_next(&self) -> bool {
        self.slots.iter().any(|slot| !slot.given)
    }

    /// Whether something was given and is not acknowledged.
    pub fn is_awaited(&self) -> bool {
        self.slots.iter().any(|slot| slot.given)
    }

    /// Nothing was given.
    pub fn rewind(&mut self) {
        for slot in &mut self.slots {
            slot.given = false;
        }
    }

    /// Forgets what was not given; it is read anew.
    pub fn forget_waiting(&mut self) {
        self.slots.retain(|slot| slot.given);
        self.bytes = self.slots.iter().map(|slot| slot.row.bytes()).sum();
    }

    /// All entries.
    pub fn rows(&self) -> Vec<Row> {
        self.slots.iter().map(|slot| slot.row.clone()).collect()
    }
}
