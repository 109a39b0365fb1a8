//! The database: how it is made, how it is checked, and what went wrong with it.

use rusqlite::{Connection, ErrorCode, OptionalExtension as _};
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

/// The version of the tables, as `PRAGMA user_version`.
pub const VERSION: i64 = 1;
/// Bytes a page.
pub const PAGE: u64 = 4096;
/// The log, in bytes, after what is in it was brought home.
const MAX_LOG: i64 = 1 << 20;
/// For another program that reads the database.
const PATIENCE: Duration = Duration::from_millis(200);

/// `entry.kind` and `entry.boot`: see `entry::Kind` and `clock`. `boot.started` is in Unix seconds, NULL while the
/// clock was not set; `boot.last` is the highest number when entries were last removed.
const TABLES: &str = "
CREATE TABLE entry (
  id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, up INTEGER NOT NULL, kind INTEGER NOT NULL,
  bytes INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB) STRICT;
CREATE TABLE open (
  id TEXT PRIMARY KEY, camera TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE memory (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE boot (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started INTEGER, last INTEGER NOT NULL) STRICT;
";

/// Why the disk can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Another process has the folder.
    #[error("another edgecam uses it")]
    Busy,
    /// What is in the database makes no sense.
    #[error("{0}")]
    Damaged(String),
    /// It was made by a newer edgecam.
    #[error("its tables have version {0}, this edgecam knows {VERSION}")]
    Newer(i64),
    /// No room.
    #[error("the disk is full")]
    Full,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(e: rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(e.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Other(e.to_string()),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(e: std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Other(e.to_string()),
        }
    }
}

thread_local! {
    /// Pages in the log, as of this thread's last commit: one thread has one database.
    static LOG_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// Pages in the log after the last commit.
pub fn log_pages() -> u64 {
    LOG_PAGES.get()
}

/// Opens the database and checks it, or makes it; whether it is new.
///
/// The log of a commit goes to the page cache, and so survives the process; `fdatasync` makes it survive the power.
/// The database's own file is only written when the log is brought home, between two syncs by SQLite
/// (`synchronous=NORMAL`). With an exclusive lock there is no shared memory beside it, and no second process.
pub fn open(path: &Path) -> Result<(Connection, bool), Trouble> {
    let db = Connection::open(path)?;
    db.busy_timeout(PATIENCE)?;
    db.execute_batch("PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY;")?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > VERSION {
        return Err(Trouble::Newer(version));
    }
    let any = db.query_row("SELECT 1 FROM sqlite_schema", [], |_| Ok(())).optional()?.is_some();
    if any && version < VERSION {
        return Err(Trouble::Damaged("it is no outbox".to_owned()));
    }
    db.execute_batch("PRAGMA auto_vacuum=INCREMENTAL;")?;
    let mode: String = db.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Trouble::Other(format!("the file system allows no log beside the database ({mode})")));
    }
    db.execute_batch("PRAGMA synchronous=NORMAL;")?;
    db.pragma_update_and_check(None, "journal_size_limit", MAX_LOG, |_| Ok(()))?;
    if !any {
        db.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version={VERSION}; COMMIT;"))?;
    } else if let Some(fault) = fault(&db)? {
        return Err(Trouble::Damaged(fault));
    }
    LOG_PAGES.set(0);
    db.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(u64::try_from(pages).unwrap_or_default());
        Ok(())
    }));
    Ok((db, !any))
}

/// What the check finds wrong. It reads all pages: few, unless the broker was away for long.
fn fault(db: &Connection) -> Result<Option<String>, Trouble> {
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((verdict != "ok").then_some(verdict))
}
