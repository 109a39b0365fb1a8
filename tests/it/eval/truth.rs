//! Truths in every format, good and bad.

use crate::support::data;
use edgecam::eval::truth::{Truth, Unit};
use edgecam::eval::{Bounds, Object};
use edgecam::frame::Size;
use serde_json::json;
use std::path::Path;
use tempfile::TempDir;

/// A folder with 100x50 pictures of these names in `images/`, and an empty `truth/`.
fn folder(pictures: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for inner in ["images", "truth"] {
        std::fs::create_dir(folder.path().join(inner)).expect("the folder is ours");
    }
    for name in pictures {
        image::RgbImage::new(100, 50).save(folder.path().join("images").join(name)).expect("written");
    }
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join("truth").join(name), text).expect("the folder is ours");
}

fn read(folder: &TempDir, truth: &str, names: Option<&str>) -> Result<Truth, Vec<String>> {
    let inside = |name: &str| folder.path().join(name);
    let names = names.map(inside);
    let start = format!("{}/", folder.path().display());
    Truth::read(&inside(truth), &inside("images"), names.as_deref())
        .map_err(|problems| problems.lines().iter().map(|line| line.replace(&start, "")).collect())
}

/// The problems, each without the folder's own path.
fn problems(folder: &TempDir, truth: &str, names: Option<&str>) -> Vec<String> {
    read(folder, truth, names).expect_err("the truth is bad")
}

fn notes(folder: &TempDir, truth: &Truth) -> Vec<String> {
    let start = format!("{}/", folder.path().display());
    truth.notes.iter().chain(&truth.missing).map(|p| p.to_string().replace(&start, "")).collect()
}

fn bounds(x: f64, y: f64, w: f64, h: f64) -> Bounds {
    Bounds { x, y, w, h }
}

fn voc(objects: &str) -> String {
    format!(
        "<annotation>\n<filename>other.png</filename>\n<size><width>100</width><height>50</height></size>\n{objects}</annotation>\n"
    )
}

fn voc_object(name: &str, corners: [i32; 4], more: &str) -> String {
    let [a, b, c, d] = corners;
    format!(
        "<object><name>{name}</name>{more}<bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>\n"
    )
}

#[test]
fn raccoons_in_pascal_voc() {
    let Some(set) = data("datasets/raccoon") else { return };
    let truth = Truth::read(&set.join("annotations"), &set.join("images"), None).expect("a good truth");
    assert_eq!((truth.classes.len(), truth.pictures.len(), truth.objects()), (1, 97, 103));
    assert!(truth.notes.is_empty() && truth.missing.is_empty() && truth.unit == Unit::Pixel);
    let picture = truth.pictures.iter().find(|p| p.path.ends_with("raccoon-50.jpg")).expect("it is there");
    assert_eq!(picture.stated, Some(Size::new(275, 183)));
    assert_eq!(picture.objects[0].bounds, bounds(35.0, 1.0, 139.0, 171.0));
    for picture in &truth.pictures {
        let (width, height) = image::image_dimensions(&picture.path).expect("a picture");
        assert_eq!(picture.stated, Some(Size::new(width, height)), "{}", picture.path.display());
    }
    let number =
        |path: &Path| path.to_string_lossy().replace(|c: char| !c.is_ascii_digit(), "").parse::<u64>();
    assert!(truth.pictures.is_sorted_by_key(|p| number(&p.path).expect("a number")), "in natural order");
}

#[test]
fn voc_objects_that_need_not_be_found_and_odd_boxes() {
    let folder = folder(&["a.png", "b.png", "other.png"]);
    let objects = [
        voc_object(
            "cat",
            [1, 1, 100, 50],
            "<difficult>1</difficult><part><bndbox><xmin>7</xmin></bndbox></part>",
        ),
        voc_object("cat", [20, 10, 10, 20], ""),
        voc_object("dog", [90, 10, 130, 20], ""),
        voc_object("dog", [200, 10, 230, 20], ""),
    ];
    write(&folder, "a.xml", &voc(&objects.concat()));
    write(&folder, "gone.xml", &voc("").replace("other", "nowhere"));
    let truth = read(&folder, "truth", None).expect("a usable truth");
    let cat = Object { class: 0, bounds: bounds(0.0, 0.0, 100.0, 50.0), crowd: false, ignored: true };
    let dog = Object { class: 1, bounds: bounds(89.0, 9.0, 41.0, 11.0), crowd: false, ignored: false };
    assert_eq!((truth.pictures.len(), &truth.pictures[0].objects), (1, &vec![cat, dog]));
    assert_eq!(
        notes(&folder, &truth),
        [
            "truth/a.xml:5: the box [19, 9, -9, 11] has no area and is left out",
            "truth/a.xml:6: the box [89, 9, 41, 11] reaches out of the picture",
            "truth/a.xml:7: the box [199, 9, 31, 11] lies outside the picture and is left out",
            "images: 2 pictures have no xml and are left out",
            "truth/gone.xml: its picture isn't in images",
        ]
    );
}

#[test]
fn bad_xml_is_told_with_its_line() {
    let folder = folder(&["a.png", "b.png", "c.png", "other.png"]);
    write(&folder, "a.xml", "<annotation>\n<object>\n</annotation>");
    write(&folder, "b.xml", &voc(&voc_object("cat", [1, 1, 5, 5], "").replace("<xmin>1", "<xmin>one")));
    write(&folder, "c.xml", "<html/>");
    write(&folder, "d.xml", &voc(""));
    write(&folder, "e.xml", &voc("<object><name/></object><object><name>cat</name></object>"));
    assert_eq!(
        problems(&folder, "truth", None),
        [
            "truth/a.xml:3: it is no XML: expected 'object' tag, not 'annotation'",
            "truth/b.xml:4: the object cat has no number as xmin",
            "truth/c.xml:1: it is no Pascal VOC annotation, but <html>",
            "truth/e.xml:4: the object has no name",
            "truth/e.xml:4: the object cat has no bndbox",
            "truth/e.xml: truth/d.xml describes the same picture images/other.png",
        ]
    );
}

#[test]
fn yolo_txt_and_its_names() {
    let folder = folder(&["a.png", "b.png", "10.png"]);
    write(&folder, "data.yaml", "path: .\nnc: 3\nnames:\n  0: cat\n  2: 'big dog'\n");
    write(&folder, "a.txt", "2 0.5 0.5 0.2 0.4\n\n0 0.1 0.1 0.3 0.1 0.2 0.5\n");
    write(&folder, "orphan.txt", "0 0.5 0.5 0.2 0.4\n");
    write(&folder, "10.txt", "0 0.5 0.5 0 0.1\n0 0.99 0.5 0.2 0.1\n");
    let truth = read(&folder, "truth", Some("truth/data.yaml")).expect("a usable truth");
    assert_eq!(
        (&*truth.classes, truth.unit),
        (&["cat", "", "big dog"].map(str::to_owned)[..], Unit::Fraction)
    );
    let found: Vec<_> =
        truth.pictures.iter().map(|p| (p.path.file_name().expect("named"), p.objects.len())).collect();
    assert_eq!(found, [("10.png".as_ref(), 1), ("a.png".as_ref(), 2), ("b.png".as_ref(), 0)]);
    let near = |o: &Object, b: Bounds| {
        let apart = [o.bounds.x - b.x, o.bounds.y - b.y, o.bounds.w - b.w, o.bounds.h - b.h];
        assert!(apart.iter().all(|v| v.abs() < 1e-12), "{o:?}");
    };
    near(&truth.pictures[1].objects[0], bounds(0.4, 0.3, 0.2, 0.4));
    near(&truth.pictures[1].objects[1], bounds(0.1, 0.1, 0.2, 0.4));
    assert_eq!(truth.pictures[1].objects[0].class, 2);
    let notes = notes(&folder, &truth);
    assert_eq!(
        notes[..2],
        [
            "truth/10.txt:1: the box [0.5, 0.45, 0, 0.1] has no area and is left out",
            "truth/10.txt:2: the box [0.89, 0.45, 0.2, 0.1] reaches out of the picture",
        ]
    );
    assert!(
        notes[2] == "truth/orphan.txt: no picture in images goes with it" && notes.len() == 3,
        "{notes:?}"
    );
    for (name, text) in
        [("list.yaml", "names: [cat, dog]"), ("lines.yml", "names:\n- cat\n- dog"), ("l.names", "cat\ndog")]
    {
        std::fs::write(folder.path().join(name), text).expect("the folder is ours");
        write(&folder, "a.txt", "1 0.5 0.5 0.2 0.4");
        let truth = read(&folder, "truth", Some(name)).expect("a good truth");
        assert_eq!(truth.classes, ["cat", "dog"], "{name}");
    }
    write(&folder, "classes.txt", "cat\ndog\n");
    assert_eq!(read(&folder, "truth", None).expect("a good truth").classes, ["cat", "dog"]);
}

#[test]
fn bad_txt_is_told_with_its_line() {
    let folder = folder(&["a.png", "b.png", "b.bmp"]);
    write(
        &folder,
        "a.txt",
        "0 0.5 0.5 0.2\n9 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.4\n0 0.5 x 0.2 0.4\n0 320 0.5 0.2 0.4\n1.5 0.5 0.5 0.2 0.4\n0 0.5 0.5 NaN 0.4\n",
    );
    let names = folder.path().join("names.yaml");
    let names_are = |text: &str| std::fs::write(&names, text).expect("the folder is ours");
    names_are("names: {0: cat}");
    assert_eq!(
        problems(&folder, "truth", Some("names.yaml")),
        [
            "images/b.png: images/b.bmp has the same name, so both would have one truth",
            "truth/a.txt:1: it has 4 numbers; a class and 4 make a box, a class and 6, 8, 10 … a polygon",
            "truth/a.txt:2: the class number 9 has no name",
            "truth/a.txt:3: the class number 1 has no name",
            "truth/a.txt:4: x is no number",
            "truth/a.txt:5: 320 is no fraction of the picture's width or height",
            "truth/a.txt:6: 1.5 is no class number",
            "truth/a.txt:7: NaN is no number",
        ]
    );
    for (text, problem) in [
        ("names: [cat", "names.yaml:2: it is no YAML: "),
        ("nc: 3", "names.yaml: it has no names"),
        ("nc: 3\nnames: cat", "names.yaml:2: the names are neither a list nor a map from numbers"),
        ("names:\n  0: cat\n  dog: 1", "names.yaml:3: it is no class number"),
        ("names:\n- cat\n- [dog]", "names.yaml:3: it is no class name"),
    ] {
        names_are(text);
        let problems = problems(&folder, "truth", Some("names.yaml"));
        assert!(problems.len() == 1 && problems[0].starts_with(problem), "{problems:?}");
    }
    assert!(problems(&folder, "truth", None)[0].contains("--names"));
    assert!(problems(&folder, "truth", Some("nowhere.yaml"))[0].starts_with("nowhere.yaml: No such file"));
    write(&folder, "a.txt", &"7 0.5 0.5 0.2 0.4\n".repeat(30));
    names_are("names: [cat]");
    let problems = problems(&folder, "truth", Some("names.yaml"));
    assert_eq!((problems.len(), problems[10].as_str()), (11, "… and 21 more like these"));
}

#[test]
fn a_coco_json_and_its_oddities() {
    let folder = folder(&["a.png", "b.png"]);
    let good = json!({
        "info": {},
        "images": [
            {"id": 9, "file_name": "sub/a.png", "width": 100, "height": 50},
            {"id": 4, "file_name": "b.png"},
            {"id": 5, "file_name": "gone.png"},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 90, "name": "dog", "supercategory": "animal"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 90, "bbox": [1, 2, 3.5, 4], "iscrowd": 1, "area": 3},
            {"id": 2, "image_id": 9, "category_id": 1, "bbox": [1, 2, 0, 4]},
            {"id": 3, "image_id": 9, "category_id": 1, "bbox": [90, 2, 30, 4]},
        ],
    });
    write(&folder, "good.json", &good.to_string());
    let truth = read(&folder, "truth/good.json", None).expect("a usable truth");
    let order: Vec<_> = truth.pictures.iter().map(|p| p.path.file_name().expect("named")).collect();
    assert_eq!((order, truth.objects()), (vec!["b.png".as_ref(), "a.png".as_ref()], 2), "by image id");
    let crowd = Object { class: 1, bounds: bounds(1.0, 2.0, 3.5, 4.0), crowd: true, ignored: false };
    assert_eq!(truth.pictures[1].objects[0], crowd);
    assert_eq!((truth.pictures[0].stated, truth.pictures[1].stated), (None, Some(Size::new(100, 50))));
    let notes = notes(&folder, &truth);
    assert_eq!(
        notes[..2],
        [
            "truth/good.json: annotation 2: the box [1, 2, 0, 4] has no area and is left out",
            "truth/good.json: annotation 3: the box [90, 2, 30, 4] reaches out of the picture",
        ]
    );
    assert_eq!(notes[2], "truth/good.json: its picture images/gone.png isn't there");

    let mut bad = good.clone();
    bad["images"][1] = json!({"id": 9, "file_name": "sub/a.png"});
    bad["categories"][1]["id"] = json!(1);
    bad["annotations"][1] = json!({"id": 7, "image_id": 77, "category_id": 1, "bbox": [1, 2, 3, 4]});
    bad["annotations"][2] = json!({"id": 8, "image_id": 9, "category_id": 1});
    write(&folder, "bad.json", &bad.to_string());
    assert_eq!(
        problems(&folder, "truth/bad.json", None),
        [
            "two categories have the id 1",
            "two images have the id 9",
            "the images 9 and 9 have the same file name sub/a.png",
            "annotation 1: there is no category 90",
            "annotation 7: there is no image 77",
            "annotation 8: it has no bbox",
        ]
        .map(|line| format!("truth/bad.json: {line}"))
    );
    for (text, problem) in [
        ("{\n\"images\": [\n", "3: it is no COCO truth: EOF while parsing a list"),
        ("{}", "1: it is no COCO truth: missing field `images`"),
        ("[]", " it is a list, so rather detections; "),
        (
            "{\"images\":[],\"categories\":[],\n\"annotations\":[{\"image_id\":1,\"category_id\":1,\"bbox\":[1,2]}]}",
            "2: it is no COCO truth: invalid length 2",
        ),
    ] {
        write(&folder, "bad.json", text);
        let problems = problems(&folder, "truth/bad.json", None);
        assert!(
            problems.len() == 1 && problems[0].starts_with(&format!("truth/bad.json:{problem}")),
            "{problems:?}"
        );
    }
}

#[test]
fn what_is_no_truth_at_all() {
    let folder = folder(&["a.png"]);
    assert!(problems(&folder, "truth", None)[0].contains("eval is for detectors"));
    assert!(problems(&folder, "nowhere", None)[0].starts_with("nowhere: No such file"));
    write(&folder, "a.txt", "");
    write(&folder, "a.xml", "");
    assert!(problems(&folder, "truth", None)[0].contains("both .xml and .txt"));
    let error = Truth::read(folder.path(), &folder.path().join("nowhere"), None).expect_err("no pictures");
    assert!(error.to_string().ends_with("no such folder of pictures"));
}
