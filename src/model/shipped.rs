//! The models that come with edgecam.

use std::path::{Path, PathBuf};

/// Persons, vehicles, dogs and cats: what is used where nobody names a model.
pub const DETECTOR: &str = "edgecam-home.tflite";

/// Where packages put models.
pub(super) const PACKAGED: &str = "/usr/share/edgecam/models";

/// The file of a shipped model: the package's, else the one in the source tree the program was built in.
#[must_use]
pub fn shipped(name: &str) -> PathBuf {
    let packaged = Path::new(PACKAGED).join(name);
    if packaged.is_file() {
        return packaged;
    }
    // target/release/edgecam
    let program = std::env::current_exe().ok();
    let source = program.as_deref().and_then(|program| program.ancestors().nth(3));
    let built = source.map(|source| source.join("models").join(name)).filter(|file| file.is_file());
    built.unwrap_or(packaged)
}
