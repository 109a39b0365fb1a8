//! What the daemon says of accelerators: to subscribers, to the service's status, and to `edgecam doctor`, which
//! reads a file in the runtime directory.

use crate::accelerator::{Report, reports};
use crate::control;
use crate::publish::{Publication, Sink};
use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// The file's name.
pub const FILE: &str = "accelerators.json";

/// Publishes how they are, and writes it down.
pub fn tell(sink: &dyn Sink) {
    let reports = reports();
    let state = (!reports.is_empty()).then(|| json!({ "devices": reports }));
    sink.publish(&Publication::Accelerators(state.as_ref()));
    let socket = control::listen_path();
    if let Some(folder) = socket.parent()
        && let Err(e) = write(&folder.join(FILE), state.as_ref())
    {
        log::debug!("write {FILE} for doctor: {e}");
    }
}

/// What `stats` tells; nothing where there is none.
pub fn figures() -> Option<Value> {
    let reports = reports();
    (!reports.is_empty())
        .then(|| reports.iter().map(|report| (report.name.clone(), report.figures())).collect())
}

/// What the daemon's status says after all else: nothing where all is well.
pub fn in_words() -> String {
    reports().iter().filter_map(Report::in_words).fold(String::new(), |text, words| text + ", " + &words)
}

/// Replaces the file as a whole; without a state there is none.
fn write(file: &Path, state: Option<&Value>) -> io::Result<()> {
    let Some(state) = state else {
        return match std::fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
    };
    let new = file.with_extension("new");
    std::fs::write(&new, state.to_string())?;
    std::fs::rename(new, file)
}
