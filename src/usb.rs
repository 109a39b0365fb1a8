//! USB devices: what is plugged in where, and how fast it talks, as sysfs tells it.

use crate::telemetry::machine;
use std::path::{Path, PathBuf};

/// A device on the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// `1-1.2`: bus, and ports down to it.
    pub place: String,
    /// `1a6e:089a`.
    pub id: String,
    /// Of the bus it is on; USB 2 and USB 3 ports of one controller are two.
    pub bus: u32,
    /// Its number on that bus, another one each time it appears.
    pub number: u32,
    /// Mbit/s: 1.5, 12 (USB 1), 480 (USB 2), 5000 and more (USB 3).
    pub mbit: f64,
}

impl Device {
    /// The device in a folder of sysfs; `None` where it is another thing, an interface for example.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        let read = |file: &str| machine::read(&folder.join(file));
        Some(Self {
            place: folder.file_name()?.to_str()?.to_owned(),
            id: format!("{}:{}", read("idVendor")?, read("idProduct")?),
            bus: read("busnum")?.parse().ok()?,
            number: read("devnum")?.parse().ok()?,
            mbit: read("speed")?.parse().ok()?,
        })
    }

    /// What to open to talk to it.
    #[must_use]
    pub fn node(&self) -> PathBuf {
        format!("/dev/bus/usb/{:03}/{:03}", self.bus, self.number).into()
    }

    /// `USB 2, 480 Mbit/s`.
    #[must_use]
    pub fn speed(&self) -> String {
        let generation = match self.mbit {
            ..480.0 => 1,
            480.0..5000.0 => 2,
            _ => 3,
        };
        format!("USB {generation}, {} Mbit/s", self.mbit)
    }
}

/// Whether a program has claimed the first interface of the device at a place: the kernel's `usbfs` is its driver then.
#[must_use]
pub fn is_claimed(root: &Path, place: &str) -> bool {
    let driver = root.join("sys/bus/usb/devices").join(format!("{place}:1.0/driver"));
    std::fs::read_link(driver).is_ok_and(|driver| driver.ends_with("usbfs"))
}

/// The devices of the machine below `root`, without hubs of the board itself, in the order of their controllers and
/// ports (of the paths that the links in `/sys/bus/usb/devices` lead to).
#[must_use]
pub fn devices(root: &Path) -> Vec<Device> {
    let entries = std::fs::read_dir(root.join("sys/bus/usb/devices")).into_iter().flatten().flatten();
    let mut folders: Vec<_> =
        entries.map(|entry| (entry.path().canonicalize().unwrap_or_default(), entry.path())).collect();
    folders.sort();
    let devices = folders.iter().filter_map(|(_, folder)| Device::of(folder));
    devices.filter(|device| !device.place.starts_with("usb")).collect()
}
