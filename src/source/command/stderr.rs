//! A program's stderr, line by line into the log, a bounded number of them.

use std::time::{Duration, Instant};

/// Lines logged per [`WINDOW`]; the others are counted.
const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// Longer lines are cut, in bytes.
const LONGEST: usize = 1000;

/// Logs lines at level info with the camera's name, and remembers the last one.
#[derive(Debug)]
pub struct LineLog {
    camera: String,
    program: String,
    line: Vec<u8>,
    /// A carriage return came last.
    returned: bool,
    last: String,
    window: Option<Instant>,
    logged: u32,
    left_out: u32,
}

impl LineLog {
    /// A log for `program` of `camera`.
    pub fn new(camera: &str, program: &str) -> Self {
        Self {
            camera: camera.to_owned(),
            program: program.rsplit('/').next().unwrap_or(program).to_owned(),
            line: Vec::new(),
            returned: false,
            last: String::new(),
            window: None,
            logged: 0,
            left_out: 0,
        }
    }

    /// Takes what was said. What a carriage return overwrites is a progress display: it goes to the log at
    /// level debug only.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if std::mem::take(&mut self.returned) && byte != b'\n' {
                log::debug!(camera = self.camera.as_str(); "{}: {}", self.program, readable(&self.line));
                self.line.clear();
            }
            match byte {
                b'\n' => self.end_line(),
                b'\r' => self.returned = true,
                _ if self.line.len() < LONGEST => self.line.push(byte),
                _ => {}
            }
        }
    }

    /// Ends an unfinished line and says how many were left out.
    pub fn finish(&mut self) {
        self.end_line();
        self.report();
    }

    /// The last line that was not empty.
    pub fn last(&self) -> &str {
        &self.last
    }

    fn end_line(&mut self) {
        let text = readable(&self.line);
        self.line.clear();
        if text.is_empty() {
            return;
        }
        if self.window.is_none_or(|start| start.elapsed() >= WINDOW) {
            self.report();
            (self.window, self.logged) = (Some(Instant::now()), 0);
        }
        if self.logged < LINES {
            self.logged += 1;
            log::info!(camera = self.camera.as_str(); "{}: {text}", self.program);
        } else {
            self.left_out += 1;
        }
        self.last = text;
    }

    fn report(&mut self) {
        let n = std::mem::take(&mut self.left_out);
        if n > 0 {
            log::info!(camera = self.camera.as_str(); "{}: {n} more lines", self.program);
        }
    }
}

fn readable(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim().replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_counted_and_the_last_is_kept() {
        let mut log = LineLog::new("porch", "/usr/bin/ffmpeg");
        assert_eq!(log.program, "ffmpeg");
        for i in 0..50 {
            log.push(format!("line {i}\r\n").as_bytes());
        }
        assert_eq!((log.logged, log.left_out), (20, 30));
        log.push(b"one\ntwo \xFF\x1b[0m\n\n\r\nthr");
        log.push(b"ee");
        assert_eq!(log.last(), "two \u{FFFD} [0m");
        log.finish();
        assert_eq!((log.last(), log.left_out), ("three", 0));
        log.push(b"frame=1\rframe=2\rframe=3\rfailed\r");
        assert_eq!((log.last(), log.logged), ("three", 20));
        log.push(b"\n");
        assert_eq!(log.last(), "failed");
        log.push(&[b'x'; 5000]);
        log.finish();
        assert_eq!(log.last().len(), LONGEST);
    }
}
