//! `edgecam selftest`, and how good its models are. Nothing from outside the repository is needed.

use crate::support::{edgecam, outcome, project};

fn run(args: &[&str]) -> (i32, String, String) {
    outcome(&edgecam().args(args).output().expect("edgecam runs"))
}

#[test]
fn this_machine_computes_what_was_recorded() {
    let (code, stdout, stderr) = run(&["selftest"]);
    assert!(code == 0 && stderr.is_empty(), "{stdout} {stderr}");
    assert!(stdout.lines().all(|line| line.contains(", as recorded, ")), "{stdout}");

    let (_, stdout, _) = run(&["selftest", "--json"]);
    let reports: serde_json::Value = serde_json::from_str(&stdout).expect("it is JSON");
    let first = &reports[0];
    assert!(
        first["fine"] == true
            && first["seen"] == first["recorded"]
            && first["problems"] == serde_json::json!([])
    );
    assert!(first["seen"].as_u64().is_some_and(|n| n > 40), "{stdout}");
}

#[test]
fn an_engine_that_cannot_run_is_a_sentence() {
    let output = edgecam().arg("selftest").env("EDGECAM_LITERT", "/nowhere/libLiteRt.so").output();
    let (code, stdout, stderr) = outcome(&output.expect("edgecam runs"));
    assert!(code == 1 && stdout.is_empty() && stderr.contains("/nowhere/libLiteRt.so"), "{stdout} {stderr}");
}

#[test]
fn both_models_know_the_shapes() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().to_str().expect("a name");
    let (code, _, stderr) = run(&["scenes", place, "--count", "150", "--seed", "77"]);
    assert_eq!(code, 0, "{stderr}");
    let models = project().join("models");
    let detector = models.join("edgecam-selftest.tflite").display().to_string();
    let (images, truth) = (format!("{place}/images"), format!("{place}/labels"));
    let names = format!("{place}/config.yaml");
    let (code, stdout, stderr) = run(&[
        "eval", "--model", &detector, "--images", &images, "--truth", &truth, "--names", &names, "--json",
    ]);
    assert_eq!(code, 0, "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).expect("it is JSON");
    let ap50 = report["ap50"].as_f64().expect("a number");
    assert!(ap50 >= 0.95, "{ap50}");

    // The classifier, on what the detector found in the recorded scenes.
    let text = std::fs::read_to_string(models.join("edgecam-selftest.json")).expect("it is shipped");
    let recorded: edgecam::selftest::Recorded = serde_json::from_str(&text).expect("it is a record");
    let sure = recorded.scenes.iter().flat_map(|scene| &scene.seen).filter(|seen| seen.score >= 0.5);
    let asked: Vec<_> = sure.filter_map(|seen| Some((&seen.label, &seen.second.as_ref()?.0))).collect();
    let right = asked.iter().filter(|(label, second)| label == second).count();
    assert!(asked.len() > 30 && right * 20 >= asked.len() * 19, "{right} of {}", asked.len());
}
