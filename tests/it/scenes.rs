//! `edgecam scenes`: what it writes is what the truth's reader finds, and what the pictures show.

use crate::support::{edgecam, outcome};
use edgecam::eval::truth::Truth;
use edgecam::frame::Size;
use edgecam::source::test_pattern::LABELS;
use std::path::Path;

fn scenes(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    outcome(&edgecam().arg("scenes").arg(folder).args(arguments).output().expect("edgecam runs"))
}

#[test]
fn the_truth_of_scenes_is_read_and_is_where_the_pictures_show_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, stdout, stderr) = scenes(folder.path(), &["--count", "30", "--size", "192x96"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let part = |name| folder.path().join(name);
    let names = part("config.yaml");
    let truth = Truth::read(&part("labels"), &part("images"), Some(&names)).expect("a truth");
    assert_eq!((truth.classes.as_slice(), truth.pictures.len()), (LABELS.map(str::to_owned).as_slice(), 30));
    assert!(truth.notes.is_empty() && truth.missing.is_empty(), "{:?}", truth.notes);
    assert!(stdout.starts_with(&format!("30 pictures with {} objects", truth.objects())), "{stdout}");
    assert!((100..150).contains(&truth.objects()), "some are covered: {stdout}");
    for picture in &truth.pictures {
        let pixels = image::open(&picture.path).expect("a picture").into_rgb8();
        assert_eq!(pixels.dimensions(), (192, 96));
        let white = picture.objects.iter().find(|o| o.class == 4).expect("nothing covers the last");
        let [x, y] = [white.bounds.x * 192.0, white.bounds.y * 96.0].map(|v| v.round() as u32);
        let [right, bottom] = [white.bounds.w * 192.0, white.bounds.h * 96.0].map(|v| v.round() as u32);
        let found: Vec<_> = pixels.enumerate_pixels().filter(|p| p.2.0 == [250; 3]).collect();
        assert_eq!(found.len(), Size::new(right, bottom).area());
        assert!(found.iter().all(|p| (x..x + right).contains(&p.0) && (y..y + bottom).contains(&p.1)));
    }
}

#[test]
fn the_same_seed_writes_the_same_and_another_one_other_scenes() {
    let folder = tempfile::tempdir().expect("a folder");
    let labels = |name: &str, seed: &str| -> Vec<String> {
        let (code, _, stderr) = scenes(&folder.path().join(name), &["--count", "20", "--seed", seed]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        let file = |i| folder.path().join(format!("{name}/labels/{i:06}.txt"));
        (0..20).map(|i| std::fs::read_to_string(file(i)).expect("a truth")).collect()
    };
    let (one, again, other) = (labels("one", "1"), labels("again", "1"), labels("other", "2"));
    assert_eq!(one, again);
    assert!(one.iter().all(|text| !other.contains(text)), "sets share a scene");
}

#[test]
fn a_size_that_is_none_is_wrong_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    for size in ["320", "0x240", "320x", "9000x10"] {
        let (code, _, stderr) = scenes(folder.path(), &["--size", size]);
        assert!(code == 2 && stderr.contains("320x240"), "{size}: {code} {stderr}");
    }
}
