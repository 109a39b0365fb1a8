//! The list of retained topics on disk, so that the next run can clear those it no longer wants.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// The file, and what it holds.
#[derive(Debug)]
pub struct Stored {
    file: Option<PathBuf>,
    topics: BTreeSet<String>,
}

impl Stored {
    /// Reads `file`; returns the topics of the former run.
    pub fn open(file: Option<PathBuf>) -> (Self, BTreeSet<String>) {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let topics: BTreeSet<String> =
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        (Self { file, topics: topics.clone() }, topics)
    }

    /// Writes the list when it differs from what the file holds. A disk that can't be written is told
    /// once and left alone.
    pub fn write(&mut self, topics: impl Iterator<Item = String>) {
        let Some(file) = &self.file else { return };
        let topics: BTreeSet<String> = topics.collect();
        if topics == self.topics {
            return;
        }
        let text: String = topics.iter().flat_map(|topic| [topic, "\n"]).collect();
        let new = file.with_extension("new");
        let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file));
        self.topics = topics;
        if let Err(e) = written {
            log::warn!(
                "remember the retained topics in {}: {e}; those that leave the config stay at the broker",
                file.display()
            );
            self.file = None;
        }
    }
}
