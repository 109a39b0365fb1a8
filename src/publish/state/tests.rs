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
            .map(|&(camera, kind, labels)| Watch { camera, kind, threshold: camera.threshold, labels })
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
            camera: "porch",
            model: "m",
            seq: 1,
            captured,
            size: Size::new(64, 48),
            threshold: 0.5,
            latencies: Latencies::default(),
            detections: &detections,
            in_view: &in_view,
            classes: &classes,
            labels,
            sub_labels: &[],
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
