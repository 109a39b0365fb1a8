//! Models that once loaded and ran in a child process. A start that finds its models here is fast; one
//! that is new or changed is tried first, since it may crash the runtime.

use crate::accelerator::Accelerator;
use crate::infer::Runtime;
use crate::model::{Model, ModelError, ModelFiles, Stamp, try_model, twin};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// So many are remembered at most.
const MOST: usize = 64;

/// The list, on disk where there is a place for it.
#[derive(Debug)]
pub struct Tried {
    file: Option<PathBuf>,
    lines: Mutex<BTreeSet<String>>,
}

impl Tried {
    /// As `file` has it; one that can't be read is an empty list.
    pub fn open(file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        Self { file, lines: Mutex::new(text.lines().take(MOST).map(str::to_owned).collect()) }
    }

    /// Loads a model, tried in a child process first unless it is known.
    pub fn load(&self, runtime: &Arc<Runtime>, files: &ModelFiles) -> Result<Model, ModelError> {
        let line = line(files, runtime.path());
        let known = |line: &String| self.lines.lock().unwrap_or_else(PoisonError::into_inner).contains(line);
        if !line.as_ref().is_some_and(known) {
            try_model(files, Some(runtime.path()))?;
            if let Some(line) = line {
                self.remember(line);
            }
        }
        Model::load(runtime, files)
    }

    fn remember(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MOST {
            lines.clear();
        }
        lines.insert(line);
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
        drop(lines);
        if let Some(file) = &self.file
            && let Err(e) = write(file, &text)
        {
            log::debug!("remember tried models in {}: {e}", file.display());
        }
    }
}

/// What was tried: the program's version, how it runs, the state of the model's file and of the
/// library's. A model whose path has no place on a line is not remembered.
fn line(files: &ModelFiles, library: &Path) -> Option<String> {
    let twin = files.said().ok().and_then(|said| twin(&files.path, &said).ok().flatten());
    let tried = twin.as_deref().unwrap_or(&files.path);
    let state = Stamp::of([tried, library]).line()?;
    let path = files.path.to_str().filter(|path| !path.contains(char::is_control))?;
    let engine = match &files.accelerator {
        Accelerator::OpenVino(choice) => format!(" {choice:?}"),
        Accelerator::TfLiteC => " tflitec".to_owned(),
        _ => String::new(),
    };
    Some(format!("{} {}{engine} {state} {path}", env!("CARGO_PKG_VERSION"), files.threads))
}

/// Replaces `file` as a whole.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_is_known_to_the_next_run_until_the_file_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (list, path) = (folder.path().join("state/models"), folder.path().join("m.tflite"));
        std::fs::write(&path, "one").expect("the folder is ours");
        let files = ModelFiles::new(path);
        let line = |files: &ModelFiles| line(files, &files.path).expect("it is there");
        let before = line(&files);
        Tried::open(Some(list.clone())).remember(before.clone());
        let lines = || Tried::open(Some(list.clone())).lines.into_inner().expect("no panic");
        assert!(lines().contains(&before));
        assert!(!lines().contains(&line(&ModelFiles { threads: 2, ..files.clone() })));
        std::fs::write(&files.path, "two").expect("the folder is ours");
        assert!(!lines().contains(&line(&files)));
    }
}
