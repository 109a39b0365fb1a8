//! Where a camera's frames come from.

use crate::frame::{PixelFormat, Size};
use std::path::PathBuf;

/// Where frames come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A V4L2 capture device.
    V4l2 {
        /// Which one.
        device: Device,
        /// Wanted size; absent: the one nearest to 1280x720.
        size: Option<Size>,
        /// Wanted frames a second; absent: the camera's fastest up to 30.
        fps: Option<f64>,
        /// Wanted format; absent: the best the camera has.
        format: Option<PixelFormat>,
    },
    /// A Pi CSI camera through `rpicam-vid` (or `libcamera-vid`).
    Rpicam {
        /// Its number in `rpicam-vid --list-cameras`.
        camera: u32,
        /// Picture size.
        size: Size,
        /// Frames a second.
        fps: f64,
        /// 0 or 180 degrees.
        rotation: u32,
        /// `Mjpeg` or `I420`.
        format: PixelFormat,
        /// Further arguments of `rpicam-vid`.
        args: Vec<String>,
    },
    /// A program that writes frames on its stdout.
    Command {
        /// Program and arguments; no shell.
        argv: Vec<String>,
        /// `Mjpeg`, or raw: `I420`, `Nv12`, `Yuyv`, `Rgb24`.
        format: PixelFormat,
        /// Picture size; given for raw formats, of no account for MJPEG.
        size: Option<Size>,
    },
    /// Pictures on disk.
    Files {
        /// A file, a folder, or a glob pattern.
        path: String,
        /// Frames a second; absent: as fast as they are taken.
        fps: Option<f64>,
        /// Start again after the last one.
        repeat: bool,
    },
    /// A synthetic scene.
    TestPattern {
        /// Picture size.
        size: Size,
        /// Frames a second.
        fps: f64,
        /// Another seed, another scene.
        seed: u64,
    },
}

/// A V4L2 device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// The first usable camera.
    Auto,
    /// `/dev/videoN` by its number.
    Index(u32),
    /// A path, best one below `/dev/v4l/by-id`.
    Path(PathBuf),
}
