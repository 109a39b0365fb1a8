//! One line a frame for a person at a terminal.

use super::json::label_of;
use super::{Observation, Publication, Sink};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Writes observations to `W`; what goes wrong with that is of no account.
#[derive(Debug)]
pub struct Terminal<W>(Mutex<W>);

impl<W: Write + Send> Terminal<W> {
    /// Lines to `out`.
    pub const fn new(out: W) -> Self {
        Self(Mutex::new(out))
    }

    fn observe(&self, seen: &Observation<'_>) -> io::Result<()> {
        let mut line = Vec::with_capacity(256);
        let seconds = seen.captured.unix.as_secs() % 86_400;
        let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            line,
            "{h:02}:{m:02}:{s:02}Z {} #{} {:.1} ms:",
            seen.camera,
            seen.seq,
            seen.latencies.infer.as_secs_f64() * 1e3
        )?;
        for d in seen.detections {
            let at = d.bounds.to_pixels(seen.size).to_array();
            write!(line, "  {} {:.0}% {at:?}", label_of(seen.labels, d.class), d.score * 100.0)?;
        }
        if let Some(best) = seen.classes.first() {
            write!(line, "  {} {:.0}%", label_of(seen.labels, best.class), best.score * 100.0)?;
        } else if seen.detections.is_empty() {
            write!(line, "  nothing")?;
        }
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}

impl<W: Write + Send> Sink for Terminal<W> {
    fn publish(&self, publication: &Publication<'_>) {
        if let Publication::Observation(seen) = publication {
            // A closed terminal ends no daemon.
            let _ = self.observe(seen);
        }
    }
}
