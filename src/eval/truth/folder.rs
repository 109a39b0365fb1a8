//! The files of a folder, and which picture goes with which truth file.

use super::problem::Reading;
use crate::source::files::pictures;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The files of a folder, by name.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| e.to_string())?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// Whether a file's name ends in `.kind`.
pub fn is(file: &Path, kind: &str) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(kind))
}

/// A file's name without its ending.
pub fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The pictures of a folder by [`stem`], in natural order. Two of the same stem are an error.
pub struct ByStem {
    /// All pictures.
    pub pictures: Vec<PathBuf>,
    stems: HashMap<String, usize>,
}

impl ByStem {
    pub fn read(folder: &Path, r: &mut Reading) -> Self {
        let pictures = match pictures(&folder.to_string_lossy()) {
            Ok(pictures) => pictures,
            Err(e) => {
                r.error((folder, 0), &e.to_string());
                Vec::new()
            }
        };
        let mut stems = HashMap::new();
        for (i, picture) in pictures.iter().enumerate() {
            if let Some(other) = stems.insert(stem(picture), i) {
                let other = pictures[other].display();
                r.error((picture, 0), &format!("{other} has the same name, so both would have one truth"));
            }
        }
        Self { pictures, stems }
    }

    /// The picture of that stem.
    pub fn get(&self, stem: &str) -> Option<&PathBuf> {
        self.stems.get(stem).map(|&i| &self.pictures[i])
    }
}
