//! Video nodes: which there are, what they are, and why one does not open.

use super::super::SourceError;
use super::choose::Wanted;
use super::modes;
use crate::busy;
use crate::source::v4l2::Mode;
use nokhwa::utils::{ApiBackend, CameraIndex};
use rustix::io::Errno;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use v4l::capability::Flags;
use v4l::video::Capture;
use v4l::{Device, FourCC};

/// The parts of a Pi's own camera and codec hardware that look like cameras and are none.
const NO_CAMERAS: [&str; 7] =
    ["bcm2835-isp", "bcm2835-codec", "pispbe", "rp1-cfe", "rpivid", "unicam", "rpi-hevc-dec"];

/// Parts of a CSI camera, which needs libcamera.
const CSI: [&str; 2] = ["unicam", "rp1-cfe"];

/// A video node of the system.
#[derive(Clone, Debug)]
pub struct Node {
    /// `/dev/videoN`.
    pub path: PathBuf,
    /// What the camera calls itself.
    pub card: String,
    /// The kernel's driver; empty when the node can't be asked.
    pub driver: String,
    /// Whether it takes pictures in: metadata and output nodes do not.
    pub captures: bool,
    /// The codes of all its formats, ours or not.
    pub codes: Vec<String>,
    /// The modes we can read.
    pub modes: Vec<Mode>,
}

impl Node {
    /// Whether it is a camera that we can read.
    #[must_use]
    pub fn is_camera(&self) -> bool {
        self.captures && !NO_CAMERAS.contains(&self.driver.as_str()) && !self.modes.is_empty()
    }
}

/// All video nodes, by number. Those that can't be asked (permissions) are there without modes.
#[must_use]
pub fn nodes() -> Vec<Node> {
    let mut numbered: Vec<(u32, String)> = found();
    numbered.sort();
    numbered.dedup_by_key(|(number, _)| *number);
    numbered
        .into_iter()
        .map(|(number, card)| ask(PathBuf::from(format!("/dev/video{number}")), card))
        .collect()
}

/// The numbers and names of video nodes. nokhwa's enumeration panics on a name in /dev that begins with
/// `video` and has no number (a udev link, say): such a system is not shown to it.
fn found() -> Vec<(u32, String)> {
    let names: Vec<_> = std::fs::read_dir("/dev")
        .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
        .unwrap_or_default();
    let video: Vec<_> = names.iter().filter(|name| name.as_bytes().starts_with(b"video")).collect();
    let number = |name: &std::ffi::OsString| name.to_str()?.strip_prefix("video")?.parse::<u32>().ok();
    if names.iter().all(|name| name.to_str().is_some()) && video.iter().all(|name| number(name).is_some()) {
        let cameras = nokhwa::query(ApiBackend::Video4Linux).unwrap_or_default();
        let index = |info: &nokhwa::utils::CameraInfo| match info.index() {
            CameraIndex::Index(n) => Some((*n, info.human_name())),
            CameraIndex::String(_) => None,
        };
        return cameras.iter().filter_map(index).collect();
    }
    video.into_iter().filter_map(|name| Some((number(name)?, name.to_str()?.to_owned()))).collect()
}

fn ask(path: PathBuf, card: String) -> Node {
    let silent =
        Node { path, card, driver: String::new(), captures: false, codes: Vec::new(), modes: Vec::new() };
    let Ok(device) = Device::with_path(&silent.path) else { return silent };
    let Ok(caps) = capabilities(&device, &silent.path) else { return silent };
    if !caps.captures {
        return Node { driver: caps.driver, card: caps.card, ..silent };
    }
    let code = |code: FourCC| String::from_utf8_lossy(&code.repr).trim_end().to_owned();
    Node {
        card: caps.card,
        driver: caps.driver,
        captures: true,
        codes: device.enum_formats().unwrap_or_default().iter().map(|format| code(format.fourcc)).collect(),
        modes: modes::of(&device, &Wanted::default()).into_iter().map(|(mode, _)| mode).collect(),
        ..silent
    }
}

struct Capabilities {
    card: String,
    driver: String,
    captures: bool,
}

/// Asks a device what it is. The `v4l` crate panics on a name that is not UTF-8, as one cut in the
/// middle of a character is; such a device is asked for its formats instead.
fn capabilities(device: &Device, path: &Path) -> io::Result<Capabilities> {
    let node = std::fs::canonicalize(path).unwrap_or_default();
    let name = Path::new("/sys/class/video4linux").join(node.file_name().unwrap_or_default()).join("name");
    match std::fs::read(name) {
        Ok(name) if std::str::from_utf8(&name).is_err() => {
            let card = String::from_utf8_lossy(&name).trim().to_owned();
            let captures = !device.enum_formats()?.is_empty();
            Ok(Capabilities { card, driver: "unknown".to_owned(), captures })
        }
        _ => {
            let caps = device.query_caps()?;
            let captures = caps.capabilities.contains(Flags::VIDEO_CAPTURE | Flags::STREAMING);
            Ok(Capabilities { card: caps.card, driver: caps.driver, captures })
        }
    }
}

/// Opens a capture device, or says why not.
pub fn open(path: &Path) -> Result<Device, SourceError> {
    let failed = |why: &str| SourceError::Open(format!("open camera {}: {why}", path.display()));
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(failed("no such device"));
    }
    let device = Device::with_path(path).map_err(|e| failed(&reason(&e, path)))?;
    let caps = capabilities(&device, path).map_err(|_| failed("not a capture device"))?;
    if CSI.contains(&caps.driver.as_str()) {
        return Err(failed("part of a CSI camera; use source rpicam"));
    }
    if !caps.captures {
        return Err(failed("not a capture device"));
    }
    Ok(device)
}

/// Why an operation on a device failed, with a hint.
pub fn reason(e: &io::Error, path: &Path) -> String {
    match Errno::from_io_error(e) {
        Some(Errno::NOENT | Errno::NOTDIR) => "no such device; is it plugged in?".to_owned(),
        Some(Errno::NODEV | Errno::NXIO) => "the device is gone".to_owned(),
        Some(Errno::ACCESS | Errno::PERM) => "permission denied; is the user in group video?".to_owned(),
        Some(Errno::BUSY) => busy::describe(path),
        Some(Errno::NOSPC) => "no USB bandwidth left; use mjpeg, a smaller size, or another port".to_owned(),
        Some(Errno::ISDIR) => "not a capture device".to_owned(),
        _ => e.to_string(),
    }
}

/// Why none of `nodes` is a camera.
pub fn none_usable(nodes: &[Node]) -> String {
    let denied = |node: &&Node| rustix::fs::access(&node.path, rustix::fs::Access::READ_OK).is_err();
    let why = if nodes.is_empty() {
        "none is plugged in".to_owned()
    } else if nodes.iter().any(|node| CSI.contains(&node.driver.as_str())) {
        "only a CSI camera is there; use source rpicam".to_owned()
    } else if let Some(node) = nodes.iter().find(denied) {
        format!("{}: permission denied; is the user in group video?", node.path.display())
    } else {
        format!("none of {} video devices is a camera that edgecam reads", nodes.len())
    };
    format!("open the first camera: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_camera_is_said_in_a_sentence() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = |path: &Path| open(path).err().expect("it is no camera").to_string();
        let name = file.path().display();
        assert_eq!(error(file.path()), format!("open camera {name}: not a capture device"));
        assert_eq!(error(Path::new("/dev")), "open camera /dev: not a capture device");
        let missing = Path::new("/dev/v4l/by-id/none");
        assert!(error(missing).ends_with("no such device; is it plugged in?"));
        assert!(error(Path::new("/dev/video\0")).ends_with("no such device"));
    }

    #[test]
    fn a_pi_without_a_usb_camera_is_told_about_rpicam() {
        let node = |driver: &str, captures| Node {
            path: PathBuf::from("/dev/null"),
            card: String::new(),
            driver: driver.to_owned(),
            captures,
            codes: Vec::new(),
            modes: Vec::new(),
        };
        assert!(
            none_usable(&[node("bcm2835-codec", false), node("unicam", true)]).contains("use source rpicam")
        );
        assert!(none_usable(&[]).ends_with("none is plugged in"));
        assert!(
            none_usable(&[node("vivid", false)])
                .ends_with("none of 1 video devices is a camera that edgecam reads")
        );
    }

    #[test]
    fn listing_the_nodes_of_this_system_does_not_fail() {
        for node in nodes() {
            assert!(node.path.starts_with("/dev"));
        }
    }
}
