//! Figures of the machine, read from `/proc`, `/sys` and `/etc` without a tool or a privilege. What a
//! machine does not have is absent, never an error.

use serde::Serialize;
use std::path::{Path, PathBuf};

/// Where the figures are read: the root of the file system, or a copy of its files in tests.
#[derive(Clone, Debug)]
pub struct Machine(PathBuf);

/// What changes, for `<prefix>/stats`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Of the processor, in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Whether the board holds itself back; absent on other boards than a Pi.
    pub throttling: Option<Throttling>,
    /// Seconds since boot.
    pub uptime_s: Option<u64>,
}

/// What does not change, for `<prefix>/info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hardware {
    /// `Raspberry Pi 4 Model B Rev 1.5`; else the maker's name for it, else the architecture.
    pub model: String,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// The kernel's release.
    pub kernel: String,
    /// `aarch64`.
    pub arch: &'static str,
    /// Another one after each boot.
    pub boot_id: Option<String>,
}

/// Why a Pi holds itself back: the firmware's flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Throttling {
    /// At this moment: `under_voltage`, `frequency_capped`, `throttled`, `soft_temperature_limit`.
    pub now: Vec<&'static str>,
    /// At any time since boot.
    pub since_boot: Vec<&'static str>,
}

impl Default for Machine {
    /// This one; `EDGECAM_TEST_MACHINE` names a copy of its files.
    fn default() -> Self {
        Self::at(root())
    }
}

/// What the machine's files are below: `/`, or what `EDGECAM_TEST_MACHINE` names.
#[must_use]
pub fn root() -> PathBuf {
    std::env::var_os("EDGECAM_TEST_MACHINE").map_or_else(|| "/".into(), PathBuf::from)
}

impl Machine {
    /// The machine whose files are below `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The figures now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            temperature_c: self
                .read("sys/class/thermal/thermal_zone0/temp")
                .and_then(|text| temperature(&text)),
            throttling: self.throttling(),
            uptime_s: self.read("proc/uptime").and_then(|text| uptime(&text)),
        }
    }

    /// What the machine is.
    #[must_use]
    pub fn hardware(&self) -> Hardware {
        let arch = std::env::consts::ARCH;
        Hardware {
            model: self.model().unwrap_or_else(|| arch.into()),
            os: self
                .read("etc/os-release")
                .or_else(|| self.read("usr/lib/os-release"))
                .and_then(|text| pretty_name(&text)),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            arch,
            boot_id: self.boot_id(),
        }
    }

    /// The kernel's id of this boot.
    #[must_use]
    pub fn boot_id(&self) -> Option<String> {
        self.read("proc/sys/kernel/random/boot_id")
    }

    fn model(&self) -> Option<String> {
        if let Some(model) = self.read("proc/device-tree/model") {
            return Some(model);
        }
        let product = self.read("sys/class/dmi/id/product_name")?;
        Some(match self.read("sys/class/dmi/id/sys_vendor") {
            Some(vendor) => format!("{vendor} {product}"),
            None => product,
        })
    }

    /// The Pi kernel's firmware driver knows all; a mainline kernel only has the voltage alarm.
    fn throttling(&self) -> Option<Throttling> {
        let firmware = entries(&self.0.join("sys/bus/platform/drivers/raspberrypi-firmware"))
            .into_iter()
            .chain([self.0.join("sys/devices/platform/soc/soc:firmware")])
            .find_map(|device| read(&device.join("get_throttled")));
        if let Some(flags) = firmware {
            return throttled(&flags);
        }
        let monitor = entries(&self.0.join("sys/class/hwmon"))
            .into_iter()
            .find(|monitor| read(&monitor.join("name")).as_deref() == Some("rpi_volt"))?;
        match read(&monitor.join("in0_lcrit_alarm"))?.as_str() {
            "0" => Some(Throttling::default()),
            "1" => Some(Throttling { now: vec!["under_voltage"], since_boot: vec!["under_voltage"] }),
            _ => None,
        }
    }

    fn read(&self, path: &str) -> Option<String> {
        read(&self.0.join(path))
    }
}

/// A file's text without the white space and NULs around it; none for an empty one.
pub(crate) fn read(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.into())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// Millidegrees to degrees, to one decimal.
fn temperature(text: &str) -> Option<f64> {
    let millis: i32 = text.parse().ok()?;
    Some((f64::from(millis) / 100.0).round() / 10.0)
}

/// The first number of `/proc/uptime`, in whole seconds.
fn uptime(text: &str) -> Option<u64> {
    text.split(['.', ' ']).next()?.parse().ok()
}

fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let name = value.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.into())
}

/// The firmware's flags in hex: bits 0 to 3 now, 16 to 19 since boot (`vcgencmd get_throttled`).
pub(crate) fn throttled(hex: &str) -> Option<Throttling> {
    let flags = u32::from_str_radix(hex.trim_start_matches("0x"), 16).ok()?;
    let named = |flags: u32| {
        ["under_voltage", "frequency_capped", "throttled", "soft_temperature_limit"]
            .into_iter()
            .enumerate()
            .filter(|(bit, _)| flags & (1 << bit) != 0)
            .map(|(_, name)| name)
            .collect()
    };
    Some(Throttling { now: named(flags), since_boot: named(flags >> 16) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let machine = Machine::at(root.path());
        (root, machine)
    }

    #[test]
    fn a_pi_tells_its_name_heat_and_weakness() {
        let (_root, pi) = machine(&[
            ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0"),
            ("proc/uptime", "12345.67 40000.00\n"),
            ("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48686\n"),
            ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
            ("proc/sys/kernel/random/boot_id", "0d3f\n"),
        ]);
        assert_eq!(
            serde_json::to_string(&pi.figures()).expect("JSON"),
            concat!(
                r#"{"temperature_c":48.7,"throttling":{"now":["under_voltage","throttled"],"#,
                r#""since_boot":["under_voltage","throttled"]},"uptime_s":12345}"#
            )
        );
        let hardware = pi.hardware();
        assert_eq!(hardware.model, "Raspberry Pi 4 Model B Rev 1.5");
        assert_eq!(hardware.os.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(hardware.boot_id.as_deref(), Some("0d3f"));
    }

    #[test]
    fn a_mainline_kernel_has_the_voltage_alarm() {
        let (_root, pi) = machine(&[
            ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
            ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
            ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"),
        ]);
        assert_eq!(pi.figures().throttling.expect("it has one").now, ["under_voltage"]);
    }

    #[test]
    fn another_machine_is_silent_about_what_it_lacks() {
        let (_root, laptop) = machine(&[
            ("sys/class/dmi/id/sys_vendor", "ACME\n"),
            ("sys/class/dmi/id/product_name", "Anvil 3\n"),
        ]);
        assert_eq!(laptop.figures(), Figures { temperature_c: None, throttling: None, uptime_s: None });
        assert_eq!(laptop.hardware().model, "ACME Anvil 3");
        let (_root, bare) = machine(&[]);
        assert_eq!(bare.hardware().model, std::env::consts::ARCH);
    }

    #[test]
    fn odd_texts_are_no_figures() {
        assert_eq!(throttled("0"), Some(Throttling::default()));
        assert_eq!(throttled("0x80000").expect("hex").since_boot, ["soft_temperature_limit"]);
        assert_eq!(throttled("error"), None);
        assert_eq!(temperature("-"), None);
        assert_eq!(uptime(""), None);
        assert_eq!(pretty_name("PRETTY_NAME=\"\"\n"), None);
    }
}
