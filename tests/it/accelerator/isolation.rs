//! The accelerator's process and the daemon: whichever of them dies or hangs, the other goes on or ends in order.

use super::{COMPILED, Scene, labels, state, until, wait_for_state, workers};
use crate::broker::Subscriber;
use crate::coral::delegate;
use crate::daemon::Daemon;
use crate::support::{data, edgecam, outcome};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What was a child of a daemon that was killed is gone after this.
const GONE_WITHIN: Duration = Duration::from_secs(2);
/// As other stops and reloads.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

fn kill(signal: &str, id: u32) {
    assert!(Command::new("kill").args([signal, &id.to_string()]).status().expect("kill runs").success());
}

/// A field of `/proc/ID/stat` after the name; `None` once the process is gone.
fn stat(id: u32, field: usize) -> Option<String> {
    let text = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
    let field = text.rsplit_once(") ")?.1.split(' ').nth(field)?.to_owned();
    Some(field)
}

/// Who nobody waited for is gone, too.
fn is_gone(id: u32) -> bool {
    stat(id, 0).is_none_or(|state| state == "Z")
}

fn worker(daemon: &Daemon) -> u32 {
    match workers(daemon).as_slice() {
        [id] => *id,
        others => panic!("one is expected: {others:?}"),
    }
}

/// A daemon whose accelerator works.
fn running(scene: &Scene) -> (Daemon, Subscriber) {
    scene.write_plugin(&scene.album("porch", "m", 50));
    let told = scene.subscribe("accelerators");
    let daemon = scene.run(&[]);
    wait_for_state(&told, "ready");
    (daemon, told)
}

/// Has the accelerator hang, in a frame at first, and in its next process as soon as that has the model.
fn hang(scene: &Scene, times: usize) {
    let before = scene.control.count("fault");
    scene.control.set("hang");
    until("a hang", || (scene.control.count("fault") >= before + times).then_some(()));
}

/// The last `stats` of a camera.
fn count(stats: &Subscriber, key: &str) -> u64 {
    let last = stats.messages().pop().map(|message| message.payload).unwrap_or_default();
    let last: Value = serde_json::from_str(&last).unwrap_or_default();
    last["cameras"]["porch"][key].as_u64().unwrap_or(0)
}

#[test]
fn a_killed_worker_is_replaced_and_no_frame_is_lost() {
    let Some(scene) = Scene::new() else { return };
    let (daemon, told) = running(&scene);
    let detections = scene.subscribe("porch/detections");
    let first = worker(&daemon);
    assert_ne!(stat(first, 2), stat(daemon.id(), 2), "Ctrl-C is not for the worker");
    kill("-KILL", first);
    told.wait("the reason", |m| m.payload.contains("its process crashed (signal 9)"));
    daemon.wait_for_line("its process crashed (signal 9)");
    wait_for_state(&told, "ready");
    assert_ne!(worker(&daemon), first);
    let before = detections.messages().len();
    until("more frames", || (detections.messages().len() > before + 50).then_some(()));
    let seqs: Vec<u64> = detections
        .messages()
        .iter()
        .filter_map(|m| serde_json::from_str::<Value>(&m.payload).expect("JSON")["seq"].as_u64())
        .collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
}

#[test]
fn a_hanging_worker_ends_with_the_daemon_that_is_killed() {
    let Some(scene) = Scene::new() else { return };
    let (mut daemon, _told) = running(&scene);
    hang(&scene, 1);
    let worker = worker(&daemon);
    daemon.signal("-KILL");
    daemon.exit();
    let start = Instant::now();
    until("the end of the worker", || is_gone(worker).then_some(()));
    assert!(start.elapsed() < GONE_WITHIN, "{:?}", start.elapsed());
}

#[test]
fn a_hanging_accelerator_does_not_hold_up_the_stop() {
    // In the middle of a frame, and in the load of the model.
    for times in [1, 2] {
        let Some(scene) = Scene::new() else { return };
        let (mut daemon, _told) = running(&scene);
        hang(&scene, times);
        let workers = workers(&daemon);
        let available = scene.subscribe("available");
        let start = Instant::now();
        daemon.signal("-TERM");
        assert_eq!(daemon.exit(), 0);
        assert!(start.elapsed() < ENDS_WITHIN, "{times}: {:?}", start.elapsed());
        available.wait_for("edgecam/available", "offline");
        until("the end of the worker", || workers.iter().all(|&id| is_gone(id)).then_some(()));
    }
}

#[test]
fn a_hanging_accelerator_does_not_hold_up_a_reload_and_its_use_ends_with_one() {
    let Some(scene) = Scene::new() else { return };
    let (daemon, told) = running(&scene);
    hang(&scene, 2);
    let on_the_cpu = format!("accelerator = \"cpu\"\n{}", labels());
    let model = scene.place.path("m_edgetpu.tflite");
    scene.write(&[("m", &model, &on_the_cpu)], &scene.album("porch", "m", 50));
    let start = Instant::now();
    let (code, text) = scene.place.reload();
    assert_eq!(code, 0, "{text}");
    assert!(start.elapsed() < ENDS_WITHIN, "{:?}", start.elapsed());
    told.wait_for("edgecam/accelerators", "");
    until("the end of the worker", || workers(&daemon).is_empty().then_some(()));
    let detections = scene.subscribe("porch/detections");
    detections.wait("detections of the twin", |m| m.payload.contains("\"classes\""));

    scene.control.set("ok");
    let answered = scene.control.count("answer");
    scene.write_plugin(&scene.album("porch", "m", 50));
    assert_eq!(scene.place.reload().0, 0);
    wait_for_state(&told, "ready");
    until("answers", || (scene.control.count("answer") > answered + 20).then_some(()));
    worker(&daemon);
}

#[test]
fn without_a_twin_frames_are_unanswered_until_the_accelerator_is_back() {
    let Some(scene) = Scene::new() else { return };
    std::fs::remove_file(scene.place.path("m.tflite")).expect("it is there");
    let (daemon, told) = running(&scene);
    let stats = scene.subscribe("stats");
    until("answers", || (count(&stats, "processed") > 0).then_some(()));
    assert_eq!(count(&stats, "unanswered"), 0);
    scene.control.set("vanish");
    let (why, _) = wait_for_state(&told, "failed");
    assert!(why.contains("device not found"), "{why}");
    daemon.wait_for_line("the model has no CPU twin");
    until("unanswered frames", || (count(&stats, "unanswered") > 0).then_some(()));
    scene.control.set("ok");
    daemon.wait_for_line("runs again");
    assert_eq!(state(&told).0, "ready");
    let before = count(&stats, "processed");
    until("answers", || (count(&stats, "processed") > before + 50).then_some(()));
}

#[test]
fn without_twin_and_device_the_daemon_says_what_to_do() {
    let Some(scene) = Scene::new() else { return };
    std::fs::remove_file(scene.place.path("m.tflite")).expect("it is there");
    let machine = scene.place.path("machine");
    std::fs::create_dir(&machine).expect("the folder is ours");
    scene.control.set("fail-create the device is in use");
    let model = data(COMPILED).expect("checked");
    for (accelerator, parts) in [
        (scene.plugin(), ["the device is in use", "the model has no CPU twin to start with"]),
        ("accelerator = \"auto\"".to_owned(), ["runtime version 12 or later", "there is no Coral"]),
        ("accelerator = \"edgetpu\"".to_owned(), ["runtime version 12 or later", "libedgetpu"]),
        (
            "accelerator = \"cpu\"".to_owned(),
            ["runtime version 12 or later", "use the model it was compiled from"],
        ),
    ] {
        scene.write(&[("m", &model, &accelerator)], &scene.album("porch", "m", 5));
        let mut daemon = scene.run(&[("EDGECAM_TEST_MACHINE", &machine)]);
        assert_eq!(daemon.exit(), 78, "{accelerator}");
        for part in parts {
            daemon.wait_for_line(part);
        }
    }
}

#[test]
fn a_frame_of_the_twin_allocates_nothing() {
    let Some(scene) = Scene::new() else { return };
    scene.control.set("vanish after 3");
    let on = format!(
        "{},recording={},control={}",
        delegate().display(),
        scene.place.path("recording").display(),
        scene.control.path().display()
    );
    let mut command = edgecam();
    command.args(["bench", "--json", "--frames", "20", "--as", "rgb", "--accelerator", &on]);
    command.arg("--images").arg(scene.pictures()).arg("--model").arg(scene.place.path("m_edgetpu.tflite"));
    let (code, stdout, stderr) = outcome(&command.output().expect("edgecam runs"));
    assert!(code == 0 && stderr.contains("the processor answered"), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(report["allocations_per_frame"]["infer"], 0.0, "{report}");
}
