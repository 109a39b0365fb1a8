//! The video nodes as sysfs has them, whoever may open them.

use super::board::name;
use super::usb;
use super::{Board, firmware};
use crate::usb::Device;
use std::path::{Path, PathBuf};

const NODES: &str = "/sys/class/video4linux";

/// A video node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// `/dev/video0`.
    pub path: PathBuf,
    /// What its driver calls it: `HD Pro Webcam C920`, `unicam-image`.
    pub card: String,
    /// The driver, without `_` and `-` told apart; empty when it is not known.
    pub driver: String,
    /// The device it is a part of; a webcam has a second node for metadata.
    pub device: PathBuf,
    /// Where it is plugged in.
    pub usb: Option<Device>,
}

impl Node {
    /// Whether it is the receiver of a CSI camera.
    #[must_use]
    pub fn is_csi(&self) -> bool {
        ["unicam", "rp1-cfe"].iter().any(|part| self.driver == *part || self.card.starts_with(part))
    }

    /// Whether it is a CSI camera by the firmware's own, old driver.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.driver == "bcm2835-camera" || self.card.starts_with("mmal service")
    }
}

/// All of them, sorted by name.
#[must_use]
pub fn nodes(board: &Board) -> Vec<Node> {
    let paths = board.entries(NODES).into_iter().filter(|path| name(path).starts_with("video"));
    paths.map(|path| node(board, &path)).collect()
}

fn node(board: &Board, path: &Path) -> Node {
    let device = board.resolve(path.join("device")).unwrap_or_default();
    let driver = board.resolve(device.join("driver"));
    Node {
        path: Path::new("/dev").join(name(path)),
        card: board.read(path.join("name")).unwrap_or_default(),
        driver: driver.as_deref().map(name).unwrap_or_default().replace('_', "-"),
        usb: usb::above(board, &device),
        device,
    }
}

/// The sensors behind the CSI ports: `ov5647 10-0036`, `imx708_wide`.
#[must_use]
pub fn sensors(board: &Board) -> Vec<String> {
    let parts = board.entries(NODES).into_iter().filter(|path| name(path).starts_with("v4l-subdev"));
    let names = parts.filter_map(|path| board.read(path.join("name")));
    names.filter(|name| firmware::is_camera(name)).collect()
}
