//! The disk that events wait on: room, whether it can be written, how worn it is, and what else writes to it.

use super::board::name;
use super::{Board, Finding};
use std::path::Path;

const MIB: u64 = 1 << 20;
/// With less nothing is kept.
const TOO_LITTLE: u64 = 20 * MIB;
/// With less the default outbox does not fit.
const LITTLE: u64 = 200 * MIB;
/// A twentieth of a disk is little too, but no more than this.
const ENOUGH: u64 = 1024 * MIB;

/// Room of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// That may still be written without being root.
    pub free: u64,
    /// In all.
    pub total: u64,
}

impl Space {
    /// Of the file system that a folder is in, or will be.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        let figures = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
        let bytes = |blocks: u64| blocks.saturating_mul(figures.f_frsize);
        Some(Self { free: bytes(figures.f_bavail), total: bytes(figures.f_blocks) })
    }
}

/// A line of `/proc/self/mounts`.
struct Mount {
    device: String,
    kind: String,
    read_only: bool,
}

/// Of the disk with the state directory.
#[must_use]
pub fn findings(board: &Board, state: &Path, space: Option<Space>) -> Vec<Finding> {
    let mut findings: Vec<_> = space.map(|space| room(board, state, space)).into_iter().collect();
    findings.extend(wear(board));
    findings.extend(swap(board));
    findings.extend(journal(board));
    findings
}

fn room(board: &Board, state: &Path, space: Space) -> Finding {
    let mount = mount(board, state);
    let on = mount.as_ref().map(|mount| format!(" ({} on {})", mount.kind, mount.device)).unwrap_or_default();
    let found = format!("{} of {} MiB free for {}{on}", space.free / MIB, space.total / MIB, state.display());
    let place = state.display();
    if mount.as_ref().is_some_and(|mount| mount.read_only) {
        return Finding::fail(
            "disk",
            format!("{found}: mounted read-only, so that no event is kept over a restart"),
            format!(
                "mount something that can be written at {place}; if the kernel made it read-only, `dmesg | grep -i error` says why, and the disk needs a check"
            ),
        );
    }
    if mount.is_some_and(|mount| ["overlay", "tmpfs"].contains(&mount.kind.as_str())) {
        return Finding::warn(
            "disk",
            format!("{found}: in memory, so that no event is kept over a reboot"),
            format!(
                "mount a disk at {place}, or switch the overlay off: `sudo raspi-config`, Performance Options"
            ),
        );
    }
    let fix = "make room (`sudo apt clean`, `sudo journalctl --vacuum-size=50M`), or lower `outbox.max_bytes` and `collect.max_bytes`";
    if space.free < TOO_LITTLE {
        Finding::fail("disk", format!("{found}: too little to keep events"), fix)
    } else if space.free < (space.total / 20).clamp(LITTLE, ENOUGH) {
        Finding::warn("disk", format!("{found}: little"), fix)
    } else {
        Finding::ok("disk", found)
    }
}

/// The mount that a folder is in.
fn mount(board: &Board, folder: &Path) -> Option<Mount> {
    let text = board.read("proc/self/mounts")?;
    let mounts = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let mount = Mount {
            device: device.to_owned(),
            kind: kind.to_owned(),
            read_only: options.split(',').any(|option| option == "ro"),
        };
        folder.starts_with(point).then_some((point.len(), mount))
    });
    // Of two at one place the later covers the earlier.
    mounts.max_by_key(|(length, _)| *length).map(|(_, mount)| mount)
}

/// What eMMC says of its own wear (JEDEC eMMC 5.0, `DEVICE_LIFE_TIME_EST` and `PRE_EOL_INFO`); SD cards say nothing.
fn wear(board: &Board) -> Vec<Finding> {
    let disks = board.entries("/sys/block").into_iter().filter(|path| name(path).starts_with("mmcblk"));
    disks.filter_map(|disk| worn(board, &disk)).collect()
}

fn worn(board: &Board, disk: &Path) -> Option<Finding> {
    const FIX: &str = "copy what matters, and replace it soon; a longer `outbox.sync_interval` and no `[collect]` write less";
    let read = |file: &str| board.read(disk.join("device").join(file));
    // Of each of its two kinds of memory; 11 is beyond all.
    let tenths = read("life_time")?.split(' ').filter_map(hex).max()?;
    let reserve = read("pre_eol_info").as_deref().and_then(hex).unwrap_or_default();
    let used = match tenths {
        0 => "an unknown part".to_owned(),
        1..=10 => format!("{} to {} %", (tenths - 1) * 10, tenths * 10),
        _ => "all".to_owned(),
    };
    let found = format!("{}: {used} of its life is used", name(disk));
    Some(match (tenths, reserve) {
        (11.., _) | (_, 3) => Finding::fail("wear", format!("{found}, it may fail at any time"), FIX),
        (9.., _) | (_, 2) => Finding::warn("wear", found, FIX),
        _ => Finding::ok("wear", found),
    })
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

/// Swap on a card wears it; swap in memory (zram) does not.
fn swap(board: &Board) -> Option<Finding> {
    let text = board.read("proc/swaps")?;
    let places = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let on_card = |place: &&str| {
        let device = if place.starts_with("/dev/") {
            Some((*place).to_owned())
        } else {
            mount(board, Path::new(place)).map(|mount| mount.device)
        };
        device.is_some_and(|device| device.starts_with("/dev/mmcblk"))
    };
    let place = places.filter(on_card).map(str::to_owned).next()?;
    Some(Finding::note("swap", format!("{place} is on the card, which swapping wears")).or(
        "swap in memory instead: `sudo apt install zram-tools`, and `sudo systemctl disable --now dphys-swapfile` where that made it",
    ))
}

fn journal(board: &Board) -> Option<Finding> {
    if !board.has("/run/systemd/journal") && !board.has("/run/log/journal") || board.has("/var/log/journal") {
        return None;
    }
    Some(Finding::note("journal", "it is kept in memory, which spares the disk: what edgecam logged is gone after a reboot").or(
        "to look for the cause of a crash, for a while: `Storage=persistent` below `[Journal]` in /etc/systemd/journald.conf.d/persistent.conf, then `sudo systemctl restart systemd-journald`",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::board::tests::board;
    use super::*;

    fn level(board: &Board, folder: &str, free: u64, total: u64) -> Level {
        room(board, Path::new(folder), Space { free: free * MIB, total: total * MIB }).level
    }

    #[test]
    fn room_is_judged_by_bytes_and_share() {
        let (_root, board) = board(&[], "");
        for (free, total, expected) in [
            (19, 100, Level::Fail),
            (20, 100, Level::Warn),
            (199, 1000, Level::Warn),
            (200, 1000, Level::Ok),
            (1000, 30_000, Level::Warn),
            (1400, 30_000, Level::Ok),
            (1600, 30_000, Level::Ok),
        ] {
            assert_eq!(level(&board, "/var/lib/edgecam", free, total), expected, "{free} of {total}");
        }
    }

    #[test]
    fn the_mount_that_counts_is_the_nearest_and_last() {
        const MOUNTS: &str = "overlay / overlay rw 0 0\n/dev/sda1 /var/lib ext4 ro 0 0\n\
                              /dev/sda2 /var/lib ext4 rw,errors=remount-ro 0 0\n/dev/sda3 /data ext4 ro,noatime 0 0\n";
        let (_root, board) = board(&[("/proc/self/mounts", MOUNTS)], "");
        assert_eq!(level(&board, "/var/lib/edgecam", 1000, 1000), Level::Ok);
        assert_eq!(level(&board, "/var/library", 1000, 1000), Level::Warn);
        assert_eq!(level(&board, "/data/edgecam", 1000, 1000), Level::Fail);
    }

    #[test]
    fn wear_is_told_in_tenths() {
        for (life, reserve, expected) in [
            ("0x01 0x01", "0x01", Level::Ok),
            ("0x00 0x00", "0x00", Level::Ok),
            ("0x01 0x09", "0x01", Level::Warn),
            ("0x01 0x01", "0x02", Level::Warn),
            ("0x0b 0x01", "0x01", Level::Fail),
            ("0x01 0x01", "0x03", Level::Fail),
        ] {
            let folder = "/sys/block/mmcblk0/device/";
            let files = [(format!("{folder}life_time"), life), (format!("{folder}pre_eol_info"), reserve)];
            let (_root, board) = board(&files.each_ref().map(|(path, text)| (path.as_str(), *text)), "");
            assert_eq!(wear(&board)[0].level, expected, "{life} {reserve}");
        }
    }
}
