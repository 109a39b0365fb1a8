//! Frames of an open device.

use super::super::{FrameSource, SLICE, SourceError};
use super::choose::{Choice, Wanted, choose};
use super::modes::{self, Rate};
use super::{device, unpad};
use crate::frame::{ColorSpace, Frame, PixelFormat, Timestamp};
use crate::shutdown::Shutdown;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use v4l::buffer::{Flags, Metadata, Type};
use v4l::format::{Colorspace, Quantization};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

/// Buffers asked of the driver; it may give more or fewer.
const BUFFERS: u32 = 4;

/// A time of the driver that is further back than this is none.
const OLDEST: Duration = Duration::from_secs(10);

const POLLIN: i16 = 1;

/// A streaming camera.
pub struct Camera {
    /// `None` only while dropping.
    stream: Option<Stream<'static>>,
    path: PathBuf,
    choice: Choice,
    color: ColorSpace,
    stride: usize,
    stall: Duration,
    shutdown: Shutdown,
}

impl Camera {
    /// Negotiates a mode and starts streaming.
    pub fn start(
        device: &Device,
        path: &Path,
        wanted: &Wanted,
        stall: Duration,
        shutdown: &Shutdown,
    ) -> Result<Self, SourceError> {
        let failed = |why: String| SourceError::Open(format!("open camera {}: {why}", path.display()));
        let io_failed = |e: io::Error| failed(device::reason(&e, path));
        let offered = modes::of(device, wanted);
        let plain: Vec<_> = offered.iter().map(|(mode, _)| mode.clone()).collect();
        let choice = choose(&plain, wanted).map_err(failed)?;
        let is_chosen = |m: &modes::Mode| m.format == choice.format && m.size == choice.size;
        let code =
            offered.iter().find(|(mode, _)| is_chosen(mode)).map_or(FourCC::default(), |(_, code)| *code);
        let format = set_format(device, &choice, code).map_err(io_failed)?;
        if (format.width, format.height, format.fourcc) != (choice.size.width, choice.size.height, code) {
            let Format { fourcc, width, height, .. } = format;
            let Choice { format, size, .. } = choice;
            return Err(failed(format!(
                "asked for {format} {size}, the driver gives {fourcc} {width}x{height}"
            )));
        }
        if let Some(rate) = choice.rate {
            set_rate(device, rate, wanted.fps, path).map_err(io_failed)?;
        }
        let mut stream = Stream::with_buffers(device, Type::VideoCapture, BUFFERS).map_err(io_failed)?;
        let started = start(&mut stream);
        let camera = Self {
            stream: Some(stream),
            path: path.to_owned(),
            choice,
            color: color(&format),
            stride: format.stride as usize,
            stall,
            shutdown: shutdown.clone(),
        };
        started.map_err(io_failed)?;
        Ok(camera)
    }

    /// Waits in slices for a filled buffer.
    fn wait(&self) -> Result<(), SourceError> {
        let deadline = Instant::now() + self.stall;
        let Some(stream) = &self.stream else { return Err(SourceError::Stopped) };
        let handle = stream.handle();
        loop {
            if self.shutdown.is_triggered() {
                return Err(SourceError::Stopped);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SourceError::Stalled(self.stall));
            }
            // Rounded up, so that the last wait before the deadline is not a busy one.
            let slice = left.min(SLICE).as_millis() as i32 + 1;
            match handle.poll(POLLIN, slice) {
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.lost(&e)),
            }
        }
    }

    fn lost(&self, e: &io::Error) -> SourceError {
        let why = match Errno::from_io_error(e) {
            Some(Errno::NODEV) => "unplugged".to_owned(),
            _ => e.to_string(),
        };
        SourceError::Lost(format!("read camera {}: {why}", self.path.display()))
    }
}

impl FrameSource for Camera {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), SourceError> {
        self.wait()?;
        let Some(stream) = &mut self.stream else { return Err(SourceError::Stopped) };
        // `next` gives back the buffer read before and takes the one that `wait` saw filled. When it fails
        // the stream can't go on: it would give back the same buffer twice.
        let (bytes, meta) = match CaptureStream::next(stream) {
            Ok(next) => next,
            Err(e) => return Err(self.lost(&e)),
        };
        let bytes = &bytes[..bytes.len().min(meta.bytesused as usize)];
        copy(&self.choice, self.stride, bytes, meta, frame)
            .map_err(|why| SourceError::BadFrame(format!("read camera {}: {why}", self.path.display())))?;
        frame.color = self.color;
        frame.captured = captured(meta);
        Ok(())
    }
}

impl Drop for Camera {
    /// The `v4l` stream panics when it can't be stopped for any reason but an unplugged device. Then it
    /// is leaked instead: a lost file descriptor is better than a lost daemon.
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        match stream.stop() {
            Err(e) if Errno::from_io_error(&e) != Some(Errno::NODEV) => {
                log::error!("close camera {}: {e}", self.path.display());
                std::mem::forget(stream);
            }
            _ => drop(stream),
        }
    }
}

fn set_format(device: &Device, choice: &Choice, code: FourCC) -> io::Result<Format> {
    device.set_format(&Format::new(choice.size.width, choice.size.height, code))
}

/// Sets the rate. A driver that can't is an error only when the rate was asked for.
fn set_rate(device: &Device, rate: Rate, wanted: Option<f64>, path: &Path) -> io::Result<()> {
    match (device.set_params(&Parameters::new(rate.interval())), wanted) {
        (Ok(set), Some(fps)) => {
            let is = Rate::from_interval(set.interval);
            if (is.fps() - fps).abs() > fps * 0.05 {
                log::warn!("camera {}: asked for {fps} fps, the driver gives {is}", path.display());
            }
            Ok(())
        }
        (Err(e), Some(_)) => Err(e),
        (_, None) => Ok(()),
    }
}

/// Starts streaming with all buffers queued but the first: [`CaptureStream::next`] queues the buffer it
/// gave out before, and before its first call that is number 0. Left to start the stream by itself it
/// would also wait for the first frame, deaf to the shutdown.
fn start(stream: &mut Stream<'static>) -> io::Result<()> {
    stream.set_timeout(SLICE);
    let mut queued = 0;
    loop {
        match CaptureStream::queue(stream, queued + 1) {
            Ok(()) => queued += 1,
            // No buffer of this number: all are queued.
            Err(e) if queued > 0 && e.kind() == ErrorKind::InvalidInput => break,
            Err(e) => return Err(e),
        }
    }
    stream.start()
}

fn copy(
    choice: &Choice,
    stride: usize,
    bytes: &[u8],
    meta: &Metadata,
    frame: &mut Frame,
) -> Result<(), String> {
    if meta.flags.contains(Flags::ERROR) {
        return Err("the driver flags a damaged frame".to_owned());
    }
    if choice.format == PixelFormat::Mjpeg {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(format!("{} bytes that are no JPEG picture", bytes.len()));
        }
        frame.data.clear();
        frame.data.extend_from_slice(bytes);
    } else if !unpad::copy(choice.format, choice.size, stride, bytes, &mut frame.data) {
        return Err(format!("only {} bytes of a {} {} frame", bytes.len(), choice.size, choice.format));
    }
    (frame.format, frame.size) = (choice.format, choice.size);
    Ok(())
}

/// V4L2 tells the range and the primaries; where it tells nothing, cameras are BT.601.
fn color(format: &Format) -> ColorSpace {
    match (format.quantization, format.colorspace) {
        (Quantization::FullRange, _) | (Quantization::Default, Colorspace::JPEG) => ColorSpace::Bt601Full,
        (_, Colorspace::Rec709) => ColorSpace::Bt709Limited,
        _ => ColorSpace::Bt601Limited,
    }
}

/// The driver's time where it is of the monotonic clock, as UVC's and most are; else now.
fn captured(meta: &Metadata) -> Timestamp {
    if meta.flags.bits() & Flags::TIMESTAMP_MASK.bits() != Flags::TIMESTAMP_MONOTONIC.bits() {
        return Timestamp::now();
    }
    let at = Duration::new(meta.timestamp.sec.max(0) as u64, 0)
        + Duration::from_micros(meta.timestamp.usec.clamp(0, 999_999) as u64);
    let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    match now.checked_sub(at) {
        Some(age) if age < OLDEST => Timestamp::ago(age),
        _ => Timestamp::now(),
    }
}

#[cfg(test)]
mod tests;
