//! The row of this boot, by which entries have an age: see `clock`.

use super::clock::STEP;
use super::disk::Change;
use super::schema::Trouble;
use rusqlite::{Transaction, params};

/// This boot.
pub struct Boot {
    pub id: String,
    /// Its row; `None` until the first change.
    pub n: Option<i64>,
    /// As stored.
    pub started: Option<u64>,
}

impl Boot {
    /// The row of this boot: made at the first change, with those that no entry names removed; brought up to date
    /// when the clock was set, or the newest entry may go. Returns its number, and the start that is stored.
    pub fn store(&self, tx: &Transaction<'_>, change: &Change<'_>) -> Result<(i64, Option<u64>), Trouble> {
        let last = change.last.cast_signed();
        let started = change.now.started().or(self.started);
        let stored = started.map(u64::cast_signed);
        let Some(n) = self.n else {
            tx.execute("DELETE FROM boot WHERE n NOT IN (SELECT boot FROM entry)", [])?;
            tx.execute(
                "INSERT INTO boot (id, started, last) VALUES (?, ?, ?)",
                params![self.id, stored, last],
            )?;
            return Ok((tx.last_insert_rowid(), started));
        };
        let stepped = match (self.started, started) {
            (Some(before), Some(now)) => before.abs_diff(now) > STEP,
            (before, now) => before != now,
        };
        // The highest number is that of the last row, as long as there is one.
        let gone = change.add.last().map(|row| row.number) != Some(change.last);
        if !stepped && (change.remove.is_empty() || !gone) {
            return Ok((n, self.started));
        }
        tx.prepare_cached("UPDATE boot SET started = ?, last = ? WHERE n = ?")?
            .execute(params![stored, last, n])?;
        Ok((n, started))
    }
}
