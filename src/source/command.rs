//! Frames from the stdout of a program: MJPEG or raw. The program runs in a process group of its own,
//! dies with the daemon, and is ended and reaped when the source is dropped.

mod process;
mod stderr;

use super::mjpeg::{self, Splitter};
use super::{FrameSource, SourceError, SourceOpener};
use crate::frame::{ColorSpace, Frame, PixelFormat, Size, Timestamp};
use crate::shutdown::Shutdown;
use process::{Process, Read};
use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

/// What the program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// `Mjpeg` or a raw layout.
    pub format: PixelFormat,
    /// Picture size; of no account for MJPEG.
    pub size: Size,
    /// Meaning of Y, U and V in raw frames.
    pub color: ColorSpace,
}

impl Output {
    /// Output as FFmpeg makes it: raw frames of 720 rows and more are BT.709, smaller ones BT.601.
    #[must_use]
    pub fn new(format: PixelFormat, size: Option<Size>) -> Self {
        let size = size.unwrap_or_default();
        let color = match format {
            PixelFormat::Mjpeg => ColorSpace::Bt601Full,
            _ if size.height >= 720 => ColorSpace::Bt709Limited,
            _ => ColorSpace::Bt601Limited,
        };
        Self { format, size, color }
    }
}

/// Starts a program for its frames.
#[derive(Debug)]
pub struct Opener {
    argv: Vec<String>,
    output: Output,
    camera: String,
    stall: Duration,
}

impl Opener {
    /// Will run `argv` without a shell; `camera` is named in the log, `stall` bounds the wait for a frame.
    #[must_use]
    pub fn new(argv: Vec<String>, output: Output, camera: &str, stall: Duration) -> Self {
        Self { argv, output, camera: camera.to_owned(), stall }
    }
}

impl SourceOpener for Opener {
    fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        let raw = self.output.format.bytes(self.output.size);
        if raw == Some(0) {
            let format = self.output.format;
            return Err(SourceError::Open(format!("start {}: {format} frames need a size", self.name())));
        }
        let process = Process::start(&self.argv, &self.camera, raw)?;
        Ok(Box::new(Command {
            process,
            output: self.output,
            splitter: Splitter::default(),
            stall: self.stall,
            shutdown: shutdown.clone(),
        }))
    }

    fn name(&self) -> String {
        process::program(&self.argv).to_owned()
    }
}

struct Command {
    process: Process,
    output: Output,
    splitter: Splitter,
    stall: Duration,
    shutdown: Shutdown,
}

impl Command {
    /// Reads into `room` within the time left; the count is at least 1.
    fn read(&mut self, wanted: Wanted<'_>, deadline: Instant) -> Result<usize, SourceError> {
        let room = match wanted {
            Wanted::Raw(room) => room,
            Wanted::Stream => self.splitter.room(),
        };
        match self.process.read(room, deadline, &self.shutdown) {
            Read::Bytes(n) => Ok(n),
            Read::End => Err(SourceError::Lost(self.process.epitaph(&self.shutdown))),
            Read::Late => Err(SourceError::Stalled(self.stall)),
            Read::Stopped => Err(SourceError::Stopped),
            Read::Failed(e) => Err(SourceError::Lost(format!("read from {}: {e}", self.process.name()))),
        }
    }

    fn next_raw(&mut self, frame: &mut Frame, bytes: usize, deadline: Instant) -> Result<(), SourceError> {
        frame.data.resize(bytes, 0);
        let mut filled = 0;
        while filled < bytes {
            filled += self.read(Wanted::Raw(&mut frame.data[filled..]), deadline)?;
        }
        frame.size = self.output.size;
        Ok(())
    }

    fn next_jpeg(&mut self, frame: &mut Frame, deadline: Instant) -> Result<(), SourceError> {
        loop {
            match self.splitter.next_picture() {
                Some(Ok(picture)) => {
                    frame.size = mjpeg::size(picture)
                        .ok_or_else(|| SourceError::BadFrame("JPEG picture without a size".to_owned()))?;
                    frame.data.clear();
                    frame.data.extend_from_slice(picture);
                    return Ok(());
                }
                Some(Err(bad)) => return Err(SourceError::BadFrame(bad.to_string())),
                None => {
                    let n = self.read(Wanted::Stream, deadline)?;
                    self.splitter.wrote(n);
                }
            }
        }
    }
}

/// Where bytes go.
enum Wanted<'a> {
    Raw(&'a mut [u8]),
    Stream,
}

impl FrameSource for Command {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), SourceError> {
        let deadline = Instant::now() + self.stall;
        match self.output.format.bytes(self.output.size) {
            Some(bytes) => self.next_raw(frame, bytes, deadline)?,
            None => self.next_jpeg(frame, deadline)?,
        }
        frame.format = self.output.format;
        frame.color = self.output.color;
        frame.captured = Timestamp::now();
        Ok(())
    }
}

/// Has the kernel kill the program when this thread ends, however the daemon ends (the thread that opens
/// a source outlives it), and keeps open cameras from it: the `v4l` crate opens them to be inherited,
/// and a camera that a child has open stays taken after we closed it.
#[expect(unsafe_code, reason = "both can only be set between fork and exec")]
fn dies_with_us(command: &mut std::process::Command) {
    let parent = rustix::process::getpid();
    let in_child = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        // SAFETY: a system call on plain numbers; it marks the files above stderr as closed on exec. A
        // kernel without it (before 5.11) answers with an error, and the files are inherited.
        unsafe {
            libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes three system calls, all async-signal-safe, and
    // touches no memory but its own copy of `parent`; it allocates nothing (`ErrorKind` and `Errno`
    // become an `io::Error` without an allocation).
    unsafe {
        command.pre_exec(in_child);
    }
}
