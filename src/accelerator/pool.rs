//! The accelerators that this process uses, each once.

use super::device::{Device, Spec};
use super::state::Report;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The devices of this process, by what makes each another one.
static DEVICES: Mutex<Vec<(String, Weak<Device>)>> = Mutex::new(Vec::new());

/// The device that is known as `key`: the one that others have, or a new one of `spec`.
pub fn shared(key: &str, mut spec: Spec) -> std::io::Result<Arc<Device>> {
    let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    devices.retain(|(_, device)| device.strong_count() > 0);
    if let Some(device) = devices.iter().find(|(k, _)| k == key).and_then(|(_, device)| device.upgrade()) {
        return Ok(device);
    }
    let names = devices.iter().filter_map(|(_, device)| Some(device.upgrade()?.name().to_owned()));
    let others = names.filter(|name| name.split('#').next() == Some(&spec.name)).count();
    if others > 0 {
        // Names tell devices apart.
        spec.name = format!("{}#{}", spec.name, others + 1);
    }
    let device = Device::start(spec)?;
    devices.push((key.to_owned(), Arc::downgrade(&device)));
    Ok(device)
}

/// The device that works, or last worked, with what is at a place.
pub fn at(place: &str) -> Option<Arc<Device>> {
    let devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut devices = devices.iter().filter_map(|(_, device)| device.upgrade());
    devices.find(|device| device.place().as_deref() == Some(place))
}

/// The name of another device than the one known as `own` that is known as `key`, or is at a place.
pub fn other(own: &str, key: &str, place: &str) -> Option<String> {
    let devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    let others = devices.iter().filter(|(k, _)| k != own);
    let mut others = others.filter_map(|(k, device)| Some((k, device.upgrade()?)));
    let other = others.find(|(k, device)| *k == key || device.place().as_deref() == Some(place));
    other.map(|(_, device)| device.name().to_owned())
}

/// All that are in use, by name.
pub fn reports() -> Vec<Report> {
    let devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut reports: Vec<_> =
        devices.iter().filter_map(|(_, device)| device.upgrade()).map(|device| device.report()).collect();
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    reports
}
