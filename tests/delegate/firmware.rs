//! A Coral at USB gets its firmware when it is opened for the first time, and has another number from then on:
//! libedgetpu counts those without firmware first, among equals the one that was plugged in last.

use std::cmp::Reverse;
use std::fs;
use std::path::Path;

const NEW: &str = "089a";
const USED: (&str, &str) = ("18d1", "9302");

/// Opens `usb:N` of the fake machine below `root`; gives its place, if it is there.
pub fn load(root: &Path, device: &str) -> Option<String> {
    let number: usize = device.strip_prefix("usb:")?.parse().ok()?;
    let folder = root.join("sys/bus/usb/devices");
    let product = |place: &str| fs::read_to_string(folder.join(place).join("idProduct")).unwrap_or_default();
    let places =
        fs::read_dir(&folder).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut corals: Vec<(bool, Reverse<String>)> =
        places.map(|place| (product(&place).trim() != NEW, Reverse(place))).collect();
    corals.sort();
    let (_, Reverse(place)) = corals.into_iter().nth(number)?;
    // It goes, and comes back as another device.
    let (here, away) = (folder.join(&place), root.join(format!("{place}.away")));
    fs::rename(&here, &away).ok()?;
    fs::write(away.join("idVendor"), USED.0).and_then(|()| fs::write(away.join("idProduct"), USED.1)).ok()?;
    fs::rename(&away, &here).ok()?;
    Some(place)
}
