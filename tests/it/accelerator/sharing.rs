//! Who shares an accelerator, and how evenly.

use super::{Scene, labels, states, until, wait_for_state, workers};
use crate::broker::Subscriber;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PAIR: [(&str, &str, &str); 2] = [
    (
        "small",
        "edgetpu/mobilenet_v1_0.25_128_quant_cocompiled_with_mobilenet_v1_0.5_160_quant_edgetpu.tflite",
        "classify/mobilenet_v1_0.25_128_quant.tflite",
    ),
    (
        "large",
        "edgetpu/mobilenet_v1_0.5_160_quant_cocompiled_with_mobilenet_v1_0.25_128_quant_edgetpu.tflite",
        "classify/mobilenet_v1_0.5_160_quant.tflite",
    ),
];

/// Puts both models and their recordings into the folder; gives the recordings for the option.
fn pair(scene: &Scene) -> String {
    let recordings = PAIR.map(|(name, compiled, twin)| {
        scene.model(name, compiled, twin);
        scene.record(name, &format!("{name}.tflite"));
        scene.place.path(name).display().to_string()
    });
    recordings.join(":")
}

/// Writes a config of both, a camera each of so many frames a second.
fn write_pair(scene: &Scene, on: &str, fps: [u32; 2]) {
    let [small, large] = PAIR.map(|(name, ..)| scene.place.path(&format!("{name}_edgetpu.tflite")));
    let cameras = scene.album("porch", "small", fps[0]) + &scene.album("yard", "large", fps[1]);
    scene.write(&[("small", &small, on), ("large", &large, on)], &cameras);
}

/// Counts how many frames of each camera are told within a while.
fn shares(detections: &Subscriber, cameras: &[&str]) -> Vec<usize> {
    detections.take();
    std::thread::sleep(Duration::from_secs(4));
    let told = detections.take();
    let of = |camera: &&str| {
        let topic = format!("edgecam/{camera}/detections");
        told.iter().filter(|message| message.topic == topic).count()
    };
    cameras.iter().map(of).collect()
}

/// Whether all have the same but for one in ten.
#[track_caller]
fn assert_fair(shares: &[usize]) {
    let (least, most) = (shares.iter().min().expect("some"), shares.iter().max().expect("some"));
    assert!(*least > 20 && most * 9 <= least * 10, "{shares:?}");
}

#[test]
fn two_cameras_of_one_model_share_it_evenly() {
    let Some(scene) = Scene::new() else { return };
    scene.write_plugin(&(scene.album("porch", "m", 90) + &scene.album("yard", "m", 60)));
    scene.control.set("slow 20");
    let (told, detections) = (scene.subscribe("accelerators"), scene.subscribe("+/detections"));
    let _daemon = scene.run(&[]);
    wait_for_state(&told, "ready");
    assert_fair(&shares(&detections, &["porch", "yard"]));
    super::assert_known(&scene);
}

#[test]
fn two_models_share_one_device_evenly_and_neither_is_loaded_again() {
    let Some(scene) = Scene::empty() else { return };
    let recordings = pair(&scene);
    let on = scene.plugin_with(&recordings) + "\n" + &labels();
    write_pair(&scene, &on, [90, 60]);
    scene.control.set("slow 20");
    let (told, detections) = (scene.subscribe("accelerators"), scene.subscribe("+/detections"));
    let daemon = scene.run(&[]);
    told.wait("both", |m| m.payload.contains("\"ready\"") && m.payload.contains("\"large\",\"small\""));
    let created = scene.control.count("create");
    assert_fair(&shares(&detections, &["porch", "yard"]));
    assert_eq!((workers(&daemon).len(), states(&told).len()), (1, 1));
    assert_eq!((scene.control.count("create"), scene.control.count("destroy")), (created, 0));
    super::assert_known(&scene);
}

/// A fake USB Coral without firmware, plugged in below `root` at a place, on a bus that no machine has.
pub fn plug(root: &Path, place: &str, number: u32) {
    let (new, folder) = (root.join("new"), root.join("sys/bus/usb/devices"));
    std::fs::create_dir_all(&new).expect("the folder is ours");
    std::fs::create_dir_all(&folder).expect("the folder is ours");
    let number = number.to_string();
    for (file, text) in [
        ("idVendor", "1a6e"),
        ("idProduct", "089a"),
        ("busnum", "999"),
        ("devnum", &number),
        ("speed", "5000"),
    ] {
        std::fs::write(new.join(file), format!("{text}\n")).expect("the folder is ours");
    }
    std::fs::rename(new, folder.join(place)).expect("the folder is ours");
}

#[test]
fn models_stay_on_their_coral_when_firmware_changes_its_number() {
    let Some(scene) = Scene::empty() else { return };
    let machine = scene.place.path("machine");
    plug(&machine, "2-1", 4);
    plug(&machine, "2-2", 5);
    let recordings = pair(&scene);
    // 2-2 is usb:0 until it is opened, then 2-1 is.
    write_pair(&scene, &format!("{}\n{}", Scene::edgetpu("2-2"), labels()), [20; 2]);
    let recordings = PathBuf::from(recordings);
    let told = scene.subscribe("accelerators");
    let daemon = scene.run(&[
        ("EDGECAM_TEST_MACHINE", &machine),
        ("CORAL_FIRMWARE_OF", &machine),
        ("CORAL_RECORDING", &recordings),
    ]);
    told.wait("both", |m| m.payload.contains("\"ready\"") && m.payload.contains("\"large\",\"small\""));
    assert_eq!(["open-2-2", "open-2-1"].map(|event| scene.control.count(event)), [2, 0]);
    assert_eq!(workers(&daemon).len(), 1);
    super::assert_known(&scene);
}

#[test]
fn two_corals_split_three_cameras() {
    let Some(scene) = Scene::new() else { return };
    let machine = scene.place.path("machine");
    // The library counts the last one first: 2-2 is usb:0, and has the first camera and the third.
    plug(&machine, "2-1", 4);
    plug(&machine, "2-2", 5);
    let on = format!("{}\n{}", Scene::edgetpu("usb"), labels());
    let model: PathBuf = scene.place.path("m_edgetpu.tflite");
    let cameras = ["a", "b", "c"].map(|name| scene.album(name, "m", 20)).concat();
    scene.write(&[("m", &model, &on)], &cameras);
    let (told, detections) = (scene.subscribe("accelerators"), scene.subscribe("+/detections"));
    let daemon = scene.run(&[("EDGECAM_TEST_MACHINE", &machine)]);
    until("both", || {
        let states = states(&told);
        (states.len() == 2 && states.iter().all(|(state, _)| state == "ready")).then_some(())
    });
    let answers = || ["usb:0", "usb:1"].map(|device| scene.control.count_on("answer", device));
    let before = answers();
    let frames = shares(&detections, &["a", "b", "c"]);
    let [many, few] = [0, 1].map(|device| answers()[device] - before[device]);
    assert!(frames.iter().all(|&n| n > 40), "{frames:?}");
    assert!(few * 18 <= many * 10 && many * 10 <= few * 22, "{few} and {many} of {frames:?}");
    assert_eq!(workers(&daemon).len(), 2);
    let seen: Value = serde_json::from_str(&detections.wait("one", |_| true).payload).expect("JSON");
    assert_eq!(seen["model"], "m");
    // One falls out: its cameras go on, and the other's do not notice.
    scene.control.set("vanish on usb:0");
    until("the fall", || states(&told).iter().any(|(state, _)| state == "failed").then_some(()));
    let left = answers();
    let frames = shares(&detections, &["a", "b", "c"]);
    assert!(frames.iter().all(|&n| n > 40), "{frames:?}");
    assert!(answers()[1] > left[1] + 60 && answers()[0] == left[0]);
}
