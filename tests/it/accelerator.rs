//! Accelerators in the running daemon: a played Coral that fails in every way, Corals that come and go, and who
//! shares one.

mod chaos;
mod guard;
mod isolation;
mod scene;
mod segments;
mod sharing;
mod usb;

use crate::broker::{PATIENCE, Subscriber};
use crate::daemon::Daemon;
use scene::{COMPILED, Scene, labels};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The last state of each device that a subscriber to `accelerators` saw, with its reason.
pub fn states(sub: &Subscriber) -> Vec<(String, String)> {
    let told = sub.messages().pop().map(|message| message.payload).unwrap_or_default();
    let told: Value = serde_json::from_str(&told).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let devices = told["devices"].as_array().cloned().unwrap_or_default();
    devices.iter().map(|device| (text(&device["state"]), text(&device["reason"]))).collect()
}

/// The state of the only device.
pub fn state(sub: &Subscriber) -> (String, String) {
    states(sub).pop().unwrap_or_default()
}

/// Waits for the only device to be in a state; gives the reason and how long that took.
pub fn wait_for_state(sub: &Subscriber, wanted: &str) -> (String, Duration) {
    let (start, deadline) = (Instant::now(), Instant::now() + PATIENCE);
    loop {
        let (state, reason) = state(sub);
        if state == wanted {
            return (reason, start.elapsed());
        }
        assert!(Instant::now() < deadline, "not {wanted} but {state}: {reason}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the accelerator was shown what the twin is shown. A new process tries a model twice on what lies in its
/// memory.
#[track_caller]
pub fn assert_known(scene: &Scene) {
    let (unknown, created) = (scene.control.count("unknown"), scene.control.count("create"));
    assert!(unknown <= 2 * created, "{unknown} unknown frames in {created} processes");
}

/// Asks again and again until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The processes of a daemon's accelerators.
pub fn workers(daemon: &Daemon) -> Vec<u32> {
    let is_one = |id: &u32| {
        std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.starts_with(b"edgecam\0worker\0"))
    };
    children(daemon.id()).into_iter().filter(is_one).collect()
}

/// The processes whose parent is `id`, zombies too, but for one that asks about the clock now and then.
pub fn children(id: u32) -> Vec<u32> {
    let stats = std::fs::read_dir("/proc").expect("Linux").flatten();
    let stat = |entry: std::fs::DirEntry| {
        let child = entry.file_name().to_str()?.parse().ok()?;
        let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, rest) = text.split_once('(')?.1.rsplit_once(") ")?;
        let parent: u32 = rest.split(' ').nth(1)?.parse().ok()?;
        (parent == id && name != "timedatectl").then_some(child)
    };
    stats.filter_map(stat).collect()
}
