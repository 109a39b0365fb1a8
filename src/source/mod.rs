//! Where frames come from. A [`SourceOpener`] is the seam: it can be opened again and again, so that
//! loss and return of a camera can be tested with a scripted one.

pub mod still;

use crate::frame::Frame;
use crate::shutdown::Shutdown;
use std::time::Duration;

/// What went wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be opened; the text says on what, why, and what to do.
    #[error("{0}")]
    Open(String),
    /// It was open and is gone, or broke: close it and open it again.
    #[error("{0}")]
    Lost(String),
    /// No frame came for this long.
    #[error("no frame for {:.1} s", .0.as_secs_f64())]
    Stalled(Duration),
    /// One frame was bad and is dropped; the next may be good.
    #[error("{0}")]
    BadFrame(String),
    /// It has no more frames, as it should be.
    #[error("the end of the files")]
    Ended,
    /// The wait was ended by the shutdown.
    #[error("stopped")]
    Stopped,
}

/// An open source of frames.
pub trait FrameSource: Send {
    /// Fills `frame` with the next frame: bytes, size, format, colour, time; `seq` is the caller's.
    /// Waits no longer than the source's `stall_timeout`, and ends early on shutdown.
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), SourceError>;

    /// Whether the source can wait for its frames to be taken (files), so that none need be dropped.
    fn can_wait(&self) -> bool {
        false
    }
}

/// Opens a source; kept for the life of a camera.
pub trait SourceOpener: Send {
    /// Opens it, or says in one sentence why not. `shutdown` ends every wait inside, here and in the
    /// source that is returned. Dropping the source closes it fully.
    fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError>;

    /// What it opens, for messages: `/dev/video0`, `rpicam-vid`.
    fn name(&self) -> String;
}
