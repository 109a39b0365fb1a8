//! Events from a camera's frames to a subscriber, whatever happens on the way.

use crate::broker::{Broker, Message, PATIENCE, Subscriber};
use crate::daemon::{Place, mqtt, quoted};
use crate::support::{data, edgecam, outcome};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Pictures by turns: `n` of a bus and people, `n` of nothing.
fn come_and_go(place: &Place, n: usize) -> Option<String> {
    let bus = data("images/bus.jpg")?;
    let folder = place.path("frames");
    std::fs::create_dir_all(&folder).expect("the folder is ours");
    let nothing = image::RgbImage::from_pixel(810, 1080, image::Rgb([90, 90, 90]));
    nothing.save(folder.join("blank.jpg")).expect("the folder is ours");
    for i in 0..2 * n {
        let from = if i < n { bus.clone() } else { folder.join("blank.jpg") };
        std::fs::copy(from, folder.join(format!("{i:03}.jpg"))).expect("the folder is ours");
    }
    std::fs::remove_file(folder.join("blank.jpg")).expect("the folder is ours");
    Some(quoted(&folder))
}

fn camera(name: &str, frames: &str, fps: u32, repeat: bool, more: &str) -> String {
    format!(
        "[[camera]]\nname = \"{name}\"\nmodel = \"coco\"\nlabels = [\"bus\", \"person\"]\n\
         source = {{ files = {{ path = {frames}, fps = {fps}, loop = {repeat} }} }}\n{more}\n"
    )
}

fn events(messages: &[Message]) -> Vec<Value> {
    let of_events = messages.iter().filter(|m| m.topic == "edgecam/events");
    of_events.map(|m| serde_json::from_str(&m.payload).expect("JSON")).collect()
}

fn text<'a>(event: &'a Value, path: &str) -> &'a str {
    event.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn who_comes_and_goes_is_told_with_a_picture_in_zones_and_counts() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let Some(frames) = come_and_go(&place, 16) else { return };
    let zone = "[camera.zone.left]\npolygon = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]\ninertia = 1";
    place.write(&mqtt(broker.port), &camera("porch", &frames, 5, true, zone));
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    let mut daemon = place.run();
    sub.wait("an end", |m| m.topic == "edgecam/events" && m.payload.contains("\"type\":\"end\""));
    sub.wait_for("edgecam/porch/left/person", "2");
    sub.wait("zero", |m| m.topic == "edgecam/porch/person" && m.payload == "0");
    let picture = sub.wait("a picture", |m| m.topic == "edgecam/porch/bus/snapshot");
    assert!(picture.bytes > 10_000 && picture.payload.starts_with('\u{fffd}'), "{}", picture.bytes);
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);

    let all = events(&sub.messages());
    let bus: Vec<&Value> = all.iter().filter(|e| text(e, "/after/label") == "bus").collect();
    assert_eq!((text(bus[0], "/type"), &bus[0]["before"]), ("new", &Value::Null));
    assert_eq!(bus[0]["after"]["current_zones"], serde_json::json!(["left"]));
    assert_eq!(bus[0]["after"]["has_snapshot"], true);
    let seqs: Vec<u64> = all.iter().filter_map(|e| e["seq"].as_u64()).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
    // Every object that was told of has ended, the last ones because it was stopped.
    let ids = |kind: &str| -> BTreeSet<&str> {
        all.iter().filter(|e| text(e, "/type") == kind).map(|e| text(e, "/after/id")).collect()
    };
    assert_eq!(ids("new"), ids("end"));
    // A picture is there for who comes later, too.
    let late = Subscriber::new(broker.port, "edgecam/porch/bus/snapshot", &[]);
    assert!(late.wait("the picture", |m| m.retained).bytes > 10_000);
}

#[test]
fn commands_are_obeyed_and_garbage_is_answered() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let Some(bus) = data("images/bus.jpg") else { return };
    place.write(&mqtt(broker.port), &camera("porch", &quoted(&bus), 5, true, ""));
    let publish = |topic: &str, payload: &str, more: &[&str]| {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-p", &broker.port.to_string(), "-q", "1", "-t", topic, "-m", payload]).args(more);
        assert!(command.status().expect("it comes with the broker").success());
    };
    // A wish of the past.
    publish("edgecam/porch/detect/set", "OFF", &["-r"]);
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    let mut daemon = place.run();
    sub.wait_for("edgecam/porch/bus", "1");
    sub.wait_for("edgecam/porch/detect/state", "ON");

    sub.forget();
    publish("edgecam/porch/detect/set", "OFF", &[]);
    sub.wait_for("edgecam/porch/detect/state", "OFF");
    sub.wait_for("edgecam/porch/bus", "0");
    sub.wait("the end", |m| m.topic == "edgecam/events" && m.payload.contains("\"end_reason\":\"config\""));
    publish("edgecam/porch/detect/set", "ON", &[]);
    sub.wait_for("edgecam/porch/bus", "1");

    publish("edgecam/porch/threshold/set", "0.9", &[]);
    sub.wait_for("edgecam/porch/threshold/state", "0.9");
    publish("edgecam/porch/snapshot/get", "", &[]);
    assert!(sub.wait("a picture", |m| m.topic == "edgecam/porch/snapshot").bytes > 10_000);
    for (topic, payload, why) in [
        ("edgecam/porch/detect/set", "maybe", "\"maybe\" is neither ON nor OFF"),
        ("edgecam/porch/threshold/set", "7", "\"7\" is no number from 0 to 1"),
    ] {
        publish(topic, payload, &[]);
        let error = sub.wait("an error", |m| m.topic == "edgecam/error" && m.payload.contains(topic));
        let error: Value = serde_json::from_str(&error.payload).expect("JSON");
        assert_eq!(text(&error, "/reason"), why);
    }

    sub.forget();
    publish("edgecam/restart", "", &[]);
    sub.wait_for("edgecam/available", "offline");
    sub.wait_for("edgecam/available", "online");
    sub.wait_for("edgecam/porch/threshold/state", "0.5");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}

/// Ids, kinds and numbers of the events in an outbox that nobody has open.
fn promised(folder: &Path) -> Vec<(u64, Value)> {
    let database = rusqlite::Connection::open(folder.join("outbox.db")).expect("it opens");
    let healthy: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it answers");
    assert_eq!(healthy, "ok");
    let mut all = database
        .prepare("SELECT id, payload FROM entry WHERE topic = 'events' ORDER BY id")
        .expect("a table");
    let rows = all.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Vec<u8>>(1)?)));
    let rows = rows.expect("rows").map(|row| row.expect("a row"));
    rows.map(|(number, payload)| (number, serde_json::from_slice(&payload).expect("JSON"))).collect()
}

/// What a subscriber heard, `before` included, once that is all that is `wanted`.
fn until_heard<K: Ord + std::fmt::Debug>(
    sub: &Subscriber,
    before: &[Value],
    wanted: &BTreeSet<K>,
    key: impl Fn(&Value) -> K,
) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let heard = [before, &events(&sub.messages())].concat();
        let known: BTreeSet<_> = heard.iter().map(&key).collect();
        let missing: Vec<_> = wanted.difference(&known).collect();
        if missing.is_empty() {
            return heard;
        }
        assert!(
            Instant::now() < deadline,
            "{} of {} are missing: {:?}",
            missing.len(),
            wanted.len(),
            missing[0]
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn nothing_promised_is_lost_by_a_broker_that_is_down_and_programs_that_are_killed() {
    let (Some(place), Some(mut broker)) = (Place::new(), Broker::open()) else { return };
    let Some(frames) = come_and_go(&place, 4) else { return };
    let busy = "track = { min_hits = 1, max_lost = \"100ms\", update_interval = \"100ms\" }";
    let cameras = ["porch", "yard"].map(|name| camera(name, &frames, 10, true, busy)).concat();
    let config = format!("{}\nmax_back_off = \"1s\"", mqtt(broker.port));
    place.write(&config, &cameras);
    broker.kill();
    let outbox = place.path("outbox");
    let mut sure = BTreeMap::new();
    for _ in 0..2 {
        let mut daemon = place.run();
        daemon.wait_for_line("ready after");
        std::thread::sleep(Duration::from_secs(6));
        daemon.signal("-KILL");
        daemon.exit();
        sure.extend(promised(&outbox));
    }
    assert!(broker.run());
    let sub = Subscriber::new(broker.port, "edgecam/events", &["-q", "1"]);
    std::thread::sleep(Duration::from_millis(500));
    let mut daemon = place.run();
    let key = |e: &Value| {
        (e["seq"].as_u64().expect("a number"), text(e, "/type").to_owned(), text(e, "/after/id").to_owned())
    };
    let mut heard = until_heard(&sub, &[], &sure.values().map(key).collect(), key);
    // Amid the next ones the broker dies. What it had, it had told its subscriber.
    broker.kill();
    std::thread::sleep(Duration::from_secs(3));
    heard = [heard, events(&sub.messages())].concat();
    assert!(broker.run());
    let sub = Subscriber::new(broker.port, "edgecam/events", &["-q", "1"]);
    std::thread::sleep(Duration::from_secs(3));
    // Stopped in order, nothing is left open; what it can't send any more goes out at its next start.
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
    sure.extend(promised(&outbox));
    place.write(&config, &camera("porch", &quoted(&place.path("frames/007.jpg")), 1, true, ""));
    let _daemon = place.run();
    let wanted: BTreeSet<_> = sure.values().map(key).collect();
    let heard = until_heard(&sub, &heard, &wanted, key);
    assert!(wanted.len() > 100, "only {} events", wanted.len());
    // In order, repeats aside; and every object that was told of has ended, once.
    let mut last = 0;
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for event in &heard {
        let (seq, kind, id) = key(event);
        if told.insert(seq) {
            assert!(seq > last, "{seq} after {last}");
            last = seq;
            kinds.entry(id).or_default().push(kind);
        }
    }
    for (id, kinds) in &kinds {
        assert_eq!(kinds.iter().filter(|kind| *kind == "new").count(), 1, "{id}: {kinds:?}");
        assert_eq!(kinds.last().map(String::as_str), Some("end"), "{id}: {kinds:?}");
    }
    let reasons: BTreeSet<&str> = heard.iter().map(|e| text(e, "/after/end_reason")).collect();
    assert!(reasons.contains("restart") && reasons.contains("lost"), "{reasons:?}");
}

#[test]
fn a_replay_gives_the_same_lines_each_time() {
    let Some(place) = Place::new() else { return };
    let Some(frames) = come_and_go(&place, 8) else { return };
    let more = "motion = { keep_alive = \"2s\" }\n[camera.zone.left]\npolygon = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]";
    place.write("", &camera("porch", &frames, 5, true, more));
    let replay = || {
        let mut command = edgecam();
        let out = command
            .args(["replay", "--fps", "3", "--start", "1795500000", "--config"])
            .arg(&place.config)
            .output();
        outcome(&out.expect("edgecam runs"))
    };
    let (code, one, stderr) = replay();
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(replay().1, one);
    let events: Vec<Value> = one.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(events.iter().any(|e| text(e, "/type") == "end" && text(e, "/after/label") == "bus"), "{one}");
    assert!(text(&events[0], "/after/id").starts_with("17955000"), "{one}");

    place.write(
        "",
        &camera("porch", &frames, 5, true, "[camera.zone.bus]\npolygon = [[0, 0], [1, 0], [1, 1]]"),
    );
    let (code, _, stderr) = replay();
    assert!(code == 78 && stderr.contains("zone bus: the label bus has the topic bus"), "{code} {stderr}");
}

#[test]
fn a_preview_shows_zones_and_hides_what_is_masked() {
    let Some(place) = Place::new() else { return };
    let Some(bus) = data("images/bus.jpg") else { return };
    let more = "mask = [[[0, 0], [0.3, 0], [0.3, 0.3], [0, 0.3]]]\n[camera.zone.road]\npolygon = [[0.1, 0.6], [0.9, 0.6], [0.9, 0.9]]";
    place.write("", &camera("porch", &quoted(&bus), 5, true, more));
    let file = place.path("out.png");
    let out = edgecam()
        .args(["check", "--config"])
        .arg(&place.config)
        .args(["--preview", "porch"])
        .arg(&file)
        .output();
    let (code, _, stderr) = outcome(&out.expect("edgecam runs"));
    assert_eq!(code, 0, "{stderr}");
    let picture = image::open(&file).expect("a picture").into_rgb8();
    assert_eq!((picture.width(), picture.height()), (810, 1080));
    assert_eq!(picture.get_pixel(100, 100).0, [0; 3]);
    let out = edgecam()
        .args(["check", "--config"])
        .arg(&place.config)
        .args(["--preview", "yard"])
        .arg(&file)
        .output();
    let (code, _, stderr) = outcome(&out.expect("edgecam runs"));
    assert!(code == 1 && stderr.contains("there is no camera yard; there is porch"), "{stderr}");
}

#[test]
fn the_embedded_broker_serves_a_subscriber() {
    let Some(place) = Place::new() else { return };
    let Some(frames) = come_and_go(&place, 16) else { return };
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let mut config = String::new();
    let _ = write!(config, "[mqtt]\nembedded = true\nlisten = \"127.0.0.1:{port}\"\n");
    place.write(&config, &camera("porch", &frames, 5, true, ""));
    let mut daemon = place.run();
    daemon.wait_for_line("connected");
    if Command::new("mosquitto_sub").arg("--help").output().is_err() {
        eprintln!("skipped: mosquitto_sub is not installed (make setup)");
        return;
    }
    let sub = Subscriber::new(port, "edgecam/#", &[]);
    // Of before; this broker does not say that it was retained.
    sub.wait_for("edgecam/available", "online");
    sub.wait("a picture", |m| m.topic == "edgecam/porch/bus/snapshot" && m.bytes > 10_000);
    sub.wait("an event", |m| m.topic == "edgecam/events" && m.payload.contains("\"type\":\"end\""));
    // A second one finds the port taken.
    let other = Place::new().expect("as the first");
    other.write(&config, &camera("porch", &frames, 5, true, ""));
    let mut second = other.run();
    second.wait_for_line("in use by another program, maybe another broker; set mqtt.listen");
    assert_eq!(second.exit(), 1);
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}

#[test]
fn home_assistant_is_told_of_a_camera_and_of_what_left_it() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let Some(bus) = data("images/bus.jpg") else { return };
    let config = format!("{}\n[homeassistant]\nenabled = true", mqtt(broker.port));
    let two = camera("porch", &quoted(&bus), 5, true, "");
    place.write(&config, &two);
    let sub = Subscriber::new(broker.port, "homeassistant/#", &[]);
    let mut daemon = place.run();
    let announced = |m: &Message| m.topic.ends_with("_porch/config") && m.payload.contains("count.bus");
    let topic = sub.wait("the device", announced).topic;
    sub.forget();
    let port = broker.port.to_string();
    let hello = ["-p", &port, "-t", "homeassistant/status", "-m", "online"];
    assert!(Command::new("mosquitto_pub").args(hello).status().expect("it comes with the broker").success());
    sub.wait("it again", announced);
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);

    // A label leaves the config while it is down.
    sub.forget();
    place.write(&config, &two.replace("\"bus\", ", ""));
    let mut daemon = place.run();
    let gone = sub.wait("the removal", |m| {
        m.topic == topic && m.payload.contains(r#""count.bus":{"platform":"sensor"}"#)
    });
    assert!(gone.payload.contains("count.person"));
    sub.wait("the new device", |m| m.topic == topic && !m.payload.contains("count.bus"));
    // And the camera.
    place.write(&config, &two.replace("porch", "yard"));
    assert_eq!(place.reload().0, 0);
    sub.wait("an empty payload", |m| m.topic == topic && m.payload.is_empty());
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}
