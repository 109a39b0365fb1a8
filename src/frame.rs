//! A frame as a camera gave it: bytes, their layout, and when they were captured.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// The number of pixels.
    #[must_use]
    pub const fn area(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Whether there is no pixel at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// How the bytes of a frame are laid out. Rows are always tight: sources drop any padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// One JPEG picture (a frame of an MJPEG stream); its own header knows the true size.
    Mjpeg,
    /// Packed 4:2:2, bytes `Y0 U Y1 V`; the width is even.
    Yuyv,
    /// Packed 4:2:2, bytes `U Y0 V Y1`; the width is even.
    Uyvy,
    /// A plane of Y, then one of interleaved `U V` at half width and half height.
    Nv12,
    /// Planes of Y, U and V, chroma at half width and half height (FFmpeg's `yuv420p`).
    I420,
    /// Packed bytes `R G B`.
    Rgb24,
    /// One byte a pixel.
    Gray8,
}

impl PixelFormat {
    /// The bytes of one frame, or `None` for a compressed format.
    #[must_use]
    pub const fn bytes(self, size: Size) -> Option<usize> {
        let (w, h) = (size.width as usize, size.height as usize);
        match self {
            Self::Mjpeg => None,
            Self::Yuyv | Self::Uyvy => Some(w.div_ceil(2) * 4 * h),
            Self::Nv12 | Self::I420 => Some(w * h + 2 * w.div_ceil(2) * h.div_ceil(2)),
            Self::Rgb24 => Some(w * h * 3),
            Self::Gray8 => Some(w * h),
        }
    }

    /// The name used in the config and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mjpeg => "mjpeg",
            Self::Yuyv => "yuyv",
            Self::Uyvy => "uyvy",
            Self::Nv12 => "nv12",
            Self::I420 => "yuv420p",
            Self::Rgb24 => "rgb24",
            Self::Gray8 => "grey",
        }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How Y, U and V relate to R, G and B.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColorSpace {
    /// ITU-R BT.601, Y from 16 to 235: USB cameras, and FFmpeg's raw output of standard definition.
    #[default]
    Bt601Limited,
    /// ITU-R BT.601 with all 256 levels: JPEG (JFIF 1.02).
    Bt601Full,
    /// ITU-R BT.709, Y from 16 to 235: high-definition video.
    Bt709Limited,
}

/// When a frame was captured, by both clocks: the wall clock for what is published, the monotonic
/// one for how long things took.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Since the Unix epoch.
    pub unix: Duration,
    /// The monotonic clock at the same moment.
    pub instant: Instant,
}

impl Timestamp {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            instant: Instant::now(),
        }
    }

    /// The moment `age` before now.
    #[must_use]
    pub fn ago(age: Duration) -> Self {
        let now = Self::now();
        Self {
            unix: now.unix.saturating_sub(age),
            instant: now.instant.checked_sub(age).unwrap_or(now.instant),
        }
    }

    /// Seconds since the Unix epoch, as published.
    #[must_use]
    pub fn unix_seconds(&self) -> f64 {
        self.unix.as_secs_f64()
    }
}

/// One frame. Sources fill it in place, so that its buffer is allocated once and circulates.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The bytes, exactly as many as `format` and `size` ask for.
    pub data: Vec<u8>,
    /// Size in pixels; for MJPEG what the camera announced.
    pub size: Size,
    /// The layout of `data`.
    pub format: PixelFormat,
    /// Meaning of Y, U and V; of no account for RGB.
    pub color: ColorSpace,
    /// When it was captured.
    pub captured: Timestamp,
    /// Counts the frames of one source from 0, those dropped later included.
    pub seq: u64,
}

impl Frame {
    /// A frame without a pixel, to be filled by a source.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            data: Vec::new(),
            size: Size::default(),
            format: PixelFormat::Rgb24,
            color: ColorSpace::default(),
            captured: Timestamp::now(),
            seq: 0,
        }
    }
}
