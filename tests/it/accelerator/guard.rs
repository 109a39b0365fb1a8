//! Delegates that do not fit, and one of a third party.

use super::{Scene, labels, until, wait_for_state};
use crate::broker::{PATIENCE, Subscriber};
use crate::coral::{delegate, third_party};
use crate::daemon::quoted;
use crate::support::{data, edgecam, library, outcome};
use edgecam::doctor::{Board, Kernel, examine};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn cc(arguments: &[&str], inputs: &[&Path], out: &Path) {
    let status = Command::new("cc").args(arguments).arg("-o").arg(out).args(inputs).status();
    assert!(status.expect("cc runs").success());
}

/// Libraries that are no delegate for this program, and what is said of them.
fn unfit(scene: &Scene) -> Vec<(PathBuf, &'static str)> {
    let path = |name: &str| scene.place.path(name);
    let good = std::fs::read(delegate()).expect("readable");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(path(name), bytes).expect("the folder is ours");
        path(name)
    };
    // `e_machine` of the ELF header: EM_X86_64 or EM_AARCH64, whichever is not ours.
    let mut other = good.clone();
    let (machine, name) =
        if cfg!(target_arch = "x86_64") { (183_u16, "it is for aarch64") } else { (62, "it is for x86_64") };
    other[18..20].copy_from_slice(&machine.to_le_bytes());
    let source = write("empty.c", b"int nothing;");
    cc(&["-shared"], &[&source], &path("libabsent.so"));
    let third = crate::support::project().join("tests/delegate/third_party.c");
    cc(
        &["-shared", "-fPIC", "-Wl,--no-as-needed"],
        &[&third, &path("libabsent.so"), Path::new("-lm")],
        &path("needy.so"),
    );
    std::fs::remove_file(path("libabsent.so")).expect("it is there");
    vec![
        (write("other.so", &other), name),
        (write("cut.so", &good[..good.len() / 2]), "it is cut short"),
        (write("text.so", b"not a library"), "it is no shared library"),
        (library(), "so it is no delegate for TFLite"),
        (path("needy.so"), "libabsent.so"),
    ]
}

#[test]
fn a_library_that_does_not_fit_is_a_sentence_and_the_twin_runs() {
    let Some(scene) = Scene::new() else { return };
    let model = scene.place.path("m_edgetpu.tflite");
    let told = scene.subscribe("accelerators");
    let detections = scene.subscribe("porch/detections");
    let mut daemon = None;
    for (library, sentence) in unfit(&scene) {
        let on = format!("accelerator = {{ plugin = {} }}\n{}", quoted(&library), labels());
        scene.write(&[("m", &model, &on)], &scene.album("porch", "m", 30));
        if daemon.is_none() {
            daemon = Some(scene.run(&[]));
        } else {
            let (code, text) = scene.place.reload();
            assert_eq!(code, 0, "{text}");
        }
        let why = until(sentence, || {
            let (state, why) = super::state(&told);
            (state == "failed" && why.contains(sentence)).then_some(why)
        });
        assert!(why.contains(&library.display().to_string()), "{why}");
        daemon.as_ref().expect("it runs").wait_for_line(sentence);
        detections.take();
        detections.wait("the twin's answers", |m| m.payload.contains("\"classes\""));
    }
}

/// A library that says another thing of itself makes no delegate, the twin answers; gives the reason.
fn refused(variable: &str, value: &str) -> Option<String> {
    let scene = Scene::new()?;
    scene.write_plugin(&scene.album("porch", "m", 30));
    let (told, detections) = (scene.subscribe("accelerators"), scene.subscribe("porch/detections"));
    let _daemon = scene.run(&[(variable, Path::new(value))]);
    let (why, _) = wait_for_state(&told, "failed");
    detections.wait("the twin's answers", |m| m.payload.contains("\"classes\""));
    assert_eq!(scene.control.count("create"), 0);
    Some(why)
}

#[test]
fn a_runtime_that_is_too_old_for_the_model_is_told() {
    let Some(why) = refused("CORAL_RUNTIME_VERSION", "10") else { return };
    assert!(
        why.contains("it needs an Edge TPU runtime of version 12, and the library's is 10; install a newer"),
        "{why}"
    );
}

#[test]
fn a_library_for_an_older_tflite_is_told() {
    let Some(why) = refused("CORAL_COMPILER", "6.3.0 20170516") else { return };
    assert!(
        why.contains(
            "libcoral.so: it was built by GCC 6.3.0 for TensorFlow Lite 2.5 or older, and would crash"
        ) && why.contains("; install libedgetpu1-std of github.com/feranick/libedgetpu/releases"),
        "{why}"
    );
}

/// The scores of a picture, of both classes.
fn scores(detections: &Subscriber) -> [f64; 2] {
    detections.take();
    let seen = detections.wait("a frame", |m| m.payload.contains("\"classes\""));
    let seen: Value = serde_json::from_str(&seen.payload).expect("JSON");
    let mut scores: Vec<f64> = seen["classes"]
        .as_array()
        .expect("both")
        .iter()
        .filter_map(|class| class["score"].as_f64())
        .collect();
    scores.sort_by(f64::total_cmp);
    scores.try_into().expect("both")
}

#[test]
fn a_third_partys_delegate_does_its_part_of_a_float_model() {
    let (Some(scene), Some(model)) = (Scene::empty(), data("classify/mlperf_tiny_vww_96_float.tflite"))
    else {
        return;
    };
    let path = scene.pictures().join("0.bmp");
    let camera = format!(
        "[[camera]]\nname = \"porch\"\nmodel = \"m\"\nthreshold = 0.0\nsource = {{ files = {{ path = {}, fps = 20, loop = true }} }}\n",
        quoted(&path)
    );
    let write = |accelerator: &str| scene.write(&[("m", &model, accelerator)], &camera);
    let with = |gain: &str| {
        format!("accelerator = {{ plugin = {}, options = {{ gain = {gain} }} }}", quoted(&third_party()))
    };
    let (told, detections) = (scene.subscribe("accelerators"), scene.subscribe("porch/detections"));
    write("accelerator = \"cpu\"");
    let daemon = scene.run(&[]);
    let plain = scores(&detections);
    write(&with("2"));
    assert_eq!(scene.place.reload().0, 0);
    wait_for_state(&told, "ready");
    let doubled = scores(&detections);
    // Softmax of twice the logits: the odds are squared.
    let odds = (plain[0] / plain[1]).powi(2);
    assert!((doubled[0] - odds / (1.0 + odds)).abs() < 2e-4, "{plain:?} {doubled:?}");
    assert!(plain[0] > 10.0 * doubled[0], "{plain:?} {doubled:?}");

    write(&with("\"nan\""));
    assert_eq!(scene.place.reload().0, 0);
    let why = told.wait("why not", |m| m.payload.contains("holds what is no number")).payload;
    assert!(why.contains("third_party.so"), "{why}");
    assert_eq!(format!("{:?}", scores(&detections)), format!("{plain:?}"), "the twin's answer");

    write(&with("\"much\""));
    assert_eq!(scene.place.reload().0, 0);
    told.wait("why not", |m| m.payload.contains("the only option is gain, a number"));
    daemon.wait_for_line("the only option is gain, a number");
    assert_eq!(format!("{:?}", scores(&detections)), format!("{plain:?}"), "the twin's answer");
}

#[test]
fn a_command_says_what_the_accelerator_left_to_the_processor() {
    let Some(scene) = Scene::new() else { return };
    let coral = format!(
        "{},device=usb:0,recording={},control={}",
        delegate().display(),
        scene.place.path("recording").display(),
        scene.control.path().display()
    );
    let detect = || {
        let mut detect = edgecam();
        detect.args(["detect", "--json", "--accelerator", &coral, "--model"]);
        detect.arg(scene.place.path("m_edgetpu.tflite")).args(&scene.files()[..3]);
        outcome(&detect.output().expect("edgecam runs"))
    };
    let (code, all, stderr) = detect();
    assert!(code == 0 && stderr.is_empty(), "{code} {stderr}");
    // The trial is not among the answers it knows: the second picture is lost, and the third comes too soon.
    scene.control.set("error after 1");
    let (code, some, stderr) = detect();
    assert!(
        code == 0 && stderr.contains("the processor answered 2 of the accelerator's frames: "),
        "{stderr}"
    );
    assert!(stderr.contains("the accelerator failed as told"), "{stderr}");
    let classes = |text: &str| -> Vec<Value> {
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["classes"].clone())
            .collect()
    };
    assert_eq!(classes(&some), classes(&all));
}

#[test]
fn what_a_third_partys_delegate_leaves_runs_on_xnnpack() {
    let Some(model) = data("classify/mlperf_tiny_vww_96_float.tflite") else { return };
    let scene = tempfile::tempdir().expect("a folder");
    std::fs::copy(data("images/resized_cat.bmp").expect("beside the models"), scene.path().join("cat.bmp"))
        .expect("the folder is ours");
    let mut bench = edgecam();
    bench.args(["bench", "--json", "--frames", "50", "--images"]).arg(scene.path()).arg("--model").arg(model);
    let out = bench.arg("--accelerator").arg(third_party()).output().expect("edgecam runs");
    let (code, text, stderr) = outcome(&out);
    assert_eq!(code, 0, "{stderr}");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    let median = |of: &str| told[of]["median"].as_f64().expect("a time");
    // The runtime's own kernels take some twenty times as long.
    assert!(median("infer_ms") < 4.0 * median("bare_ms"), "{told}");
}

#[test]
fn doctor_tells_how_the_running_daemons_accelerator_is() {
    let Some(scene) = Scene::new() else { return };
    scene.write_plugin(&scene.album("porch", "m", 30));
    let told = scene.subscribe("accelerators");
    let mut daemon = scene.run(&[]);
    wait_for_state(&told, "ready");
    let root = scene.place.path("root/run");
    std::fs::create_dir_all(&root).expect("the folder is ours");
    std::os::unix::fs::symlink(scene.place.path("run"), root.join("edgecam")).expect("the folder is ours");
    let said = || {
        let kernel = Kernel {
            release: "6.12".to_owned(),
            machine: "aarch64".to_owned(),
            program: "aarch64".to_owned(),
            page_bytes: 4096,
        };
        let running =
            |tool: &str, _: &[&str]| (tool == "systemctl").then(|| "ActiveState=active\n".to_owned());
        let board = Board::at(scene.place.path("root"), kernel, Box::new(running));
        let found = examine(&board, None, &[], (Path::new("/var/lib/edgecam"), None));
        let of = found.into_iter().find(|finding| finding.check == "accelerator");
        of.map(|finding| finding.found).unwrap_or_default()
    };
    let tells = |words: &[&str]| {
        let deadline = Instant::now() + PATIENCE;
        while !words.iter().all(|word| said().contains(word)) {
            assert!(Instant::now() < deadline, "{words:?}: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    tells(&["libcoral.so for m is ready"]);
    scene.control.set("vanish");
    tells(&["libcoral.so for m does not work", "device not found", "meanwhile the CPU twin runs"]);
    scene.control.set("ok");
    tells(&["libcoral.so for m is ready", "failed once since the start"]);
    let answered = scene.control.count("answer");
    until("a usual time", || (scene.control.count("answer") > answered + 40).then_some(()));
    scene.control.set("slow 60");
    tells(&["libcoral.so for m is slow", "ms at first"]);
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}
