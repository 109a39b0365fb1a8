//! The Coral Edge TPUs of a machine and the library that drives them, found without either.
//! What libedgetpu does is from its sources, google-coral/libedgetpu.

use crate::telemetry::machine;
use crate::usb::{self, Device};
use std::path::{Path, PathBuf};

/// A USB Coral before its first use since it was plugged in, when it waits for its firmware, and after
/// (`kTargetDfuVendorId`, `kTargetAppVendorId` in `driver/beagle/beagle_usb_driver_provider.cc`).
const USB: [&str; 2] = ["1a6e:089a", "18d1:9302"];
/// A PCIe or M.2 Coral.
const PCI: (&str, &str) = ("0x1ac1", "0x089a");

/// The library's file, the name of whose interface has been the same since 2019.
pub const LIBRARY: &str = "libedgetpu.so.1";
/// Where packages and builds put it, with `/lib/x-linux-gnu` before `/lib`.
const FOLDERS: [&str; 3] = ["usr/local/lib", "usr/lib", "lib"];
/// How to get it.
pub const INSTALL: &str =
    "install libedgetpu1-std of github.com/feranick/libedgetpu/releases; Coral's own builds are too old";

/// The GCC that Coral's own builds were made with, the last in 2021, each for TensorFlow 2.5 or older: they hand the
/// runtime a `TfLiteRegistration` that is shorter than it has been since TensorFlow Lite 2.12, which reads beyond its end
/// (github.com/google-coral/edgetpu/issues/812). TensorFlow of that age is C++17, for which this GCC is too old.
const LAST_UNFIT_GCC: u32 = 6;

/// How a Coral is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The USB Accelerator.
    Usb,
    /// An M.2 or Mini PCIe card.
    Pci,
}

/// A Coral.
#[derive(Clone, Debug, PartialEq)]
pub struct Coral {
    /// How it is connected.
    pub bus: Bus,
    /// As libedgetpu counts those of a bus now: Corals without firmware come first, so one takes another number when
    /// it is used for the first time (`BeagleUsbDriverProvider::Enumerate`); among equals the one that libusb saw last
    /// comes first (`usbi_connect_device`), and it looks in the order of [`usb::devices`].
    pub index: usize,
    /// Where it is, which stays: `2-1`, or `apex_0`.
    pub place: String,
    /// What to open to reset it: `/dev/bus/usb/002/004`, another one after each reset; or `/dev/apex_0`.
    pub node: PathBuf,
    /// Whether its firmware is loaded; always so at PCIe.
    pub used: bool,
    /// Of a USB Coral: 480 at USB 2, 5000 at USB 3.
    pub mbit: Option<f64>,
}

impl Coral {
    /// `usb:0`, `pci:0`: what `device` is in the options of `tflite_plugin_create_delegate`. Besides it takes
    /// `usb`, `pci`, `:0` (of both buses) and nothing (any, PCIe first), but only with a number does it heed the other
    /// options: `Performance` (`Low`, `Medium`, `High`, `Max`; by default `Max`, or what the library was built for),
    /// `Usb.AlwaysDfu` (`True`, `False`) and `Usb.MaxBulkInQueueLength` (`0` to `256`, by default 8)
    /// (`tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc`, `tflite/edgetpu_context_direct.cc`).
    #[must_use]
    pub fn name(&self) -> String {
        let bus = match self.bus {
            Bus::Usb => "usb",
            Bus::Pci => "pci",
        };
        format!("{bus}:{}", self.index)
    }

    /// What libedgetpu's `edgetpu_create_delegate` calls it, whatever its number
    /// (`LocalUsbDeviceFactory::ComposePathString`, `DriverProvider::EnumerateByClass`).
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self.bus {
            Bus::Usb => Path::new("/sys/bus/usb/devices").join(&self.place),
            Bus::Pci => self.node.clone(),
        }
    }
}

/// Whether a device is a Coral, which draws up to 0.9 A.
#[must_use]
pub fn is_coral(device: &Device) -> bool {
    USB.contains(&device.id.as_str())
}

/// Whether a USB Coral has its firmware.
#[must_use]
pub fn is_used(device: &Device) -> bool {
    device.id == USB[1]
}

/// The usable Corals of the machine below `root`, PCIe first as libedgetpu prefers it, in the order of their numbers.
#[must_use]
pub fn list(root: &Path) -> Vec<Coral> {
    let cards = cards_in_order(root);
    let cards = cards.into_iter().enumerate().map(|(index, place)| {
        let node = Path::new("/dev").join(&place);
        Coral { bus: Bus::Pci, index, place, node, used: true, mbit: None }
    });
    let mut usb: Vec<_> = usb::devices(root).into_iter().rev().filter(is_coral).collect();
    usb.sort_by_key(is_used);
    let usb = usb.into_iter().enumerate().map(|(index, device)| Coral {
        bus: Bus::Usb,
        index,
        node: device.node(),
        used: is_used(&device),
        mbit: Some(device.mbit),
        place: device.place,
    });
    cards.chain(usb).collect()
}

/// `apex_0` and so on in the order of libedgetpu, which is that of the folder of their class, unsorted
/// (`DriverProvider::EnumerateByClass`).
fn cards_in_order(root: &Path) -> Vec<String> {
    let cards = |folder: &str| -> Vec<_> {
        entries(&root.join(folder)).filter(|name| name.starts_with("apex_")).collect()
    };
    let (mut there, order) = (cards("dev"), cards("sys/class/apex"));
    there.sort();
    there.sort_by_key(|card| order.iter().position(|known| known == card));
    there
}

/// How many PCIe Corals the machine below `root` has, with a driver or without.
#[must_use]
pub fn cards(root: &Path) -> usize {
    let folder = root.join("sys/bus/pci/devices");
    let is_coral = |name: &String| {
        let read = |file| machine::read(&folder.join(name).join(file));
        (read("vendor").as_deref(), read("device").as_deref()) == (Some(PCI.0), Some(PCI.1))
    };
    entries(&folder).filter(is_coral).count()
}

/// The library: the configured file, else the first in the usual folders; the error is what is missing.
pub fn library(configured: Option<&Path>) -> Result<PathBuf, String> {
    match configured {
        Some(path) if path.is_file() => Ok(path.to_owned()),
        Some(path) => Err(format!("there is no file {}", path.display())),
        None => find_library(Path::new("/")).ok_or_else(not_installed),
    }
}

fn not_installed() -> String {
    format!("{LIBRARY} is not installed ({INSTALL})")
}

/// The library in the usual folders of the machine below `root`, by its path on that machine.
#[must_use]
pub fn find_library(root: &Path) -> Option<PathBuf> {
    let in_folder = |folder: &str| {
        let mut inner: Vec<_> =
            entries(&root.join(folder)).filter(|name| name.ends_with("-linux-gnu")).collect();
        inner.sort();
        let inner = inner.into_iter().map(move |name| Path::new(folder).join(name));
        inner.chain([folder.into()]).map(|path| path.join(LIBRARY)).collect::<Vec<_>>()
    };
    let file = FOLDERS.into_iter().flat_map(in_folder).find(|path| root.join(path).exists())?;
    Some(Path::new("/").join(file))
}

/// What the machine below `root` lacks to run a compiled model, to follow "it is compiled for a Coral Edge TPU, and".
#[must_use]
pub fn missing(root: &Path) -> Option<String> {
    if list(root).is_empty() {
        return Some("there is no Coral on this machine".to_owned());
    }
    find_library(root).is_none().then(not_installed)
}

/// Why a library can't be used that says of itself `COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted`, in
/// `edgetpu_version` and, by itself, in its file (`port/default/builddata.h`).
#[must_use]
pub fn unfit(told: &[u8]) -> Option<String> {
    const START: &[u8] = b"COMPILER=";
    let places = told.windows(START.len()).enumerate().filter(|(_, bytes)| *bytes == START);
    let mut compilers =
        places.filter_map(|(at, _)| told[at + START.len()..].split(|&b| b == b' ' || b == b',').next());
    let old = |compiler: &[u8]| {
        let compiler = std::str::from_utf8(compiler).ok()?;
        let major: u32 = compiler.split('.').next()?.parse().ok()?;
        (major <= LAST_UNFIT_GCC).then(|| compiler.to_owned())
    };
    compilers.find_map(old).map(|compiler| {
        format!(
            "it was built by GCC {compiler} for TensorFlow Lite 2.5 or older, and would crash with today's"
        )
    })
}

fn entries(folder: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plug(root: &Path, place: &str, id: (&str, &str), number: u32) {
        let folder = root.join("sys/bus/usb/devices").join(place);
        std::fs::create_dir_all(&folder).expect("ours");
        let number = number.to_string();
        let (vendor, product) = id;
        for (file, text) in [
            ("idVendor", vendor),
            ("idProduct", product),
            ("busnum", "2"),
            ("devnum", number.as_str()),
            ("speed", "5000"),
        ] {
            std::fs::write(folder.join(file), format!("{text}\n")).expect("ours");
        }
    }

    fn told(root: &Path) -> Vec<(String, String)> {
        list(root).iter().map(|coral| (coral.name(), coral.place.clone())).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, place)| ((*name).to_owned(), (*place).to_owned())).collect()
    }

    #[test]
    fn corals_are_counted_as_their_library_does() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        assert_eq!(list(root), []);
        assert_eq!(missing(root).as_deref(), Some("there is no Coral on this machine"));
        plug(root, "2-1", ("1a6e", "089a"), 4);
        plug(root, "2-2", ("1a6e", "089a"), 5);
        plug(root, "2-3", ("18d1", "4ee7"), 6);
        std::fs::create_dir(root.join("dev")).expect("ours");
        for name in ["apex_1", "apex_0", "video0"] {
            std::fs::write(root.join("dev").join(name), "").expect("ours");
        }
        let cards = [("pci:0", "apex_0"), ("pci:1", "apex_1")];
        assert_eq!(told(root), pairs(&[cards[0], cards[1], ("usb:0", "2-2"), ("usb:1", "2-1")]));
        plug(root, "2-2", ("18d1", "9302"), 7);
        assert_eq!(told(root), pairs(&[cards[0], cards[1], ("usb:0", "2-1"), ("usb:1", "2-2")]));
        let corals = list(root);
        assert_eq!(
            corals[3],
            Coral {
                bus: Bus::Usb,
                index: 1,
                place: "2-2".to_owned(),
                node: "/dev/bus/usb/002/007".into(),
                used: true,
                mbit: Some(5000.0),
            }
        );
        assert_eq!(corals[3].path(), Path::new("/sys/bus/usb/devices/2-2"));
        assert_eq!((corals[0].path(), corals[0].used), ("/dev/apex_0".into(), true));
    }

    #[test]
    fn cards_have_the_order_of_their_class() {
        let root = tempfile::tempdir().expect("a folder");
        for card in 0..9 {
            for folder in ["dev", "sys/class/apex"] {
                std::fs::create_dir_all(root.path().join(folder).join(format!("apex_{card}"))).expect("ours");
            }
        }
        let order: Vec<_> = entries(&root.path().join("sys/class/apex")).collect();
        let places: Vec<_> = list(root.path()).into_iter().map(|coral| coral.place).collect();
        assert_eq!(places, order);
    }

    #[test]
    fn the_builds_of_coral_itself_do_not_fit() {
        let own = "COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted";
        let later = own.replace("6.3.0 20170516", "12.2.0");
        let why = unfit(format!("BuildLabel({own}), RuntimeVersion(14)").as_bytes()).expect("too old");
        assert!(why.starts_with("it was built by GCC 6.3.0 for "), "{why}");
        let clang = own.replace("6.3.0 20170516", "Clang 14.0");
        for label in [&later, &clang, "", "COMPILER=", "COMPILER=,"] {
            assert_eq!(unfit(label.as_bytes()), None, "{label}");
        }
        let file = [b"\x7fELF\0\xffBuildLabel(%s)\0COMPILER=\0", own.as_bytes(), b"\0more"].concat();
        assert_eq!(unfit(&file), Some(why));
    }

    #[test]
    fn the_library_is_the_configured_one_or_in_the_usual_folders() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(find_library(root.path()), None);
        plug(root.path(), "2-1", ("1a6e", "089a"), 4);
        assert!(missing(root.path()).expect("the library").starts_with("libedgetpu.so.1 is not installed"));
        for folder in ["lib", "usr/lib/aarch64-linux-gnu", "usr/lib"] {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).expect("ours");
            std::fs::write(folder.join(LIBRARY), "").expect("ours");
        }
        let found = find_library(root.path()).expect("it is there");
        assert_eq!(found, Path::new("/usr/lib/aarch64-linux-gnu/libedgetpu.so.1"));
        assert_eq!(missing(root.path()), None);
        let file = root.path().join("lib").join(LIBRARY);
        assert_eq!(library(Some(&file)), Ok(file));
        assert!(library(Some(root.path())).expect_err("a folder").starts_with("there is no file "));
    }
}
