//! Where models of the catalogue are installed.

use super::Entry;
use crate::model::shipped::PACKAGED;
use std::path::{Path, PathBuf};

/// Where the service's models are.
const SYSTEM: &str = "/var/lib/edgecam/models";

/// The folder that models are pulled into: `EDGECAM_MODELS`; for root the service's; else
/// `edgecam/models` in the user's data folder (XDG Base Directory Specification).
#[must_use]
pub fn default_folder() -> PathBuf {
    if let Some(folder) = variable("EDGECAM_MODELS") {
        return folder;
    }
    if rustix::process::geteuid().is_root() {
        return SYSTEM.into();
    }
    let data = variable("XDG_DATA_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")));
    data.map_or_else(|| SYSTEM.into(), |data| data.join("edgecam/models"))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where installed models are looked for, in this order.
#[must_use]
pub fn folders() -> Vec<PathBuf> {
    let mut folders = vec![default_folder()];
    for folder in [SYSTEM, PACKAGED].map(PathBuf::from) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// The installed file of a model; its content is not looked at.
#[must_use]
pub fn installed(entry: &Entry) -> Option<PathBuf> {
    folders().iter().map(|folder| model_file(folder, entry)).find(|path| path.is_file())
}

/// The model's file in `folder`.
#[must_use]
pub fn model_file(folder: &Path, entry: &Entry) -> PathBuf {
    folder.join(format!("{}.tflite", entry.name))
}

/// The model's label file in `folder`.
#[must_use]
pub fn label_file(folder: &Path, entry: &Entry) -> PathBuf {
    folder.join(format!("{}.txt", entry.name))
}
