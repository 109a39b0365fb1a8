//! A pipelined pair of segments as one model.

use super::{Scene, wait_for_state};
use crate::coral::Recording;
use crate::daemon::quoted;
use crate::support::data;
use serde_json::Value;

const SEGMENT: &str = "ssd_mobilenet_v1_coco_quant_postprocess_segment";
/// Of what passes between the two, in bytes.
const BETWEEN: [usize; 2] = [19 * 19 * 512, 10 * 10 * 1024];
/// What the second gives to its post-processing: places relative to anchors, 183 being none, and scores of 1/256.
const ANCHORS: usize = 1917;
const CLASSES: usize = 91;
const NO_OFFSET: u8 = 183;

/// Has the Coral see one object on each picture, of class 1 and so on (0 is the background), in 200/256 of all
/// cases.
fn record(scene: &Scene) {
    let mut recorded = Recording::default();
    for (index, input) in scene
        .inputs(&data(&format!("detect/{}.tflite", "ssd_mobilenet_v1_coco_quant_detect")).expect("there"))
        .iter()
        .enumerate()
    {
        let between = BETWEEN.map(|bytes| vec![index as u8; bytes]);
        let between = between.each_ref().map(Vec::as_slice);
        recorded.add(&[input], &between);
        let mut scores = vec![0; ANCHORS * CLASSES];
        scores[CLASSES * 40 * index + index + 1] = 200;
        recorded.add(&between, &[&[NO_OFFSET; ANCHORS * 4], &scores]);
    }
    recorded.write(&scene.place.path("recording")).expect("the folder is ours");
}

fn labels() -> String {
    format!("labels = {}", quoted(&data("labels/coco_labels.txt").expect("beside the models")))
}

fn scene() -> Option<Scene> {
    let scene = Scene::empty()?;
    for index in 0..2 {
        let name = format!("{SEGMENT}_{index}_of_2_edgetpu.tflite");
        std::fs::copy(data(&format!("edgetpu/{name}"))?, scene.place.path(&name)).expect("ours");
    }
    record(&scene);
    Some(scene)
}

#[test]
fn a_pair_of_segments_runs_as_one_model() {
    let Some(scene) = scene() else { return };
    let names = std::fs::read_to_string(data("labels/coco_labels.txt").expect("there")).expect("text");
    let names: Vec<&str> = names.lines().map(str::trim).collect();
    let first = scene.place.path(&format!("{SEGMENT}_0_of_2_edgetpu.tflite"));
    let on = scene.plugin() + "\n" + &labels();
    scene.write(&[("m", &first, &on)], &scene.album("porch", "m", 20));
    let (told, detections) = (scene.subscribe("accelerators"), scene.subscribe("porch/detections"));
    let _daemon = scene.run(&[]);
    wait_for_state(&told, "ready");
    for seq in 6..12 {
        let seen = detections.wait("a frame", |m| m.payload.contains(&format!("\"seq\":{seq},")));
        let seen: Value = serde_json::from_str(&seen.payload).expect("JSON");
        let objects = seen["detections"].as_array().expect("a list");
        let [object] = objects.as_slice() else { panic!("one object: {seen}") };
        assert_eq!(object["label"], names[seq % 6], "{seen}");
        assert!((object["score"].as_f64().expect("a score") - 200.0 / 256.0).abs() < 1e-3, "{seen}");
    }
    super::assert_known(&scene);
}

#[test]
fn a_twin_that_is_another_model_is_told_and_runs_alone() {
    let Some(scene) = scene() else { return };
    let first = scene.place.path(&format!("{SEGMENT}_0_of_2_edgetpu.tflite"));
    let twin = data("detect/ssd_mobilenet_v1_coco_quant_detect.tflite").expect("there");
    let on = format!("{}\n{}\ncpu = {}", scene.plugin(), labels(), quoted(&twin));
    scene.write(&[("m", &first, &on)], &scene.album("porch", "m", 5));
    let (told, detections) = (scene.subscribe("accelerators"), scene.subscribe("porch/detections"));
    let _daemon = scene.run(&[]);
    let (why, _) = wait_for_state(&told, "failed");
    assert!(why.contains("[1, 20, 4]") && why.contains("the twin is another model"), "{why}");
    detections.wait("the twin's answers", |m| m.payload.contains("\"label\""));
}
