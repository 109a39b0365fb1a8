//! From what the user asks for to the device that is there.

use super::device::{Device, Spec};
use super::pool::shared;
use super::state::Kind;
use super::{CoralChoice, Plugin, Which};
use crate::coral::{self, Bus, Coral};
use crate::telemetry::machine;
use std::path::Path;
use std::sync::Arc;

/// The Coral of a choice, which need not be plugged in; `runtime` is LiteRT's library. The error is what is missing
/// beside it.
pub fn coral(choice: &CoralChoice, runtime: &Path) -> Result<Arc<Device>, String> {
    let library = coral::library(choice.library.as_deref())?;
    let name = choice.device.to_string();
    let (device, performance) = (choice.device.clone(), choice.performance);
    let key = format!("{name} {performance:?} {}", library.display());
    let find = move || {
        let corals = coral::list(&machine::root());
        let found = pick(&device, &corals).ok_or_else(|| absent(&device, &corals))?;
        let clock = performance.map(|clock| ("Performance".to_owned(), clock.as_str().to_owned()));
        let options = [("device".to_owned(), found.name())].into_iter().chain(clock).collect();
        Ok(Some(Plugin { path: library.clone(), options }))
    };
    let device = choice.device.clone();
    let node = move || {
        let corals = coral::list(&machine::root());
        pick(&device, &corals).filter(|coral| coral.bus == Bus::Usb).map(|coral| coral.node.clone())
    };
    let spec = Spec {
        name,
        kind: Kind::EdgeTpu,
        library: runtime.to_owned(),
        find: Box::new(find),
        node: Some(Box::new(node)),
    };
    start(&key, spec)
}

/// Another delegate's device; the error is why there is none.
pub fn plugin(plugin: &Plugin, runtime: &Path) -> Result<Arc<Device>, String> {
    let name = plugin.path.file_name().unwrap_or_default().display().to_string();
    let key = format!("{name} {plugin:?}");
    let plugin = plugin.clone();
    let find = move || Ok(Some(plugin.clone()));
    start(
        &key,
        Spec { name, kind: Kind::Plugin, library: runtime.to_owned(), find: Box::new(find), node: None },
    )
}

/// The processor in a process of its own, to measure what that costs.
pub fn processor(runtime: &Path) -> Result<Arc<Device>, String> {
    let name = "cpu".to_owned();
    let find = Box::new(|| Ok(None));
    start("cpu", Spec { name, kind: Kind::Cpu, library: runtime.to_owned(), find, node: None })
}

fn start(key: &str, spec: Spec) -> Result<Arc<Device>, String> {
    shared(key, spec).map_err(|e| format!("start a thread for an accelerator: {e}"))
}

/// The one that is meant.
fn pick<'a>(device: &Which, corals: &'a [Coral]) -> Option<&'a Coral> {
    let of = |bus: Bus| corals.iter().filter(move |coral| coral.bus == bus);
    match device {
        Which::Any => corals.first(),
        Which::Usb(index) => of(Bus::Usb).find(|coral| coral.index == index.unwrap_or(0)),
        Which::Pci(index) => of(Bus::Pci).find(|coral| coral.index == index.unwrap_or(0)),
        Which::Index(index) => corals.get(*index),
        Which::At(place) => corals.iter().find(|coral| coral.place.trim_start_matches("/dev/") == place),
    }
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
        let corals =
            [coral(Bus::Pci, 0, "/dev/apex_0"), coral(Bus::Usb, 0, "2-2"), coral(Bus::Usb, 1, "2-1")];
        for (device, place) in [
            ("", Some("/dev/apex_0")),
            ("usb", Some("2-2")),
            ("usb:1", Some("2-1")),
            ("pci", Some("/dev/apex_0")),
            ("pci:1", None),
            ("1", Some("2-2")),
            ("2-1", Some("2-1")),
            ("2-3", None),
            ("apex_0", Some("/dev/apex_0")),
        ] {
            let device: Which = device.parse().expect("a device");
            assert_eq!(pick(&device, &corals).map(|coral| coral.place.as_str()), place, "{device:?}");
        }
        assert_eq!(absent(&Which::Any, &[]), "no Coral is plugged in");
        let why = absent(&Which::At("2-3".to_owned()), &corals[1..2]);
        assert_eq!(why, "coral 2-3 is not plugged in; there is usb:0 at 2-2");
    }
}
