//! Who has a device open: best effort, from /proc.

use std::fs;
use std::path::Path;

/// In words, ready for a message: `in use by pid 812 (motion)`.
pub fn describe(device: &Path) -> String {
    match holder(device) {
        Some((pid, _)) if pid == std::process::id() => "in use by another camera of this config".to_owned(),
        Some((pid, program)) => format!("in use by pid {pid} ({program})"),
        None => "in use by another program".to_owned(),
    }
}

/// The process that has `device` open and its program, others before ourselves. Only root sees the files
/// of other users' processes.
fn holder(device: &Path) -> Option<(u32, String)> {
    let device = fs::canonicalize(device).ok()?;
    let mut ours = None;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if !has_open(&entry.path().join("fd"), &device) {
            continue;
        }
        let program = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let found = (pid, program.trim().to_owned());
        if pid == std::process::id() {
            ours = Some(found);
        } else {
            return Some(found);
        }
    }
    ours
}

fn has_open(fds: &Path, device: &Path) -> bool {
    let Ok(fds) = fs::read_dir(fds) else { return false };
    fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_process_that_has_a_file_open_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert_eq!(describe(file.path()), "in use by another camera of this config");
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
