//! The real program from its config to a subscriber that is not ours, and everything that goes wrong.

use crate::broker::{Broker, Message, PATIENCE, Subscriber};
use crate::support::{data, edgecam};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const MODEL: &str = "detect/ssd_mobilenet_v1_coco_quant_detect.tflite";

/// A folder with a config.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub config: PathBuf,
}

impl Place {
    /// `None` where the data is absent.
    pub fn new() -> Option<Self> {
        data(MODEL)?;
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("edgecam.toml");
        Some(Self { folder, config })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a config: a broker at `port`, the SSD model, and `cameras`.
    pub fn write(&self, mqtt: &str, cameras: &str) {
        let (model, labels) =
            (data(MODEL).expect("checked"), data("labels/coco_labels.txt").expect("beside it"));
        let mut text = String::new();
        let _ = write!(
            text,
            "{mqtt}\n[stats]\ninterval = \"1s\"\n[model.coco]\npath = {}\nlabels = {}\n{cameras}",
            quoted(&model),
            quoted(&labels)
        );
        std::fs::write(&self.config, text).expect("the folder is ours");
    }

    /// Starts `edgecam run`.
    pub fn run(&self) -> Daemon {
        self.run_with(&[("STATE_DIRECTORY", self.folder.path())])
    }

    /// The same with these variables.
    pub fn run_with(&self, variables: &[(&str, &Path)]) -> Daemon {
        let mut child = edgecam()
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .env("RUNTIME_DIRECTORY", self.path("run"))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("edgecam starts");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stderr.take().expect("piped")), Box::new(child.stdout.take().expect("piped"))];
        for stream in streams {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    lines.lock().expect("no panic").push(line);
                }
            });
        }
        Daemon { child, lines }
    }

    pub fn reload(&self) -> (i32, String) {
        let out = edgecam()
            .arg("reload")
            .env("RUNTIME_DIRECTORY", self.path("run"))
            .output()
            .expect("edgecam runs");
        (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stdout).into_owned())
    }
}

/// A running daemon, killed when dropped.
pub struct Daemon {
    child: Child,
    pub lines: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    pub fn wait_for_line(&self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines.lock().expect("no panic").clone();
            if let Some(line) = lines.iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "no line with {part:?} in {lines:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// The exit code; panics when it takes too long.
    pub fn exit(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it does not end: {:#?}", self.lines.lock());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon said {:#?}", self.lines.lock());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path as TOML has it.
pub fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

pub fn mqtt(port: u16) -> String {
    format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"")
}

/// A camera that shows one picture again and again.
pub fn picture(name: &str, file: &str, more: &str) -> String {
    let path = data(&format!("images/{file}")).expect("the images lie beside the models");
    format!(
        "[[camera]]\nname = \"{name}\"\nsource = {{ files = {{ path = {}, fps = 5, loop = true }} }}\nmodel = \"coco\"\n{more}\n",
        quoted(&path)
    )
}

#[test]
fn a_subscriber_sees_state_counts_and_detections_and_a_clean_goodbye() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", "labels = [\"person\", \"bus\", \"dog\"]"));
    let mut daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    sub.wait_for("edgecam/available", "online");
    sub.wait_for("edgecam/porch/status", "online");
    sub.wait_for("edgecam/porch/dog", "0");
    sub.wait_for("edgecam/porch/bus", "1");
    sub.wait_for("edgecam/porch/detect/state", "ON");
    sub.wait_for("edgecam/porch/threshold/state", "0.5");
    let people = sub.wait("people", |m| {
        m.topic == "edgecam/porch/person" && m.payload.parse::<u32>().is_ok_and(|n| n >= 3)
    });
    let late = Subscriber::new(broker.port, "edgecam/#", &[]);
    for topic in [
        "edgecam/available",
        "edgecam/porch/person",
        "edgecam/porch/dog",
        "edgecam/porch/all",
        "edgecam/info",
    ] {
        assert!(late.wait(topic, |m| m.topic == topic).retained, "{topic} is retained");
    }
    let seen = sub.wait("detections", |m| m.topic == "edgecam/porch/detections");
    assert!(!seen.retained);
    let seen: Value = serde_json::from_str(&seen.payload).expect("JSON");
    assert_eq!((&seen["camera"], &seen["model"]), (&"porch".into(), &"coco".into()));
    assert_eq!(seen["size"], serde_json::json!([810, 1080]));
    assert!(seen["latency_ms"]["infer"].as_f64() > Some(0.0) && seen["frame_time"].as_f64() > Some(1.7e9));
    let persons =
        seen["detections"].as_array().expect("a list").iter().filter(|d| d["label"] == "person").count();
    assert_eq!(people.payload, persons.to_string());
    for d in seen["detections"].as_array().expect("a list") {
        let edges: Vec<f64> =
            d["box_norm"].as_array().expect("four").iter().filter_map(Value::as_f64).collect();
        assert!(edges.len() == 4 && edges[0] < edges[2] && edges[1] < edges[3], "{d}");
        assert!(
            d["box"][2].as_u64() <= Some(810) && (0.5..=1.0).contains(&d["score"].as_f64().expect("a score"))
        );
    }
    let stats: Value =
        serde_json::from_str(&sub.wait("stats", |m| m.topic == "edgecam/stats").payload).expect("JSON");
    assert!(stats["cameras"]["porch"]["fps_processed"].is_number(), "{stats}");
    sub.forget();
    let start = Instant::now();
    daemon.signal("-TERM");
    sub.wait_for("edgecam/available", "offline");
    sub.wait_for("edgecam/porch/status", "offline");
    assert_eq!(daemon.exit(), 0);
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?} to stop", start.elapsed());
}

#[test]
fn a_killed_daemon_is_declared_offline_by_its_will() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", ""));
    let daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/available", &[]);
    sub.wait_for("edgecam/available", "online");
    daemon.signal("-KILL");
    sub.wait_for("edgecam/available", "offline");
}

#[test]
fn a_broker_that_comes_back_is_told_everything_again() {
    let (Some(place), Some(mut broker)) = (Place::new(), Broker::open()) else { return };
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", "labels = [\"dog\", \"bus\"]"));
    let daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    sub.wait_for("edgecam/porch/bus", "1");
    drop(sub);
    broker.kill();
    daemon.wait_for_line("trying again");
    assert!(broker.run());
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    for (topic, payload) in
        [("available", "online"), ("porch/dog", "0"), ("porch/bus", "1"), ("porch/status", "online")]
    {
        sub.wait_for(&format!("edgecam/{topic}"), payload);
    }
    sub.wait("detections", |m| m.topic == "edgecam/porch/detections");
}

#[test]
fn a_refused_password_is_a_sentence_without_the_password() {
    let Some(place) = Place::new() else { return };
    let passwords = place.path("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&passwords)
        .args(["edgecam", "right-secret"])
        .status();
    if made.is_err() {
        eprintln!("skipped: mosquitto_passwd is not installed (make setup)");
        return;
    }
    // Mosquitto gives up root, and then needs to read the file.
    let _ = Command::new("chmod").arg("-R").arg("a+rX").arg(place.folder.path()).status();
    let lines = format!("allow_anonymous false\npassword_file {}", passwords.display());
    let Some(broker) = Broker::start(&lines) else { return };
    let secret = place.path("secret");
    std::fs::write(&secret, "wrong-secret\n").expect("the folder is ours");
    let credentials =
        format!("{}\nusername = \"edgecam\"\npassword_file = {}", mqtt(broker.port), quoted(&secret));
    place.write(&credentials, &picture("porch", "bus.jpg", ""));
    let mut daemon = place.run();
    daemon.wait_for_line("it refuses our user name or password");
    assert!(!daemon.lines.lock().expect("no panic").iter().any(|line| line.contains("connected")));
    std::fs::write(&secret, "right-secret\n").expect("the folder is ours");
    daemon.wait_for_line("connected");
    daemon.signal("-INT");
    assert_eq!(daemon.exit(), 0);
    let lines = daemon.lines.lock().expect("no panic").join("\n");
    assert!(!lines.contains("-secret"), "{lines}");
}

#[test]
fn a_reload_applies_what_is_good_and_refuses_what_is_not() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let porch = picture("porch", "bus.jpg", "labels = [\"bus\", \"dog\"]");
    place.write(&mqtt(broker.port), &porch);
    let mut daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    sub.wait_for("edgecam/porch/bus", "1");
    assert_eq!(place.reload(), (0, "reloaded: nothing changed\n".to_owned()));

    place.write(&mqtt(broker.port), &porch.replace("model = \"coco\"", "model = \"cocoa\""));
    let (code, text) = place.reload();
    assert!(code == 78 && text.contains("there is no model cocoa"), "{code} {text}");

    let street = picture("street", "bus.jpg", "threshold = 0.99");
    place.write(&mqtt(broker.port), &format!("{}{street}", porch.replace(", \"dog\"", ", \"person\"")));
    sub.forget();
    let (code, text) = place.reload();
    assert!(
        code == 0 && text.contains("camera street: opened") && text.contains("camera porch: changed"),
        "{code} {text}"
    );
    sub.wait_for("edgecam/porch/dog", "");
    sub.wait("people", |m| m.topic == "edgecam/porch/person" && m.payload != "0");
    sub.wait_for("edgecam/street/status", "online");
    sub.wait_for("edgecam/street/all", "0");

    place.write(&mqtt(broker.port), &street);
    sub.forget();
    daemon.signal("-HUP");
    daemon.wait_for_line("camera porch: removed");
    sub.wait_for("edgecam/porch/status", "");
    sub.wait_for("edgecam/porch/bus", "");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}

#[test]
fn what_left_the_config_while_it_was_down_is_cleared() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", ""));
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    let mut daemon = place.run();
    sub.wait_for("edgecam/porch/bus", "1");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
    place.write(&mqtt(broker.port), &picture("yard", "bus.jpg", ""));
    let _daemon = place.run();
    sub.wait_for("edgecam/porch/bus", "");
    sub.wait_for("edgecam/porch/status", "");
    sub.wait_for("edgecam/yard/status", "online");
}

#[test]
fn files_shown_once_end_the_daemon_and_none_is_lost() {
    let Some(place) = Place::new() else { return };
    let folder = place.path("pictures");
    std::fs::create_dir(&folder).expect("the folder is ours");
    let bus = std::fs::read(data("images/bus.jpg").expect("beside the models")).expect("readable");
    for n in 0..5 {
        let bytes = if n == 2 { &bus[..bus.len() / 2] } else { &bus[..] };
        std::fs::write(folder.join(format!("{n}.jpg")), bytes).expect("the folder is ours");
    }
    let camera = format!(
        "[[camera]]\nname = \"once\"\nsource = {{ files = {{ path = {} }} }}\nmodel = \"coco\"\n",
        quoted(&folder)
    );
    place.write("", &camera);
    let mut daemon = place.run();
    assert_eq!(daemon.exit(), 0);
    std::thread::sleep(Duration::from_millis(100));
    let lines = daemon.lines.lock().expect("no panic");
    assert_eq!(
        lines.iter().filter(|line| line.contains(" bus ") && line.contains(" once #")).count(),
        4,
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.contains("bad frame dropped")), "{lines:#?}");
}

#[test]
fn cars_are_found_in_a_film() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let Some(film) = data("video/car-detection.mp4") else { return };
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        eprintln!("skipped: ffmpeg is not installed (make setup)");
        return;
    }
    // From above most cars look like something else to this model; one that drives in at 27 s does not.
    let command = format!(
        "[\"ffmpeg\", \"-loglevel\", \"error\", \"-re\", \"-ss\", \"26\", \"-i\", {}, \"-f\", \"mjpeg\", \"-q:v\", \"4\", \"-\"]",
        quoted(&film)
    );
    let camera = format!(
        "[[camera]]\nname = \"street\"\nsource = {{ command = {{ argv = {command}, format = \"mjpeg\" }} }}\nmodel = \"coco\"\nlabels = [\"car\"]\nthreshold = 0.3\ntrack = {{ min_hits = 1 }}\n"
    );
    place.write(&mqtt(broker.port), &camera);
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    let _daemon = place.run();
    sub.wait("a car", |m| m.topic == "edgecam/street/car" && m.payload.parse::<u32>().is_ok_and(|n| n > 0));
    let localised = |m: &Message| {
        let seen: Value = serde_json::from_str(&m.payload).unwrap_or_default();
        let cars = seen["detections"].as_array().cloned().unwrap_or_default();
        cars.iter().any(|d| {
            let edge = |i: usize| d["box_norm"][i].as_f64().unwrap_or_default();
            d["label"] == "car" && (edge(2) - edge(0)) * (edge(3) - edge(1)) < 0.2
        })
    };
    sub.wait("its box", |m| m.topic == "edgecam/street/detections" && localised(m));
}

#[test]
fn a_camera_that_is_not_there_is_waited_for() {
    let Some(place) = Place::new() else { return };
    let camera = "[[camera]]\nname = \"gone\"\nsource = { v4l2 = { device = \"/dev/no-such-camera\" } }\nmodel = \"coco\"\n";
    place.write("", camera);
    let mut daemon = place.run();
    let line = daemon.wait_for_line("offline:");
    assert!(line.contains("/dev/no-such-camera"), "{line}");
    daemon.wait_for_line("ready after");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}

#[test]
fn a_hung_broker_holds_up_nothing_and_a_second_signal_even_less() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    place.write(&mqtt(broker.port), &picture("porch", "bus.jpg", ""));
    for second in [false, true] {
        let mut daemon = place.run();
        daemon.wait_for_line("connected");
        broker.signal("-STOP");
        let start = Instant::now();
        daemon.signal("-TERM");
        if second {
            daemon.wait_for_line("stopping");
            daemon.signal("-TERM");
        }
        assert_eq!(daemon.exit(), 0);
        assert!(start.elapsed() < Duration::from_secs(5), "it took {:?} to stop", start.elapsed());
        broker.signal("-CONT");
    }
}

#[test]
fn tls_with_an_authority_and_a_certificate_of_our_own() {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    let Some(place) = Place::new() else { return };
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::<String>::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    let authority = CertifiedIssuer::self_signed(authority, key()).expect("an authority");
    let issue = |name: &str| {
        let (key, params) = (key(), CertificateParams::new(vec![name.to_owned()]).expect("a name"));
        (params.signed_by(&key, &authority).expect("signed").pem(), key.serialize_pem())
    };
    let write = |name: &str, text: &str| {
        let path = place.path(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    let (server, client) = (issue("localhost"), issue("edgecam"));
    let ca = write("ca.pem", &authority.pem());
    let (cert, key) = (write("server.pem", &server.0), write("server.key", &server.1));
    let (our_cert, our_key) = (write("client.pem", &client.0), write("client.key", &client.1));
    // Mosquitto gives up root before it reads them.
    let _ = Command::new("chmod").arg("-R").arg("a+rX").arg(place.folder.path()).status();
    let lines = format!(
        "allow_anonymous true\ncafile {ca}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate true"
    );
    let Some(broker) = Broker::start(&lines) else { return };
    let url = format!("[mqtt]\nurl = \"mqtts://localhost:{}\"\nca_file = \"{ca}\"", broker.port);
    let camera = picture("porch", "bus.jpg", "");

    place.write(&url, &camera);
    let stranger = place.run();
    stranger.wait_for_line("trying again");
    assert!(!stranger.lines.lock().expect("no panic").iter().any(|line| line.contains(": connected")));
    drop(stranger);

    place.write(&format!("{url}\ncert_file = \"{our_cert}\"\nkey_file = \"{our_key}\""), &camera);
    let mut daemon = place.run();
    daemon.wait_for_line(": connected");
    let tls = ["--cafile", &ca, "--cert", &our_cert, "--key", &our_key];
    let sub = Subscriber::to("localhost", broker.port, "edgecam/#", &tls);
    sub.wait_for("edgecam/available", "online");
    daemon.signal("-TERM");
    sub.wait_for("edgecam/available", "offline");
    assert_eq!(daemon.exit(), 0);
}

fn stop_code(config: &Path) -> (i32, String) {
    let out = edgecam().arg("run").arg("--config").arg(config).output().expect("edgecam runs");
    (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_config_that_names_what_can_not_be_used_exits_78() {
    let Some(place) = Place::new() else { return };
    place.write("", &picture("porch", "bus.jpg", "labels = [\"unicorn\"]"));
    let (code, text) = stop_code(&place.config);
    assert!(code == 78 && text.contains("no label unicorn"), "{code} {text}");
    let model = place.path("text.tflite");
    std::fs::write(&model, "just text").expect("the folder is ours");
    let text = std::fs::read_to_string(&place.config).expect("written");
    let text = text.replace(&quoted(&data(MODEL).expect("checked")), &quoted(&model));
    std::fs::write(&place.config, text).expect("the folder is ours");
    let (code, text) = stop_code(&place.config);
    assert!(code == 78 && text.contains("not a TFLite model"), "{code} {text}");
}

#[test]
fn a_missing_runtime_library_is_a_sentence() {
    let Some(place) = Place::new() else { return };
    place.write("", &picture("porch", "bus.jpg", ""));
    let out =
        edgecam().arg("run").arg("--config").arg(&place.config).env("EDGECAM_LITERT", "/no/lib.so").output();
    let out = out.expect("edgecam runs");
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.code() == Some(1) && text.contains("/no/lib.so") && text.contains("EDGECAM_LITERT"),
        "{text}"
    );
    // A file that is no library, and a library that is not LiteRT.
    let wrong = place.path("lib.so");
    std::fs::write(&wrong, "no library").expect("the folder is ours");
    let other = format!("/lib/{}-linux-gnu/libm.so.6", std::env::consts::ARCH);
    let other = Some(PathBuf::from(other)).filter(|file| file.exists());
    for (library, part) in
        [(Some(wrong), "load the runtime library"), (other, "no function LiteRtCreateEnvironment")]
    {
        let Some(library) = library else { continue };
        let out =
            edgecam().arg("run").arg("--config").arg(&place.config).env("EDGECAM_LITERT", &library).output();
        let text = String::from_utf8_lossy(&out.expect("edgecam runs").stderr).into_owned();
        assert!(text.contains(part) && text.contains("make setup"), "{text}");
    }
}
