//! `edgecam collect`, and `[collect]` in the daemon's config.

use crate::support::{edgecam, outcome, project};
use std::path::Path;

/// The test pattern, looked at by the self-test's detector.
fn config(folder: &Path, more: &str) -> String {
    let model = project().join("models/edgecam-selftest.tflite");
    let text = format!(
        r#"{more}
        [model.shapes]
        path = "{}"
        [[camera]]
        name = "pattern"
        source = {{ test_pattern = {{ size = [320, 240], fps = 20, seed = 4 }} }}
        model = "shapes"
        threshold = 0.7
        "#,
        model.display()
    );
    let path = folder.join("edgecam.toml");
    std::fs::write(&path, text).expect("the folder is ours");
    path.display().to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).map(|all| all.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let mut names: Vec<_> = entries.iter().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn collect(args: &[&str]) -> (i32, String, String) {
    outcome(&edgecam().arg("collect").args(args).output().expect("it runs"))
}

#[test]
fn frames_worth_labelling_are_saved_with_what_the_model_thinks_of_them() {
    let here = tempfile::tempdir().expect("a folder");
    // Everything above 0.1 is uncertain, so that each look saves one.
    let config = config(here.path(), "[collect]\ninterval = \"1s\"\nuncertain = [0.1, 1.0]");
    let into = here.path().join("garden");
    let place = into.display().to_string();
    let (code, stdout, stderr) = collect(&["--config", &config, "--into", &place, "--for", "4s"]);
    assert_eq!(code, 0, "{stdout} {stderr}");
    let (images, suggested) = (names(&into.join("images")), names(&into.join("suggested")));
    // An uncertain one each second, and beside it at most one of a new scene each second.
    let reason = |name: &str, reason: &str| name.starts_with("pattern-") && name.ends_with(reason);
    let uncertain = images.iter().filter(|name| reason(name, "-uncertain.jpg")).count();
    let scene = images.iter().filter(|name| reason(name, "-scene.jpg")).count();
    assert!((2..=5).contains(&uncertain) && scene <= 5, "{images:?} {stderr}");
    assert_eq!(uncertain + scene, images.len(), "{images:?}");
    assert!(
        stdout.ends_with(&format!("{0} pictures in {place}, {0} of them new\n", images.len())),
        "{stdout}"
    );
    // What is published is over the threshold still.
    let percent = |word: &str| word.strip_suffix('%').and_then(|n| n.parse::<u32>().ok());
    let scores: Vec<u32> = stdout.split_whitespace().filter_map(percent).collect();
    assert!(!scores.is_empty() && scores.iter().all(|&score| score >= 70), "{stdout}");

    for (image, text) in images.iter().zip(&suggested) {
        let picture = image::open(into.join("images").join(image)).expect("it is a picture");
        assert_eq!((picture.width(), picture.height()), (320, 240));
        assert_eq!(image.trim_end_matches(".jpg"), text.trim_end_matches(".txt"));
        let text = std::fs::read_to_string(into.join("suggested").join(text)).expect("readable");
        assert!(text.lines().count() >= 3 && text.lines().all(|line| line.split(' ').count() == 5), "{text}");
    }
    let names = std::fs::read_to_string(into.join("config.yaml")).expect("readable");
    assert!(names.contains("  1: \"green ellipse\"\n"), "{names}");

    // The layout is what `edgecam eval` reads as a truth.
    let model = project().join("models/edgecam-selftest.tflite").display().to_string();
    let (images, truth) = (format!("{place}/images"), format!("{place}/suggested"));
    let yaml = format!("{place}/config.yaml");
    let eval = ["eval", "--model", &model, "--images", &images, "--truth", &truth, "--names", &yaml];
    let output = edgecam().args(eval).output().expect("it runs");
    assert_eq!(outcome(&output).0, 0, "{output:?}");
}

#[test]
fn the_folder_stays_within_its_limit() {
    let here = tempfile::tempdir().expect("a folder");
    let config = config(here.path(), "[collect]\ninterval = \"1s\"\nuncertain = [0.1, 1.0]");
    let into = here.path().join("garden");
    let place = into.display().to_string();
    std::fs::create_dir_all(into.join("images")).expect("the folder is ours");
    std::fs::write(into.join("images/old-0000000000001-scene.jpg"), vec![0; 1 << 20])
        .expect("the folder is ours");
    let (code, stdout, stderr) =
        collect(&["--config", &config, "--into", &place, "--for", "2s", "--max-bytes", "500KiB"]);
    assert_eq!(code, 0, "{stdout} {stderr}");
    let images = names(&into.join("images"));
    assert!(!images.is_empty() && !images.contains(&"old-0000000000001-scene.jpg".to_owned()), "{images:?}");
}

#[test]
fn what_cannot_be_is_a_sentence() {
    let here = tempfile::tempdir().expect("a folder");
    let good = config(here.path(), "");
    let (code, _, stderr) = collect(&["--config", &good, "--camera", "porch"]);
    assert!(code == 78 && stderr.contains("there is no camera porch"), "{code} {stderr}");
    // A file where the folder should be: detections go on, one warning tells of it.
    let file = here.path().join("file");
    std::fs::write(&file, "").expect("the folder is ours");
    let place = file.display().to_string();
    let (code, stdout, stderr) = collect(&["--config", &good, "--into", &place, "--for", "3s"]);
    assert!(code == 0 && stdout.contains("rectangle"), "{code} {stdout} {stderr}");
    assert_eq!(stderr.matches(&format!("collect: write to {place}: ")).count(), 1, "{stderr}");

    let wrong =
        "[collect]\nmax_bytes = \"1KiB\"\ninterval = \"0s\"\nuncertain = [0.9, 0.1]\nnegatives = \"often\"";
    let (code, _, stderr) = collect(&["--config", &config(here.path(), wrong)]);
    assert_eq!(code, 78, "{stderr}");
    for part in [
        ":2:13: max_bytes: 1KiB is not between 1MiB and 1024GiB",
        ":3:12: interval: 0s is not between",
        ":4:13: uncertain: scores are [least, most]",
        ":5:13: negatives: \"often\" is no duration",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
}
