//! `edgecam setup` as a script runs it: what it writes, what it tries, and how it ends.

use crate::broker::{Broker, Subscriber};
use crate::support::{edgecam, outcome};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A folder for a config and pictures.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.file("edgecam.toml")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).expect("it is there")
    }

    fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(self.file(name)).expect("it is there").permissions().mode() & 0o777
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("a folder").flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = edgecam();
        command.arg("setup").arg("--config").arg(self.config()).args(arguments);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn setup(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(&self.command(arguments).output().expect("edgecam runs"))
    }
}

/// A Mosquitto that knows `me` by the password `secret`.
fn closed_broker(place: &Place) -> Option<Broker> {
    let file = place.file("passwords");
    let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&file).args(["me", "secret"]).status();
    made.ok().filter(std::process::ExitStatus::success)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("ours");
    std::fs::set_permissions(place.0.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    Broker::start(&format!("password_file {}", file.display()))
}

#[test]
fn each_part_is_tried_with_a_picture_and_a_message() {
    let place = Place::new();
    let Some(broker) = Broker::open() else { return };
    let all = Subscriber::new(broker.port, "#", &[]);
    let probe = Subscriber::new(broker.port, "probe", &["-q", "1"]);
    let ready = || {
        let port = broker.port.to_string();
        let sent = Command::new("mosquitto_pub").args(["-p", &port, "-t", "probe", "-m", "1"]).status();
        sent.expect("mosquitto_pub runs");
        all.saw(|m| m.topic == "probe") && probe.saw(|m| m.topic == "probe")
    };
    while !ready() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let url = format!("127.0.0.1:{}", broker.port);
    let (code, stdout, stderr) = place.setup(&["--camera", "porch=test", "--broker", &url]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains("camera porch: 640x480 rgb24; sees "), "{stdout}");
    assert!(stdout.contains("picture in ./edgecam-setup-porch.jpg"), "{stdout}");
    assert!(stdout.contains(&format!("broker {url}: has our message on edgecam/setup/test")), "{stdout}");
    let hint = format!("mosquitto_sub -v -h 127.0.0.1 -p {} -t 'edgecam/#'", broker.port);
    assert!(stdout.contains(&hint), "{stdout}");
    let picture = image::open(place.file("edgecam-setup-porch.jpg")).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (640, 480));

    let message = all.wait("the message", |m| m.topic == "edgecam/setup/test");
    assert!(!message.retained && message.payload == "edgecam setup was here", "{message:?}");
    let other = |m: &crate::broker::Message| !["probe", "edgecam/setup/test"].contains(&m.topic.as_str());
    std::thread::sleep(Duration::from_millis(200));
    assert!(!all.saw(other), "a trial leaves no will: {:?}", all.messages());

    assert_eq!(place.mode("edgecam.toml"), 0o640);
    assert_eq!(place.names(), ["edgecam-setup-porch.jpg", "edgecam.toml"]);
    let check = edgecam().arg("check").arg("--config").arg(place.config()).output().expect("edgecam runs");
    let (code, stdout, stderr) = outcome(&check);
    assert!(code == 0 && stdout.contains("good: 1 camera(s)"), "{stdout} {stderr}");
}

#[test]
fn a_password_goes_into_a_file_of_its_own() {
    let place = Place::new();
    let Some(broker) = closed_broker(&place) else { return };
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let mut arguments = vec!["--camera", "a=test", "--broker", &url, "--username", "me"];
    arguments.extend(["--password-file", "-"]);
    let run = |password: &str, more: &[&str]| {
        let mut child = place.command(&arguments);
        let child = child.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("edgecam runs");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(password.as_bytes()).expect("it reads");
        drop(stdin);
        outcome(&child.wait_with_output().expect("it ends"))
    };
    let (code, stdout, stderr) = run("wrong\n", &[]);
    assert_eq!(code, 1, "{stdout} {stderr}");
    assert!(stdout.contains("failed: it refuses our user name or password"), "{stdout}");

    let (code, stdout, stderr) = run("secret\n", &[]);
    assert_eq!(code, 0, "{stdout} {stderr}");
    assert!(stdout.contains("is as it should be") && stdout.contains("has our message"), "{stdout}");
    assert_eq!((place.read("mqtt-password").as_str(), place.mode("mqtt-password")), ("secret\n", 0o600));
    let config = place.read("edgecam.toml");
    let named = format!("password_file = \"{}\"", place.file("mqtt-password").display());
    assert!(config.contains(&named) && !config.contains("secret"), "{config}");
    let (_, printed, _) = run("secret\n", &["--dry-run"]);
    assert_eq!(printed, config);
    assert!(![stdout, stderr].iter().any(|text| text.contains("secret")));
}

#[test]
fn what_does_not_work_is_said_and_the_config_is_there() {
    let place = Place::new();
    let cameras = ["--camera", "here=test", "--camera", "gone=/dev/no-such-camera"];
    let (code, stdout, stderr) = place.setup(&[&cameras[..], &["--broker", "127.0.0.1:1"]].concat());
    assert_eq!(code, 1, "{stdout} {stderr}");
    for part in [
        "camera here: 640x480",
        "camera gone: failed: ",
        "/dev/no-such-camera",
        "broker 127.0.0.1:1: failed: nothing listens there",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    assert_eq!(place.names(), ["edgecam-setup-here.jpg", "edgecam.toml"]);

    let (code, stdout, _) = place.setup(&[&cameras[..], &["--broker", "127.0.0.1:1", "--no-test"]].concat());
    assert!(code == 0 && !stdout.contains("camera"), "{stdout}");
}

#[test]
fn a_config_changed_by_hand_is_kept_unless_forced() {
    let place = Place::new();
    let answers = ["--camera", "a=test", "--broker", "none", "--no-test"];
    let packaged = include_str!("../../configs/edgecam.toml");
    std::fs::write(place.config(), packaged).expect("ours");
    let (code, stdout, stderr) = place.setup(&answers);
    assert!(code == 0 && stdout.contains("saved the config of before"), "{stdout} {stderr}");
    assert_eq!(place.read("edgecam.toml.bak"), packaged);

    let mine = packaged.replace("fps = 5", "fps = 4");
    std::fs::write(place.config(), &mine).expect("ours");
    std::fs::set_permissions(place.config(), std::fs::Permissions::from_mode(0o604)).expect("ours");
    let (code, _, stderr) = place.setup(&answers);
    assert!(code == 1 && stderr.contains("changed by hand and is kept"), "{stderr}");
    assert_eq!(place.read("edgecam.toml"), mine);

    let (code, _, stderr) = place.setup(&[&answers[..], &["--force"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(place.read("edgecam.toml.bak"), mine);
    assert_eq!((place.mode("edgecam.toml"), place.mode("edgecam.toml.bak")), (0o640, 0o604));
    assert!(place.read("edgecam.toml").contains("test_pattern"));
}

#[test]
fn a_dry_run_prints_what_would_be_written() {
    let place = Place::new();
    let by_id = "/dev/v4l/by-id/usb-C920";
    let usb = format!("door={by_id}");
    let answers = [
        &["--camera", usb.as_str(), "--camera", "csi=rpicam:1", "--camera", "net=rtsp://cam/a?b=\"c\""][..],
        &["--camera", "any=auto", "--broker", "mqtts://pi.local", "--no-home-assistant", "--no-motion"],
        &["--labels", "person, dog", "--no-test"],
    ]
    .concat();
    let (code, printed, stderr) = place.setup(&[&answers[..], &["--dry-run"]].concat());
    assert!(code == 0 && place.names().is_empty(), "{stderr}");
    let (code, _, stderr) = place.setup(&answers);
    assert_eq!((code, place.read("edgecam.toml")), (0, printed.clone()), "{stderr}");
    for part in [
        "url = \"mqtts://pi.local\"",
        "enabled = false",
        "device = \"/dev/v4l/by-id/usb-C920\"",
        "rpicam = { camera = 1,",
        "\"rtsp://cam/a?b=\\\"c\\\"\"",
        "labels = [\"person\", \"dog\"]",
        "# motion = {}",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_a_wrong_config_with_78() {
    let place = Place::new();
    for (code, part, arguments) in [
        (2, "NAME=SOURCE", &["--camera", "porch"][..]),
        (2, "is no camera", &["--camera", "porch=video0"]),
        (2, "--username", &["--camera", "a=test", "--password-file", "/dev/null"]),
        (2, "needs a broker", &["--camera", "a=test", "--broker", "none", "--username", "me"]),
        (2, "needs a broker", &["--camera", "a=test", "--broker", "none", "--home-assistant"]),
        (2, "read password file", &["--broker", "pi", "--username", "me", "--password-file", "/no/such"]),
        (78, "is no name for a camera", &["--camera", "Front Door=test", "--broker", "none"]),
        (78, "names are unique", &["--camera", "a=test", "--camera", "a=auto", "--broker", "none"]),
        (78, "names no host and port", &["--camera", "a=test", "--broker", "pi:mqtt"]),
        (78, "no label unicorn", &["--camera", "a=test", "--broker", "none", "--labels", "unicorn"]),
        (78, "there is no model no-such", &["--camera", "a=test", "--broker", "none", "--model", "no-such"]),
        (78, "No such file", &["--camera", "a=test", "--broker", "none", "--model", "/no/such.tflite"]),
    ] {
        let (got, stdout, stderr) = place.setup(arguments);
        assert!(got == code && stderr.contains(part) && stdout.is_empty(), "{arguments:?}: {got} {stderr}");
        assert!(!stderr.contains("edgecam.toml:"), "no place in a file that is not there: {stderr}");
    }
    assert!(place.names().is_empty());
}

#[test]
fn a_folder_that_takes_no_file_is_said() {
    // Not even root writes there.
    let mut command = edgecam();
    let arguments = ["--camera", "a=test", "--broker", "none", "--no-test", "--config"];
    command.arg("setup").args(arguments).arg("/proc/edgecam.toml").stdin(Stdio::null());
    let (code, stdout, stderr) = outcome(&command.output().expect("edgecam runs"));
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with("edgecam: ") && stderr.contains("/proc/edgecam.toml"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// A `systemctl` that notes what it is asked, and a camera's `ffmpeg` that never sends anything.
fn programs(folder: &Path) -> String {
    let log = folder.join("asked");
    let systemctl = format!(
        "#!/bin/sh\ncase $1 in is-active) echo active;; cat) ;; *) echo \"$*\" >> {};; esac\n",
        log.display()
    );
    for (name, text) in [("systemctl", systemctl.as_str()), ("ffmpeg", "#!/bin/sh\nexec sleep 60\n")] {
        std::fs::write(folder.join(name), text).expect("ours");
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o755)).expect("ours");
    }
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn the_service_is_out_of_the_way_and_started_again() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root stops a service");
        return;
    }
    let (place, bin) = (Place::new(), Place::new());
    let path = programs(bin.0.path());
    let mut command = place.command(&["--camera", "a=test", "--broker", "none"]);
    let (code, stdout, stderr) = outcome(&command.env("PATH", &path).output().expect("edgecam runs"));
    assert_eq!(code, 0, "{stdout} {stderr}");
    assert_eq!(bin.read("asked"), "stop edgecam.service\nstart edgecam.service\n");
    assert!(stdout.contains("the service is stopped") && stdout.contains("started again"), "{stdout}");

    std::fs::remove_file(bin.file("asked")).expect("ours");
    let mut command = place.command(&["--camera", "a=test", "--broker", "none"]);
    let mut child =
        command.env("PATH", &path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.by_ref().take(2).last().is_some_and(|line| line.is_ok_and(|l| l.contains("is stopped"))));
    drop(lines);
    child.wait().expect("it ends");
    let asked = bin.read("asked");
    assert_eq!(asked, "stop edgecam.service\nstart edgecam.service\n", "nobody reads what it says");

    for signal in ["-INT", "-TERM", "-QUIT", "-HUP"] {
        std::fs::remove_file(bin.file("asked")).expect("ours");
        let mut command = place.command(&["--camera", "a=rtsp://cam", "--broker", "none", "--force"]);
        let command = command.env("PATH", &path).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().expect("edgecam runs");
        let deadline = Instant::now() + crate::broker::PATIENCE;
        while !bin.file("asked").exists() {
            assert!(Instant::now() < deadline, "it is never stopped");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(100));
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        let (code, _, stderr) = outcome(&child.wait_with_output().expect("it ends"));
        assert!(code > 128 && stderr.contains("started again"), "{signal}: {code} {stderr}");
        let asked = bin.read("asked");
        assert_eq!(asked, "stop edgecam.service\n--no-block start edgecam.service\n", "{signal}");
    }
}
