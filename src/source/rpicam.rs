//! A Pi's CSI camera through `rpicam-vid` (before Bookworm's update: `libcamera-vid`).

use super::command::{self, Output};
use super::{FrameSource, SourceError, SourceOpener};
use crate::frame::{ColorSpace, PixelFormat, Size};
use crate::shutdown::Shutdown;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// What is asked of the camera.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number in `rpicam-vid --list-cameras`.
    pub camera: u32,
    /// Picture size.
    pub size: Size,
    /// Frames a second.
    pub fps: f64,
    /// 0 or 180 degrees.
    pub rotation: u32,
    /// `Mjpeg`, or `I420` (`--codec yuv420`).
    pub format: PixelFormat,
    /// Further arguments, after ours.
    pub args: Vec<String>,
}

/// Starts `rpicam-vid` for its frames.
#[derive(Debug)]
pub struct Opener {
    request: Request,
    camera: String,
    stall: Duration,
}

impl Opener {
    /// Will ask `request`; `camera` is named in the log, `stall` bounds the wait for a frame.
    #[must_use]
    pub fn new(request: Request, camera: &str, stall: Duration) -> Self {
        Self { request, camera: camera.to_owned(), stall }
    }
}

impl SourceOpener for Opener {
    fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = program(&path).ok_or_else(|| {
            let camera = self.request.camera;
            SourceError::Open(format!(
                "open CSI camera {camera}: no rpicam-vid or libcamera-vid in PATH; install rpicam-apps-lite"
            ))
        })?;
        let compatible = std::fs::read("/proc/device-tree/compatible").unwrap_or_default();
        fits_rows(&self.request, row_alignment(&compatible))?;
        let argv = argv(program, &self.request);
        command::Opener::new(argv, output(&self.request), &self.camera, self.stall).open(shutdown)
    }

    fn name(&self) -> String {
        format!("CSI camera {}", self.request.camera)
    }
}

/// The first of the two programs that a folder of `path` has.
fn program(path: &OsStr) -> Option<&'static str> {
    let has = |name: &&str| std::env::split_paths(path).any(|folder| is_program(&folder.join(name)));
    ["rpicam-vid", "libcamera-vid"].into_iter().find(has)
}

fn is_program(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}

fn argv(program: &str, request: &Request) -> Vec<String> {
    let Request { camera, size, fps, rotation, format, args } = request;
    let codec = if *format == PixelFormat::Mjpeg { "mjpeg" } else { "yuv420" };
    let ours = [
        ("--camera", camera.to_string()),
        ("--timeout", "0".to_owned()),
        ("--codec", codec.to_owned()),
        ("--width", size.width.to_string()),
        ("--height", size.height.to_string()),
        ("--framerate", fps.to_string()),
        ("--rotation", rotation.to_string()),
        ("--output", "-".to_owned()),
    ];
    let mut argv = vec![program.to_owned(), "--nopreview".to_owned(), "--flush".to_owned()];
    argv.extend(ours.into_iter().flat_map(|(key, value)| [key.to_owned(), value]));
    argv.extend(args.iter().cloned());
    argv
}

/// rpicam-vid makes its MJPEG and its `yuv420` in JPEG's colour space: BT.601, full range.
fn output(request: &Request) -> Output {
    Output { format: request.format, size: request.size, color: ColorSpace::Bt601Full }
}

/// rpicam-vid writes the ISP's buffers as they are, and the ISP pads rows of YUV 4:2:0: to 128 bytes on
/// a Pi 5 (kernel, pisp_be_formats.h), to 64 on earlier ones (bcm2835-isp).
fn row_alignment(compatible: &[u8]) -> u32 {
    let pi5 = compatible.split(|&b| b == 0).any(|id| id == b"brcm,bcm2712");
    if pi5 { 128 } else { 64 }
}

/// Raw frames are taken only where no row is padded: nothing in the stream tells the padding.
fn fits_rows(request: &Request, alignment: u32) -> Result<(), SourceError> {
    let Request { camera, size, format, .. } = request;
    if *format == PixelFormat::Mjpeg
        || (size.width.is_multiple_of(alignment) && size.height.is_multiple_of(2))
    {
        return Ok(());
    }
    Err(SourceError::Open(format!(
        "open CSI camera {camera}: {format} needs an even height and a width that is a multiple of {alignment}, \
         not {size}; format mjpeg takes any"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(format: PixelFormat, size: Size) -> Request {
        Request { camera: 1, size, fps: 7.5, rotation: 180, format, args: vec!["--hdr".into(), "off".into()] }
    }

    #[test]
    fn the_arguments_are_those_of_rpicam_vid() {
        let argv = argv("rpicam-vid", &request(PixelFormat::Mjpeg, Size::new(1280, 720)));
        let expected = "rpicam-vid --nopreview --flush --camera 1 --timeout 0 --codec mjpeg --width 1280 \
                        --height 720 --framerate 7.5 --rotation 180 --output - --hdr off";
        assert_eq!(argv.join(" "), expected);
    }

    #[test]
    fn raw_frames_only_where_rows_are_not_padded() {
        let pi5 = row_alignment(b"raspberrypi,5-model-b\0brcm,bcm2712\0");
        let pi4 = row_alignment(b"raspberrypi,4-model-b\0brcm,bcm2711\0");
        assert_eq!((pi5, pi4), (128, 64));
        let raw = |width| request(PixelFormat::I420, Size::new(width, 480));
        assert!(fits_rows(&raw(640), pi5).is_ok() && fits_rows(&raw(320), pi4).is_ok());
        let error = fits_rows(&raw(320), pi5).expect_err("320 is padded to 384").to_string();
        assert!(error.contains("multiple of 128, not 320x480"), "{error}");
        assert!(fits_rows(&request(PixelFormat::Mjpeg, Size::new(333, 333)), pi5).is_ok());
    }

    #[test]
    fn the_older_program_is_taken_where_the_newer_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "#!/bin/sh\n").expect("written");
            rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o755)).expect("made executable");
        };
        let path = folder.path().as_os_str();
        assert_eq!(program(path), None);
        put("libcamera-vid");
        assert_eq!(program(path), Some("libcamera-vid"));
        put("rpicam-vid");
        assert_eq!(program(path), Some("rpicam-vid"));
    }
}
