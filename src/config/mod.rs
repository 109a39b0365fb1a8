//! The config, validated: every value is in range, every reference resolved, every default filled in.
//! `file` is what the user wrote, `validate` the way from there to here.

mod accelerator;
mod camera;
mod checker;
mod events;
mod events_checks;
mod file;
mod lenient;
mod model;
mod mqtt;
mod places;
mod problem;
mod source;
mod source_checks;
mod validate;
pub(crate) mod value;

pub use camera::{Camera, Classify, Collect};
pub use events::{Filter, HomeAssistant, Motion, Outbox, Snapshot, Track, Zone};
pub use model::{Model, Share};
pub use mqtt::{Mqtt, Tls};
pub use places::Places;
pub use problem::Problems;
pub use source::{Device, Source};
pub use value::machine;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A whole, valid config.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The broker; absent: detections go to the terminal only.
    pub mqtt: Option<Mqtt>,
    /// The queue of events on disk.
    pub outbox: Outbox,
    /// Absent: Home Assistant is told nothing.
    pub homeassistant: Option<HomeAssistant>,
    /// How often figures are published.
    pub stats_interval: Duration,
    /// When models look less often for the heat; absent: never.
    pub thermal: Option<Thermal>,
    /// The runtime library, when it is not to be searched for.
    pub runtime_library: Option<PathBuf>,
    /// The models that cameras use, by name.
    pub models: Vec<Model>,
    /// At least one, names unique.
    pub cameras: Vec<Camera>,
    /// Where it says what.
    pub places: Places,
}

/// The folder of the service's config.
pub const SERVICE_FOLDER: &str = "/etc/edgecam";

/// Where systemd shows the service its credentials.
pub const CREDENTIALS: &str = "/run/credentials/edgecam.service";

/// Larger files are no config.
const MAX_BYTES: u64 = 1 << 20;

/// Reads and validates the config file `path`. Paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let whole = |text: String| Problems::of_file(path, &text);
    let meta = std::fs::metadata(path).map_err(|e| whole(format!("read the config: {e}")))?;
    if !meta.is_file() {
        return Err(whole("read the config: it is not a file".to_owned()));
    }
    if meta.len() > MAX_BYTES {
        return Err(whole(format!("read the config: {} bytes are too many for one", meta.len())));
    }
    let bytes = std::fs::read(path).map_err(|e| whole(format!("read the config: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let (bytes, at) = (e.as_bytes(), e.utf8_error().valid_up_to());
        let good = String::from_utf8_lossy(&bytes[..at]);
        Problems::at(path, &good, at, "read the config: this is not UTF-8")
    })?;
    parse(&text, path)
}

/// Validates the text of a config whose file is `path`.
pub fn parse(text: &str, path: &Path) -> Result<Config, Problems> {
    let mut problems = problem::Collector::default();
    let read = lenient::read::<file::File>(text, &mut problems);
    let config = read.and_then(|(file, taken_out)| {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut checker = checker::Checker { folder, taken_out: &taken_out, problems: &mut problems };
        let config = validate::config(&file, &mut checker)?;
        Some(Config { places: Places::of(&file, path, text), ..config })
    });
    problems.finish(path, text, config)
}

/// The keys that differ and take effect after a restart only.
#[must_use]
pub fn restart_needed(old: &Config, new: &Config) -> Vec<String> {
    let embedded = |config: &Config| config.mqtt.as_ref().and_then(|m| m.embedded);
    let keys = [
        ("runtime.library", old.runtime_library != new.runtime_library),
        ("mqtt.embedded", embedded(old).is_some() != embedded(new).is_some()),
        ("mqtt.listen", embedded(old).zip(embedded(new)).is_some_and(|(old, new)| old != new)),
    ];
    keys.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key.to_owned()).collect()
}

/// When models look less often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thermal {
    /// From here on, in °C.
    pub limit: f64,
}

impl Default for Thermal {
    /// 75 °C: a Pi's firmware lowers the clock from 80 °C on, step by step
    /// (<https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#frequency-management-and-thermal-control>),
    /// and a Pi 5's fan runs at its full speed from 75 °C on (`fan_temp3` in the kernel's
    /// <https://github.com/raspberrypi/linux/blob/rpi-6.12.y/arch/arm/boot/dts/overlays/README>): cooling has no
    /// more to give there. The soft limit of a Pi 3B+, 60 °C, costs a seventh of its clock, less than the first
    /// step would.
    fn default() -> Self {
        Self { limit: 75.0 }
    }
}
