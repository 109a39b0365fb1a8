//! Whether USB devices have the power they need.

use super::board::name;
use super::{Board, Finding, Level};
use crate::coral;
use crate::usb::{self, Device};
use std::path::{Path, PathBuf};

const DEVICES: &str = "/sys/bus/usb/devices";
/// What the supply of a Pi 5 must offer for 1.6 A at its ports, in mA; with less it is 0.6 A.
const FULL_SUPPLY_MA: u32 = 5000;

/// The device that one of its interfaces, or what hangs on it, belongs to.
#[must_use]
pub fn above(board: &Board, path: &Path) -> Option<Device> {
    path.ancestors().find_map(|path| Device::of(&board.path(path)))
}

/// Power at the ports.
#[must_use]
pub fn findings(board: &Board) -> Vec<Finding> {
    over_current(board).into_iter().chain(supply(board)).collect()
}

/// Ports that were switched off since boot, because too much was drawn (`over_current_count`,
/// Documentation/ABI/testing/sysfs-bus-usb).
fn over_current(board: &Board) -> Option<Finding> {
    let hubs = board.entries(DEVICES).into_iter().filter(|path| name(path).contains(':'));
    let ports = hubs.flat_map(|hub| board.entries(hub)).filter(|path| name(path).contains("-port"));
    let counted =
        |port: &PathBuf| board.read(port.join("over_current_count")).is_some_and(|count| count != "0");
    let ports: Vec<_> = ports.filter(counted).map(|port| name(&port).to_owned()).collect();
    (!ports.is_empty()).then(|| {
        Finding::warn(
            "usb_power",
            format!("too much current was drawn at {}, and the port was switched off", ports.join(", ")),
            "plug what is there into a hub with a supply of its own",
        )
    })
}

/// What the supply of a Pi 5 offers, as its firmware negotiated it (`/chosen/power` of the device tree).
fn supply(board: &Board) -> Option<Finding> {
    let bytes = std::fs::read(board.path("proc/device-tree/chosen/power/max_current")).ok()?;
    let milliamperes = u32::from_be_bytes(bytes.try_into().ok()?);
    let found = format!("the supply offers {:.1} A", f64::from(milliamperes) / 1000.0);
    Some(if milliamperes >= FULL_SUPPLY_MA {
        Finding::ok("usb_power", found)
    } else {
        let level =
            if usb::devices(board.root()).iter().any(coral::is_coral) { Level::Warn } else { Level::Note };
        let fix = "use a 5 V, 5 A supply (27 W USB-C) or a hub with a supply of its own; a supply that has 5 A and can't say so: `usb_max_current_enable=1` in /boot/firmware/config.txt";
        let found = format!("{found}: 0.6 A for all USB ports together");
        Finding { level, ..Finding::warn("usb_power", found, fix) }
    })
}
