//! What subscribers and the log hear when things change or go wrong.

use crate::broker::{Broker, Subscriber};
use crate::daemon::{Place, mqtt, picture, quoted};
use crate::support::{data, edgecam, outcome};
use std::fmt::Write as _;

#[test]
fn after_a_clean_stop_nothing_is_in_view() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", ""));
    let mut daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/porch/+", &[]);
    sub.wait("people", |m| m.topic == "edgecam/porch/person" && m.payload != "0");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
    let late = Subscriber::new(broker.port, "edgecam/porch/+", &[]);
    for topic in ["person", "bus", "all"] {
        late.wait_for(&format!("edgecam/porch/{topic}"), "0");
    }
    late.wait_for("edgecam/porch/status", "offline");
}

#[test]
fn counts_of_a_killed_run_are_cleared_outside_a_service_too() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let state = place.path("state");
    let run = || place.run_with(&[("XDG_STATE_HOME", &state)]);
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", ""));
    let mut daemon = run();
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    sub.wait_for("edgecam/porch/bus", "1");
    daemon.signal("-KILL");
    daemon.exit();
    assert!(state.join("edgecam/topics").is_file());
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", "threshold = 1.0"));
    sub.forget();
    let _daemon = run();
    sub.wait_for("edgecam/porch/bus", "");
    sub.wait_for("edgecam/porch/all", "0");
}

#[test]
fn a_classifier_reports_the_wanted_labels_and_leaves_nothing_to_a_detector() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let (Some(model), Some(labels)) =
        (data("classify/mobilenet_v2_1.0_224_quant.tflite"), data("labels/imagenet_labels.txt"))
    else {
        return;
    };
    let camera = |more: &str| picture("porch", "cat.bmp", &format!("threshold = 0.01\n{more}"));
    let classifier = |more: &str| {
        let mut text = mqtt(broker.port);
        let _ = write!(text, "\n[model.coco]\npath = {}\nlabels = {}\n", quoted(&model), quoted(&labels));
        std::fs::write(&place.config, text + &camera(more)).expect("the folder is ours");
    };
    classifier("");
    let _daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/porch/#", &[]);
    let label = |wanted: &dyn Fn(&str) -> bool| {
        let said = sub.wait("a classification", |m| {
            let seen: serde_json::Value = serde_json::from_str(&m.payload).unwrap_or_default();
            m.topic.ends_with("/classification") && seen["label"].as_str().is_some_and(wanted)
        });
        let seen: serde_json::Value = serde_json::from_str(&said.payload).expect("JSON");
        let top = seen["top"].as_array().expect("a list").clone();
        top.iter().map(|c| c["label"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let top = label(&|_| true);
    assert!(top.len() > 2, "{top:?}");
    classifier(&format!("labels = [{:?}]", top[1]));
    assert_eq!(place.reload().0, 0);
    assert_eq!(label(&|label| label == top[1]), [top[1].clone()]);
    assert!(!sub.saw(|m| m.topic == "edgecam/porch/all"), "a classifier counts nothing");

    sub.forget();
    place.write(&mqtt(broker.port), &camera(""));
    assert_eq!(place.reload().0, 0);
    sub.wait_for("edgecam/porch/classification", "");
    sub.wait("a count", |m| m.topic == "edgecam/porch/all");
}

#[test]
fn labels_that_do_not_go_with_the_model_are_told_together_with_their_places() {
    let Some(place) = Place::new() else { return };
    let coco =
        std::fs::read_to_string(data("labels/coco_labels.txt").expect("beside the model")).expect("text");
    let labels = place.path("labels.txt");
    let renamed = coco.replace("person", "Big Thing").replace("bicycle", "big_thing").replace("dog", "stats");
    std::fs::write(&labels, renamed).expect("the folder is ours");
    place.write(
        "",
        &(picture("porch", "bus.jpg", "labels = [\"Big Thing\", \"unicorn\",\n  \"big_thing\", \"stats\"]")
            + &picture("yard", "bus.jpg", "labels = [\"dragon\"]")),
    );
    let text = std::fs::read_to_string(&place.config).expect("written");
    let text = text.replace(&quoted(&data("labels/coco_labels.txt").expect("checked")), &quoted(&labels));
    std::fs::write(&place.config, &text).expect("the folder is ours");
    let line_of = |part: &str| text.lines().position(|line| line.contains(part)).expect("written") + 1;
    let (first, second) = (line_of("unicorn"), line_of("dragon"));
    let expected = [
        format!("{first}:24: camera porch: labels: the model coco has no label unicorn"),
        format!(
            "{}:3: camera porch: labels: big_thing and Big Thing would share the topic porch/big_thing; leave one out",
            first + 1
        ),
        format!("{}:16: camera porch: labels: stats is a topic of its own; leave it out", first + 1),
        format!("{second}:11: camera yard: labels: the model coco has no label dragon"),
    ];
    for command in ["check", "run"] {
        let output =
            edgecam().arg(command).arg("--config").arg(&place.config).output().expect("edgecam runs");
        let (code, _, stderr) = outcome(&output);
        let place = format!("{}:", place.config.display());
        let found: Vec<&str> =
            stderr.lines().filter_map(|line| Some(line.split_once(place.as_str())?.1)).collect();
        assert_eq!((code, found), (78, expected.iter().map(String::as_str).collect()), "{stderr}");
    }
}
