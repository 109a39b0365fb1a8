//! Entries that can't be on the disk, in order.

use super::entry::{Kind, Row};
use std::collections::VecDeque;

/// In the order of their numbers.
#[derive(Debug, Default)]
pub struct Memory {
    rows: VecDeque<Row>,
    bytes: u64,
}

impl Memory {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn first(&self) -> Option<u64> {
        self.rows.front().map(|row| row.number)
    }

    pub fn last(&self) -> Option<u64> {
        self.rows.back().map(|row| row.number)
    }

    fn find(&self, number: u64) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&number, |row| row.number)
    }

    /// Adds an entry in its place; one that is there stays as it is.
    pub fn insert(&mut self, row: Row) {
        if let Err(at) = self.find(row.number) {
            self.bytes += row.bytes();
            self.rows.insert(at, row);
        }
    }

    pub fn remove(&mut self, number: u64) -> Option<Row> {
        let row = self.find(number).ok().and_then(|at| self.rows.remove(at))?;
        self.bytes -= row.bytes();
        Some(row)
    }

    /// The first entry above `number`.
    pub fn after(&self, number: u64) -> Option<&Row> {
        let at = self.find(number).map_or_else(|at| at, |at| at + 1);
        self.rows.get(at)
    }

    /// The entry to drop next: the oldest, ends last.
    pub fn victim(&self) -> Option<u64> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.kind != Kind::End).or(self.rows.front()).map(|row| row.number)
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Empties it.
    pub fn take(&mut self) -> Vec<Row> {
        self.bytes = 0;
        std::mem::take(&mut self.rows).into()
    }
}
