//! The cameras of this machine, for people and for programs: USB and other V4L2 cameras, and a Pi's CSI
//! cameras as `rpicam-hello` lists them.

mod rpicam;

use super::v4l2::{self, Mode, Node};
use crate::frame::Size;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// A camera and what it offers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CameraInfo {
    /// The source that reads it: `v4l2` or `rpicam`.
    pub source: &'static str,
    /// For `device` of a v4l2 source, or the number for `camera` of an rpicam source.
    pub path: String,
    /// The name below `/dev/v4l/by-id`, which stays with the camera wherever it is plugged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_id: Option<PathBuf>,
    /// What it calls itself.
    pub card: String,
    /// The kernel's driver; `libcamera` for CSI cameras.
    pub driver: String,
    /// What it offers in formats that edgecam reads.
    pub modes: Vec<ModeInfo>,
}

/// One mode of a camera.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModeInfo {
    /// As the config has it; for a CSI camera the sensor's own format.
    pub format: String,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames a second, fastest first; empty when not told.
    pub fps: Vec<f64>,
}

/// All cameras that edgecam can read. Takes up to 5 s where `rpicam-hello` is installed.
#[must_use]
pub fn cameras() -> Vec<CameraInfo> {
    let by_id = links(Path::new("/dev/v4l/by-id"));
    let usb = v4l2::nodes().into_iter().filter(Node::is_camera).map(|node| {
        let link = by_id.iter().find(|(target, _)| *target == node.path);
        CameraInfo {
            source: "v4l2",
            path: node.path.display().to_string(),
            by_id: link.map(|(_, link)| link.clone()),
            card: node.card,
            driver: node.driver,
            modes: node.modes.iter().map(ModeInfo::from).collect(),
        }
    });
    usb.chain(rpicam::cameras()).collect()
}

/// The name of a device that stays with its camera, below `/dev/v4l/by-id`.
#[must_use]
pub fn by_id(device: &Path) -> Option<PathBuf> {
    let mut links = links(Path::new("/dev/v4l/by-id")).into_iter();
    links.find(|(target, _)| target == device).map(|(_, link)| link)
}

/// The table that people read; says so when there is no camera.
#[must_use]
pub fn table(cameras: &[CameraInfo]) -> String {
    if cameras.is_empty() {
        return "no camera found\n".to_owned();
    }
    cameras.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for CameraInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.source == "rpicam" { format!("rpicam {}", self.path) } else { self.path.clone() };
        writeln!(f, "{name}  {} ({})", self.card, self.driver)?;
        if let Some(by_id) = &self.by_id {
            writeln!(f, "  {}", by_id.display())?;
        }
        let format = self.modes.iter().map(|mode| mode.format.len()).max().unwrap_or_default();
        for mode in &self.modes {
            let size = Size::new(mode.width, mode.height).to_string();
            let fps: Vec<String> = mode.fps.iter().map(ToString::to_string).collect();
            let line = format!("  {:<format$}  {size:>9}  {}", mode.format, fps.join(", "));
            writeln!(f, "{}{}", line.trim_end(), if fps.is_empty() { "" } else { " fps" })?;
        }
        Ok(())
    }
}

impl From<&Mode> for ModeInfo {
    fn from(mode: &Mode) -> Self {
        let fps = mode.rates.iter().map(|rate| (rate.fps() * 100.0).round() / 100.0).collect();
        let Size { width, height } = mode.size;
        Self { format: mode.format.to_string(), width, height, fps }
    }
}

/// The links of a folder with what they lead to.
fn links(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>());
    let paths = entries.unwrap_or_default().into_iter().map(|entry| entry.path());
    let mut links: Vec<_> =
        paths.filter_map(|link| Some((std::fs::canonicalize(&link).ok()?, link))).collect();
    links.sort();
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_reads_well_and_serializes() {
        let mode = |format: &str, width, height, fps: &[f64]| ModeInfo {
            format: format.to_owned(),
            width,
            height,
            fps: fps.to_vec(),
        };
        let camera = CameraInfo {
            source: "v4l2",
            path: "/dev/video0".to_owned(),
            by_id: Some(PathBuf::from("/dev/v4l/by-id/usb-C920-video-index0")),
            card: "C920".to_owned(),
            driver: "uvcvideo".to_owned(),
            modes: vec![mode("mjpeg", 1280, 720, &[30.0, 29.97]), mode("yuyv", 640, 480, &[])],
        };
        assert_eq!(
            table(std::slice::from_ref(&camera)),
            "/dev/video0  C920 (uvcvideo)\n  /dev/v4l/by-id/usb-C920-video-index0\n\
             \x20 mjpeg   1280x720  30, 29.97 fps\n  yuyv     640x480\n"
        );
        let json = serde_json::to_value(&camera).expect("serializes");
        assert_eq!(json["modes"][0]["fps"][1], 29.97);
        assert_eq!(table(&[]), "no camera found\n");
    }

    #[test]
    fn links_are_found_by_what_they_lead_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("video0"), folder.path().join("usb-cam"));
        std::fs::write(&target, "").expect("written");
        std::os::unix::fs::symlink("video0", &link).expect("linked");
        let target = target.canonicalize().expect("it is there");
        assert!(links(folder.path()).iter().any(|found| *found == (target.clone(), link.clone())));
    }
}
