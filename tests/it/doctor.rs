//! `edgecam doctor`: recorded boards and what is to be found on them (`doctor/boards`), and the command itself.
//!
//! A board is a text: `/path = line of the file`, `/path := bytes`, `/folder/`, `/link -> /target`, and `$ tool
//! arguments` with the `> lines` it prints. The report beside it is what has to be found.

use crate::coral::delegate;
use crate::support::{edgecam, outcome, project};
use edgecam::config::{self, Config};
use edgecam::doctor::{Board, Kernel, Report, Space, examine};
use edgecam::source::listing::{CameraInfo, ModeInfo};
use serde_json::Value;
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Output;

const STATE: &str = "/var/lib/edgecam";
const GIB: u64 = 1 << 30;
const ROOM: Space = Space { free: 20 * GIB, total: 29 * GIB };

fn text(name: &str) -> String {
    let path = project().join("tests/it/doctor/boards").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Makes the files of a recorded board below `root`; `@ME@` in them is who runs the test.
fn make(recorded: &str, root: &Path) -> BTreeMap<String, String> {
    let below = |path: &str| root.join(path.trim().trim_start_matches('/'));
    let (mut answers, mut asked) = (BTreeMap::<String, String>::new(), String::new());
    let (mut files, mut links) = (BTreeMap::<&str, Vec<u8>>::new(), Vec::new());
    let me = rustix::process::geteuid().as_raw().to_string();
    for line in recorded.lines().filter(|line| !line.starts_with('#')) {
        if let Some(tool) = line.strip_prefix("$ ") {
            tool.clone_into(&mut asked);
            answers.insert(asked.clone(), String::new());
        } else if let Some(said) = line.strip_prefix("> ") {
            answers.get_mut(&asked).expect("a tool before it").extend([said, "\n"]);
        } else if let Some((path, target)) = line.split_once(" -> ") {
            links.push((path, target));
        } else if let Some((path, bytes)) = line.split_once(" := ") {
            let bytes = bytes.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).expect("a byte"));
            files.insert(path, bytes.collect());
        } else if let Some((path, content)) = line.split_once(" =") {
            let content = content.trim_start().replace("\\0", "\0").replace("@ME@", &me);
            files.entry(path).or_default().extend_from_slice(format!("{content}\n").as_bytes());
        } else {
            fs::create_dir_all(below(line)).expect("a folder");
        }
    }
    for (path, content) in files {
        fs::create_dir_all(below(path).parent().expect("a parent")).expect("a folder");
        fs::write(below(path), content).expect("a file");
    }
    for (path, target) in &links {
        fs::create_dir_all(below(path).parent().expect("a parent")).expect("a folder");
        std::os::unix::fs::symlink(below(target), below(path)).expect("a link");
    }
    for (_, target) in links {
        if !below(target).exists() {
            fs::create_dir_all(below(target)).expect("a folder");
        }
    }
    answers
}

fn kernel(release: &str, machine: &str, program: &str, page_bytes: usize) -> Kernel {
    Kernel {
        release: release.to_owned(),
        machine: machine.to_owned(),
        program: program.to_owned(),
        page_bytes,
    }
}

fn camera(source: &'static str, path: &str, card: &str, driver: &str) -> CameraInfo {
    let (path, card, driver) = (path.to_owned(), card.to_owned(), driver.to_owned());
    let mode =
        |format: &str, width, height| ModeInfo { format: format.to_owned(), width, height, fps: vec![30.0] };
    CameraInfo {
        source,
        path,
        by_id: None,
        card,
        driver,
        modes: vec![mode("mjpeg", 1920, 1080), mode("yuyv", 640, 480)],
    }
}

fn config(text: &str) -> Config {
    let model = "\n[model.m]\npath = \"Cargo.toml\"\n";
    config::parse(&format!("{text}{model}"), &project().join("test.toml")).expect("a valid config")
}

/// What is found on a recorded board.
fn examined(name: &str, kernel: Kernel, live: &[CameraInfo], config: Option<&Config>) -> Report {
    let root = tempfile::tempdir().expect("a folder");
    let answers = make(&text(&format!("{name}.txt")), root.path());
    let ask =
        move |tool: &str, arguments: &[&str]| answers.get(&[&[tool], arguments].concat().join(" ")).cloned();
    let board = Board::at(root.path(), kernel, Box::new(ask));
    Report::from(examine(&board, config, live, (Path::new(STATE), Some(ROOM))))
}

#[track_caller]
fn assert_report(name: &str, report: &Report) {
    let (found, expected) = (report.to_string(), text(&format!("{name}.report")));
    let differing = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert_eq!(differing, None, "{name}: {found}");
    assert_eq!(found, expected, "{name}");
}

#[test]
fn a_pi_4_with_a_webcam_a_coral_at_usb_2_and_a_weak_supply() {
    let kernel = kernel("6.6.51+rpt-rpi-v8", "aarch64", "aarch64", 4096);
    let config = config(
        "[mqtt]\nurl = \"mqtt://localhost\"\nusername = \"pi\"\n\
         password_file = \"/run/credentials/edgecam.service/mqtt-password\"\n\
         [[camera]]\nname = \"porch\"\nmodel = \"m\"\n\
         source = { v4l2 = { device = \"/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_9A8B7C6D-video-index0\" } }\n\
         [[camera]]\nname = \"yard\"\nmodel = \"m\"\nsource = { v4l2 = { device = 4 } }\n\
         [[camera]]\nname = \"gate\"\nmodel = \"m\"\nsource = { command = { argv = [\"ffmpeg\"], format = \"mjpeg\" } }\n",
    );
    let live = [camera("v4l2", "/dev/video0", "HD Pro Webcam C920", "uvcvideo")];
    assert_report("pi4", &examined("pi4", kernel, &live, Some(&config)));
}

#[test]
fn a_pi_5_with_large_pages_a_csi_camera_and_a_pcie_coral() {
    let kernel = kernel("6.12.47+rpt-rpi-2712", "aarch64", "aarch64", 16384);
    let live = [camera("rpicam", "0", "imx708_wide", "libcamera")];
    assert_report("pi5", &examined("pi5", kernel, &live, None));
}

#[test]
fn a_zero_2_with_little_of_everything() {
    let kernel = kernel("6.6.51+rpt-rpi-v8", "aarch64", "aarch64", 4096);
    let config = config(
        "[[camera]]\nname = \"bird\"\nmodel = \"m\"\n\
         source = { rpicam = { camera = 0, size = [640, 480], fps = 5 } }\n",
    );
    assert_report("zero2w", &examined("zero2w", kernel, &[], Some(&config)));
}

#[test]
fn a_pi_3_with_32_bit_programs_and_the_legacy_camera_stack() {
    let kernel = kernel("6.1.21-v8+", "aarch64", "arm", 4096);
    let live = [camera("v4l2", "/dev/video0", "mmal service 16.1", "bm2835 mmal")];
    assert_report("pi3", &examined("pi3", kernel, &live, None));
}

#[test]
fn a_pc_with_two_webcams_and_a_coral() {
    let kernel = kernel("6.8.0-45-generic", "x86_64", "x86_64", 4096);
    let live = [camera("v4l2", "/dev/video0", "Integrated Camera: Integrated C", "uvcvideo")];
    assert_report("pc", &examined("pc", kernel, &live, None));
}

#[test]
fn a_library_of_coral_itself_is_told() {
    let label = "\0COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted";
    for (more, told) in [
        ("", "libedgetpu.so.1 is there, but no Coral"),
        (label, "built by GCC 6.3.0 for TensorFlow Lite 2.5"),
    ] {
        let root = tempfile::tempdir().expect("a folder");
        let library =
            [fs::read(delegate()).expect("it is built"), more.as_bytes().to_vec(), vec![0]].concat();
        let path = root.path().join("usr/lib/libedgetpu.so.1");
        fs::create_dir_all(path.parent().expect("a folder")).expect("ours");
        fs::write(path, library).expect("ours");
        let board = Board::at(root.path(), kernel("", ARCH, ARCH, 4096), Box::new(|_, _| None));
        let report = Report::from(examine(&board, None, &[], (Path::new(STATE), None))).to_string();
        assert!(report.contains(told), "{report}");
    }
}

#[test]
fn nothing_at_all_is_no_panic() {
    let root = tempfile::tempdir().expect("a folder");
    let board = Board::at(root.path(), kernel("", "riscv64", "riscv64", 4096), Box::new(|_, _| None));
    let report = Report::from(examine(&board, None, &[], (Path::new(STATE), None)));
    assert_eq!(report.to_string(), text("nothing.report"));
}

/// What stands in a board's files, and what tools print, must not end the doctor.
#[test]
fn odd_files_are_no_panic() {
    let recorded = text("pi4.txt");
    for odd in ["", "-", "\u{fffd}", "0x", "99999999999999999999", ": : :", "=\n[\n]"] {
        let root = tempfile::tempdir().expect("a folder");
        make(&recorded, root.path());
        for (path, _) in recorded.lines().filter_map(|line| line.split_once(" = ")) {
            fs::write(root.path().join(&path[1..]), odd).expect("written");
        }
        let odd = odd.to_owned();
        let ask = move |_: &str, _: &[&str]| Some(odd.clone());
        let board = Board::at(root.path(), kernel("", "aarch64", "aarch64", 4096), Box::new(ask));
        let findings = examine(&board, None, &[], (Path::new(STATE), Some(Space { free: 0, total: 0 })));
        assert!(findings.iter().any(|finding| finding.check == "disk"));
    }
}

/// Runs the command where neither the machine's own service nor its state is looked at.
fn doctor(arguments: &[&str]) -> (i32, String, String) {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = edgecam();
    command.args(["doctor"]).args(arguments).env("STATE_DIRECTORY", home.path());
    let output: Output = command.output().expect("edgecam runs");
    outcome(&output)
}

fn written(folder: &Path, text: &str) -> String {
    let path = folder.join("edgecam.toml");
    fs::write(&path, text).expect("written");
    String::from_utf8(path.as_os_str().as_bytes().to_vec()).expect("UTF-8")
}

/// The level of a check in the JSON, and what was found.
fn found<'a>(report: &'a Value, check: &str) -> (&'a str, &'a str) {
    let findings = report["findings"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["check"] == check).expect("it is checked");
    (finding["level"].as_str().expect("a level"), finding["found"].as_str().expect("a sentence"))
}

#[test]
fn the_command_tells_json_and_its_worst() {
    let (code, stdout, stderr) = doctor(&["--json"]);
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(stderr, "");
    let levels: Vec<_> = report["findings"].as_array().expect("a list").iter().collect();
    for finding in &levels {
        let level = finding["level"].as_str().expect("a level");
        assert!(["ok", "note", "warn", "fail"].contains(&level), "{finding}");
        assert!(finding["fix"].is_string() || ["ok", "note"].contains(&level), "{finding}");
    }
    let fails = levels.iter().any(|finding| finding["level"] == "fail");
    assert_eq!((code, report["worst"] == "fail"), (i32::from(fails), fails));
    assert_eq!(found(&report, "runtime").0, "ok", "{report}");
}

#[test]
fn a_broker_that_is_not_there_fails_and_so_does_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = project().join("models/edgecam-selftest.tflite");
    let text = format!(
        "[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n[model.m]\npath = {model:?}\n[[camera]]\nname = \"a\"\n\
         source = {{ test_pattern = {{ size = [64, 48], fps = 5, seed = 1 }} }}\nmodel = \"m\"\n"
    );
    let path = written(folder.path(), &text);
    let (code, stdout, _) = doctor(&["--json", "--config", &path]);
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, &report["worst"]), (1, &Value::from("fail")));
    assert_eq!(found(&report, "config").0, "ok");
    assert_eq!(found(&report, "model"), ("ok", "m loads and runs"));
    let (level, why) = found(&report, "broker");
    assert!(level == "fail" && why.contains("nothing listens there"), "{why}");
    let (code, stdout, _) = doctor(&["--config", &path]);
    assert!(code == 1 && stdout.contains("\nfail  broker"), "{stdout}");
}

#[test]
fn a_wrong_config_is_78_and_the_rest_is_looked_at_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(folder.path(), "[mqtt]\nurl = 5\nprefx = \"a\"\n");
    let (code, stdout, stderr) = doctor(&["--config", &path]);
    assert_eq!((code, stderr.as_str()), (78, ""));
    assert!(
        stdout.contains(&format!("{path}:2:7: ")) && stdout.contains(&format!("{path}:3:1: ")),
        "{stdout}"
    );
    assert!(stdout.contains("\nok    runtime"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "a colour");
    assert_eq!(doctor(&["--config", "/no/such/file"]).0, 78);
    assert_eq!(doctor(&["--colour"]).0, 2);
}

#[test]
fn a_missing_runtime_is_told_and_fails() {
    let output = edgecam().arg("doctor").env("EDGECAM_LITERT", "/no/lib.so").output().expect("edgecam runs");
    let (code, stdout, _) = outcome(&output);
    assert!(code == 1 && stdout.contains("\nfail  runtime"), "{stdout}");
}
