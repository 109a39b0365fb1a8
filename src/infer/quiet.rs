//! Keeps the runtime's chatter off stderr. LiteRT can be told to log nothing, but the TFLite inside it
//! prints `INFO: Created TensorFlow Lite XNNPACK delegate for CPU.` by itself at each load.

use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

/// Stderr is the process's: one at a time.
static STDERR: Mutex<()> = Mutex::new(());

/// Runs `work` and passes on what it, or another thread meanwhile, wrote to stderr, except the
/// runtime's `INFO:` lines.
pub fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let _one = STDERR.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok((saved, kept)) = divert() else { return work() };
    let result = work();
    if rustix::stdio::dup2_stderr(&saved).is_ok() {
        let _ = pass_on(kept);
    }
    result
}

fn divert() -> io::Result<(OwnedFd, OwnedFd)> {
    let saved = rustix::io::dup(rustix::stdio::stderr())?;
    let kept = memfd_create(c"stderr", MemfdFlags::CLOEXEC)?;
    rustix::stdio::dup2_stderr(&kept)?;
    Ok((saved, kept))
}

fn pass_on(kept: OwnedFd) -> io::Result<()> {
    seek(&kept, SeekFrom::Start(0))?;
    let mut said = Vec::new();
    File::from(kept).read_to_end(&mut said)?;
    for line in said.split_inclusive(|&b| b == b'\n').filter(|line| !line.starts_with(b"INFO: ")) {
        io::stderr().write_all(line)?;
    }
    Ok(())
}
