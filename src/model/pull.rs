//! Fetches the files of a model into a folder: resumed where a transfer broke off, checked, and put in place
//! in one step, so that at no moment there is half a model under its name.

mod fetch;
mod folder;
mod http;
mod mirror;
mod partial;

pub use folder::Folder;
pub use http::Http;
pub use mirror::{Mirror, origin};

use super::catalogue::{Download, Entry, LabelSource, label_file, model_file};
use fetch::{Broken, fetch};
use partial::Partial;
use std::io::{self, Read};
use std::path::Path;

/// Where files come from.
pub trait Origin {
    /// Opens a file from byte `have` on where that can be done, else from its start. `validator` is what the
    /// origin said of its content when those bytes came. The error is a sentence.
    fn open(&self, download: &Download, have: u64, validator: Option<&str>) -> Result<Body, String>;

    /// The address of a file, for people.
    fn address(&self, download: &Download) -> String;
}

/// A file on its way.
pub struct Body {
    /// The byte that `bytes` begins with: what was asked for, or 0.
    pub from: u64,
    /// Bytes of the whole file, where the origin tells.
    pub total: Option<u64>,
    /// Changes when the file changes.
    pub validator: Option<String>,
    /// The content; errors are sentences.
    pub bytes: Box<dyn Read>,
}

/// Told how a pull goes on.
pub trait Progress {
    /// Another program is pulling this file; its end is awaited.
    fn waits(&mut self, path: &Path);
    /// A file of `total` bytes, `have` of which are there already, begins to come from `address`.
    fn begins(&mut self, address: &str, have: u64, total: Option<u64>);
    /// There are `have` bytes now.
    fn comes(&mut self, have: u64);
    /// No more will come.
    fn ends(&mut self);
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Installed,
    /// It was there already.
    AlreadyThere,
    /// One that is not the catalogue's is there and was left alone.
    Kept,
}

/// A pull: from where, to where.
pub struct Pull<'a> {
    /// Where the files come from.
    pub origin: &'a dyn Origin,
    /// Made if it is not there.
    pub folder: &'a Path,
    /// Fetch what is there already, and replace label files that were edited.
    pub force: bool,
}

/// What to do with a file that is there and is not the catalogue's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    Replace,
    Keep,
}

impl Pull<'_> {
    /// Fetches the labels of a model, then its file, so that where a model is its labels are. What became of
    /// the model and of its labels, if it has any.
    pub fn model(
        &self,
        entry: &Entry,
        progress: &mut dyn Progress,
    ) -> Result<(Outcome, Option<Outcome>), String> {
        std::fs::create_dir_all(self.folder)
            .map_err(|e| on_disk(&format!("create folder {}", self.folder.display()), &e))?;
        let target = label_file(self.folder, entry);
        // Labels may have been translated or corrected.
        let labels = match &entry.labels {
            None => None,
            Some(LabelSource::File(download)) => Some(self.file(download, &target, Other::Keep, progress)?),
            Some(LabelSource::Names(names)) => Some(self.text(&lines(names), &target, progress)?),
        };
        let target = model_file(self.folder, entry);
        Ok((self.file(&entry.file, &target, Other::Replace, progress)?, labels))
    }

    fn file(
        &self,
        download: &Download,
        target: &Path,
        other: Other,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, String> {
        let there = || -> Result<Option<Outcome>, String> {
            let good = present(download.hash.is_of(target)).map_err(|e| on_disk(&read(target), &e))?;
            Ok(self.keeps(good, other))
        };
        if let Some(outcome) = there()? {
            return Ok(outcome);
        }
        let mut partial = partial_of(target, progress)?;
        // Another pull may have come to its end while this one waited for it.
        if let Some(outcome) = there()? {
            partial.discard();
            return Ok(outcome);
        }
        let result = fetch(self.origin, download, &mut partial, progress);
        progress.ends();
        let what = format!("download {}", self.origin.address(download));
        match result {
            Ok(()) => partial.install(target).map_err(|e| on_disk(&write(target), &e))?,
            Err(Broken::Off(why)) => {
                return Err(match partial.leave() {
                    0 => format!("{what}: {why}"),
                    kept => {
                        format!("{what}: {why}; the {kept} bytes that came are kept, pull again to go on")
                    }
                });
            }
            Err(Broken::Bad(why)) => {
                partial.discard();
                return Err(format!("{what}: {why}; refused"));
            }
            Err(Broken::Disk(e)) => {
                let what = write(partial.path());
                partial.discard();
                return Err(on_disk(&what, &e));
            }
        }
        Ok(Outcome::Installed)
    }

    /// As [`Pull::file`], of labels that the catalogue holds itself.
    fn text(&self, text: &str, target: &Path, progress: &mut dyn Progress) -> Result<Outcome, String> {
        let good = present(std::fs::read(target).map(|bytes| bytes == text.as_bytes()))
            .map_err(|e| on_disk(&read(target), &e))?;
        if let Some(outcome) = self.keeps(good, Other::Keep) {
            return Ok(outcome);
        }
        let mut partial = partial_of(target, progress)?;
        let written = partial.restart(0, None).and_then(|()| partial.write(text.as_bytes()));
        if let Err(e) = written {
            partial.discard();
            return Err(on_disk(&write(target), &e));
        }
        partial.install(target).map_err(|e| on_disk(&write(target), &e))?;
        Ok(Outcome::Installed)
    }

    /// What to say of a file that is to stay as it is; `good`: whether it is the catalogue's.
    fn keeps(&self, good: Option<bool>, other: Other) -> Option<Outcome> {
        match good {
            _ if self.force => None,
            Some(true) => Some(Outcome::AlreadyThere),
            Some(false) if other == Other::Keep => Some(Outcome::Kept),
            _ => None,
        }
    }
}

fn partial_of(target: &Path, progress: &mut dyn Progress) -> Result<Partial, String> {
    Partial::open(target, &mut || progress.waits(target)).map_err(|e| on_disk(&write(target), &e))
}

/// The content of a label file.
#[must_use]
pub fn lines(names: &[String]) -> String {
    names.iter().flat_map(|name| [name, "\n"]).collect()
}

/// `None` for what is not there.
fn present(result: io::Result<bool>) -> io::Result<Option<bool>> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn read(path: &Path) -> String {
    format!("read {}", path.display())
}

fn write(path: &Path) -> String {
    format!("write {}", path.display())
}

/// A sentence of an error of this machine's files.
fn on_disk(what: &str, e: &io::Error) -> String {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match e.kind() {
        StorageFull | QuotaExceeded => format!("{what}: the disk is full; nothing of it was kept"),
        PermissionDenied | ReadOnlyFilesystem => format!("{what}: {e}; name another folder with --into"),
        _ => format!("{what}: {e}"),
    }
}
