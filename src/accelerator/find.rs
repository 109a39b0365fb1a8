//! From what the user asks for to the device that is there.

use super::device::{Device, Found, Spec};
use super::pool::{self, shared};
use super::state::Kind;
use super::{CoralChoice, Plugin, Which};
use crate::busy;
use crate::coral::{self, Bus, Coral};
use crate::telemetry::machine;
use crate::usb;
use rustix::io::Errno;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For udev to give a device that has just come to its group.
const RULES_WITHIN: Duration = Duration::from_secs(1);

/// The Coral of a choice, which need not be plugged in; `runtime` is LiteRT's library. The error is what is missing
/// beside it. However it is asked for, a Coral is one device, known by its place; its clock is the one that was
/// asked for first.
pub fn coral(choice: &CoralChoice, runtime: &Path) -> Result<Arc<Device>, String> {
    let library = coral::library(choice.library.as_deref())?;
    let wanted = choice.device.clone();
    let home = home(&wanted, &coral::list(&machine::root()));
    if let Some(device) = home.as_deref().and_then(pool::at) {
        return Ok(device);
    }
    let name = home.as_ref().map_or_else(|| wanted.to_string(), |place| Which::At(place.clone()).to_string());
    let (own, performance) = (name.clone(), choice.performance);
    let find = move || {
        let corals = coral::list(&machine::root());
        // Another port is as good, if no other device is there.
        let free = |coral: &&Coral| taken_by(&own, &coral.place).is_none();
        let at_home = home.as_deref().and_then(|home| at(home, &corals));
        let others: Vec<Coral> = corals.iter().filter(free).cloned().collect();
        let found = at_home.filter(free).or_else(|| pick(&wanted, &others));
        let found = found.ok_or_else(|| match pick(&wanted, &corals) {
            Some(Coral { place, .. }) => taken(place, &taken_by(&own, place).unwrap_or_default()),
            None => absent(&wanted, &corals),
        })?;
        let clock = performance.map(|clock| ("Performance".to_owned(), clock.as_str().to_owned()));
        let plugin = Some(Plugin { path: library.clone(), options: clock.into_iter().collect() });
        Ok(Found { plugin, place: Some(found.place.clone()) })
    };
    let (kind, library) = (Kind::EdgeTpu, runtime.to_owned());
    start(&name.clone(), Spec { name, kind, library, find: Box::new(find), usable, node })
}

/// The name of the other device that has the Coral at a place, or waits for it; `own` is how this one is known.
fn taken_by(own: &str, place: &str) -> Option<String> {
    pool::other(own, &Which::At(place.to_owned()).to_string(), place)
}

/// Whether the Coral at a place can be opened, as far as that is seen without. libedgetpu tries it for 25 s and does not
/// tell why it could not (`CreateRawUsbDeviceWithRetry` in `driver/usb/usb_driver.cc`), and it resets a device that
/// another program has, which ends that program (`PrepareUsbDevice`).
fn usable(place: &str) -> Result<(), String> {
    let Some(node) = node(place) else { return Ok(()) };
    if usb::is_claimed(&machine::root(), place) {
        return Err(format!("{}: one program can have a Coral at a time", busy::describe(&node)));
    }
    let deadline = Instant::now() + RULES_WITHIN;
    while let Err(e) = File::options().read(true).write(true).open(&node) {
        if e.kind() != ErrorKind::PermissionDenied {
            // The library will tell, or it is gone again.
            break;
        }
        if Instant::now() >= deadline {
            let advice = if e.raw_os_error() == Some(Errno::PERM.raw_os_error()) {
                "the service needs DeviceAllow=char-usb_device rw, a container the device"
            } else {
                "whoever runs edgecam must be in the group plugdev, and the udev rules of its package be there"
            };
            return Err(format!("open {}: {e}; {advice}", node.display()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The option of libedgetpu that means the Coral at a place: its number, which is another one as soon as one of them
/// gets its firmware; the library counts them anew for each delegate. The error is that it is not there.
pub fn number(place: &str) -> Result<(String, String), String> {
    let corals = coral::list(&machine::root());
    let coral = at(place, &corals).ok_or_else(|| absent(&Which::At(place.to_owned()), &corals))?;
    Ok(("device".to_owned(), coral.name()))
}

/// The node of the USB Coral at a place, another one after each reset.
fn node(place: &str) -> Option<PathBuf> {
    let corals = coral::list(&machine::root());
    at(place, &corals).filter(|coral| coral.bus == Bus::Usb).map(|coral| coral.node.clone())
}

/// Another delegate's device; the error is why there is none.
pub fn plugin(plugin: &Plugin, runtime: &Path) -> Result<Arc<Device>, String> {
    let name = plugin.path.file_name().unwrap_or_default().display().to_string();
    let key = format!("{plugin:?}");
    let found = Found { plugin: Some(plugin.clone()), place: None };
    start(&key, elsewhere(name, Kind::Plugin, runtime, found))
}

/// The processor in a process of its own, to measure what that costs.
pub fn processor(runtime: &Path) -> Result<Arc<Device>, String> {
    let found = Found { plugin: None, place: None };
    start("cpu", elsewhere("cpu".to_owned(), Kind::Cpu, runtime, found))
}

/// What is not looked for.
fn elsewhere(name: String, kind: Kind, runtime: &Path, found: Found) -> Spec {
    let find = Box::new(move || Ok(found.clone()));
    Spec { name, kind, library: runtime.to_owned(), find, usable: |_| Ok(()), node: |_| None }
}

fn start(key: &str, spec: Spec) -> Result<Arc<Device>, String> {
    shared(key, spec).map_err(|e| format!("start a thread for an accelerator: {e}"))
}

/// The place of the one that is meant, which need not be there if it is meant by its place.
#[must_use]
pub fn home(device: &Which, corals: &[Coral]) -> Option<String> {
    match device {
        Which::At(place) => Some(place.clone()),
        _ => pick(device, corals).map(|coral| coral.place.clone()),
    }
}

/// The one at a place.
fn at<'a>(place: &str, corals: &'a [Coral]) -> Option<&'a Coral> {
    corals.iter().find(|coral| coral.place == place)
}

/// The one that is meant.
fn pick<'a>(device: &Which, corals: &'a [Coral]) -> Option<&'a Coral> {
    let of = |bus: Bus| corals.iter().filter(move |coral| coral.bus == bus);
    match device {
        Which::Any => corals.first(),
        Which::Usb(index) => of(Bus::Usb).find(|coral| index.is_none_or(|index| coral.index == index)),
        Which::Pci(index) => of(Bus::Pci).find(|coral| index.is_none_or(|index| coral.index == index)),
        Which::Index(index) => corals.get(*index),
        Which::At(place) => at(place, corals),
    }
}

/// Why it is not this device's.
fn taken(place: &str, by: &str) -> String {
    format!("the Coral at {place} is in use as accelerator {by}; a restart of edgecam has them share it")
}

/// Why there is none.
fn absent(device: &Which, corals: &[Coral]) -> String {
    let there: Vec<_> = corals.iter().map(|coral| format!("{} at {}", coral.name(), coral.place)).collect();
    match (device, there.is_empty()) {
        (_, true) => "no Coral is plugged in".to_owned(),
        (wanted, false) => format!("{wanted} is not plugged in; there is {}", there.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coral_is_picked_by_bus_number_or_place() {
        let coral = |bus, index, place: &str| Coral {
            bus,
            index,
            place: place.to_owned(),
            node: place.into(),
            used: true,
            mbit: None,
        };
        let corals = [coral(Bus::Pci, 0, "apex_0"), coral(Bus::Usb, 0, "2-2"), coral(Bus::Usb, 1, "2-1")];
        for (device, place) in [
            ("", Some("apex_0")),
            ("usb", Some("2-2")),
            ("usb:1", Some("2-1")),
            ("pci", Some("apex_0")),
            ("pci:1", None),
            ("1", Some("2-2")),
            ("2-1", Some("2-1")),
            ("2-3", None),
            ("apex_0", Some("apex_0")),
        ] {
            let device: Which = device.parse().expect("a device");
            assert_eq!(pick(&device, &corals).map(|coral| coral.place.as_str()), place, "{device:?}");
        }
        assert_eq!(absent(&Which::Any, &[]), "no Coral is plugged in");
        let why = absent(&Which::At("2-3".to_owned()), &corals[1..2]);
        assert_eq!(why, "coral 2-3 is not plugged in; there is usb:0 at 2-2");
    }
}
