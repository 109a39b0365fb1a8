//! The detector that edgecam ships.

use crate::support::{data, edgecam, outcome, project};

fn run(args: &[&str]) -> (i32, String, String) {
    outcome(&edgecam().args(args).output().expect("edgecam runs"))
}

#[test]
fn it_is_small_runs_on_xnnpack_alone_and_says_what_it_is() {
    let model = project().join("models/edgecam-home.tflite");
    let bytes = std::fs::metadata(&model).expect("it is shipped").len();
    assert!(bytes <= 1_500_000, "{bytes} bytes");
    let (code, stdout, stderr) = run(&["model", "info", &model.display().to_string()]);
    assert_eq!(code, 0, "{stderr}");
    for part in
        ["every operator runs on XNNPACK", "person | vehicle | dog | cat", "labels.txt packed into it"]
    {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

#[test]
fn it_finds_the_persons_of_a_photograph_without_being_named() {
    let Some(images) = data("images") else { return };
    let photographs =
        ["zidane.jpg", "ambianic_person.jpg"].map(|name| images.join(name).display().to_string());
    for photograph in &photographs {
        let (code, stdout, stderr) = run(&["detect", photograph]);
        assert!(code == 0 && stdout.contains("  person "), "{stdout} {stderr}");
    }
}

#[test]
fn it_is_as_good_as_its_card_says() {
    let Some(coco) = data("datasets/coco256") else { return };
    let place = |name: &str| coco.join(name).display().to_string();
    let (images, truth) = (place("images/val2017"), place("labels/val2017"));
    let (code, stdout, stderr) = run(&[
        "eval",
        "--images",
        &images,
        "--truth",
        &truth,
        "--names",
        &place("config.yaml"),
        "--json",
        "--map",
        "car=vehicle",
        "--map",
        "truck=vehicle",
        "--map",
        "bus=vehicle",
        "--classes",
        "person,vehicle,dog,cat",
    ]);
    assert_eq!(code, 0, "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).expect("it is JSON");
    let person = report["per_class"]["person"]["ap50"].as_f64().expect("a number");
    let card = std::fs::read_to_string(project().join("models/edgecam-home.md")).expect("it is shipped");
    let line = card.lines().find(|line| line.starts_with("| person |")).expect("a row of the card");
    let told: f64 = line.split('|').nth(3).and_then(|cell| cell.trim().parse().ok()).expect("AP50");
    assert!((person - told).abs() < 0.005, "{person}, but the card says {told}");
}
