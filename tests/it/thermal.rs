//! The real program on a board that gets too hot, and cools down again.

use crate::broker::{Broker, Message, Subscriber};
use crate::daemon::{Daemon, Place, mqtt, quoted};
use crate::support::data;
use serde_json::{Value, json};
use std::path::Path;

/// A camera that can't wait, five frames a second of a bus that is never taken for parked.
fn bus() -> String {
    let picture = data("images/bus.jpg").expect("the images lie beside the models");
    format!(
        "[[camera]]\nname = \"porch\"\nmodel = \"coco\"\nlabels = [\"bus\"]\n\
         source = {{ command = {{ argv = [\"sh\", \"-c\", \"while cat $0 && sleep 0.2; do :; done\", {}], \
         format = \"mjpeg\" }} }}\ntrack = {{ stationary_after = \"1h\" }}\n",
        quoted(&picture)
    )
}

/// A board whose files are below its folder.
struct Board<'a>(&'a Path);

impl Board<'_> {
    fn is_at(&self, celsius: f64) {
        let zone = self.0.join("sys/class/thermal/thermal_zone0");
        std::fs::create_dir_all(&zone).expect("the folder is ours");
        let new = zone.join("new");
        std::fs::write(&new, format!("{}\n", (celsius * 1000.0).round())).expect("the folder is ours");
        // A reading of half a file would be another temperature.
        std::fs::rename(new, zone.join("temp")).expect("the folder is ours");
    }
}

fn json(message: &Message) -> Value {
    serde_json::from_str(&message.payload).unwrap_or_default()
}

fn lines(daemon: &Daemon, part: &str) -> Vec<String> {
    let lines = daemon.lines.lock().expect("no panic");
    lines.iter().filter(|line| line.contains(part)).cloned().collect()
}

#[test]
fn a_hot_board_is_slowed_and_restored_and_who_is_in_view_stays_in_view() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let root = place.path("board");
    let board = Board(&root);
    board.is_at(50.0);
    place.write(&mqtt(broker.port), &bus());
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    let mut daemon = place.run_with(&[
        ("STATE_DIRECTORY", place.folder.path()),
        ("EDGECAM_TEST_MACHINE", &root),
        ("EDGECAM_TEST_THERMAL_MS", Path::new("500")),
    ]);
    let told =
        |share: f64| sub.wait("the share", |m| m.topic == "edgecam/thermal" && json(m)["share"] == share);
    assert_eq!(json(&told(1.0)), json!({ "share": 1.0, "temperature_c": 50.0, "limit_c": 75.0 }));
    sub.wait("the bus", |m| m.topic == "edgecam/events" && json(m)["type"] == "new");

    board.is_at(76.2);
    daemon.wait_for_line("the processor is at 76.2 °C: models look at 1/8 of their frames");
    for share in [0.75, 0.5, 0.25, 0.125] {
        told(share);
    }
    let late = Subscriber::new(broker.port, "edgecam/thermal", &[]);
    assert!(late.wait("the share", |m| json(m)["share"] == 0.125).retained);
    sub.forget();
    let slowed = |m: &Message| {
        let stats = json(m);
        let camera = &stats["cameras"]["porch"];
        m.topic == "edgecam/stats"
            && stats["thermal"] == json!({ "share": 0.125, "limit_c": 75.0 })
            && camera["slowed"].as_u64() > Some(20)
            && camera["fps_processed"].as_f64() < Some(1.6)
            && camera["fps_captured"].as_f64() > camera["fps_processed"].as_f64()
    };
    sub.wait("slow stats", slowed);
    sub.wait("a look", |m| m.topic == "edgecam/porch/detections");
    assert!(
        !sub.saw(|m| m.topic == "edgecam/porch/bus" && m.payload != "1"),
        "the bus was in view all the time"
    );

    board.is_at(60.0);
    daemon.wait_for_line("the processor is at 60.0 °C: models look at all of their frames again");
    for share in [0.25, 0.5, 0.75, 1.0] {
        told(share);
    }
    assert!(
        !sub.saw(|m| m.topic == "edgecam/events" && json(m)["type"] == "end"),
        "the bus was there all the time"
    );
    assert_eq!(lines(&daemon, "models look at").len(), 8, "a line a change: {:#?}", daemon.lines);
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}

#[test]
fn a_reload_sets_another_limit_or_none() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let root = place.path("board");
    let board = Board(&root);
    board.is_at(65.0);
    let config = |thermal: &str| place.write(&format!("{}\n{thermal}", mqtt(broker.port)), &bus());
    config("");
    let sub = Subscriber::new(broker.port, "edgecam/thermal", &[]);
    let mut daemon = place.run_with(&[
        ("STATE_DIRECTORY", place.folder.path()),
        ("EDGECAM_TEST_MACHINE", &root),
        ("EDGECAM_TEST_THERMAL_MS", Path::new("100")),
    ]);
    sub.wait("the usual limit", |m| json(m)["limit_c"] == 75.0);
    daemon.wait_for_line("ready after");

    config("[thermal]\nlimit = 60");
    let (code, text) = place.reload();
    assert!(code == 0 && text.contains("thermal: changed"), "{code} {text}");
    sub.wait("less", |m| json(m)["share"] == 0.125 && json(m)["limit_c"] == 60.0);

    config("[thermal]\nenabled = false");
    assert_eq!(place.reload().0, 0);
    daemon.wait_for_line("thermal care is switched off: models look at all of their frames again");
    sub.wait("nothing", |m| m.payload.is_empty());
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}
