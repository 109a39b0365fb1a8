//! Lines to whoever may read them, or not (a full pipe, a stopped terminal): then they are dropped and
//! counted, so that they hold up nothing.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

/// A reader that is only slow is waited for this long, once.
const PATIENCE: Duration = Duration::from_millis(100);

/// A pipe with room takes this many bytes without blocking (`PIPE_BUF`, pipe(7)).
const PIECE: usize = 4096;

/// Where lines go, and how many of late did not.
#[derive(Debug)]
pub(super) struct Lines<F> {
    out: F,
    dropped: u64,
}

impl<F: Write + AsFd> Lines<F> {
    pub(super) const fn new(out: F) -> Self {
        Self { out, dropped: 0 }
    }

    /// Writes `line`, which ends with a line break, or drops it.
    pub(super) fn write(&mut self, line: &str) {
        if self.dropped > 0 {
            let gap = format!("({} lines of the log were dropped, nobody read them)\n", self.dropped);
            if !self.put(&gap, Duration::ZERO) {
                self.dropped += 1;
                return;
            }
            self.dropped = 0;
        }
        if !self.put(line, PATIENCE) {
            self.dropped = 1;
        }
    }

    /// False when there was no room; a part may be written then.
    fn put(&mut self, text: &str, patience: Duration) -> bool {
        for piece in text.as_bytes().chunks(PIECE) {
            if !self.has_room(patience) {
                return false;
            }
            // A closed stderr is nothing that could be reported.
            let _ = self.out.write_all(piece);
        }
        true
    }

    fn has_room(&self, patience: Duration) -> bool {
        let time = Timespec::try_from(patience).ok();
        let ready = poll(&mut [PollFd::new(&self.out, PollFlags::OUT)], time.as_ref());
        ready.is_ok_and(|n| n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let (mut lines, long) = (Lines::new(writer), format!("{}\n", "x".repeat(9999)));
        for _ in 0..20 {
            lines.write(&long);
        }
        assert!(lines.dropped > 10, "{} were dropped", lines.dropped);
        let dropped = lines.dropped;
        let mut buffer = vec![0; 1 << 20];
        assert!(reader.read(&mut buffer).expect("bytes") > 9999);
        lines.write("again\n");
        assert_eq!(lines.dropped, 0);
        let n = reader.read(&mut buffer).expect("bytes");
        let text = String::from_utf8_lossy(&buffer[..n]);
        assert_eq!(text, format!("({dropped} lines of the log were dropped, nobody read them)\nagain\n"));
    }
}
