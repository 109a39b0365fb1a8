//! `edgecam eval`: the metric beside pycocotools, truths in every format, and whole evaluations.

mod reference;
mod truth;

use crate::support::{data, edgecam, outcome};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const SSD: &str = "detect/ssd_mobilenet_v1_coco_quant_detect.tflite";

/// Runs `edgecam eval` with the COCO model; `None` where the test data is absent.
fn eval(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Option<(i32, String, String)> {
    let mut command = edgecam();
    command.arg("eval").arg("--model").arg(data(SSD)?).arg("--labels").arg(data("labels/coco_labels.txt")?);
    for argument in arguments {
        command.arg(argument);
    }
    Some(outcome(&command.output().expect("edgecam runs")))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("one line of JSON")
}

/// Pictures, labels and names of COCO's first few.
fn coco256() -> Option<[PathBuf; 3]> {
    let folder = data("datasets/coco256")?;
    Some([folder.join("images/val2017"), folder.join("labels/val2017"), folder.join("config.yaml")])
}

/// Model, part of COCO, and the reference's AP, AP50 and AP50 of persons: Python's LiteRT, Pillow's
/// bilinear resize and pycocotools, confidence 0.01, NMS at an IoU of 0.6 for each class.
const REFERENCE: [(&str, &str, [f64; 3]); 7] = [
    ("yolov5n-int8", "val2017", [0.290, 0.452, 0.660]),
    ("yolov8n_full_integer_quant", "val2017", [0.390, 0.565, 0.737]),
    ("yolov8n_int8", "val2017", [0.411, 0.581, 0.771]),
    ("yolo11n_full_integer_quant", "val2017", [0.420, 0.570, 0.712]),
    ("yolov8n_full_integer_quant", "train2017", [0.417, 0.587, 0.740]),
    ("yolo11n_full_integer_quant", "train2017", [0.415, 0.577, 0.731]),
    ("ssd_mobilenet_v1_coco_quant_detect", "train2017", [0.211, 0.339, 0.387]),
];

#[test]
fn yolo_and_ssd_on_coco_equal_the_reference() {
    let Some(folder) = data("datasets/coco256") else { return };
    for (model, part, wanted) in REFERENCE {
        let path = data(&format!("detect/{model}.tflite")).expect("beside the pictures");
        let output = edgecam()
            .args(["eval", "--json", "--model"])
            .arg(path)
            .arg("--labels")
            .arg(data("labels/coco_labels.txt").expect("beside the models"))
            .arg("--images")
            .arg(folder.join("images").join(part))
            .arg("--truth")
            .arg(folder.join("labels").join(part))
            .arg("--names")
            .arg(folder.join("config.yaml"))
            .output();
        let (code, stdout, stderr) = outcome(&output.expect("edgecam runs"));
        assert_eq!(code, 0, "{stderr}");
        let report = json(&stdout);
        let got = [&report["ap"], &report["ap50"], &report["per_class"]["person"]["ap50"]];
        for (got, wanted) in got.into_iter().zip(wanted) {
            let got = got.as_f64().expect("a number");
            assert!((got - wanted).abs() <= 0.010, "{model} on {part}: {got} is not {wanted}");
        }
    }
}

#[test]
fn ssd_on_coco_equals_the_reference() {
    let Some([images, truth, names]) = coco256() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let sheet = folder.path().join("sheet.png");
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 9] =
        [&"--images", &images, &"--truth", &truth, &"--names", &names, &"--json", &"--sheet", &sheet];
    let Some((code, stdout, stderr)) = eval(&arguments) else { return };
    assert_eq!((code, stderr.as_str()), (0, ""));
    let report = json(&stdout);
    // Python's LiteRT, Pillow's bilinear resize and pycocotools.
    for (got, wanted) in
        [(&report["ap"], 0.239), (&report["ap50"], 0.371), (&report["per_class"]["person"]["ap50"], 0.419)]
    {
        let got = got.as_f64().expect("a number");
        assert!((got - wanted).abs() <= 0.010, "{got} is not {wanted}: {report}");
    }
    assert_eq!(
        (&report["images"], &report["objects"], &report["failed"]),
        (&json!(64), &json!(440), &json!(0))
    );
    assert_eq!(report["per_class"].as_object().map(serde_json::Map::len), Some(62));
    let confusion = &report["confusion"];
    let count = |key: &str| confusion[key].as_u64().expect("a count");
    assert_eq!(count("found") + count("confused") + count("missed"), 440);
    let sheet = image::open(sheet).expect("a PNG").into_rgb8();
    let red = sheet.pixels().filter(|p| p.0 == [210, 20, 40]).count();
    assert!(
        sheet.width() > 1500 && sheet.height() > 1500 && red > 10_000,
        "{red} of {:?}",
        sheet.dimensions()
    );
}

#[test]
fn a_coco_json_gives_the_same_as_yolo_txt() {
    let Some([images, truth, names]) = coco256() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("instances.json");
    std::fs::write(&file, as_coco(&images, &truth, &names).to_string()).expect("the folder is ours");
    let yolo = eval(&[&"--images", &images, &"--truth", &truth, &"--names", &names, &"--json"]);
    let coco = eval(&[&"--images", &images, &"--truth", &file, &"--json"]);
    let (Some(yolo), Some(coco)) = (yolo, coco) else { return };
    assert_eq!((yolo.0, coco.0), (0, 0), "{} {}", yolo.2, coco.2);
    let (yolo, coco) = (json(&yolo.1), json(&coco.1));
    for key in ["images", "objects", "confusion"] {
        assert_eq!(yolo[key], coco[key], "{key}");
    }
    for key in ["ap", "ap50", "ap75"] {
        let apart = yolo[key].as_f64().expect("a number") - coco[key].as_f64().expect("a number");
        assert!(apart.abs() < 1e-9, "{key}: {apart}");
    }
}

/// A YOLO truth as a COCO json whose category ids have gaps.
fn as_coco(images: &Path, truth: &Path, names: &Path) -> Value {
    let names = std::fs::read_to_string(names).expect("readable");
    let categories: Vec<Value> = names
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter_map(|(id, name)| Some(json!({"id": 3 * id.parse::<u64>().ok()?, "name": name})))
        .collect();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(images).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let (mut pictures, mut annotations) = (Vec::new(), Vec::new());
    for (id, file) in files.iter().enumerate() {
        let (width, height) = image::image_dimensions(file).expect("a picture");
        let (w, h) = (f64::from(width), f64::from(height));
        let name = file.file_name().expect("a name").to_string_lossy();
        pictures.push(json!({"id": id, "file_name": name, "width": width, "height": height}));
        let stem = file.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(truth.join(format!("{stem}.txt"))).unwrap_or_default();
        for line in text.lines() {
            let n: Vec<f64> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
            let bbox = [(n[1] - n[3] / 2.0) * w, (n[2] - n[4] / 2.0) * h, n[3] * w, n[4] * h];
            annotations.push(json!({"image_id": id, "category_id": 3 * n[0] as u64, "bbox": bbox}));
        }
    }
    json!({"images": pictures, "annotations": annotations, "categories": categories})
}

#[test]
fn classes_are_merged_chosen_and_what_one_side_lacks_is_said() {
    let Some(folder) = data("datasets/raccoon") else { return };
    let (images, truth) = (folder.join("images"), folder.join("annotations"));
    let Some((code, stdout, stderr)) = eval(&[&"--images", &images, &"--truth", &truth]) else { return };
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("the model knows none of its classes (raccoon)"), "{stderr}");
    let map = [&"--map" as &dyn AsRef<std::ffi::OsStr>, &"Raccoon=CAT", &"--json"];
    let run = |more: &[&dyn AsRef<std::ffi::OsStr>]| {
        let base: [&dyn AsRef<std::ffi::OsStr>; 4] = [&"--images", &images, &"--truth", &truth];
        eval(&[&base, &map[..], more].concat()).expect("the data is there")
    };
    let (code, stdout, stderr) = run(&[]);
    let report = json(&stdout);
    assert!(
        code == 0 && stderr.contains("79 of the model's labels") && stderr.lines().count() == 1,
        "{stderr}"
    );
    assert_eq!((&report["images"], &report["objects"]), (&json!(97), &json!(103)));
    assert!(report["per_class"]["cat"]["ap50"].as_f64() > Some(0.02), "{report}");
    assert!(!report["confusion"]["pairs"].as_array().expect("a list").is_empty(), "{report}");
    let (code, stdout, stderr) = run(&[&"--classes", &"cat"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(json(&stdout)["per_class"], {
        let mut alone = report["per_class"].clone();
        // Nothing else is left that a raccoon could be taken for.
        alone["cat"]["confused"] = json!(0);
        let taken = report["per_class"]["cat"]["confused"].as_u64().expect("a count");
        let missed = report["per_class"]["cat"]["missed"].as_u64().expect("a count");
        alone["cat"]["missed"] = json!(missed + taken);
        alone
    });
    for wrong in [["--classes", "yeti"], ["--map", "dog=cat"], ["--map", "dog"], ["--threshold", "2"]] {
        let (code, stdout, stderr) = run(&[&wrong[0], &wrong[1]]);
        assert!(code == 2 && stdout.is_empty() && !stderr.is_empty(), "{wrong:?}: {code} {stderr}");
    }
}

#[test]
fn a_classifier_is_sent_away() {
    let Some([images, truth, names]) = coco256() else { return };
    let Some(model) = data("classify/mlperf_tiny_vww_96_int8.tflite") else { return };
    let mut command = edgecam();
    command.arg("eval").arg("--model").arg(model).arg("--images").arg(images);
    let (code, _, stderr) =
        outcome(&command.arg("--truth").arg(truth).arg("--names").arg(names).output().expect("edgecam runs"));
    assert!(code == 1 && stderr.contains("eval is for detectors"), "{code} {stderr}");
    assert_eq!(stderr.lines().count(), 1);
}

#[test]
fn a_bad_picture_is_said_and_left_out() {
    let Some([images, truth, names]) = coco256() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let stem = "000000000139";
    std::fs::copy(images.join(format!("{stem}.jpg")), folder.path().join(format!("{stem}.jpg")))
        .expect("copied");
    std::fs::write(folder.path().join("broken.jpg"), b"\xff\xd8\xff\xe0 no more")
        .expect("the folder is ours");
    let labels = folder.path().join("labels");
    std::fs::create_dir(&labels).expect("the folder is ours");
    let txt = format!("{stem}.txt");
    std::fs::copy(truth.join(&txt), labels.join(&txt)).expect("copied");
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 7] =
        [&"--images", &folder.path(), &"--truth", &labels, &"--names", &names, &"--json"];
    let Some((code, stdout, stderr)) = eval(&arguments) else { return };
    assert!(code == 1 && stderr.contains("broken.jpg") && stderr.lines().count() == 1, "{code} {stderr}");
    let report = json(&stdout);
    assert_eq!((&report["images"], &report["failed"]), (&json!(1), &json!(1)));
}
