//! Who has a device open: best effort, from /proc.

use std::fs;
use std::path::Path;

/// In words, ready for a message: `in use by pid 812 (motion)`. The one that asks has it open too.
#[must_use]
pub fn describe(device: &Path) -> String {
    let holder = fs::canonicalize(device).ok().and_then(|device| holder(Path::new("/proc"), &device));
    match (holder, ours(device)) {
        (Some((pid, program)), _) => format!("in use by pid {pid} ({program})"),
        (None, 2..) => "in use by another camera of this config".to_owned(),
        (None, _) => "in use by another program".to_owned(),
    }
}

/// How often we have `device` open.
fn ours(device: &Path) -> usize {
    let Ok(device) = fs::canonicalize(device) else { return 0 };
    open_count(Path::new("/proc/self/fd"), &device)
}

/// The other process that has `device`, which is no link, open, and its program; `proc` is `/proc`. Only root
/// sees the files of other users' processes.
#[must_use]
pub fn holder(proc: &Path, device: &Path) -> Option<(u32, String)> {
    for entry in fs::read_dir(proc).ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if pid != std::process::id() && open_count(&entry.path().join("fd"), device) > 0 {
            let program = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some((pid, program.trim().to_owned()));
        }
    }
    None
}

fn open_count(fds: &Path, device: &Path) -> usize {
    let Ok(fds) = fs::read_dir(fds) else { return 0 };
    fds.flatten().filter(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == device)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_process_that_has_a_file_open_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert_eq!(describe(file.path()), "in use by another program");
        let twice = fs::File::open(file.path()).expect("opens");
        assert_eq!(describe(file.path()), "in use by another camera of this config");
        drop(twice);
        let mut other = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::from(fs::File::open(file.path()).expect("opens")))
            .spawn()
            .expect("sleep runs");
        let expected = format!("in use by pid {} (sleep)", other.id());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while describe(file.path()) != expected && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(describe(file.path()), expected);
        other.kill().expect("killed");
        other.wait().expect("reaped");
        let (file, path) = file.keep().expect("kept");
        drop(file);
        assert_eq!(describe(&path), "in use by another program");
        fs::remove_file(path).expect("removed");
    }
}
