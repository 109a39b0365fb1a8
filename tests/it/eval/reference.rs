//! The metric against figures of pycocotools, made by `reference.py` beside this file.

use crate::support::project;
use edgecam::eval::metric::{Figures, by_class, mean};
use edgecam::eval::{Bounds, Object, Scene, Seen};
use serde::Deserialize;

/// Objects, or detections, of a picture: a row of whole numbers each.
type Rows = Vec<[i32; 6]>;

#[derive(Deserialize)]
struct Case {
    classes: usize,
    scenes: Vec<(Rows, Rows)>,
    per_class: Vec<[f64; 3]>,
    all: [f64; 3],
}

fn scene((objects, seen): &(Rows, Rows)) -> Scene {
    let bounds = |b: &[i32]| {
        let [x, y, w, h] = std::array::from_fn(|i| f64::from(b[i]) / 100.0);
        Bounds { x, y, w, h }
    };
    let object = |o: &[i32; 6]| Object {
        class: usize::try_from(o[0]).expect("a class"),
        bounds: bounds(&o[1..5]),
        crowd: o[5] == 1,
        ignored: o[5] == 2,
    };
    let seen_one = |s: &[i32; 6]| Seen {
        class: usize::try_from(s[0]).expect("a class"),
        score: f64::from(s[1]) / 100.0,
        bounds: bounds(&s[2..6]),
    };
    Scene { objects: objects.iter().map(object).collect(), seen: seen.iter().map(seen_one).collect() }
}

#[test]
fn the_metric_equals_pycocotools() {
    let path = std::env::var_os("EDGECAM_EVAL_REFERENCE")
        .map_or_else(|| project().join("tests/it/eval/reference.json"), Into::into);
    let text = std::fs::read_to_string(path).expect("the reference is readable");
    let cases: Vec<Case> = serde_json::from_str(&text).expect("the reference is JSON");
    let (mut compared, mut between) = (0, 0);
    for (i, case) in cases.iter().enumerate() {
        let scenes: Vec<Scene> = case.scenes.iter().map(scene).collect();
        let figures = by_class(&scenes, case.classes);
        let mut check = |got: Option<Figures>, wanted: &[f64; 3], of: &str| {
            let got = got.map_or([-1.0; 3], |f| [f.ap, f.ap50, f.ap75]);
            for (got, wanted) in got.iter().zip(wanted) {
                assert!((got - wanted).abs() < 1e-6, "case {i}, {of}: {got} is not {wanted}");
                compared += 1;
                between += usize::from(*wanted > 0.0 && *wanted < 1.0);
            }
        };
        assert_eq!(figures.len(), case.per_class.len());
        for (class, wanted) in case.per_class.iter().enumerate() {
            check(figures[class], wanted, &format!("class {class}"));
        }
        check(mean(&figures), &case.all, "all");
    }
    assert!(between > 500, "only {between} of {compared} figures lie between 0 and 1");
    let over_100 = cases.iter().flat_map(|c| &c.scenes).filter(|s| s.1.len() > 100).count();
    assert!(over_100 > 0, "no picture has over 100 detections");
}
