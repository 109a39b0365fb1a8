//! The catalogue: well-known models, where their files come from, and how a file proves to be the one meant.
//! A name is also the name of the installed files, `NAME.tflite` and `NAME.txt`.

mod folders;
mod written;

pub use folders::{default_folder, folders, installed, label_file, model_file};

use crate::checksum;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// `models/catalogue.toml` of the project.
const EMBEDDED: &str = include_str!("../../models/catalogue.toml");
/// No file is larger: a `.tflite` file is a FlatBuffer, and those end at 2 GiB.
pub(super) const MAX_BYTES: u64 = 2 << 30;
/// How many names are offered for a misspelt one.
const MOST_HINTS: usize = 4;

/// The models there are, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue(Vec<Entry>);

/// A model of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Matches `[a-z0-9][a-z0-9._-]{0,63}`, unique.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// What it does with a picture.
    pub task: Task,
    /// Width and height of its input in pixels.
    pub input: [u32; 2],
    /// What it runs on.
    pub accelerator: Accelerator,
    /// The model to use where there is no such accelerator.
    pub cpu: Option<String>,
    /// The SPDX identifier of its licence.
    pub licence: String,
    /// The `.tflite` file.
    pub file: Download,
    /// The names of its classes; absent: no file of them has a known checksum.
    pub labels: Option<LabelSource>,
}

/// What a model does with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Boxes of things.
    Detect,
    /// What the picture shows.
    Classify,
}

/// What a model runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// Any machine.
    #[default]
    Cpu,
    /// A Coral Edge TPU only.
    Edgetpu,
}

/// Where labels come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// A label file.
    File(Download),
    /// The labels themselves.
    Names(Vec<String>),
}

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// `https://…` or `http://…`, its last part a usable file name.
    pub url: String,
    /// Bytes, where known.
    pub size: Option<u64>,
    /// Its checksum.
    pub hash: Hash,
}

/// A checksum in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256, 64 digits.
    Sha256(String),
    /// What `git hash-object` prints, 40 digits.
    GitBlob(String),
}

impl Hash {
    /// Whether the file `path` has this checksum.
    pub fn is_of(&self, path: &Path) -> io::Result<bool> {
        match self {
            Self::Sha256(hash) => checksum::sha256(path).map(|sum| sum == *hash),
            Self::GitBlob(hash) => checksum::git_blob(path).map(|sum| sum == *hash),
        }
    }
}

impl Download {
    /// The last part of the URL's path, the name that a mirror has the file by.
    #[must_use]
    pub fn file_name(&self) -> &str {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }
}

impl Catalogue {
    /// The catalogue in the file that `EDGECAM_CATALOGUE` names, else the program's own.
    pub fn load() -> Result<Self, String> {
        let Some(path) = std::env::var_os("EDGECAM_CATALOGUE").filter(|path| !path.is_empty()) else {
            return Self::parse(EMBEDDED).map_err(|e| format!("read the catalogue: {e}"));
        };
        let path = PathBuf::from(path);
        let text = std::fs::read_to_string(&path).map_err(|e| e.to_string());
        text.and_then(|text| Self::parse(&text))
            .map_err(|e| format!("read catalogue {} (EDGECAM_CATALOGUE): {e}", path.display()))
    }

    /// The catalogue of a TOML text.
    pub fn parse(text: &str) -> Result<Self, String> {
        written::read(text).map(Self)
    }

    /// All models, by name.
    #[must_use]
    pub fn models(&self) -> &[Entry] {
        &self.0
    }

    /// The model `name`, or a sentence with the names it may have been meant for.
    pub fn find(&self, name: &str) -> Result<&Entry, String> {
        self.0.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let near = self.near(name);
            let hint = if near.is_empty() {
                "\"edgecam model list\" shows what there is".to_owned()
            } else {
                format!("did you mean {}?", near.join(", "))
            };
            format!("there is no model {name} in the catalogue; {hint}")
        })
    }

    /// The names most like `name`, the likest first.
    fn near(&self, name: &str) -> Vec<&str> {
        let likeness = |entry: &Entry| {
            let part = entry.name.contains(name) && name.len() >= 3;
            strsim::normalized_damerau_levenshtein(name, &entry.name) + if part { 1.0 } else { 0.0 }
        };
        let mut near: Vec<_> = self.0.iter().map(|entry| (likeness(entry), entry.name.as_str())).collect();
        near.retain(|(likeness, _)| *likeness >= 0.6);
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter().take(MOST_HINTS).map(|(_, name)| name).collect()
    }
}

/// The installed file of the model `name`; the error says what to do.
pub fn resolve(name: &str) -> Result<PathBuf, String> {
    let catalogue = Catalogue::load()?;
    let entry = catalogue.find(name)?;
    installed(entry).ok_or_else(|| format!("{name} is not installed; run \"edgecam model pull {name}\""))
}

#[cfg(test)]
mod tests;
