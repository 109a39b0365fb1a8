//! Log lines on stderr: `12:34:56Z WARN  porch: no frame for 10 s`. Times are UTC.

use super::lines::Lines;
use super::subject;
use env_filter::Filter;
use log::{Level, Log, Metadata, Record};
use std::fmt::Write as _;
use std::io::{Stderr, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) struct Terminal {
    filter: Filter,
    colour: bool,
    out: Mutex<Lines<Stderr>>,
}

impl Terminal {
    pub(super) fn new(filter: Filter, colour: bool) -> Self {
        Self { filter, colour, out: Mutex::new(Lines::new(stderr())) }
    }
}

impl Log for Terminal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.filter.matches(record) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let line = line(now, record, self.colour);
            self.out.lock().unwrap_or_else(PoisonError::into_inner).write(&line);
        }
    }

    fn flush(&self) {}
}

/// One line, written at once so that threads don't mix theirs. `now` counts from the Unix epoch.
fn line(now: Duration, record: &Record<'_>, colour: bool) -> String {
    let (on, off) = if colour { (paint(record.level()), "\x1b[0m") } else { ("", "") };
    let second = now.as_secs() % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let subject = subject(record).map(|subject| subject + ": ").unwrap_or_default();
    let mut line = format!("{hour:02}:{minute:02}:{second:02}Z {on}{:<5}{off} ", record.level());
    for c in format!("{subject}{}", record.args()).chars() {
        // What comes from the network or a device must not drive the terminal.
        if c.is_control() && c != '\n' && c != '\t' {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

fn paint(level: Level) -> &'static str {
    match level {
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug | Level::Trace => "\x1b[2m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(level: Level, message: &str, colour: bool) -> String {
        let keys: &[(&str, &str)] = &[("camera", "porch")];
        let now = Duration::from_secs(86_400 * 20_000 + 12 * 3600 + 34 * 60 + 56);
        line(
            now,
            &Record::builder()
                .level(level)
                .target("edgecam")
                .key_values(&keys)
                .args(format_args!("{message}"))
                .build(),
            colour,
        )
    }

    #[test]
    fn a_line_says_when_how_bad_which_camera_and_what() {
        assert_eq!(written(Level::Warn, "no frame", false), "12:34:56Z WARN  porch: no frame\n");
        assert_eq!(written(Level::Error, "gone", true), "12:34:56Z \x1b[31mERROR\x1b[0m porch: gone\n");
    }

    #[test]
    fn control_characters_of_others_are_written_out() {
        assert_eq!(
            written(Level::Info, "label \x1b[2J\nnext", false),
            "12:34:56Z INFO  porch: label \\u{1b}[2J\nnext\n"
        );
    }
}
