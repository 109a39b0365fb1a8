//! What a run finds in the folder.

use super::boot::Boot;
use super::entry::{Kind, Open};
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was in the folder.
#[derive(Debug, Default)]
pub struct Found {
    /// The database is new.
    pub fresh: bool,
    /// The highest number so far; `None` in a new database.
    pub last: Option<u64>,
    /// It was written in this boot.
    pub same_boot: bool,
    /// How many entries there are.
    pub depth: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events that were open.
    pub open: Vec<(String, Open)>,
    /// What was kept.
    pub kept: BTreeMap<String, Vec<u8>>,
    /// The newest picture of each topic, and its bytes.
    pub pictures: BTreeMap<Arc<str>, (u64, u64)>,
    /// Pictures whose files are gone, and their bytes.
    pub missing: Vec<(u64, u64)>,
}

/// Reads what has to be known; entries in `gone` are not counted.
pub fn read(db: &Connection, boot: &str, gone: &BTreeSet<u64>) -> rusqlite::Result<(Found, Boot)> {
    let (n, started) = db
        .query_row("SELECT n, started FROM boot WHERE id = ?", [boot], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
        })
        .optional()?
        .unzip();
    let mut found = Found {
        last: db.query_row("SELECT max(last) FROM boot", [], |row| number(row, 0))?,
        same_boot: n.is_some(),
        ..Found::default()
    };
    let mut entries =
        db.prepare("SELECT id, bytes, CASE kind WHEN 2 THEN topic END FROM entry ORDER BY id")?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let id = number(row, 0)?.unwrap_or_default();
        let bytes = number(row, 1)?.unwrap_or_default();
        found.last = found.last.max(Some(id));
        if gone.contains(&id) {
            continue;
        }
        found.depth += 1;
        found.bytes += bytes;
        if let Some(topic) = row.get::<_, Option<String>>(2)? {
            found.pictures.insert(topic.into(), (id, bytes));
        }
    }
    let mut open = db.prepare("SELECT id, camera, topic, payload FROM open")?;
    let open = open.query_map([], |row| {
        let payload: Vec<u8> = row.get(3)?;
        let topic: String = row.get(2)?;
        Ok((row.get(0)?, Open { camera: row.get(1)?, topic: topic.into(), payload: payload.into() }))
    })?;
    found.open = open.collect::<rusqlite::Result<_>>()?;
    let mut kept = db.prepare("SELECT key, value FROM memory")?;
    found.kept =
        kept.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let started = started.flatten().map(i64::cast_unsigned);
    Ok((found, Boot { id: boot.to_owned(), n, started }))
}

/// The pictures' bytes by number.
pub fn sizes(db: &Connection) -> rusqlite::Result<BTreeMap<u64, u64>> {
    let mut pictures =
        db.prepare(&format!("SELECT id, bytes FROM entry WHERE kind = {}", Kind::Picture as i64))?;
    let both = |row: &rusqlite::Row<'_>| {
        Ok((number(row, 0)?.unwrap_or_default(), number(row, 1)?.unwrap_or_default()))
    };
    pictures.query_map([], both)?.collect()
}

fn number(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(i64::cast_unsigned))
}
