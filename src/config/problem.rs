//! What is wrong with a config: every problem with its place.

use std::fmt;
use std::path::Path;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Byte of the file; `None` for a problem of the whole file.
    at: Option<usize>,
    text: String,
}

/// All problems of a config, in the order of their places. Displays as a line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    lines: Vec<String>,
}

impl Problems {
    /// A line each: `FILE:LINE:COLUMN: what is wrong`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }

    /// The one problem of a file whose text can't be read from byte `at` of `source` on.
    pub(super) fn at(path: &Path, source: &str, at: usize, text: &str) -> Self {
        let (line, column) = place(source, at);
        Self { lines: vec![format!("{}:{line}:{column}: {text}", path.display())] }
    }

    /// The one problem of a file that can't be read at all.
    pub(super) fn of_file(path: &Path, text: &str) -> Self {
        Self { lines: vec![format!("{}: {text}", path.display())] }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// Collects problems while a config is read.
#[derive(Debug, Default)]
pub(super) struct Collector(Vec<Problem>);

impl Collector {
    /// A problem at byte `at`.
    pub fn add(&mut self, at: usize, text: impl Into<String>) {
        self.0.push(Problem { at: Some(at), text: text.into() });
    }

    /// A problem of the whole file.
    pub fn add_whole(&mut self, text: impl Into<String>) {
        self.0.push(Problem { at: None, text: text.into() });
    }

    /// The result, if there is no problem in it.
    pub fn finish<T>(mut self, path: &Path, source: &str, result: Option<T>) -> Result<T, Problems> {
        match result {
            Some(result) if self.0.is_empty() => return Ok(result),
            None if self.0.is_empty() => self.add_whole("it can't be used"),
            _ => {}
        }
        self.0.sort_by_key(|problem| problem.at);
        self.0.dedup();
        let name = path.display();
        let line = |problem: &Problem| match problem.at {
            None => format!("{name}: {}", problem.text),
            Some(at) => {
                let (line, column) = place(source, at);
                format!("{name}:{line}:{column}: {}", problem.text)
            }
        };
        Err(Problems { lines: self.0.iter().map(line).collect() })
    }
}

/// Line and column of a byte, both from 1; columns count characters.
pub(super) fn place(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at.min(source.len())).unwrap_or(source);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}
