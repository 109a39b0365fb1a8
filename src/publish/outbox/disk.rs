//! The folder: a database with a row an entry, and the pictures beside it.

use super::boot::Boot;
use super::clock::{Moment, age_over_boots};
use super::entry::{Kind, Open, Row};
use super::files::{self, Pictures};
use super::found::{Found, read, sizes};
use super::schema::{self, PAGE, Trouble, log_pages};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Pages in the log before it is brought home.
const CHECKPOINT: u64 = 256;
/// Free pages that the database may hold, and how many it gives back at once.
const FREE: u64 = 512;
const GIVE_BACK: u64 = 128;

/// An open folder.
pub struct Disk {
    database: PathBuf,
    db: Connection,
    /// The log, to sync it. SQLite takes no locks on this file, so that another handle is harmless.
    log: Option<File>,
    pictures: Pictures,
    _lock: File,
    boot: Boot,
    pages: u64,
    /// Bytes written so far.
    pub written: u64,
}

/// One transaction.
pub struct Change<'a> {
    pub add: &'a [Row],
    pub remove: &'a BTreeSet<u64>,
    pub open: Opens<'a>,
    /// Empty values are removed.
    pub kept: &'a [(String, Vec<u8>)],
    /// The highest number so far.
    pub last: u64,
    pub now: Moment,
}

/// What becomes of the table of open events.
pub enum Opens<'a> {
    /// These change; `None` closes one.
    Some(&'a [(String, Option<Open>)]),
    /// These, and no other.
    All(&'a BTreeMap<String, Open>),
}

/// A number, and its bytes.
pub type Sized = (u64, u64);

impl Disk {
    /// Opens the folder, made where it is missing. A database that is damaged (`suspect` says why) or newer is
    /// moved aside, and a new one begun. Entries in `gone` are not counted.
    pub fn open(
        folder: &Path,
        boot: &str,
        suspect: Option<String>,
        gone: &BTreeSet<u64>,
    ) -> Result<(Self, Found), Trouble> {
        let pictures = Pictures::make(folder)?;
        let lock = files::lock(folder)?.ok_or(Trouble::Busy)?;
        let database = folder.join("outbox.db");
        let first =
            suspect.map_or_else(|| Self::look(&database, boot, gone), |why| Err(Trouble::Damaged(why)));
        let (db, mut found, boot) = match first {
            Err(why @ (Trouble::Damaged(_) | Trouble::Newer(_))) => {
                let suffix = if matches!(why, Trouble::Newer(_)) { ".newer" } else { ".damaged" };
                let aside = files::move_aside(&database, suffix)?;
                log::error!("{}: {why}; moved to {}, a new one begun", database.display(), aside.display());
                Self::look(&database, boot, gone)?
            }
            other => other?,
        };
        File::open(folder)?.sync_all()?;
        found.missing = pictures.tidy(&sizes(&db)?)?;
        let disk =
            Self { database, db, log: None, pictures, _lock: lock, boot, pages: log_pages(), written: 0 };
        Ok((disk, found))
    }

    /// Opens the database and reads what has to be known of it.
    fn look(path: &Path, boot: &str, gone: &BTreeSet<u64>) -> Result<(Connection, Found, Boot), Trouble> {
        let (db, fresh) = schema::open(path)?;
        let (found, boot) = read(&db, boot, gone).map_err(|e| match Trouble::from(e) {
            Trouble::Other(why) => Trouble::Damaged(why),
            other => other,
        })?;
        Ok((db, Found { fresh, ..found }, boot))
    }

    /// Writes a change, whole or not at all. It survives the process, and with [`Disk::sync`] the power.
    pub fn apply(&mut self, change: &Change<'_>) -> Result<(), Trouble> {
        let pictures = change.add.iter().filter(|row| row.kind == Kind::Picture);
        let written = self.write_pictures(pictures.clone()).and_then(|()| self.commit(change));
        match written {
            Ok(removed) => {
                for number in removed {
                    self.pictures.remove(number);
                }
                self.count_pages();
                Ok(())
            }
            Err(why) => {
                for row in pictures {
                    self.pictures.remove(row.number);
                }
                Err(why)
            }
        }
    }

    fn write_pictures<'a>(&mut self, rows: impl Iterator<Item = &'a Row>) -> Result<(), Trouble> {
        let mut any = false;
        for row in rows {
            self.pictures.write(row.number, &row.payload)?;
            self.written += row.bytes();
            any = true;
        }
        if any {
            self.pictures.sync()?;
        }
        Ok(())
    }

    /// Returns the pictures whose files may go.
    fn commit(&mut self, change: &Change<'_>) -> Result<Vec<u64>, Trouble> {
        let tx = self.db.transaction()?;
        let (n, started) = self.boot.store(&tx, change)?;
        let mut removed = Vec::new();
        {
            let mut delete = tx.prepare_cached("DELETE FROM entry WHERE id = ? RETURNING kind")?;
            for number in change.remove {
                let kind = delete.query_row([number.cast_signed()], |row| row.get(0)).optional()?;
                if kind.map(Kind::of) == Some(Kind::Picture) {
                    removed.push(*number);
                }
            }
            let mut insert = tx.prepare_cached(
                "INSERT OR REPLACE INTO entry (id, boot, up, kind, bytes, topic, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?;
            for row in change.add {
                let payload = (row.kind != Kind::Picture).then_some(&*row.payload);
                let (id, up, bytes) =
                    (row.number.cast_signed(), row.up.cast_signed(), row.bytes().cast_signed());
                insert.execute(params![id, n, up, row.kind as i64, bytes, &*row.topic, payload])?;
            }
            store_open(&tx, &change.open)?;
            for (key, value) in change.kept {
                if value.is_empty() {
                    tx.prepare_cached("DELETE FROM memory WHERE key = ?")?.execute([key])?;
                } else {
                    tx.prepare_cached("INSERT OR REPLACE INTO memory (key, value) VALUES (?, ?)")?
                        .execute(params![key, value])?;
                }
            }
        }
        let free: i64 = tx.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
        if free.cast_unsigned() > FREE {
            let mut vacuum = tx.prepare(&format!("PRAGMA incremental_vacuum({GIVE_BACK})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        tx.commit()?;
        self.boot.n = Some(n);
        self.boot.started = started;
        Ok(removed)
    }

    fn count_pages(&mut self) {
        let pages = log_pages();
        let new = if pages >= self.pages { pages - self.pages } else { pages };
        self.written += new * (PAGE + 24);
        self.pages = pages;
    }

    /// Brings the log home when it is long.
    pub fn tend(&mut self) -> Result<(), Trouble> {
        if self.pages >= CHECKPOINT { self.checkpoint() } else { Ok(()) }
    }

    /// Brings the log home; SQLite syncs it before, and the database after.
    pub fn checkpoint(&mut self) -> Result<(), Trouble> {
        let home: i64 = self.db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(2))?;
        self.written += home.max(0).cast_unsigned() * PAGE;
        self.pages = 0;
        Ok(())
    }

    /// Makes all commits survive the power.
    pub fn sync(&mut self) -> Result<(), Trouble> {
        if self.log.is_none() {
            let mut name = self.database.as_os_str().to_owned();
            name.push("-wal");
            self.log = Some(File::open(PathBuf::from(name))?);
            File::open(self.database.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        }
        self.log.as_ref().map_or(Ok(()), File::sync_data).map_err(Trouble::from)
    }

    /// Reads on after a number, `entries` and `bytes` at most, though one in any case. Returns pictures that are
    /// gone, and whether the end was reached.
    pub fn load(&self, after: u64, room: (usize, u64)) -> Result<(Vec<Row>, Vec<Sized>, bool), Trouble> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, up, kind, bytes, topic, payload FROM entry WHERE id > ? ORDER BY id",
        )?;
        let mut rows = statement.query([after.cast_signed()])?;
        let (mut loaded, mut missing, mut total) = (Vec::new(), Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let (number, bytes) =
                (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(3)?.cast_unsigned());
            if !loaded.is_empty() && (loaded.len() >= room.0 || total + bytes > room.1) {
                return Ok((loaded, missing, false));
            }
            let kind = Kind::of(row.get(2)?);
            let payload = match kind {
                Kind::Picture => self.pictures.read(number, bytes)?,
                _ => row.get(5)?,
            };
            let Some(payload) = payload else {
                missing.push((number, bytes));
                continue;
            };
            total += bytes;
            let topic: String = row.get(4)?;
            let up = row.get::<_, i64>(1)?.cast_unsigned();
            loaded.push(Row { number, kind, topic: topic.into(), payload: payload.into(), up });
        }
        Ok((loaded, missing, true))
    }

    /// The oldest entries of `bytes` together, ends last; none of `gone`.
    pub fn oldest(&self, bytes: u64, gone: &BTreeSet<u64>) -> Result<Vec<Sized>, Trouble> {
        let (mut total, mut oldest) = (0, Vec::new());
        for end in [false, true] {
            let mut statement =
                self.db.prepare_cached("SELECT id, bytes FROM entry WHERE (kind = 1) = ? ORDER BY id")?;
            let mut rows = statement.query([end])?;
            while total < bytes
                && let Some(row) = rows.next()?
            {
                let (number, size) =
                    (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned());
                if !gone.contains(&number) {
                    total += size;
                    oldest.push((number, size));
                }
            }
        }
        Ok(oldest)
    }

    /// Entries older than `max_age` seconds; none of `gone`. `ours` is this boot's start.
    pub fn aged(
        &self,
        max_age: u64,
        now: Moment,
        ours: Option<u64>,
        gone: &BTreeSet<u64>,
    ) -> Result<Vec<Sized>, Trouble> {
        let mut statement = self.db.prepare_cached(
            "SELECT e.id, e.bytes, e.up, b.id, b.started FROM entry e JOIN boot b ON b.n = e.boot ORDER BY e.id",
        )?;
        let mut rows = statement.query([])?;
        let mut aged = Vec::new();
        while let Some(row) = rows.next()? {
            let up = row.get::<_, i64>(2)?.cast_unsigned();
            let age = if row.get_ref(3)?.as_str() == Ok(self.boot.id.as_str()) {
                now.up.saturating_sub(up)
            } else {
                age_over_boots(ours, now, row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned), up)
            };
            if age <= max_age {
                break;
            }
            let number = row.get::<_, i64>(0)?.cast_unsigned();
            if !gone.contains(&number) {
                aged.push((number, row.get::<_, i64>(1)?.cast_unsigned()));
            }
        }
        Ok(aged)
    }

    /// Brings the log home and closes the database; what fails is mended at the next start.
    pub fn close(mut self) -> u64 {
        let _ = self.sync();
        let _ = self.checkpoint();
        self.written
    }
}

fn store_open(tx: &Transaction<'_>, opens: &Opens<'_>) -> Result<(), Trouble> {
    let mut put =
        tx.prepare_cached("INSERT OR REPLACE INTO open (id, camera, topic, payload) VALUES (?, ?, ?, ?)")?;
    match opens {
        Opens::Some(changed) => {
            let mut delete = tx.prepare_cached("DELETE FROM open WHERE id = ?")?;
            for (id, open) in *changed {
                match open {
                    Some(open) => put.execute(params![id, open.camera, &*open.topic, &*open.payload])?,
                    None => delete.execute([id])?,
                };
            }
        }
        Opens::All(all) => {
            tx.execute("DELETE FROM open", [])?;
            for (id, open) in *all {
                put.execute(params![id, open.camera, &*open.topic, &*open.payload])?;
            }
        }
    }
    Ok(())
}
