//! The disk that events wait on: room, whether it can be written, how worn it is, and what else writes to it.

use super::board::name;
use super::{Board, Finding};
use std::path::Path;

const MIB: u64 = 1 << 20;
/// With less nothing is kept.
const TOO_LITTLE: u64 = 20 * MIB;
/// With less, or less than a twentieth, the default outbox does not fit.
const LITTLE: u64 = 200 * MIB;

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
    if mount.is_some_and(|mount| mount.read_only) {
        return Finding::fail(
            "disk",
            format!("{found}: mounted read-only, so that no event is kept over a restart"),
            format!(
                "mount something that can be written at {}; if the kernel made it read-only, `dmesg | grep -i error` says why, and the disk needs a check",
                state.display()
            ),
        );
    }
    let fix = "make room (`sudo apt clean`, `sudo journalctl --vacuum-size=50M`), or lower `outbox.max_bytes` and `collect.max_bytes`";
    if space.free < TOO_LITTLE {
        Finding::fail("disk", format!("{found}: too little to keep events"), fix)
    } else if space.free < LITTLE || space.free < space.total / 20 {
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
    let finding = |disk: std::path::PathBuf| {
        let read = |file: &str| board.read(disk.join("device").join(file));
        let disk_name = name(&disk);
        let tenths = read("life_time")?.split(' ').filter_map(|text| hex(text)).max()?;
        let reserve = read("pre_eol_info").as_deref().and_then(hex).unwrap_or_default();
        let used = if tenths > 10 {
            "all".to_owned()
        } else {
            format!("{} to {} %", (tenths.max(1) - 1) * 10, tenths.max(1) * 10)
        };
        let found = format!("{disk_name}: {used} of its life is used");
        const FIX: &str = "copy what matters, and replace it soon; a longer `outbox.sync_interval` and no `[collect]` write less";
        Some(match (tenths, reserve) {
            (11.., _) | (_, 3) => Finding::fail("wear", format!("{found}, it may fail at any time"), FIX),
            (9.., _) | (_, 2) => Finding::warn("wear", found, FIX),
            _ => Finding::ok("wear", found),
        })
    };
    disks.filter_map(finding).collect()
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
