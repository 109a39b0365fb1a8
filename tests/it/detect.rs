//! `edgecam detect` against golden results and ground truth, and on everything that is no model.

use crate::support::{data, edgecam, outcome};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

type Golden = BTreeMap<String, BTreeMap<String, Vec<Value>>>;

/// The golden results of the models of one kind.
fn golden(kind: &str) -> Option<Golden> {
    let text = std::fs::read_to_string(data("golden.json")?).expect("golden.json is readable");
    let mut golden: Golden = serde_json::from_str(&text).expect("golden.json is JSON");
    golden.retain(|model, _| model.starts_with(kind));
    Some(golden)
}

fn detect(model: &Path, labels: Option<&Path>, extra: &[&str], image: &Path) -> Value {
    let mut command = edgecam();
    command.arg("detect").arg("--json").arg("--model").arg(model).args(extra);
    if let Some(labels) = labels {
        command.arg("--labels").arg(labels);
    }
    let (code, stdout, stderr) = outcome(&command.arg(image).output().expect("edgecam runs"));
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).expect("one line of JSON")
}

/// Scores by class index.
fn classes(report: &Value) -> BTreeMap<u64, f64> {
    let classes = report["classes"].as_array().expect("an array");
    classes
        .iter()
        .map(|c| (c["index"].as_u64().expect("index"), c["score"].as_f64().expect("score")))
        .collect()
}

#[test]
fn classifiers_equal_the_golden_results() {
    let Some(golden) = golden("classify/") else { return };
    let mut compared = 0;
    for (model, images) in &golden {
        for (image, wanted) in images {
            let (Some(path), Some(picture)) = (data(model), data(&format!("images/{image}"))) else { return };
            let got = classes(&detect(&path, None, &[], &picture));
            let wanted: Vec<(u64, f64)> = wanted
                .iter()
                .map(|w| (w[0].as_u64().expect("index"), w[2].as_f64().expect("score")))
                .collect();
            let logits = wanted.iter().any(|w| w.1 > 1.0);
            for pair in wanted.windows(2).filter(|_| logits) {
                // Logits differ by the logarithm of the probabilities' ratio.
                let (Some(best), Some(next)) = (got.get(&pair[0].0), got.get(&pair[1].0)) else {
                    panic!("{model} {image}: no {pair:?} in {got:?}");
                };
                let apart = (best / next).ln();
                let rounding = 0.02 + 1e-4 / next;
                assert!(
                    (apart - (pair[0].1 - pair[1].1)).abs() < rounding,
                    "{model} {image}: {apart} {pair:?}"
                );
                compared += 1;
            }
            for &(index, score) in wanted.iter().filter(|w| !logits && w.1 >= 0.05) {
                let found =
                    got.get(&index).unwrap_or_else(|| panic!("{model} {image}: no class {index} in {got:?}"));
                assert!(
                    (found - score).abs() <= 0.02,
                    "{model} {image}: class {index} is {found}, not {score}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "only {compared} scores were compared");
}

/// A golden box of a model in fractions of the frame: an SSD's as `y_min, x_min, y_max, x_max` of the
/// stretched input, a YOLO's as `x_min, y_min, x_max, y_max` in pixels of a letterboxed one.
fn golden_box(model: &str, b: &[f64], [w, h]: [f64; 2]) -> [f64; 4] {
    if model.starts_with("detect/ssd") {
        return [b[1], b[0], b[3], b[2]];
    }
    let side = if model.contains("224") { 224.0 } else { 640.0 };
    let scale = (side / w).min(side / h);
    let (pad_x, pad_y) = ((side - w * scale) / 2.0, (side - h * scale) / 2.0);
    let (x, y) = (
        |v: f64| ((v - pad_x) / scale / w).clamp(0.0, 1.0),
        |v: f64| ((v - pad_y) / scale / h).clamp(0.0, 1.0),
    );
    [x(b[0]), y(b[1]), x(b[2]), y(b[3])]
}

#[test]
fn detectors_equal_the_golden_results() {
    let Some(golden) = golden("detect/") else { return };
    let Some(labels) = data("labels/coco_labels.txt") else { return };
    let mut compared = 0;
    for (model, images) in &golden {
        // This one knows persons only.
        let labels = (!model.contains("openmv")).then_some(labels.as_path());
        for (image, wanted) in images {
            let (Some(path), Some(picture)) = (data(model), data(&format!("images/{image}"))) else { return };
            let report = detect(&path, labels, &["--threshold", "0.03"], &picture);
            let number = |v: &Value| v.as_f64().expect("a number");
            let numbers =
                |v: &Value| -> Vec<f64> { v.as_array().expect("an array").iter().map(number).collect() };
            let size = numbers(&report["size"]);
            for w in wanted.iter().filter(|w| w[2].as_f64() >= Some(0.05)) {
                let golden = golden_box(model, &numbers(&w[3]), [size[0], size[1]]);
                let found = report["detections"].as_array().expect("an array").iter().any(|d| {
                    let b = numbers(&d["box_norm"]);
                    let label = labels.is_none() || d["label"] == w[1];
                    label
                        && (number(&d["score"]) - number(&w[2])).abs() <= 0.02
                        && iou([b[0], b[1], b[2], b[3]], golden) >= 0.95
                });
                assert!(found, "{model} {image}: no {w} (at {golden:?}) in {}", report["detections"]);
                compared += 1;
            }
        }
    }
    assert!(compared > 30, "only {compared} boxes were compared");
}

fn iou(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |r: [f64; 4]| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
    let overlap = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    overlap / (area(a) + area(b) - overlap)
}

#[test]
fn faces_are_where_they_are() {
    let Some(portrait) = data("images/grace_hopper.bmp") else { return };
    for (model, label) in [
        ("openmv_blazeface_front_128", "face"),
        ("retinaface", "face"),
        ("openmv_fomo_face_detection", "class 0"),
    ] {
        let path = data(&format!("detect/{model}.tflite")).expect("beside it");
        let report = detect(&path, None, &[], &portrait);
        let faces = report["detections"].as_array().expect("an array");
        assert!(faces.len() == 1 && faces[0]["label"] == label, "{model}: {report}");
        let b: Vec<f64> = (0..4).map(|i| faces[0]["box"][i].as_f64().expect("a pixel")).collect();
        // By eye: from the brow to the chin. A heat map tells the middle of it only.
        let overlap = iou([b[0], b[1], b[2], b[3]], [180.0, 130.0, 352.0, 352.0]);
        let (x, y) = (f64::midpoint(b[0], b[2]), f64::midpoint(b[1], b[3]));
        assert!(overlap > if model.contains("fomo") { 0.2 } else { 0.6 }, "{model}: {overlap} {report}");
        assert!((220.0..300.0).contains(&x) && (180.0..280.0).contains(&y), "{model}: {report}");
    }
    let crowd = data("images/openmv_faces.bmp").expect("beside it");
    let found = detect(&data("detect/retinaface.tflite").expect("beside it"), None, &[], &crowd);
    assert!(found["detections"].as_array().expect("an array").len() >= 12, "{found}");
}

#[test]
fn a_manifest_settles_what_a_model_does_not_show() {
    let Some(model) = data("detect/yolox_nano_with_post_float16.tflite") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("yolox.tflite");
    std::fs::copy(model, &path).expect("copied");
    let columns = "columns = [\"skip\", \"class\", \"score\", \"x_min\", \"y_min\", \"x_max\", \"y_max\"]\n";
    std::fs::write(path.with_extension("toml"), format!("{columns}coordinates = \"pixels\"\n"))
        .expect("ours");
    let output = edgecam().args(["model", "info", "--json"]).arg(&path).output().expect("edgecam runs");
    let (code, stdout, stderr) = outcome(&output);
    assert_eq!(code, 0, "{stderr}");
    let info: Value = serde_json::from_str(&stdout).expect("JSON");
    let value = |key: &str| {
        info["findings"]
            .as_array()
            .and_then(|f| f.iter().find(|f| f["key"] == key))
            .map(|f| f["value"].clone())
    };
    assert_eq!(value("decoder"), Some("rows".into()), "{info}");
    assert_eq!(value("coordinates"), Some("pixels".into()), "{info}");
    assert_eq!(info["outputs"][0]["shape"], serde_json::json!([16, 7]));
    std::fs::write(path.with_extension("toml"), "columns = [\"score\"]\n").expect("ours");
    let output = edgecam().args(["model", "info"]).arg(&path).output().expect("edgecam runs");
    let (code, _, stderr) = outcome(&output);
    assert!(code == 1 && stderr.contains("columns") && stderr.lines().count() == 1, "{code} {stderr}");
}

#[test]
fn every_model_is_explained_or_refused_with_the_reason() {
    let Some(folder) = data("detect") else { return };
    let classifiers = data("classify").expect("beside it");
    let files = |folder: &Path| {
        std::fs::read_dir(folder).expect("readable").map(|e| e.expect("an entry").path()).collect::<Vec<_>>()
    };
    let (mut explained, mut refused) = (0, 0);
    for model in files(&folder).into_iter().chain(files(&classifiers)) {
        let output = edgecam().args(["model", "info"]).arg(&model).output().expect("edgecam runs");
        let (code, stdout, stderr) = outcome(&output);
        if code == 0 {
            explained += 1;
            for word in ["task", "decoder", "input", "fit", "labels", "operators"] {
                assert!(stdout.contains(word), "{}: no {word} in {stdout}", model.display());
            }
        } else {
            refused += 1;
            assert!(code == 1 && stderr.lines().count() == 1 && stderr.contains("load model"), "{stderr}");
        }
    }
    assert!((explained, refused) == (23, 5), "{explained} and {refused}");
}

#[test]
fn what_is_no_usable_model_is_a_sentence_and_exit_1() {
    let Some(picture) = data("images/cat.bmp") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text.tflite");
    std::fs::write(&text, "only text, and no model at all").expect("the folder is ours");
    let good =
        std::fs::read(data("classify/mlperf_tiny_vww_96_int8.tflite").expect("beside it")).expect("readable");
    let cut = folder.path().join("cut.tflite");
    std::fs::write(&cut, &good[..good.len() / 2]).expect("the folder is ours");
    let cases = [
        (text, "not a TFLite model"),
        (cut, "damaged"),
        (folder.path().join("missing.tflite"), "No such file"),
        (folder.path().to_owned(), "not a file"),
        (data("other/bad_model.tflite").expect("beside it"), "not a TFLite model"),
        (data("other/model_invoking_error.tflite").expect("beside it"), "load model"),
        (data("edgetpu/mobilenet_v1_0.25_128_quant_edgetpu.tflite").expect("beside it"), "Coral Edge TPU"),
        (data("classify/person_detect.tflite").expect("beside it"), "TensorFlow Lite Micro"),
        (data("detect/openmv_yolo_lc_192.tflite").expect("beside it"), "anchors"),
        (data("detect/yolox_nano_with_post_float16.tflite").expect("beside it"), "[16, 7]"),
        (data("classify/mobilenet_v2_035_96_embedder_with_metadata.tflite").expect("beside it"), "features"),
        (data("classify/mobilenet_quant_v1_224_head_layers.tflite").expect("beside it"), "[1, 1, 1, 1024]"),
        (data("other/deeplabv3_mnv2_dm05_pascal_quant.tflite").expect("beside it"), "[1, 513, 513]"),
    ];
    for (model, part) in cases {
        let output =
            edgecam().arg("detect").arg("--model").arg(&model).arg(&picture).output().expect("edgecam runs");
        let (code, stdout, stderr) = outcome(&output);
        assert!(code == 1 && stderr.contains(part), "{}: {code} {stderr}", model.display());
        assert_eq!((stdout.as_str(), stderr.lines().count()), ("", 1), "{stderr}");
    }
}

#[test]
fn bits_flipped_anywhere_in_a_model_never_crash_edgecam() {
    let (Some(model), Some(picture)) =
        (data("classify/mlperf_tiny_vww_96_int8.tflite"), data("images/cat.bmp"))
    else {
        return;
    };
    let good = std::fs::read(model).expect("readable");
    let folder = tempfile::tempdir().expect("a folder");
    let damaged = folder.path().join("damaged.tflite");
    // The tables stand at the end of the file, behind the weights.
    for k in 0..40 {
        let mut bytes = good.clone();
        let at = if k < 20 { good.len() - 1 - k * 397 } else { 8 + (k - 20) * 3 };
        bytes[at] ^= 0x55;
        std::fs::write(&damaged, bytes).expect("the folder is ours");
        let output = edgecam()
            .arg("detect")
            .arg("--model")
            .arg(&damaged)
            .arg(&picture)
            .output()
            .expect("edgecam runs");
        let (code, _, stderr) = outcome(&output);
        assert!(code == 0 || (code == 1 && stderr.starts_with("edgecam: ")), "byte {at}: {code} {stderr}");
    }
}

#[test]
fn wrong_usage_exits_2_and_bad_pictures_1() {
    let Some(model) = data("classify/mlperf_tiny_vww_96_int8.tflite") else { return };
    for arguments in
        [&["detect"][..], &["detect", "--threshold", "2"], &["fly"], &["bench", "--as", "png"], &[]]
    {
        let (code, ..) = outcome(&edgecam().args(arguments).output().expect("edgecam runs"));
        assert_eq!(code, 2, "{arguments:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("broken.jpg");
    std::fs::write(&broken, b"\xff\xd8\xff\xe0 no more").expect("the folder is ours");
    let good = data("images/cat.bmp").expect("beside it");
    let output =
        edgecam().arg("detect").arg("--json").arg("--model").arg(&model).args([&broken, &good]).output();
    let (code, stdout, stderr) = outcome(&output.expect("edgecam runs"));
    assert!(
        code == 1 && stderr.contains("broken.jpg") && stdout.lines().count() == 1,
        "{code} {stdout} {stderr}"
    );
}

#[test]
fn labels_fewer_than_classes_are_told() {
    let Some(model) = data("classify/mobilenet_v2_1.0_224_quant.tflite") else { return };
    let (labels, picture) =
        (data("labels/coco_labels.txt").expect("beside it"), data("images/cat.bmp").expect("beside it"));
    let output =
        edgecam().arg("detect").arg("--model").arg(model).arg("--labels").arg(labels).arg(picture).output();
    let (code, _, stderr) = outcome(&output.expect("edgecam runs"));
    assert!(
        code == 1 && stderr.contains("90 labels are fewer than the model's 1001 classes"),
        "{code} {stderr}"
    );
}

#[test]
fn a_steady_frame_allocates_nothing() {
    let Some(model) = data("classify/mlperf_tiny_vww_96_int8.tflite") else { return };
    let images = data("images").expect("beside it");
    for form in ["yuyv", "rgb", "mjpeg"] {
        let mut command = edgecam();
        command.arg("bench").arg("--json").args(["--frames", "30", "--as", form]).arg("--model").arg(&model);
        // Pictures of one size, as a camera's are.
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(images.join("bus.jpg"), folder.path().join("a.jpg")).expect("copied");
        let (code, stdout, stderr) =
            outcome(&command.arg("--images").arg(folder.path()).output().expect("edgecam runs"));
        assert_eq!(code, 0, "{stderr}");
        let report: Value = serde_json::from_str(&stdout).expect("JSON");
        for stage in ["preprocess", "infer", "decode"] {
            assert_eq!(report["allocations_per_frame"][stage], 0.0, "{form}: {report}");
        }
        assert!(report["bare_ms"]["median"].as_f64() > Some(0.0), "{report}");
    }
}

#[test]
fn a_bench_keeps_to_one_size_and_names_a_bad_picture() {
    let Some(model) = data("classify/mlperf_tiny_vww_96_int8.tflite") else { return };
    let images = data("images").expect("beside it");
    let folder = tempfile::tempdir().expect("a folder");
    let bench = || {
        let mut command = edgecam();
        command.args(["bench", "--json", "--frames", "5", "--as", "mjpeg", "--model"]).arg(&model);
        outcome(&command.arg("--images").arg(folder.path()).output().expect("edgecam runs"))
    };
    // Told by content, not by name.
    for (from, to) in [("zidane.jpg", "1.jpg"), ("bus.jpg", "2"), ("bus.jpg", "3.jpeg")] {
        std::fs::copy(images.join(from), folder.path().join(to)).expect("copied");
    }
    let (code, stdout, stderr) = bench();
    assert!(code == 0 && stderr.contains("1 picture(s) that are not 810x1080 are left out"), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(report["frame_size"], serde_json::json!([810, 1080]));
    assert_eq!(report["allocations_per_frame"]["preprocess"], 0.0);

    let mut bytes = std::fs::read(images.join("bus.jpg")).expect("readable");
    let table = bytes.windows(2).position(|w| w == [0xFF, 0xC4]).expect("a Huffman table");
    bytes[table + 5..table + 21].fill(0xFF);
    std::fs::write(folder.path().join("bad.jpg"), bytes).expect("the folder is ours");
    let (code, _, stderr) = bench();
    assert!(code == 1 && stderr.contains("bad.jpg: bad JPEG"), "{code} {stderr}");
}

#[test]
fn annotated_pictures_are_written_once_each() {
    let (Some(model), Some(labels)) =
        (data("detect/ssd_mobilenet_v1_coco_quant_detect.tflite"), data("labels/coco_labels.txt"))
    else {
        return;
    };
    let picture = data("images/bus.jpg").expect("beside it");
    let out = tempfile::tempdir().expect("a folder");
    let mut command = edgecam();
    command.arg("detect").arg("--model").arg(model).arg("--labels").arg(labels).arg("--out").arg(out.path());
    let (code, stdout, stderr) = outcome(&command.args([&picture, &picture]).output().expect("edgecam runs"));
    assert!(code == 0 && stdout.contains("bus"), "{stderr}");
    let before = image::open(&picture).expect("a picture").into_rgb8();
    for name in ["bus.jpg", "bus-2.jpg"] {
        let after = image::open(out.path().join(name)).expect("written").into_rgb8();
        assert_eq!(after.dimensions(), before.dimensions());
        let changed =
            after.pixels().zip(before.pixels()).filter(|(a, b)| a.0[0].abs_diff(b.0[0]) > 60).count();
        assert!(changed > 1000, "only {changed} pixels differ");
    }
}
