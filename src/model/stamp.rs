//! The state of files on disk: whether they are still those that were read.

use super::{Labels, ModelFiles, segments, twin};
use crate::coral;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells one content of some files from another, without reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Vec<Option<File>>);

/// One file. The time of its last change of state can't be set at will, as that of its content can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// Likewise.
    changed: (i64, i64),
}

impl Stamp {
    /// All files that a model is made of, itself, its labels, its manifest, its further segments and its twin; and
    /// what decides whether an accelerator can run it.
    #[must_use]
    pub fn of_model(files: &ModelFiles) -> Self {
        let labels = files.labels.clone().or_else(|| Labels::beside(&files.path)).unwrap_or_default();
        let beside = [files.path.with_extension("toml"), files.path.with_file_name("metadata.yaml")];
        let segments = segments(&files.path).ok().flatten().unwrap_or_default();
        let twin = files.said().ok().and_then(|said| twin(&files.path, &said).ok().flatten());
        let library = coral::find_library(Path::new("/"));
        let fixed = [files.path.as_path(), &labels, &beside[0], &beside[1]].into_iter();
        let others = segments.iter().chain(&twin).chain(&library).map(PathBuf::as_path);
        Self::of(fixed.chain(others))
    }

    /// Of `paths`, in this order; one that is not there is told from one that is.
    #[must_use]
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let state = |path: &Path| {
            let meta = std::fs::metadata(path).ok()?;
            Some(File {
                device: meta.dev(),
                inode: meta.ino(),
                bytes: meta.size(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                changed: (meta.ctime(), meta.ctime_nsec()),
            })
        };
        Self(paths.into_iter().map(state).collect())
    }

    /// As words of a line; `None` where a file is not there.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        let words = |file: &Option<File>| {
            let File { device, inode, bytes, modified: (m, m_ns), changed: (c, c_ns) } = (*file)?;
            Some(format!("{device} {inode} {bytes} {m}.{m_ns:09} {c}.{c_ns:09}"))
        };
        Some(self.0.iter().map(words).collect::<Option<Vec<_>>>()?.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaced_under_its_name_is_another_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the folder is ours");
            path
        };
        let path = write("m.tflite", "one");
        let files = ModelFiles::new(path);
        let before = Stamp::of_model(&files);
        assert_eq!(before, Stamp::of_model(&files));
        assert_eq!(before.line(), None, "there are no labels");
        // Same length, as of a renamed copy.
        std::fs::rename(write("new", "two"), &files.path).expect("the folder is ours");
        let after = Stamp::of_model(&files);
        assert_ne!(before, after);
        let labels = write("m.txt", "cat");
        let labelled = Stamp::of_model(&files);
        assert_ne!(after, labelled);
        assert_ne!(
            labelled,
            Stamp::of_model(&ModelFiles { labels: Some(write("l", "dog")), ..files.clone() })
        );
        let line = Stamp::of([files.path.as_path(), &labels]).line().expect("both are there");
        assert_eq!(line.split(' ').count(), 10, "{line}");
    }
}
