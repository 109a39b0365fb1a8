//! The catalogue that is shipped, and catalogues that are wrong.

use super::*;

#[test]
fn the_shipped_catalogue_keeps_its_promises() {
    let catalogue = Catalogue::parse(EMBEDDED).expect("the shipped catalogue");
    assert!(catalogue.models().len() >= 60, "{}", catalogue.models().len());
    for entry in catalogue.models() {
        let files = [
            Some(&entry.file),
            match &entry.labels {
                Some(LabelSource::File(labels)) => Some(labels),
                _ => None,
            },
        ];
        for download in files.into_iter().flatten() {
            assert!(download.url.starts_with("https://"), "{}", entry.name);
            // Pinned to a commit: what a branch has changes.
            let commit = download.url.split('/').any(|part| part.len() == 40);
            assert!(commit, "{} is of no commit", download.url);
        }
        let coral = entry.file.url.ends_with("_edgetpu.tflite");
        assert_eq!(coral, entry.accelerator == Accelerator::Edgetpu, "{}", entry.name);
        assert_eq!(coral, entry.name.ends_with("-edgetpu"), "{}", entry.name);
        let twin = catalogue.models().iter().find(|twin| format!("{}-edgetpu", twin.name) == entry.name);
        assert_eq!(entry.cpu.as_ref(), twin.map(|twin| &twin.name), "{}", entry.name);
        if let Some(twin) = twin {
            assert_eq!((twin.task, twin.input, &twin.labels), (entry.task, entry.input, &entry.labels));
        }
    }
    let mut files: Vec<&str> = catalogue.models().iter().map(|entry| entry.file.file_name()).collect();
    files.sort_unstable();
    files.dedup();
    assert_eq!(files.len(), catalogue.models().len(), "a file under two names");
}

#[test]
fn near_names_are_offered() {
    let catalogue = Catalogue::parse(EMBEDDED).expect("the shipped catalogue");
    let asked = |name: &str| catalogue.find(name).expect_err("no such model");
    assert!(asked("ssd-mobilenet-v1-cocoo").contains("did you mean ssd-mobilenet-v1-coco, "));
    assert!(asked("mobiledet").contains("did you mean ssdlite-mobiledet-coco"));
    assert!(asked("yolo").contains("edgecam model list"));
    assert!(catalogue.find("ssd-mobilenet-v1-coco").is_ok());
}

const GOOD: &str = r#"
[labels.two]
names = ["a", "b"]
licence = "MIT"
[model.one]
description = "one"
task = "detect"
input = [8, 8]
url = "http://localhost/one.tflite"
git_blob = "d670460b4b4aece5915caf5c68d12f560a9fe3e4"
size = 13
licence = "MIT"
labels = "two"
[model.two]
description = "two"
task = "classify"
input = [8, 8]
accelerator = "edgetpu"
cpu = "one"
url = "http://localhost/two.tflite?raw=true"
git_blob = "d670460b4b4aece5915caf5c68d12f560a9fe3e5"
licence = "MIT"
"#;

#[test]
fn wrong_catalogues_are_told() {
    let catalogue = Catalogue::parse(GOOD).expect("a good catalogue");
    assert_eq!(catalogue.models()[1].file.file_name(), "two.tflite");
    for (good, bad, part) in [
        ("[model.one]", "[model.\"../one\"]", "model ../one: a name is"),
        ("[model.one]", "[model.One]", "a name is"),
        ("\"one\"\n", "\" \"\n", "model one: description"),
        ("task = \"detect\"", "task = \"detekt\"", "detekt"),
        ("input = [8, 8]", "input = [8, 0]", "input"),
        ("http://localhost/one.tflite", "ftp://localhost/one.tflite", "no web address"),
        ("http://localhost/one.tflite", "http://localhost/", "no web address"),
        (
            "http://localhost/two.tflite",
            "http://localhost/one.tflite",
            "two different files are named one.tflite",
        ),
        ("9fe3e4", "9fe3E4", "git_blob: it has 40 digits"),
        ("9fe3e4", "9fe3", "git_blob: it has 40 digits"),
        ("git_blob", "sha256", "sha256: it has 64 digits"),
        ("size = 13", "size = 0", "size"),
        ("size = 13\n", "", ""),
        ("size = 13", "sha256 = \"\"", "one checksum"),
        ("size = 13\nlicence = \"MIT\"", "licence = \"\"", "model one: licence"),
        ("licence = \"MIT\"\n[model.one]", "[model.one]", "licence"),
        ("labels = \"two\"", "labels = \"three\"", "no [labels.three]"),
        ("names = [\"a\", \"b\"]", "names = []", "labels two: names"),
        ("names = [\"a\", \"b\"]", "", "give a url, or names"),
        ("cpu = \"one\"", "cpu = \"two\"", "model two: cpu"),
        ("cpu = \"one\"", "cpu = \"three\"", "model two: cpu"),
        ("[model.two]", "[model.one]", "duplicate"),
        ("size = 13", "siz = 13", "siz"),
    ] {
        assert!(GOOD.contains(good), "{good}");
        match Catalogue::parse(&GOOD.replacen(good, bad, 1)) {
            Ok(_) => assert!(part.is_empty(), "{bad} passes"),
            Err(e) => assert!(!part.is_empty() && e.contains(part), "{bad} gives {e}"),
        }
    }
}
