use super::*;
use crate::config::{Camera, Source};
use crate::decode::{Class, Detection};
use crate::event::InView;
use crate::frame::{Size, Timestamp};
use crate::geometry::NormBox;
use crate::model::DecoderKind;
use crate::pipeline::Latencies;
use std::sync::Arc;

type Labels = Arc<[String]>;

fn labels(names: &[&str]) -> Labels {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn camera(name: &str, labels: Option<&[&str]>) -> Camera {
    let source = Source::TestPattern { size: Size::new(64, 48), fps: 5.0, seed: 1 };
    let labels = labels.map(|names| names.iter().map(|&name| name.to_owned()).collect());
    Camera { labels, snapshot: None, ..Camera::new(name, source, "m") }
}

/// Of a frame of `porch` on which nothing is seen.
fn observation(captured: Timestamp, labels: &Labels) -> Observation<'_> {
    Observation {
        camera: "porch",
        model: "m",
        seq: 1,
        captured,
        size: Size::new(64, 48),
        threshold: 0.5,
        latencies: Latencies::default(),
        detections: &[],
        in_view: &[],
        classes: &[],
        labels,
        sub_labels: &[],
    }
}

/// A state with its cameras, and what a broker holds that hears everything.
struct Scene {
    state: State,
    held: BTreeMap<String, String>,
}

impl Scene {
    fn new() -> Self {
        Self { state: State::new("p"), held: BTreeMap::new() }
    }

    fn cameras(&mut self, cameras: &[(&Camera, DecoderKind, &Labels)]) -> &mut Self {
        let watches: Vec<Watch<'_>> = cameras
            .iter()
            .map(|&(camera, kind, labels)| Watch {
                camera,
                kind,
                detect: true,
                threshold: camera.threshold,
                labels,
            })
            .collect();
        self.state.publish(&Publication::Cameras(&watches));
        self
    }

    /// Shows a frame of `porch`: the classes of its detections, and a classifier's best.
    fn frame(&mut self, labels: &Labels, detections: &[usize], classes: &[(usize, f32)]) -> &mut Self {
        self.frame_of(Timestamp::now(), labels, detections, classes)
    }

    /// The same, captured then.
    fn frame_of(
        &mut self,
        captured: Timestamp,
        labels: &Labels,
        detections: &[usize],
        classes: &[(usize, f32)],
    ) -> &mut Self {
        let object = |&class: &usize| Detection::new(class, 0.9, NormBox::FULL);
        let detections: Vec<Detection> = detections.iter().map(object).collect();
        let in_view = |d: &Detection| InView { class: d.class, zones: 0 };
        let in_view: Vec<InView> = detections.iter().map(in_view).collect();
        let classes: Vec<Class> = classes.iter().map(|&(class, score)| Class { class, score }).collect();
        self.state.publish(&Publication::Observation(&Observation {
            detections: &detections,
            in_view: &in_view,
            classes: &classes,
            ..observation(captured, labels)
        }));
        self
    }

    /// Shows a frame of `porch` with these objects in view.
    fn see(&mut self, labels: &Labels, in_view: &[InView]) -> &mut Self {
        self.state.publish(&Publication::Observation(&Observation {
            in_view,
            ..observation(Timestamp::now(), labels)
        }));
        self
    }

    fn status(&mut self, camera: &str, status: CameraStatus) -> &mut Self {
        self.state.publish(&Publication::Status { camera, status });
        self
    }

    /// What the broker holds below `p/porch`, but for the settings.
    fn porch(&mut self) -> Vec<(String, String)> {
        self.hear();
        let own = |topic: &str| topic.strip_prefix("p/porch/").map(str::to_owned);
        let all = self.held.iter().filter_map(|(topic, payload)| Some((own(topic)?, payload.clone())));
        all.filter(|(topic, _)| !topic.ends_with("/state") && topic != "status").collect()
    }

    fn hear(&mut self) {
        let Self { state, held } = self;
        state.tell(|topic, payload| {
            match String::from_utf8(payload).expect("text") {
                payload if payload.is_empty() => held.remove(&topic),
                payload => held.insert(topic, payload),
            };
            true
        });
    }
}

fn counts(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|&(topic, payload)| (topic.to_owned(), payload.to_owned())).collect()
}

use DecoderKind::{Classify, Ssd};

#[test]
fn a_removed_camera_that_ends_late_leaves_no_status() {
    let (mut scene, coco) = (Scene::new(), labels(&["person"]));
    let (porch, yard) = (camera("porch", None), camera("yard", None));
    scene.cameras(&[(&porch, Ssd, &coco), (&yard, Ssd, &coco)]).hear();
    assert_eq!(scene.held["p/yard/status"], "offline");
    scene.cameras(&[(&porch, Ssd, &coco)]).status("yard", CameraStatus::Offline).hear();
    assert!(!scene.held.keys().any(|topic| topic.contains("yard")), "{:?}", scene.held);
}

#[test]
fn a_camera_that_comes_back_before_it_was_cleared_has_a_status() {
    let (mut scene, coco) = (Scene::new(), labels(&["person"]));
    let (porch, yard) = (camera("porch", None), camera("yard", None));
    scene.cameras(&[(&porch, Ssd, &coco), (&yard, Ssd, &coco)]).cameras(&[(&porch, Ssd, &coco)]);
    scene.cameras(&[(&porch, Ssd, &coco), (&yard, Ssd, &coco)]).hear();
    assert_eq!(scene.held["p/yard/status"], "offline");
}

#[test]
fn a_classification_follows_the_label_and_not_the_class_number() {
    let mut scene = Scene::new();
    let (porch, old, new) = (camera("porch", None), labels(&["cat", "dog"]), labels(&["Katze", "Hund"]));
    scene.cameras(&[(&porch, Classify, &old)]).frame(&old, &[], &[(0, 0.9)]);
    let told = |scene: &mut Scene| scene.porch().first().map(|(_, payload)| payload.clone());
    assert!(told(&mut scene).is_some_and(|text| text.contains("cat")));
    scene.cameras(&[(&porch, Classify, &new)]);
    assert_eq!(told(&mut scene), None, "another model has not seen it yet");
    scene.frame(&old, &[], &[(0, 0.9)]);
    assert_eq!(told(&mut scene), None, "an answer of the old model came late");
    scene.frame(&new, &[], &[(0, 0.9)]);
    assert!(told(&mut scene).is_some_and(|text| text.contains("Katze")));
    scene.cameras(&[(&porch, Ssd, &labels(&["person"]))]);
    assert_eq!(scene.porch(), counts(&[("all", "0")]), "a detector classifies nothing");
}

#[test]
fn a_reload_without_change_keeps_what_was_told() {
    let (mut scene, porch, coco) = (Scene::new(), camera("porch", None), labels(&["cat", "dog"]));
    scene.cameras(&[(&porch, Ssd, &coco)]).frame(&coco, &[1, 1], &[]);
    scene.cameras(&[(&porch, Ssd, &coco)]);
    assert_eq!(scene.porch(), counts(&[("all", "2"), ("dog", "2")]));
}

#[test]
fn labels_of_a_former_model_are_cleared() {
    let (mut scene, porch) = (Scene::new(), camera("porch", None));
    let (coco, birds) = (labels(&["cat", "dog"]), labels(&["tit", "cat"]));
    scene.cameras(&[(&porch, Ssd, &coco)]).frame(&coco, &[0, 1, 1], &[]);
    assert_eq!(scene.porch(), counts(&[("all", "3"), ("cat", "1"), ("dog", "2")]));
    scene.cameras(&[(&porch, Ssd, &birds)]).frame(&birds, &[1], &[]);
    assert_eq!(scene.porch(), counts(&[("all", "1"), ("cat", "1")]));
}

#[test]
fn a_classifier_has_no_counts() {
    let (mut scene, birds) = (Scene::new(), labels(&["tit", "jay"]));
    let porch = camera("porch", Some(&["jay"]));
    scene.cameras(&[(&porch, Classify, &birds)]).frame(&birds, &[], &[(1, 0.8)]);
    let topics: Vec<String> = scene.porch().into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["classification"]);
}

#[test]
fn labels_with_one_slug_are_counted_together_and_others_apart() {
    let (mut scene, porch) = (Scene::new(), camera("porch", None));
    let list = labels(&["Big Thing", "big_thing", "собака", "корова", "собака"]);
    scene.cameras(&[(&porch, Ssd, &list)]).frame(&list, &[0, 1, 1, 2, 3, 4], &[]);
    let expected = counts(&[("all", "6"), ("big_thing", "3"), ("class_2", "2"), ("class_3", "1")]);
    assert_eq!(scene.porch(), expected);
    scene.frame(&list, &[1], &[]);
    let expected = counts(&[("all", "1"), ("big_thing", "1"), ("class_2", "0"), ("class_3", "0")]);
    assert_eq!(scene.porch(), expected);
}

#[test]
fn the_farewell_takes_back_what_is_in_view() {
    let (mut scene, porch, coco) = (Scene::new(), camera("porch", None), labels(&["cat", "dog"]));
    scene.cameras(&[(&porch, Ssd, &coco)]).frame(&coco, &[0, 1], &[]).frame(&coco, &[0], &[]).hear();
    let farewell = |scene: &Scene| -> Vec<String> {
        scene.state.farewells().into_iter().map(|(topic, payload)| format!("{topic} {payload}")).collect()
    };
    let offline = ["p/porch/status offline", "p/available offline"];
    assert_eq!(farewell(&scene), [&["p/porch/all 0", "p/porch/cat 0"], &offline[..]].concat());
    // The broker has not heard yet that the cat left.
    scene.frame(&coco, &[], &[]);
    assert_eq!(farewell(&scene).len(), 4);
    scene.hear();
    assert_eq!(farewell(&scene), offline);
}

#[test]
fn the_list_is_on_disk_before_the_broker_hears_and_written_only_when_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("new/topics");
    let (mut scene, porch, coco) = (Scene::new(), camera("porch", None), labels(&["cat", "dog"]));
    scene.state.remember_in(file.clone());
    scene.cameras(&[(&porch, Ssd, &coco)]);
    let list = || std::fs::read_to_string(&file).unwrap_or_default();
    scene.state.tell(|topic, _| {
        assert!(list().lines().any(|line| line == topic), "{topic} is not in {:?}", list());
        true
    });
    scene.frame(&coco, &[0], &[]).hear();
    assert!(list().contains("p/porch/cat\n"));
    std::fs::remove_file(&file).expect("it is there");
    scene.frame(&coco, &[0, 0], &[]).hear();
    assert!(!file.exists(), "only a payload changed");
    scene.frame(&coco, &[1], &[]).hear();
    assert!(list().contains("p/porch/dog\n"));

    // Another daemon beside it keeps off.
    let mut other = Scene::new();
    other.state.remember_in(file.clone());
    other.cameras(&[(&camera("yard", None), Ssd, &coco)]).hear();
    assert!(!list().contains("yard"));
    drop(scene);

    // The next one clears what it does not want.
    let mut next = Scene::new();
    next.state.remember_in(file.clone());
    next.held = list().lines().map(|topic| (topic.to_owned(), "4".to_owned())).collect();
    next.cameras(&[(&porch, Ssd, &coco)]).hear();
    assert_eq!(next.porch(), counts(&[("all", "0")]));
    next.hear();
    assert!(!list().contains("cat"), "{}", list());
}

#[test]
fn an_answer_to_a_frame_from_before_the_camera_went_counts_nothing() {
    let (mut scene, coco) = (Scene::new(), labels(&["person"]));
    let porch = camera("porch", Some(&["person"]));
    scene.cameras(&[(&porch, Ssd, &coco)]).status("porch", CameraStatus::Online).frame(&coco, &[0], &[]);
    assert_eq!(scene.porch(), counts(&[("all", "1"), ("person", "1")]));
    let late = Timestamp::now();
    scene.status("porch", CameraStatus::Offline).frame_of(late, &coco, &[0], &[]);
    assert_eq!(scene.porch(), counts(&[("all", "0"), ("person", "0")]));
    scene.status("porch", CameraStatus::Online).frame(&coco, &[0], &[]);
    assert_eq!(scene.porch(), counts(&[("all", "1"), ("person", "1")]));
}

#[test]
fn motion_ends_with_its_camera_and_goes_on_with_it() {
    let (mut scene, coco) = (Scene::new(), labels(&["person"]));
    let porch =
        Camera { motion: Some(crate::config::Motion::default()), ..camera("porch", Some(&["person"])) };
    let held = |scene: &mut Scene| {
        scene.hear();
        scene.held["p/porch/motion"].clone()
    };
    scene.cameras(&[(&porch, Ssd, &coco)]).status("porch", CameraStatus::Online);
    assert_eq!(held(&mut scene), "OFF");
    scene.state.publish(&Publication::Motion { camera: "porch", moving: true });
    assert_eq!(held(&mut scene), "ON");
    scene.status("porch", CameraStatus::Offline);
    assert_eq!(held(&mut scene), "OFF");
    scene.status("porch", CameraStatus::Online);
    assert_eq!(held(&mut scene), "ON", "its gate tells only what changes");
    scene.cameras(&[(&camera("porch", Some(&["person"])), Ssd, &coco)]).hear();
    assert!(!scene.held.contains_key("p/porch/motion"));
}

#[test]
fn zones_count_apart_and_leave_with_the_config() {
    let (mut scene, coco) = (Scene::new(), labels(&["person", "dog"]));
    let zone = |name: &str, of: Option<&str>| crate::config::Zone {
        name: name.to_owned(),
        polygon: crate::geometry::Polygon::new(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]).expect("a polygon"),
        labels: of.map(|label| vec![label.to_owned()]),
        loiter: std::time::Duration::ZERO,
        inertia: 1,
    };
    let porch =
        Camera { zones: vec![zone("steps", None), zone("yard", Some("dog"))], ..camera("porch", None) };
    scene.cameras(&[(&porch, Ssd, &coco)]);
    let in_view =
        [InView { class: 0, zones: 1 }, InView { class: 1, zones: 3 }, InView { class: 1, zones: 0 }];
    scene.see(&coco, &in_view);
    let expected = counts(&[
        ("all", "3"),
        ("dog", "2"),
        ("person", "1"),
        ("steps/all", "2"),
        ("steps/dog", "1"),
        ("steps/person", "1"),
        ("yard/all", "1"),
        ("yard/dog", "1"),
    ]);
    assert_eq!(scene.porch(), expected);
    scene.cameras(&[(&porch, Ssd, &coco)]).see(&coco, &[]);
    assert!(scene.porch().iter().all(|(_, count)| count == "0"));
    scene.cameras(&[(&camera("porch", None), Ssd, &coco)]);
    assert!(!scene.porch().iter().any(|(topic, _)| topic.contains('/')), "{:?}", scene.porch());
    // A classifier in the place of the detector counts nothing, in zones neither.
    scene.cameras(&[(&porch, Ssd, &coco)]).cameras(&[(&porch, Classify, &labels(&["tit"]))]);
    assert_eq!(scene.porch(), counts(&[]));
}

#[test]
fn a_removal_that_home_assistant_never_heard_is_told_by_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("homeassistant.json");
    let coco = labels(&["person", "dog"]);
    let run = |reported: &[&str], tell: bool| -> Vec<String> {
        let mut scene = Scene::new();
        let node = Node { discovery_prefix: "ha".to_owned(), prefix: "p".to_owned(), ..Node::default() };
        scene.state.set_discovery(Some(node), Some(file.clone()));
        scene.cameras(&[(&camera("porch", Some(reported)), Ssd, &coco)]);
        let mut told = Vec::new();
        scene.state.tell(|topic, payload| {
            if tell && topic.starts_with("ha/") {
                told.push(String::from_utf8(payload).expect("text"));
            }
            tell
        });
        told
    };
    let gone = r#""count.dog":{"platform":"sensor"}"#;
    assert!(!run(&["person", "dog"], true)[0].contains(gone));
    assert_eq!(run(&["person"], false), Vec::<String>::new(), "there is no broker");
    let told = run(&["person"], true);
    assert!(told.len() == 1 && told[0].contains(gone), "{told:?}");
    assert!(!run(&["person"], true)[0].contains("dog"));
}
