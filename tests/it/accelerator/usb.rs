//! Corals that are there, come later, and go.

use super::sharing::plug;
use super::{Scene, labels, state, states, until, wait_for_state, workers};
use crate::broker::Subscriber;
use crate::daemon::Daemon;
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const USED_WITHIN: Duration = Duration::from_secs(5);

/// A daemon on a machine without a Coral, with one on a bus in the config.
fn waiting(scene: &Scene, device: &str) -> (Daemon, Subscriber, PathBuf) {
    running(scene, &Scene::edgetpu(device))
}

/// A daemon on a machine whose Corals are in the folder that it gives.
fn running(scene: &Scene, accelerator: &str) -> (Daemon, Subscriber, PathBuf) {
    let machine = scene.place.path("machine");
    std::fs::create_dir_all(&machine).expect("the folder is ours");
    let on = format!("{accelerator}\n{}", labels());
    scene.write(&[("m", &scene.place.path("m_edgetpu.tflite"), &on)], &scene.album("porch", "m", 30));
    let told = scene.subscribe("accelerators");
    let daemon = scene.run(&[("EDGECAM_TEST_MACHINE", &machine)]);
    (daemon, told, machine)
}

#[test]
fn a_coral_is_used_while_it_is_there() {
    let Some(scene) = Scene::new() else { return };
    let (mut daemon, told, machine) = waiting(&scene, "usb");
    let detections = scene.subscribe("porch/detections");
    let (why, _) = wait_for_state(&told, "absent");
    assert_eq!(why, "no Coral is plugged in");
    let device: Value = serde_json::from_str(&told.messages().pop().expect("one").payload).expect("JSON");
    let device = &device["devices"][0];
    assert_eq!((&device["kind"], &device["twin_active"]), (&"edgetpu".into(), &true.into()));
    assert!(told.messages().iter().all(|message| !message.payload.contains("failed")));
    detections.wait("the twin's answers", |m| m.payload.contains("\"classes\""));
    assert_eq!(scene.control.count("create"), 0);

    for number in [4, 5] {
        let start = Instant::now();
        plug(&machine, "2-1", number);
        let answered = scene.control.count_on("answer", "usb:0");
        until("answers", || (scene.control.count_on("answer", "usb:0") > answered).then_some(()));
        assert!(start.elapsed() < USED_WITHIN, "{:?}", start.elapsed());
        wait_for_state(&told, "ready");
        // Pulled out.
        std::fs::remove_dir_all(machine.join("sys/bus/usb/devices/2-1")).expect("it is there");
        scene.control.set("vanish");
        wait_for_state(&told, "absent");
        detections.take();
        until("the twin's answers", || (detections.messages().len() > 20).then_some(()));
        scene.control.set("ok");
    }
    super::assert_known(&scene);
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}

#[test]
fn a_coral_is_meant_by_its_port_or_number() {
    let Some(scene) = Scene::new() else { return };
    let machine = scene.place.path("machine");
    plug(&machine, "2-1", 4);
    plug(&machine, "2-2", 5);
    // The library counts the last one first.
    for (device, name) in [("2-1", "usb:1"), ("2-2", "usb:0"), ("usb:1", "usb:1")] {
        let before = scene.control.count_on("answer", name);
        let (mut daemon, told, _) = waiting(&scene, device);
        wait_for_state(&told, "ready");
        until("answers", || (scene.control.count_on("answer", name) > before + 5).then_some(()));
        daemon.signal("-TERM");
        assert_eq!(daemon.exit(), 0);
    }
    let (_daemon, told, _) = waiting(&scene, "2-3");
    let (why, _) = wait_for_state(&told, "absent");
    assert_eq!(why, "coral 2-3 is not plugged in; there is usb:0 at 2-2, usb:1 at 2-1");
    assert_eq!(state(&told).0, "absent");
}

#[test]
fn a_coral_has_the_clock_that_is_asked_for() {
    let Some(scene) = Scene::new() else { return };
    plug(&scene.place.path("machine"), "2-1", 4);
    for (clock, option) in [("low", "performance-Low"), ("max", "performance-Max")] {
        let on = Scene::edgetpu("usb").replace(" }", &format!(", performance = \"{clock}\" }}"));
        let (mut daemon, told, _) = running(&scene, &on);
        wait_for_state(&told, "ready");
        assert_eq!(scene.control.count_on(option, "usb:0"), 1, "{on}");
        daemon.signal("-TERM");
        assert_eq!(daemon.exit(), 0);
    }
    assert_eq!(scene.control.count("create"), 2);
}

#[test]
fn a_coral_of_another_program_is_left_to_it() {
    let Some(scene) = Scene::new() else { return };
    let machine = scene.place.path("machine");
    plug(&machine, "2-1", 4);
    // The kernel's driver for what a program has claimed.
    let interface = machine.join("sys/bus/usb/devices/2-1:1.0");
    std::fs::create_dir(&interface).expect("the folder is ours");
    std::os::unix::fs::symlink("../../drivers/usbfs", interface.join("driver")).expect("the folder is ours");
    let (_daemon, told, _) = waiting(&scene, "usb");
    let detections = scene.subscribe("porch/detections");
    let (why, _) = wait_for_state(&told, "failed");
    assert_eq!(why, "in use by another program: one program can have a Coral at a time");
    detections.wait("the twin's answers", |m| m.payload.contains("\"classes\""));
    assert_eq!(scene.control.count("create"), 0);
    std::fs::remove_file(interface.join("driver")).expect("it is there");
    let (_, time) = wait_for_state(&told, "ready");
    assert!(time < USED_WITHIN, "{time:?}");
}

#[test]
fn a_model_that_comes_later_shares_the_coral_that_came_later() {
    let Some(scene) = Scene::new() else { return };
    let (daemon, told, machine) = waiting(&scene, "usb");
    wait_for_state(&told, "absent");
    plug(&machine, "2-1", 4);
    wait_for_state(&told, "ready");
    let model = scene.place.path("m_edgetpu.tflite");
    let with = |device: &str| format!("{}\n{}", Scene::edgetpu(device), labels());
    let one = scene.album("porch", "m", 30);
    let both = format!("{one}{}", scene.album("yard", "n", 30));
    let models = [("m", &*model, &*with("usb")), ("n", &*model, &*with("2-1"))];
    scene.write(&models, &both);
    daemon.signal("-HUP");
    told.wait("both", |m| m.payload.contains("\"ready\"") && m.payload.contains("\"m\",\"n\""));
    // The same while it is away for a moment.
    scene.write(&models[..1], &one);
    daemon.signal("-HUP");
    told.wait("the first", |m| m.payload.contains("\"ready\"") && m.payload.contains("[\"m\"]"));
    std::fs::remove_dir_all(machine.join("sys/bus/usb/devices/2-1")).expect("it is there");
    scene.control.set("vanish");
    wait_for_state(&told, "absent");
    told.take();
    scene.write(&models, &both);
    daemon.signal("-HUP");
    told.wait("both", |m| m.payload.contains("\"absent\"") && m.payload.contains("\"m\",\"n\""));
    scene.control.set("ok");
    plug(&machine, "2-1", 5);
    told.wait("both", |m| m.payload.contains("\"ready\"") && m.payload.contains("\"m\",\"n\""));
    assert_eq!(states(&told).len(), 1);
    assert_eq!(workers(&daemon).len(), 1);
    super::assert_known(&scene);
}

#[test]
fn a_coral_without_its_library_leaves_the_work_to_the_twin() {
    let Some(scene) = Scene::new() else { return };
    if edgecam::coral::find_library(std::path::Path::new("/")).is_some() {
        eprintln!("skipped: libedgetpu is installed");
        return;
    }
    let machine = scene.place.path("machine");
    plug(&machine, "2-1", 4);
    let model = scene.place.path("m_edgetpu.tflite");
    scene.write(&[("m", &model, &labels())], &scene.album("porch", "m", 30));
    let daemon = scene.run(&[("EDGECAM_TEST_MACHINE", &machine)]);
    let line = daemon.wait_for_line("libedgetpu.so.1 is not installed");
    assert!(line.contains("its CPU twin") && line.contains("m.tflite runs"), "{line}");
    let sub = scene.subscribe("#");
    sub.wait("answers", |m| m.topic == "edgecam/porch/detections" && m.payload.contains("\"classes\""));
    sub.wait("info", |m| m.topic == "edgecam/info" && m.payload.contains("\"accelerator\":\"cpu\""));
    assert!(!sub.saw(|m| m.topic == "edgecam/accelerators"));
}
