//! Where frames come from. A [`SourceOpener`] is the seam: it can be opened again and again, so that
//! loss and return of a camera can be tested with a scripted one. [`capture`] is the loop around it.

pub mod capture;
pub mod command;
pub mod files;
pub mod listing;
pub mod mjpeg;
pub mod pace;
pub mod rpicam;
pub mod test_pattern;
pub mod v4l2;

use crate::config::{self, Source};
use crate::frame::Frame;
use crate::shutdown::Shutdown;
use std::time::Duration;

/// No wait inside a source is longer than this without a look at the shutdown.
const SLICE: Duration = Duration::from_millis(100);

/// What went wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be opened; the text says on what, why, and what to do.
    #[error("{0}")]
    Open(String),
    /// It was open and is gone, or broke: close it and open it again.
    #[error("{0}")]
    Lost(String),
    /// No good frame came for this long.
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
    /// Waits no longer than the source's `stall_timeout` (or, for a source with a pace of its own, one
    /// interval), and ends early on shutdown. After an error `frame` may hold anything.
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

/// The opener of a camera's source. Nothing is touched before its `open`.
///
/// A command is ended when the thread that opened it ends: open it on the thread that reads it.
#[must_use]
pub fn opener(camera: &config::Camera) -> Box<dyn SourceOpener> {
    let stall = camera.stall_timeout;
    match &camera.source {
        Source::V4l2 { device, size, fps, format } => {
            let wanted = v4l2::Wanted { size: *size, fps: *fps, format: *format };
            Box::new(v4l2::Opener::new(device.clone(), wanted, stall))
        }
        Source::Rpicam { camera: number, size, fps, rotation, format, args } => {
            Box::new(rpicam::Opener::new(
                rpicam::Request {
                    camera: *number,
                    size: *size,
                    fps: *fps,
                    rotation: *rotation,
                    format: *format,
                    args: args.clone(),
                },
                &camera.name,
                stall,
            ))
        }
        Source::Command { argv, format, size } => Box::new(command::Opener::new(
            argv.clone(),
            command::Output::new(*format, *size),
            &camera.name,
            stall,
        )),
        Source::Files { path, fps, repeat } => Box::new(files::Opener::new(path, *fps, *repeat)),
        Source::TestPattern { size, fps, seed } => Box::new(test_pattern::Opener::new(*size, *fps, *seed)),
    }
}
