//! What a played accelerator did: `CONTROL.status` beside its control file, one line `EVENT DEVICE PID` an
//! event. It outlives a crashed process, and several may write it.
//!
//! Events: `create` (asked for), `performance-Low` (asked for with it), `open-2-1` (which it
//! is, where Corals get firmware), `destroy`, `answer` (right, if late), `unknown` (an answer that was not
//! recorded), `fault` (a command other than `ok`, before it is played).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Adds a line. One `write` to a file opened for appending is one line, whoever else writes.
pub fn append(control: &Path, event: &str, device: &str) -> io::Result<()> {
    let line = format!("{event} {device} {}\n", std::process::id());
    OpenOptions::new().create(true).append(true).open(path(control))?.write_all(line.as_bytes())
}

/// How often `event` was, on any device and in any process.
pub fn count(control: &Path, event: &str) -> usize {
    let text = fs::read_to_string(path(control)).unwrap_or_default();
    text.lines().filter(|line| line.split(' ').next() == Some(event)).count()
}

/// The file.
pub fn path(control: &Path) -> PathBuf {
    let mut path = control.as_os_str().to_owned();
    path.push(".status");
    path.into()
}
