//! V4L2 cameras: found with nokhwa, streamed through the `v4l` crate under it, whose stream can be
//! waited for, is cut to the bytes used, and carries the driver's time.

mod choose;
mod device;
mod modes;
mod stream;
mod unpad;

pub use choose::{Choice, Wanted, choose};
pub use device::{Node, nodes};
pub use modes::{Mode, Rate, pixel_format};

use super::{FrameSource, SourceError, SourceOpener};
use crate::config;
use crate::shutdown::Shutdown;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Opens a V4L2 camera.
#[derive(Debug)]
pub struct Opener {
    device: config::Device,
    wanted: Wanted,
    stall: Duration,
}

impl Opener {
    /// Will open `device` as `wanted`; `stall` bounds the wait for a frame.
    #[must_use]
    pub fn new(device: config::Device, wanted: Wanted, stall: Duration) -> Self {
        Self { device, wanted, stall }
    }

    fn open_path(&self, path: &Path, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        let device = device::open(path)?;
        let stream = stream::Camera::start(&device, path, &self.wanted, self.stall, shutdown)?;
        Ok(Box::new(stream))
    }

    /// The first camera that opens; the error is that of the first that does not.
    fn open_any(&self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        let nodes = nodes();
        let mut first = None;
        for node in nodes.iter().filter(|node| node.is_camera()) {
            match self.open_path(&node.path, shutdown) {
                Ok(source) => return Ok(source),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| SourceError::Open(device::none_usable(&nodes))))
    }
}

impl SourceOpener for Opener {
    fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        match &self.device {
            config::Device::Auto => self.open_any(shutdown),
            config::Device::Index(n) => self.open_path(&PathBuf::from(format!("/dev/video{n}")), shutdown),
            config::Device::Path(path) => self.open_path(path, shutdown),
        }
    }

    fn name(&self) -> String {
        match &self.device {
            config::Device::Auto => "the first camera".to_owned(),
            config::Device::Index(n) => format!("/dev/video{n}"),
            config::Device::Path(path) => path.display().to_string(),
        }
    }
}
