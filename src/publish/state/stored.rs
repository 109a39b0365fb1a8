//! The list of retained topics on disk, so that the next run can clear those it no longer wants.

use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The file; none where nothing is remembered.
#[derive(Debug, Default)]
pub struct Stored(Option<Owned>);

#[derive(Debug)]
struct Owned {
    file: PathBuf,
    /// Held for as long as the list is ours.
    _lock: File,
}

impl Stored {
    /// Reads `file` and keeps it for this process; returns the whole topics of the former run. A list
    /// that can't be had is told and left alone.
    pub fn open(file: PathBuf) -> (Self, BTreeSet<String>) {
        match lock(&file) {
            Ok(lock) => {
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                let topics = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
                (Self(Some(Owned { file, _lock: lock })), topics)
            }
            Err(why) => {
                tell(&file, &why);
                (Self(None), BTreeSet::new())
            }
        }
    }

    /// Whether the list is kept.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Writes the list. A disk that can't be written is told once and left alone.
    pub fn write(&mut self, topics: impl Iterator<Item = String>) {
        let Some(Owned { file, .. }) = &self.0 else { return };
        let text: String = topics.flat_map(|topic| [topic, "\n".to_owned()]).collect();
        let new = file.with_extension("new");
        if let Err(e) = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)) {
            tell(file, &e.to_string());
            self.0 = None;
        }
    }
}

/// Locks the folder of the list, made where it is missing: two daemons with one list would clear each
/// other's topics.
fn lock(file: &Path) -> Result<File, String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let lock =
        std::fs::create_dir_all(folder).and_then(|()| File::open(folder)).map_err(|e| e.to_string())?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| match e {
        rustix::io::Errno::WOULDBLOCK => "another edgecam keeps it".to_owned(),
        e => e.to_string(),
    })?;
    Ok(lock)
}

fn tell(file: &Path, why: &str) {
    log::warn!(
        "remember the retained topics in {}: {why}; those that leave the config stay at the broker",
        file.display()
    );
}
