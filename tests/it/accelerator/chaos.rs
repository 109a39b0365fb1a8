//! Thousands of frames while the accelerator fails in every way: each is answered or counted, the answers stay
//! what they are, and nothing grows.

use super::{Scene, state, until, wait_for_state};
use crate::broker::Subscriber;
use crate::support::data;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is played, and what state it leads to.
const FAULTS: [(&str, &str); 10] = [
    ("error once\nfail-create the device is in use", "failed"),
    ("error", "failed"),
    ("short", "failed"),
    ("wrong-size", "failed"),
    ("hang", "failed"),
    ("segfault", "failed"),
    ("abort", "failed"),
    ("vanish", "failed"),
    ("error after 20", "failed"),
    ("slow 60", "slow"),
];

/// So many times all of them, unless `EDGECAM_TEST_ROUNDS` says otherwise.
const ROUNDS: usize = 2;
/// Detections continue within this, and the accelerator is used again so long after it is well. A busy machine may
/// be in the way once.
const CONTINUES_WITHIN: Duration = Duration::from_secs(2);
const RECOVERS_WITHIN: Duration = Duration::from_secs(5);
/// Frames on their way at any time: one that is read, one in its slot, two in inputs; and those that pass while
/// the figures are read.
const UNDER_WAY: i64 = 8;
/// A second of the twin.
const LASTS: Duration = Duration::from_secs(1);

#[test]
fn a_failing_accelerator_loses_no_frame_and_leaks_nothing() {
    let Some(scene) = Scene::new() else { return };
    let tops = tops(&scene);
    let (album, live) = (scene.album("album", "m", 80), scene.live("live", "m", "0.02"));
    scene.write_plugin(&format!("{album}{live}"));
    let (told, stats) = (scene.subscribe("accelerators"), scene.subscribe("stats"));
    let detections = scene.subscribe("+/detections");
    let mut daemon = scene.run(&[]);
    wait_for_state(&told, "ready");
    let (mut seen, mut after_first, mut recoveries) = (Seen::default(), None, Vec::new());
    for round in 0..rounds() {
        for (fault, leads_to) in FAULTS {
            let took = trial(&scene, &told, fault, leads_to);
            recoveries.push((took, round, fault));
            seen.add(&detections);
        }
        // The first round loads and allocates what there is to load.
        let now = Holdings::of(daemon.id());
        after_first.get_or_insert(now);
    }
    recoveries.sort();
    assert!(recoveries[recoveries.len() - 2].0 < RECOVERS_WITHIN, "{recoveries:?}");
    super::assert_known(&scene);
    Holdings::of(daemon.id()).compare(&after_first.expect("a round"));

    stats.wait("the last figures", |m| m.topic == "edgecam/stats");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
    std::thread::sleep(Duration::from_millis(200));
    seen.add(&detections);
    let last = figures(&stats);
    seen.is_complete("album", &last["album"]);
    seen.is_complete("live", &last["live"]);
    seen.is_right("album", &tops);
    let pauses = seen.longest_pauses("album");
    assert!(pauses[1] < CONTINUES_WITHIN, "{pauses:?}");
    eprintln!(
        "{} and {} frames, recovery {:?} to {:?}, longest pauses {pauses:?}",
        seen.of("album").len(),
        seen.of("live").len(),
        recoveries[0],
        recoveries[recoveries.len() - 1]
    );
}

fn rounds() -> usize {
    std::env::var("EDGECAM_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS)
}

/// Plays a fault; returns how long after its end the accelerator answers again.
fn trial(scene: &Scene, told: &Subscriber, fault: &str, leads_to: &str) -> Duration {
    wait_for_state(told, "ready");
    let (faults, answered) = (scene.control.count("fault"), scene.control.count("answer"));
    // What is usual is known after some frames.
    until("frames", || (scene.control.count("answer") > answered + 40).then_some(()));
    scene.control.set(fault);
    until(fault, || (scene.control.count("fault") > faults).then_some(()));
    wait_for_state(told, leads_to);
    std::thread::sleep(LASTS);
    let (well, answered) = (Instant::now(), scene.control.count("answer"));
    scene.control.set("ok");
    until("recovery", || {
        let answers = scene.control.count("answer") >= answered + 10;
        (answers && state(told).0 == "ready").then_some(())
    });
    well.elapsed()
}

/// The name of the class of each BMP picture, by the answers that were recorded.
fn tops(scene: &Scene) -> Vec<String> {
    let names = std::fs::read_to_string(data("labels/imagenet_labels.txt").expect("checked")).expect("text");
    let names: Vec<&str> = names.lines().collect();
    let answers = scene.record("recording", "m.tflite");
    let bmps = &answers[..answers.len() / 2];
    let top = |scores: &Vec<u8>| (0..scores.len()).rev().max_by_key(|&class| scores[class]).expect("classes");
    bmps.iter().map(|scores| names[top(scores)].trim().to_owned()).collect()
}

/// The cameras of the last `stats`, after a look at all of them.
fn figures(stats: &Subscriber) -> Value {
    let all: Vec<Value> =
        stats.messages().iter().map(|m| serde_json::from_str(&m.payload).expect("JSON")).collect();
    for figures in &all {
        for (name, camera) in figures["cameras"].as_object().expect("cameras") {
            let lost = captured(camera) - answered_or_counted(camera);
            assert!((-UNDER_WAY..=UNDER_WAY).contains(&lost), "{name}: {camera}");
        }
    }
    all.last().expect("figures came")["cameras"].clone()
}

fn captured(camera: &Value) -> i64 {
    camera["captured"].as_i64().expect("a number")
}

fn answered_or_counted(camera: &Value) -> i64 {
    ["processed", "unanswered", "passed", "slowed", "dropped", "dropped_bad"]
        .map(|key| camera[key].as_i64().expect("a number"))
        .iter()
        .sum()
}

/// What `detections` told, by camera and number of the frame.
#[derive(Default)]
struct Seen(BTreeMap<String, BTreeMap<i64, Value>>);

impl Seen {
    fn add(&mut self, sub: &Subscriber) {
        for message in sub.take() {
            let told: Value = serde_json::from_str(&message.payload).expect("JSON");
            let camera = told["camera"].as_str().expect("a name").to_owned();
            let seq = told["seq"].as_i64().expect("a number");
            assert!(self.0.entry(camera).or_default().insert(seq, told).is_none(), "{seq} came twice");
        }
    }

    fn of(&self, camera: &str) -> &BTreeMap<i64, Value> {
        &self.0[camera]
    }

    /// Whether each frame is there, or was counted in the last figures.
    fn is_complete(&self, camera: &str, last: &Value) {
        let seen = self.of(camera);
        let missing = (0..captured(last)).filter(|seq| !seen.contains_key(seq)).count() as i64;
        let counted = answered_or_counted(last) - last["processed"].as_i64().expect("a number");
        assert!((missing - counted).abs() <= UNDER_WAY, "{camera}: {missing} missing: {last}");
        assert_eq!(last["unanswered"], 0, "the twin stands in");
    }

    /// Whether each picture is always told to be the same, and what it is.
    fn is_right(&self, camera: &str, tops: &[String]) {
        let mut told = vec![BTreeSet::new(); tops.len()];
        for (seq, seen) in self.of(camera) {
            told[*seq as usize % tops.len()].insert(seen["classes"].to_string());
        }
        for (classes, top) in told.iter().zip(tops) {
            assert_eq!(classes.len(), 1, "{classes:?}");
            let classes: Value = serde_json::from_str(classes.first().expect("one")).expect("JSON");
            assert_eq!(classes[0]["label"], top.as_str());
        }
    }

    /// The two longest between one answer and the next.
    fn longest_pauses(&self, camera: &str) -> [Duration; 2] {
        let at = |seen: &Value| {
            let ms = seen["latency_ms"]["total"].as_f64().expect("a number");
            seen["frame_time"].as_f64().expect("a number") + ms / 1000.0
        };
        let times: Vec<f64> = self.of(camera).values().map(at).collect();
        let mut pauses: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        pauses.sort_by(f64::total_cmp);
        [1, 2].map(|nth| Duration::from_secs_f64(pauses[pauses.len() - nth]))
    }
}

/// What a process holds.
#[derive(Debug)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    children: usize,
    shared: usize,
    resident_kib: usize,
}

impl Holdings {
    fn of(id: u32) -> Self {
        let folder = Path::new("/proc").join(id.to_string());
        let count = |name: &str| std::fs::read_dir(folder.join(name)).expect("it runs").count();
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it runs");
        let resident = text("status").lines().find_map(|line| line.strip_prefix("VmRSS:").map(str::to_owned));
        let resident = resident.expect("Linux").trim().trim_end_matches(" kB").parse().expect("a number");
        Self {
            descriptors: count("fd"),
            threads: count("task"),
            children: super::children(id).len(),
            shared: text("maps").lines().filter(|line| line.contains("memfd:")).count(),
            resident_kib: resident,
        }
    }

    /// Panics where it holds more than `before`. Memory is not given back to the last byte.
    fn compare(&self, before: &Self) {
        let told = format!("{before:?} before, now {self:?}");
        assert!(self.descriptors <= before.descriptors + 2, "{told}");
        assert!(self.threads <= before.threads, "{told}");
        assert!(self.children <= before.children && self.shared <= before.shared, "{told}");
        assert!(self.resident_kib <= before.resident_kib + (4 << 10), "{told}");
        eprintln!("{told}");
    }
}
