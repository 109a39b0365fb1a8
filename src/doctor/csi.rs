//! A Pi's CSI cameras: whether the firmware looks for them, a sensor answers, and the programs and the memory
//! they need are there.

use super::firmware::Settings;
use super::video::{self, Node};
use super::{Board, Finding};
use crate::config::{Config, Source};

/// The least contiguous memory that a camera's buffers fit in, in KiB: what a Pi 5 has by default.
const LEAST_CMA_KIB: u64 = 64 << 10;
/// Boards with less memory than this can't give 256 MB of it away, in KiB.
const SMALL_BOARD_KIB: u64 = 900 << 10;

/// Nothing on what is no Pi, and little on a Pi that has no CSI camera and is not asked for one.
#[must_use]
pub fn findings(board: &Board, config: Option<&Config>) -> Vec<Finding> {
    if board.pi().is_none() {
        return Vec::new();
    }
    let nodes = video::nodes(board);
    let settings = Settings::of(board);
    let wanted = config.is_some_and(|config| {
        config.cameras.iter().any(|camera| matches!(camera.source, Source::Rpicam { .. }))
    });
    if let Some(found) = legacy(&nodes, settings.as_ref()) {
        return vec![found];
    }
    let there = nodes.iter().any(Node::is_csi);
    let usb = nodes.iter().any(|node| node.usb.is_some());
    let mut findings = Vec::new();
    if there {
        findings.push(sensor(board));
    } else if let Some(settings) = &settings {
        findings.extend(absent(settings, wanted, usb));
    }
    if there || wanted {
        findings.push(programs(board, wanted));
        findings.extend(contiguous(board, settings.as_ref()));
    }
    findings
}

/// The firmware's own camera stack, which libcamera can't be used beside.
fn legacy(nodes: &[Node], settings: Option<&Settings>) -> Option<Finding> {
    let path = settings.map_or("/boot/firmware/config.txt", |settings| settings.path);
    let why = match nodes.iter().find(|node| node.is_legacy()) {
        _ if settings.and_then(|settings| settings.get("start_x")) == Some("1") => {
            format!("start_x=1 in {path}")
        }
        Some(node) => format!("{} is of it", node.path.display()),
        None => return None,
    };
    Some(Finding::fail(
        "csi",
        format!("the legacy camera stack is switched on ({why}): rpicam-vid finds no camera then"),
        format!("in {path} remove `start_x` and `gpu_mem`, write `camera_auto_detect=1`, and reboot"),
    ))
}

fn sensor(board: &Board) -> Finding {
    let sensors = video::sensors(board);
    if sensors.is_empty() {
        return Finding::ok("csi", "a camera is at the CSI port");
    }
    let (names, verb) = (sensors.join(", "), if sensors.len() == 1 { "answers" } else { "answer" });
    Finding::ok("csi", format!("{names} {verb} at the CSI port"))
}

fn absent(settings: &Settings, wanted: bool, usb: bool) -> Option<Finding> {
    const SEATED: &str = "with the power off, see that both ends of the ribbon are in straight and the right way round; `dmesg | grep -i -e imx -e ov5` says what the driver met";
    let path = settings.path;
    let detects = settings.get("camera_auto_detect") == Some("1");
    if let Some(overlay) = settings.camera() {
        return Some(Finding::warn(
            "csi",
            format!("no sensor answers, but {path} has dtoverlay={overlay}"),
            SEATED,
        ));
    }
    if wanted && detects {
        return Some(Finding::warn("csi", "the config has an rpicam camera, but no sensor answers", SEATED));
    }
    let found = format!("the firmware looks for no CSI camera (no camera_auto_detect=1 in {path})");
    let fix = format!("for a CSI camera write `camera_auto_detect=1` in {path} and reboot");
    match (detects, wanted || !usb) {
        (true, _) => None,
        (false, true) => Some(Finding::warn("csi", found, fix)),
        (false, false) => Some(Finding::note("csi", found).or(fix)),
    }
}

fn programs(board: &Board, wanted: bool) -> Finding {
    const INSTALL: &str = "`sudo apt install rpicam-apps-lite` (before Bookworm: libcamera-apps-lite)";
    let program = ["rpicam-vid", "libcamera-vid"].into_iter().find_map(|name| board.program(name));
    match program {
        Some(path) => Finding::ok("rpicam", format!("{} is there", path.display())),
        None if wanted => {
            Finding::fail("rpicam", "no rpicam-vid, which the config's rpicam camera is read with", INSTALL)
        }
        None => Finding::warn("rpicam", "no rpicam-vid, which CSI cameras are read with", INSTALL),
    }
}

/// Memory in one piece, which cameras and the ISP write to.
fn contiguous(board: &Board, settings: Option<&Settings>) -> Option<Finding> {
    let total = board.memory_kib("CmaTotal")?;
    let found = format!("{} MiB of contiguous memory for cameras", total >> 10);
    if total >= LEAST_CMA_KIB {
        return Some(Finding::ok("cma", found));
    }
    let size = if board.memory_kib("MemTotal")? < SMALL_BOARD_KIB { 128 } else { 256 };
    let display =
        settings.and_then(|settings| settings.overlays().find(|name| name.starts_with("vc4-kms-v3d")));
    let overlay = display.and_then(|name| name.split(',').next()).unwrap_or("cma");
    let path = settings.map_or("/boot/firmware/config.txt", |settings| settings.path);
    Some(Finding::warn(
        "cma",
        format!("{found}: little, and rpicam-vid may find none"),
        format!(
            "in {path} write `dtoverlay={overlay},cma-{size}`, remove a `cma=` from cmdline.txt beside it, and reboot"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::board;
    use super::*;

    fn found(settings: &str) -> Option<String> {
        let model = ("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0");
        let (_root, board) = board(&[model, ("/boot/firmware/config.txt", settings)], "");
        findings(&board, None).into_iter().next().map(|finding| finding.found)
    }

    #[test]
    fn a_camera_that_is_not_there_is_told_by_what_looks_for_it() {
        assert_eq!(found("camera_auto_detect=1\n"), None);
        let silent = found("camera_auto_detect=1\ndtoverlay=imx219\n").expect("it is missing");
        assert_eq!(silent, "no sensor answers, but /boot/firmware/config.txt has dtoverlay=imx219");
        assert!(found("camera_auto_detect=0\n").expect("nobody looks").contains("looks for no CSI camera"));
        assert!(found("start_x=1\n").expect("the old stack").contains("start_x=1 in /boot/firmware"));
        let (_root, laptop) = board(&[("/boot/firmware/config.txt", "start_x=1\n")], "");
        assert_eq!(findings(&laptop, None), []);
    }
}
