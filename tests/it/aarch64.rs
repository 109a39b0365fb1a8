//! The program that `make cross` built for a Pi, run on this machine by an emulator: it must see what the native
//! one sees. Skipped where one of them is missing; `cross/install.sh test` brings the emulator.

use crate::coral::{Control, Recording, record};
use crate::support::{data, edgecam, library, outcome, project};
use edgecam::frame::Frame;
use edgecam::geometry::NormBox;
use edgecam::infer::{Loaded, Runtime};
use edgecam::model::{Model, ModelFiles};
use edgecam::preprocess::Preprocessor;
use edgecam::source::files;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Scores and edges, in fractions of the frame, may be this far apart.
const TOLERANCE: f64 = 0.02;
/// Answers below this may be there or not.
const THRESHOLD: f64 = 0.1;
/// The emulator's system libraries.
const SYSTEM: &str = "/usr/aarch64-linux-gnu";

/// What `command` built for aarch64; `None`, with a message, where it did not.
fn built(file: &str, command: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), PathBuf::from);
    let path = folder.join("aarch64-unknown-linux-gnu/release").join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no {file} for aarch64; `{command}` builds it");
    None
}

/// The cross-built program; `None`, with a message, where it is absent or can't be run.
fn emulated() -> Option<Command> {
    let program = built("edgecam", "make cross")?;
    let mut command = Command::new(program);
    command.env_remove("EDGECAM_LITERT").env_remove("RUST_LOG").env("QEMU_LD_PREFIX", SYSTEM);
    command.env("QEMU_SET_ENV", format!("LD_LIBRARY_PATH={SYSTEM}/lib"));
    let version = Command::new(command.get_program())
        .arg("-V")
        .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .output();
    match version {
        Ok(version) if version.status.success() => Some(command),
        failed => {
            eprintln!(
                "skipped: this machine can't run programs for aarch64; `cross/install.sh test` installs \
                 an emulator: {failed:?}"
            );
            None
        }
    }
}

/// Label, score and edges.
type Answer = (String, f64, Vec<f64>);

/// The detector's or classifier's answers for a picture, best first.
fn answers(command: Command, model: &Path, image: &Path) -> Vec<Answer> {
    detect(command, &[], model, &[image]).remove(0)
}

/// The same for several pictures; `more` are options.
fn detect(mut command: Command, more: &[&str], model: &Path, images: &[&Path]) -> Vec<Vec<Answer>> {
    command
        .args(["detect", "--json", "--threshold", "0.05"])
        .args(more)
        .arg("--model")
        .arg(model)
        .args(images);
    let (code, stdout, stderr) = outcome(&command.output().expect("it runs"));
    assert_eq!(code, 0, "{stderr}");
    stdout.lines().map(seen).collect()
}

fn seen(line: &str) -> Vec<Answer> {
    let report: Value = serde_json::from_str(line).expect("a line of JSON");
    let all = report["classes"].as_array().or(report["detections"].as_array()).expect("an array").clone();
    let numbers = |v: &Value| v.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let label = |a: &Value| a["label"].as_str().expect("a label").to_owned();
    all.iter().map(|a| (label(a), a["score"].as_f64().expect("a score"), numbers(&a["box_norm"]))).collect()
}

#[test]
fn a_pi_computes_what_was_recorded() {
    let Some(mut command) = emulated() else { return };
    let (code, stdout, stderr) = outcome(&command.arg("selftest").output().expect("it runs"));
    assert!(code == 0 && stdout.lines().all(|line| line.contains(", as recorded, ")), "{stdout} {stderr}");
}

#[test]
fn a_pi_sees_what_this_machine_sees() {
    let Some(golden) = data("golden.json") else { return };
    if emulated().is_none() {
        return;
    }
    let text = std::fs::read_to_string(golden).expect("golden.json is readable");
    let golden: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(&text).expect("it is JSON");
    let mut compared = 0;
    // A half-precision network of 640 x 640 takes an emulator longer than a model is waited for.
    for (name, images) in golden.iter().filter(|(name, _)| !name.contains("fp16")) {
        for image in images.keys().take(2) {
            let (Some(model), Some(image)) = (data(name), data(&format!("images/{image}"))) else { return };
            let here = answers(edgecam(), &model, &image);
            let there = answers(emulated().expect("it ran before"), &model, &image);
            for (one, other) in [(&here, &there), (&there, &here)] {
                for a in one.iter().filter(|a| a.1 >= THRESHOLD) {
                    assert!(
                        other.iter().any(|b| same(a, b)),
                        "{name} {}: {a:?}, but there is {other:?}",
                        image.display()
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 40, "only {compared} answers were compared");
}

fn same(a: &Answer, b: &Answer) -> bool {
    let near = |(x, y): (&f64, &f64)| (x - y).abs() <= TOLERANCE;
    a.0 == b.0 && near((&a.1, &b.1)) && a.2.iter().zip(&b.2).all(near)
}

/// What the played Coral has to answer for a picture: what the model at `twin` does.
fn record_picture(twin: &Path, image: &Path, to: &Path) {
    let runtime = Runtime::load_with(Some(&library()), None, None).expect("the runtime loads");
    let Model { engine, info } =
        Model::load(&runtime, &ModelFiles::new(twin.to_owned())).expect("the twin loads");
    let mut preprocessor = Preprocessor::of(&info, NormBox::FULL).expect("an image goes in");
    let (mut frame, mut input) = (Frame::empty(), vec![0; info.input.bytes()]);
    files::read(image, &mut frame).expect("a picture");
    preprocessor.write(&frame, &mut input).expect("it is prepared");
    let mut twin = Loaded { engine, input: info.input, outputs: info.outputs };
    let mut recording = Recording::default();
    record(&mut recording, &mut twin, &input);
    recording.write(to).expect("the folder is ours");
}

#[test]
fn an_accelerators_process_answers_on_a_pi() {
    const MODEL: &str = "mobilenet_v1_0.25_128_quant";
    const BUILD: &str = "cargo build --release --locked --target aarch64-unknown-linux-gnu --example coral";
    let (Some(delegate), Some(_)) = (built("examples/libcoral.so", BUILD), emulated()) else { return };
    let (Some(compiled), Some(twin), Some(image)) = (
        data(&format!("edgetpu/{MODEL}_edgetpu.tflite")),
        data(&format!("classify/{MODEL}.tflite")),
        data("images/bus.jpg"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let [model, beside] = [(&compiled, "m_edgetpu.tflite"), (&twin, "m.tflite")].map(|(from, name)| {
        std::fs::copy(from, path(name)).expect("the folder is ours");
        path(name)
    });
    record_picture(&beside, &image, &path("recording"));
    let control = Control::new(folder.path());
    let accelerator = format!(
        "{},recording={},control={}",
        delegate.display(),
        path("recording").display(),
        control.path().display()
    );
    // `edgecam detect` waits for the accelerator, and has the twin look when that is lost.
    let looked = || {
        let command = emulated().expect("it ran before");
        detect(command, &["--accelerator", &accelerator], &model, &[&image, &image])
    };
    let here = answers(edgecam(), &beside, &image);
    assert!(!here.is_empty());

    assert_eq!(looked(), [here.clone(), here.clone()]);
    assert_eq!((control.count("answer"), control.count("fault")), (2, 0));
    for (faults, command) in (1..).zip(["segfault after 1 once", "hang after 1 once"]) {
        control.set(command);
        assert_eq!(looked(), [here.clone(), here.clone()], "{command}");
        assert_eq!((control.count("answer"), control.count("fault")), (2 + faults, faults), "{command}");
    }
}
