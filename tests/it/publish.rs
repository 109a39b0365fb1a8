//! What subscribers and the log hear when things change or go wrong.

use crate::broker::{Broker, Subscriber};
use crate::daemon::{Daemon, Place, mqtt, picture, quoted};
use crate::support::{data, edgecam, outcome};
use edgecam::config::{Mqtt, Tls};
use edgecam::publish::mqtt::try_connect;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

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

/// Certificates for a broker, from an authority of our own.
struct Authority {
    folder: PathBuf,
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().expect("a key");
        let issuer = rcgen::CertifiedIssuer::self_signed(params, key).expect("an authority");
        std::fs::write(folder.join(name), issuer.pem()).expect("the folder is ours");
        Self { folder: folder.to_owned(), issuer }
    }

    /// A certificate for `host` and its key, as files.
    fn issue(&self, host: &str, valid_until: i32) -> (PathBuf, PathBuf) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(valid_until, 1, 1);
        let pem = params.signed_by(&key, &self.issuer).expect("signed").pem();
        let files = (format!("{host}-{valid_until}.pem"), format!("{host}-{valid_until}.key"));
        let files = (self.folder.join(files.0), self.folder.join(files.1));
        std::fs::write(&files.0, pem).expect("the folder is ours");
        std::fs::write(&files.1, key.serialize_pem()).expect("the folder is ours");
        // Mosquitto gives up root before it reads them.
        let _ = Command::new("chmod").arg("-R").arg("a+rX").arg(&self.folder).status();
        files
    }
}

#[test]
fn a_connection_that_fails_says_what_to_look_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, other) =
        (Authority::new(folder.path(), "ours.pem"), Authority::new(folder.path(), "other.pem"));
    let ca = |name: &str| Some(folder.path().join(name));
    let (cert, key) = other.issue("edgecam", 2100);
    let mixed_up = Tls {
        ca_file: ca("ours.pem"),
        cert_file: Some(cert.clone()),
        key_file: Some(other.issue("else", 2100).1),
    };
    let keyless = Tls { key_file: Some(cert.clone()), ..mixed_up.clone() };
    let stranger = Tls { ca_file: ca("ours.pem"), cert_file: Some(cert), key_file: Some(key) };
    let trusting = |name: &str| Some(Tls { ca_file: ca(name), ..Tls::default() });
    let why = |port: u16, tls: Option<Tls>| {
        let config = Mqtt {
            host: "localhost".to_owned(),
            port,
            tls,
            prefix: "edgecam".to_owned(),
            client_id: "one".to_owned(),
            username: None,
            password_file: None,
            keep_alive: Duration::from_secs(30),
            max_back_off: Duration::from_secs(30),
            embedded: None,
        };
        try_connect(&config, Duration::from_secs(10)).err().unwrap_or_default()
    };
    let broker = |(cert, key): (PathBuf, PathBuf), more: &str| {
        let ca = folder.path().join("ours.pem");
        let files =
            format!("cafile {}\ncertfile {}\nkeyfile {}", ca.display(), cert.display(), key.display());
        Broker::start(&format!("allow_anonymous true\n{files}\n{more}"))
    };
    let Some(tls) = broker(ours.issue("localhost", 2100), "") else { return };
    assert_eq!(why(tls.port, trusting("ours.pem")), "");
    let text = why(tls.port, trusting("other.pem"));
    assert!(text.contains("not signed by an authority we trust; name its CA in mqtt.ca_file"), "{text}");
    let text = why(tls.port, None);
    assert!(text.contains("write mqtts:// in mqtt.url") && !text.contains("lost"), "{text}");

    let strict = broker(ours.issue("localhost", 2099), "require_certificate true").expect("it ran before");
    let text = why(strict.port, trusting("ours.pem"));
    assert!(text.contains("mqtt.cert_file and mqtt.key_file"), "{text}");
    let text = why(strict.port, Some(stranger));
    assert!(text.contains("client certificate") && text.contains("mqtt.cert_file"), "{text}");

    let elsewhere = broker(ours.issue("elsewhere", 2100), "").expect("it ran before");
    let text = why(elsewhere.port, trusting("ours.pem"));
    assert!(text.contains("another name than the host in mqtt.url"), "{text}");
    let expired = broker(ours.issue("localhost", 2020), "").expect("it ran before");
    let text = why(expired.port, trusting("ours.pem"));
    assert!(text.contains("has expired, or this machine's clock is wrong"), "{text}");

    for (tls, part) in [(mixed_up, "the key is not the certificate's"), (keyless, "no private key in it")] {
        let text = why(elsewhere.port, Some(tls));
        assert!(text.contains(part), "{text}");
    }

    let plain = Broker::open().expect("it ran before");
    let text = why(plain.port, trusting("ours.pem"));
    assert!(text.contains("speak TLS there") && !text.contains("lost"), "{text}");
}

#[test]
fn a_broker_that_goes_or_falls_silent_is_told_as_such() {
    let (Some(place), Some(mut broker)) = (Place::new(), Broker::open()) else { return };
    let url = format!("{}\nkeep_alive = \"5s\"", mqtt(broker.port));
    place.write(&url, &picture("porch", "bus.jpg", ""));
    let daemon = place.run();
    daemon.wait_for_line(": connected");
    broker.signal("-STOP");
    daemon.wait_for_line("connection lost: it stopped answering");
    drop(daemon);
    broker.signal("-CONT");
    broker.kill();
    assert!(broker.run());
    let again = place.run();
    again.wait_for_line(": connected");
    broker.kill();
    again.wait_for_line("connection lost: it closed the connection");
    again.wait_for_line("nothing listens there");
}

#[test]
fn two_clients_with_one_id_are_one_clear_error() {
    let (Some(place), Some(rival), Some(broker)) = (Place::new(), Place::new(), Broker::open()) else {
        return;
    };
    let url = format!("{}\nclient_id = \"both\"", mqtt(broker.port));
    place.write(&url, &picture("porch", "bus.jpg", ""));
    rival.write(&url.replace("client_id", "prefix = \"rival\"\nclient_id"), &picture("yard", "bus.jpg", ""));
    let (one, other) = (place.run(), rival.run());
    let said = |daemon: &Daemon, part: &str| {
        daemon.lines.lock().expect("no panic").iter().filter(|line| line.contains(part)).count()
    };
    let takeover = "does another client use the id both? give each its own mqtt.client_id";
    one.wait_for_line(takeover);
    other.wait_for_line(takeover);
    // Two more turns of the quarrel, which the broker's subscriber sees.
    let sub = Subscriber::new(broker.port, "edgecam/available", &[]);
    for _ in 0..2 {
        sub.wait("a turn", |m| !m.retained && m.payload == "offline");
        sub.forget();
    }
    for daemon in [&one, &other] {
        assert_eq!(said(daemon, takeover), 1, "{:#?}", daemon.lines.lock());
        assert!(said(daemon, ": connected") <= 3, "{:#?}", daemon.lines.lock());
    }
}
