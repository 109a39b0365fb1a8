//! Pictures on disk as a source: a file, a folder or a glob, in natural order. JPEG goes through
//! undecoded, PNG and BMP become RGB. A picture's EXIF rotation is ignored.

mod listing;

pub use listing::pictures;

use super::pace::Pace;
use super::{FrameSource, SourceError, SourceOpener, mjpeg};
use crate::frame::{ColorSpace, Frame, PixelFormat, Size, Timestamp};
use crate::shutdown::Shutdown;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Larger files are no pictures of a camera, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// Opens pictures on disk.
#[derive(Debug)]
pub struct Opener {
    path: String,
    fps: Option<f64>,
    repeat: bool,
}

impl Opener {
    /// Will show the pictures of `path` (file, folder or glob) at `fps` at most, or as fast as they are
    /// taken; over and over with `repeat`.
    #[must_use]
    pub fn new(path: &str, fps: Option<f64>, repeat: bool) -> Self {
        Self { path: path.to_owned(), fps, repeat }
    }
}

impl SourceOpener for Opener {
    fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        let paths = pictures(&self.path)?;
        Ok(Box::new(Files {
            name: self.path.clone(),
            paths,
            next: 0,
            good: 0,
            repeat: self.repeat,
            pace: Pace::new(self.fps),
            shutdown: shutdown.clone(),
        }))
    }

    fn name(&self) -> String {
        self.path.clone()
    }
}

struct Files {
    name: String,
    paths: Vec<PathBuf>,
    next: usize,
    /// Good pictures in this round.
    good: usize,
    repeat: bool,
    pace: Pace,
    shutdown: Shutdown,
}

impl FrameSource for Files {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), SourceError> {
        if self.shutdown.is_triggered() {
            return Err(SourceError::Stopped);
        }
        if self.next == self.paths.len() {
            if !self.repeat {
                return Err(SourceError::Ended);
            }
            if self.good == 0 {
                return Err(SourceError::Lost(format!("read {}: not one good picture", self.name)));
            }
            (self.next, self.good) = (0, 0);
        }
        if self.pace.wait(&self.shutdown) {
            return Err(SourceError::Stopped);
        }
        let path = &self.paths[self.next];
        self.next += 1;
        read(path, frame).map_err(|e| SourceError::BadFrame(format!("read {}: {e}", path.display())))?;
        self.good += 1;
        frame.captured = Timestamp::now();
        Ok(())
    }

    fn can_wait(&self) -> bool {
        true
    }
}

/// Reads one picture into `frame`, of a kind told by its first bytes; all but time and `seq` is set.
pub fn read(path: &Path, frame: &mut Frame) -> Result<(), String> {
    // A pipe must not be waited for.
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|e| e.to_string())?;
    let meta = file.metadata().map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("not a file".to_owned());
    }
    let length = meta.len();
    if length > MAX_BYTES {
        return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    let mut file = BufReader::new(file);
    let head = file.fill_buf().map_err(|e| e.to_string())?;
    match kind(head) {
        Some(ImageFormat::Jpeg) => read_jpeg(&mut file, frame),
        Some(format) => decode(file, format, frame),
        None if length == 0 => Err("empty file".to_owned()),
        None => Err("no JPEG, PNG or BMP".to_owned()),
    }
}

/// What a file is by its first bytes.
fn kind(head: &[u8]) -> Option<ImageFormat> {
    match head {
        [0xFF, 0xD8, 0xFF, ..] => Some(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Some(ImageFormat::Png),
        [b'B', b'M', ..] => Some(ImageFormat::Bmp),
        _ => None,
    }
}

fn read_jpeg(file: &mut impl Read, frame: &mut Frame) -> Result<(), String> {
    frame.data.clear();
    file.read_to_end(&mut frame.data).map_err(|e| e.to_string())?;
    frame.size = mjpeg::size(&frame.data).ok_or("corrupt JPEG picture")?;
    if !mjpeg::is_whole(&frame.data) {
        return Err("truncated or corrupt JPEG picture".to_owned());
    }
    (frame.format, frame.color) = (PixelFormat::Mjpeg, ColorSpace::Bt601Full);
    Ok(())
}

fn decode(file: BufReader<File>, format: ImageFormat, frame: &mut Frame) -> Result<(), String> {
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(Limits::default());
    let decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    if size.is_empty() || size.area() as u64 * 3 > MAX_BYTES {
        return Err(format!("unfit size {size}"));
    }
    frame.data.clear();
    if decoder.color_type() == ColorType::Rgb8 {
        frame.data.resize(size.area() * 3, 0);
        decoder.read_image(&mut frame.data).map_err(|e| e.to_string())?;
    } else {
        let picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
        frame.data.extend_from_slice(&picture.to_rgb8());
    }
    (frame.size, frame.format, frame.color) = (size, PixelFormat::Rgb24, ColorSpace::default());
    Ok(())
}

#[cfg(test)]
mod tests;
