//! What is wrong with a truth: every problem with its place.

use std::fmt;
use std::path::{Path, PathBuf};

/// As many problems are shown.
const SHOWN: usize = 10;

/// One problem; displays as `FILE:LINE: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    path: PathBuf,
    /// From 1.
    line: Option<usize>,
    text: String,
}

impl Problem {
    /// A problem of a whole file.
    #[must_use]
    pub fn of_file(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), line: None, text: text.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path.display(), self.text),
            None => write!(f, "{}: {}", self.path.display(), self.text),
        }
    }
}

/// Why a truth can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0).join("\n"))]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The one problem of a file.
    #[must_use]
    pub fn of_file(path: &Path, text: &str) -> Self {
        Self(vec![Problem::of_file(path, text)])
    }

    /// A line each; of many only the first few, and how many more there are.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lines(&self.0)
    }
}

/// A line each; of many only the first few, and how many more there are.
#[must_use]
pub fn lines(problems: &[Problem]) -> Vec<String> {
    let mut lines: Vec<String> = problems.iter().take(SHOWN).map(ToString::to_string).collect();
    if problems.len() > SHOWN {
        lines.push(format!("… and {} more like these", problems.len() - SHOWN));
    }
    lines
}

/// Collects problems while a truth is read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    errors: Vec<Problem>,
    pub notes: Vec<Problem>,
}

impl Reading {
    /// What makes the truth useless; line 0 for a whole file.
    pub fn error(&mut self, (path, line): (&Path, usize), text: &str) {
        self.errors.push(problem(path, line, text));
    }

    /// What is only odd; line 0 for a whole file.
    pub fn note(&mut self, (path, line): (&Path, usize), text: &str) {
        self.notes.push(problem(path, line, text));
    }

    /// The problems, if there are any.
    pub fn check(&mut self) -> Result<(), Problems> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problems(std::mem::take(&mut self.errors))) }
    }
}

fn problem(path: &Path, line: usize, text: &str) -> Problem {
    Problem { path: path.to_owned(), line: (line > 0).then_some(line), text: text.to_owned() }
}

/// The text of a truth's file.
pub(super) fn text(path: &Path) -> Result<String, String> {
    const MAX_BYTES: u64 = 1 << 30;
    let failed = |e: std::io::Error| e.to_string();
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let text = String::from_utf8(bytes)
        .map_err(|e| format!("byte {} is not UTF-8", e.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
