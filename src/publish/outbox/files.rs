//! The pictures beside the database, one file an entry: `pictures/NUMBER.jpg`, whole or not there.

use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of the pictures.
#[derive(Debug)]
pub struct Pictures(PathBuf);

impl Pictures {
    /// Makes the folder of the queue and the one of its pictures; for the owner's eyes only.
    pub fn make(queue: &Path) -> io::Result<Self> {
        let folder = queue.join("pictures");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number:016}.jpg"))
    }

    /// Writes a picture to the disk; [`Pictures::sync`] makes its name last.
    pub fn write(&self, number: u64, jpeg: &[u8]) -> io::Result<()> {
        let path = self.path(number);
        let part = path.with_extension("part");
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)
            .and_then(|mut file| file.write_all(jpeg).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&part, &path));
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written
    }

    /// Makes the names of the pictures last.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// A picture of `bytes`; `None` when it is gone or cut short.
    pub fn read(&self, number: u64, bytes: u64) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(number)) {
            Ok(jpeg) => Ok((jpeg.len() as u64 == bytes).then_some(jpeg)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Removes a picture. One that stays is an orphan, and goes at the next start.
    pub fn remove(&self, number: u64) {
        let _ = fs::remove_file(self.path(number));
    }

    /// Removes what is no picture of `rows` (size by number), and says which of them are gone or cut short.
    pub fn tidy(&self, rows: &BTreeMap<u64, u64>) -> io::Result<Vec<(u64, u64)>> {
        let mut missing: BTreeMap<u64, u64> = rows.clone();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((stem, end)) = name.to_str().and_then(|name| name.rsplit_once('.')) else { continue };
            let Ok(number) = stem.parse::<u64>() else { continue };
            match end {
                "jpg" if rows.get(&number) == Some(&entry.metadata()?.len()) => {
                    missing.remove(&number);
                }
                "jpg" | "part" => {
                    let _ = fs::remove_file(entry.path());
                }
                _ => {}
            }
        }
        Ok(missing.into_iter().collect())
    }
}

/// Keeps a second process out of the folder for as long as the file is open; `None` when one is in.
pub fn lock(folder: &Path) -> io::Result<Option<File>> {
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Puts a database and its log out of the way, in the place of an earlier one; returns its new name.
pub fn move_aside(database: &Path, suffix: &str) -> io::Result<PathBuf> {
    let with = |path: &Path, end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let aside = with(database, suffix);
    let _ = fs::remove_file(with(&aside, "-wal"));
    for end in ["", "-wal"] {
        match fs::rename(with(database, end), with(&aside, end)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    let _ = fs::remove_file(with(database, "-journal"));
    Ok(aside)
}

/// Bytes that may still be written; `None` where the file system does not say.
pub fn free(folder: &Path) -> Option<u64> {
    let figures = rustix::fs::statvfs(folder).ok()?;
    Some(figures.f_bavail.saturating_mul(figures.f_frsize))
}
