//! The program that `make cross` built for a Pi, run on this machine by an emulator: it must see what the native
//! one sees. Skipped where one of them is missing; `cross/install.sh test` brings the emulator.

use crate::support::{data, edgecam, outcome, project};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Scores and edges, in fractions of the frame, may be this far apart.
const TOLERANCE: f64 = 0.02;
/// Answers below this may be there or not.
const THRESHOLD: f64 = 0.1;
/// The emulator's system libraries.
const SYSTEM: &str = "/usr/aarch64-linux-gnu";

/// The cross-built program; `None`, with a message, where it is absent or can't be run.
fn emulated() -> Option<Command> {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), Into::into);
    let program = folder.join("aarch64-unknown-linux-gnu/release/edgecam");
    if !program.exists() {
        eprintln!("skipped: no program for aarch64; `make cross` builds it");
        return None;
    }
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

/// The detector's or classifier's answers as (label, score, edges), best first.
fn answers(mut command: Command, model: &Path, image: &Path) -> Vec<(String, f64, Vec<f64>)> {
    command.args(["detect", "--json", "--threshold", "0.05", "--model"]).arg(model).arg(image);
    let (code, stdout, stderr) = outcome(&command.output().expect("it runs"));
    assert_eq!(code, 0, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("one line of JSON");
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

fn same(a: &(String, f64, Vec<f64>), b: &(String, f64, Vec<f64>)) -> bool {
    let near = |(x, y): (&f64, &f64)| (x - y).abs() <= TOLERANCE;
    a.0 == b.0 && near((&a.1, &b.1)) && a.2.iter().zip(&b.2).all(near)
}
