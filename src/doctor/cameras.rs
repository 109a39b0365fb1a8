//! USB and other V4L2 cameras, and what the config's cameras need.

use super::video::{self, Node};
use super::{Board, Finding};
use crate::busy::holder;
use crate::config::{self, Config, Source};
use crate::source::listing::{CameraInfo, ModeInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What there is, beside `live`: the cameras that could be asked.
#[must_use]
pub fn findings(board: &Board, live: &[CameraInfo], config: Option<&Config>) -> Vec<Finding> {
    let nodes = video::nodes(board);
    let mut findings: Vec<_> = live.iter().map(|camera| usable(board, &nodes, camera)).collect();
    findings.extend(silent(board, &nodes, live));
    if findings.is_empty() && !nodes.iter().any(Node::is_csi) {
        findings.push(none(config));
    }
    findings.extend(shared(&nodes));
    findings.extend(config.into_iter().flat_map(|config| needs(board, config)));
    findings
}

fn usable(board: &Board, nodes: &[Node], camera: &CameraInfo) -> Finding {
    let CameraInfo { path, card, driver, modes, .. } = camera;
    if camera.source == "rpicam" {
        return Finding::ok("camera", format!("rpicam {path}: {card}{}", offer(modes)));
    }
    let usb = nodes.iter().find(|node| node.path == Path::new(path)).and_then(|node| node.usb.as_ref());
    let usb = usb.map(|usb| format!(", {}", usb.speed())).unwrap_or_default();
    let found = format!("{path}: {card} ({driver}{usb}){}", offer(modes));
    match holder(&board.path("proc"), &board.path(path)) {
        None => Finding::ok("camera", found),
        Some((_, program)) if program == "edgecam" => {
            Finding::ok("camera", format!("{found}; edgecam is using it"))
        }
        Some((pid, program)) => Finding::warn(
            "camera",
            format!("{found}; in use by pid {pid} ({program})"),
            format!("stop {program}: a camera serves one program at a time"),
        ),
    }
}

/// `, mjpeg, yuyv up to 1920x1080`.
fn offer(modes: &[ModeInfo]) -> String {
    let formats: BTreeSet<_> = modes.iter().map(|mode| mode.format.as_str()).collect();
    let formats = formats.into_iter().collect::<Vec<_>>().join(", ");
    let largest = modes.iter().max_by_key(|mode| mode.width * mode.height);
    largest.map(|mode| format!(", {formats} up to {}x{}", mode.width, mode.height)).unwrap_or_default()
}

/// Webcams of which no node could be asked, one finding each.
fn silent(board: &Board, nodes: &[Node], live: &[CameraInfo]) -> Vec<Finding> {
    let mut devices: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
    for node in nodes {
        if let Some(usb) = &node.usb {
            devices.entry(&usb.place).or_default().push(node);
        }
    }
    let told = |node: &&Node| live.iter().any(|camera| Path::new(&camera.path) == node.path);
    let silent = devices.values().filter(|nodes| !nodes.iter().any(told)).map(|nodes| nodes[0]);
    let finding = |node: &Node| {
        let found = format!("{}: {} ({})", node.path.display(), node.card, node.driver);
        if may_use(board, &node.path) {
            Finding::warn(
                "camera",
                format!("{found} offers nothing that edgecam reads (mjpeg, yuyv, uyvy, nv12, grey)"),
                "if it is a camera: unplug it and plug it in again; `edgecam cameras` lists what it offers",
            )
        } else {
            Finding::note("camera", format!("{found} can't be asked: permission denied"))
                .or("run `sudo edgecam doctor`, or join the group: `sudo usermod -aG video $USER`, then log in again")
        }
    };
    silent.map(finding).collect()
}

fn may_use(board: &Board, device: &Path) -> bool {
    use rustix::fs::{Access, access};
    !board.has(device) || access(board.path(device), Access::READ_OK | Access::WRITE_OK).is_ok()
}

fn none(config: Option<&Config>) -> Finding {
    let hardware = |source: &Source| matches!(source, Source::V4l2 { .. } | Source::Rpicam { .. });
    let found = "no camera is there";
    if config.is_some_and(|config| config.cameras.iter().any(|camera| hardware(&camera.source))) {
        Finding::warn(
            "camera",
            format!("{found}, but the config has one"),
            "plug it in; `lsusb` shows whether the kernel sees it; `edgecam cameras` lists those that can be used",
        )
    } else {
        Finding::note("camera", found).or("plug one in; `edgecam cameras` lists those that can be used")
    }
}

/// Cameras behind one bus share its bandwidth.
fn shared(nodes: &[Node]) -> Vec<Finding> {
    let mut buses: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for usb in nodes.iter().filter_map(|node| node.usb.as_ref()) {
        buses.entry(usb.bus).or_default().insert(&usb.place);
    }
    let shared = buses.into_iter().filter(|(_, cameras)| cameras.len() > 1);
    let finding = |(bus, cameras): (u32, BTreeSet<&str>)| {
        Finding::note("camera", format!("{} cameras share USB bus {bus} and its bandwidth", cameras.len()))
            .or("with `no USB bandwidth left` in the log: `format = \"mjpeg\"`, a smaller size, or a port of the other colour")
    };
    shared.map(finding).collect()
}

/// Devices and programs that the config names and that are not there.
fn needs(board: &Board, config: &Config) -> Vec<Finding> {
    let missing = |camera: &config::Camera| {
        let (what, fix) = match &camera.source {
            Source::V4l2 { device: config::Device::Path(path), .. } if !board.has(path) => (
                format!("{} is not there", path.display()),
                "plug it in, or name one of `edgecam cameras`; names below /dev/v4l/by-id stay",
            ),
            Source::V4l2 { device: config::Device::Index(n), .. } if !board.has(format!("/dev/video{n}")) => {
                (
                    format!("/dev/video{n} is not there"),
                    "numbers change with every boot: name one of `edgecam cameras` by its path below /dev/v4l/by-id",
                )
            }
            Source::Command { argv, .. } => {
                let program = argv.first()?;
                let there =
                    if program.contains('/') { board.has(program) } else { board.program(program).is_some() };
                if there {
                    return None;
                }
                (
                    format!("there is no program {program}"),
                    "install it, or mend `command.argv` of this camera",
                )
            }
            _ => return None,
        };
        Some(Finding::warn("camera", format!("{} of the config: {what}", camera.name), fix))
    };
    config.cameras.iter().filter_map(missing).collect()
}
