//! Coral Edge TPUs and their library: whether they are ready.

use super::{Board, Finding};
use crate::coral::{self, INSTALL, LIBRARY};
use crate::infer::elf;
use crate::usb::{self, Device};

/// What makes the library usable by TFLite.
const SYMBOL: &str = "tflite_plugin_create_delegate";

/// Nothing where there is neither.
#[must_use]
pub fn findings(board: &Board) -> Vec<Finding> {
    let devices = usb::devices(board.root());
    let mut findings: Vec<_> = devices.iter().filter(|device| coral::is_coral(device)).map(on_usb).collect();
    if coral::cards(board.root()) > 0 {
        findings.push(on_pci(board));
    }
    let any = !findings.is_empty();
    findings.extend(library(board, any));
    findings
}

fn on_usb(device: &Device) -> Finding {
    let state = if coral::is_used(device) { "" } else { ", not used since it was plugged in" };
    let found = format!("a USB Coral at {} ({}{state})", device.place, device.speed());
    if device.mbit < 5000.0 {
        return Finding::warn(
            "coral",
            format!("{found}: several times slower than at USB 3"),
            "plug it into a blue USB 3 port, with the cable it came with; a hub in between must be USB 3 too",
        );
    }
    Finding::ok("coral", found)
}

fn on_pci(board: &Board) -> Finding {
    if board.has("/dev/apex_0") {
        return Finding::ok("coral", "a PCIe Coral, /dev/apex_0");
    }
    let found = "a PCIe Coral, but no /dev/apex_0: its driver is not loaded";
    if board.kernel.page_bytes > 4096 {
        return Finding::warn(
            "coral",
            format!("{found}, and it does not work with pages of {} KiB", board.kernel.page_bytes >> 10),
            "write `kernel=kernel8.img` in /boot/firmware/config.txt and reboot, then install gasket-dkms",
        );
    }
    Finding::warn(
        "coral",
        found,
        "install gasket-dkms for this kernel and reboot; `dmesg | grep apex` says what the driver met",
    )
}

/// The library, and whether it goes with this program.
fn library(board: &Board, any: bool) -> Option<Finding> {
    let Some(path) = coral::find_library(board.root()) else {
        return any.then(|| Finding::warn("edgetpu", format!("a Coral, but no {LIBRARY}"), INSTALL));
    };
    let (file, found) = (board.path(&path), path.display());
    let unfit = match elf::architecture(&file) {
        Ok(Some(arch)) if arch != board.kernel.program => {
            format!("is for {arch}, not {}", board.kernel.program)
        }
        Ok(Some(_)) if elf::whole(&file).is_err() => "is cut short".to_owned(),
        Ok(Some(_)) if elf::exports(&file, SYMBOL).is_ok_and(|there| there) => {
            let unfit = std::fs::read(&file).ok().and_then(|bytes| coral::unfit(&bytes));
            return Some(if let Some(why) = unfit {
                Finding::warn("edgetpu", format!("{found}: {why}"), INSTALL)
            } else if any {
                Finding::ok("edgetpu", format!("{found}, a delegate for TFLite"))
            } else {
                Finding::note("edgetpu", format!("{found} is there, but no Coral"))
            });
        }
        Ok(Some(_)) => format!("has no function {SYMBOL}"),
        Ok(None) => "is no library of a processor that edgecam knows".to_owned(),
        Err(e) => format!("can't be read: {e}"),
    };
    Some(Finding::warn("edgetpu", format!("{found} {unfit}"), INSTALL))
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::board;
    use super::super::{Kernel, Level};
    use super::*;

    const AT: &str = "/usr/lib/aarch64-linux-gnu/libedgetpu.so.1";

    fn told(board: &Board, coral: bool) -> Option<(Level, String)> {
        library(board, coral).map(|finding| (finding.level, finding.found))
    }

    #[test]
    fn a_library_that_does_not_fit_is_told() {
        let (_root, none) = board(&[], "");
        assert_eq!(told(&none, false), None);
        assert_eq!(told(&none, true).expect("it is missing").0, Level::Warn);
        let (root, board) = board(&[(AT, "no library")], "");
        let (level, why) = told(&board, false).expect("it is there");
        assert!(level == Level::Warn && why.contains("no library of a processor"), "{why}");
        std::fs::copy(std::env::current_exe().expect("this test"), root.path().join(&AT[1..]))
            .expect("copied");
        let (level, why) = told(&board, true).expect("it is there");
        assert!(
            level == Level::Warn && why.ends_with("has no function tflite_plugin_create_delegate"),
            "{why}"
        );
        let kernel = Kernel { program: "riscv64".to_owned(), ..board.kernel.clone() };
        let other = Board::at(root.path(), kernel, Box::new(|_, _| None));
        assert!(told(&other, true).expect("it is there").1.ends_with(", not riscv64"));
    }

    #[test]
    fn a_card_is_ready_once_its_device_is_there() {
        let card = [
            ("/sys/bus/pci/devices/0000:01:00.0/vendor", "0x1ac1\n"),
            ("/sys/bus/pci/devices/0000:01:00.0/device", "0x089a\n"),
        ];
        let (root, board) = board(&card, "");
        assert_eq!(findings(&board)[0].level, Level::Warn);
        std::fs::create_dir(root.path().join("dev")).expect("made");
        std::fs::write(root.path().join("dev/apex_0"), "").expect("written");
        assert_eq!(findings(&board)[0], Finding::ok("coral", "a PCIe Coral, /dev/apex_0"));
    }
}
