//! The board itself: what it is, its memory, its kernel and system, and whether they carry LiteRT.

use super::{Board, Finding};

/// The oldest C library that LiteRT loads with, on ARM and elsewhere.
const GLIBC: [(u32, u32); 2] = [(2, 34), (2, 27)];
/// Segments of LiteRT are aligned to this, so that no larger page can map them.
const LARGEST_PAGE: usize = 64 << 10;

/// Model, memory, kernel and system.
#[must_use]
pub fn findings(board: &Board) -> Vec<Finding> {
    let mut findings = vec![model(board)];
    findings.extend(memory(board));
    findings.push(kernel(board));
    findings.push(system(board));
    findings
}

fn model(board: &Board) -> Finding {
    let model = board.machine().hardware().model;
    if model == std::env::consts::ARCH {
        return Finding::note(
            "board",
            format!("it does not say what it is; {} is its processor", board.kernel.machine),
        );
    }
    Finding::ok("board", model)
}

fn memory(board: &Board) -> Option<Finding> {
    let mib = |key| board.memory_kib(key).map(|kib| kib / 1024);
    let total = mib("MemTotal")?;
    let available = mib("MemAvailable").unwrap_or(total);
    let found = format!("{total} MiB, {available} MiB of it available");
    Some(if available < 64 {
        Finding::warn("memory", found, "see with `top -o %MEM` what takes it, and stop what is not needed")
    } else if total < 600 {
        Finding::note("memory", format!("{found}: little"))
            .or("one model, with `threads = 1`; no desktop; cameras at 640x480")
    } else {
        Finding::ok("memory", found)
    })
}

fn kernel(board: &Board) -> Finding {
    let kernel = &board.kernel;
    let found =
        format!("Linux {} on {}, pages of {} KiB", kernel.release, kernel.machine, kernel.page_bytes >> 10);
    let large = if kernel.page_bytes > 4096 { ", which LiteRT takes" } else { "" };
    let runs = ["aarch64", "x86_64"].contains(&kernel.program.as_str());
    if !runs && kernel.machine == "aarch64" {
        Finding::fail(
            "kernel",
            format!(
                "{found}; the kernel is a 64-bit one, but the system is 32-bit ({}), for which there is no LiteRT",
                kernel.program
            ),
            "install the 64-bit Raspberry Pi OS",
        )
    } else if !runs {
        Finding::fail(
            "kernel",
            format!("{found}: there is no LiteRT for it"),
            "install the 64-bit Raspberry Pi OS; it runs on a Pi 3, Zero 2 W and later",
        )
    } else if kernel.page_bytes > LARGEST_PAGE {
        Finding::fail(
            "kernel",
            format!("{found}: LiteRT is made for at most 64"),
            "start a kernel with pages of 4, 16 or 64 KiB",
        )
    } else {
        Finding::ok("kernel", format!("{found}{large}"))
    }
}

fn system(board: &Board) -> Finding {
    let name = board.machine().hardware().os.unwrap_or_else(|| "no os-release".to_owned());
    let told = board.ask("getconf", &["GNU_LIBC_VERSION"]);
    let needed = GLIBC[usize::from(board.kernel.machine == "x86_64")];
    let Some((major, minor)) = told.as_deref().and_then(glibc) else {
        return Finding::note("system", format!("{name}; the version of its C library is not known"))
            .or(format!("LiteRT needs glibc {}.{} or later", needed.0, needed.1));
    };
    let found = format!("{name}, glibc {major}.{minor}");
    if (major, minor) < needed {
        return Finding::fail(
            "system",
            format!("{found}: LiteRT needs {}.{} or later", needed.0, needed.1),
            "install Raspberry Pi OS Bookworm or later (Debian 12, Ubuntu 22.04)",
        );
    }
    Finding::ok("system", found)
}

/// The version in `glibc 2.36`.
fn glibc(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
