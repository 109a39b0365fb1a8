//! Delegate plugins in LiteRT: the one that plays a Coral, and a third party's.

use crate::coral::{Control, Recording, delegate, noise, record, run, third_party};
use crate::support::{data, library};
use edgecam::accelerator::Plugin;
use edgecam::infer::{ElementType, Loaded, Runtime, TensorSpec, litert};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const COMPILED: &str = "edgetpu/mobilenet_v1_0.25_128_quant_edgetpu.tflite";
const TWIN: &str = "classify/mobilenet_v1_0.25_128_quant.tflite";

fn load(plugin: Option<&Plugin>, model: &Path) -> Result<Loaded, String> {
    let runtime = Runtime::load_with(Some(&library()), plugin, None).map_err(|e| e.to_string())?;
    load_in(&runtime, model)
}

fn load_in(runtime: &Arc<Runtime>, model: &Path) -> Result<Loaded, String> {
    let file = std::fs::read(model).expect("the model is there");
    litert::load(runtime, file.into(), "m", 1).map_err(|e| e.to_string())
}

fn plugin<const N: usize>(path: PathBuf, options: [(&str, &str); N]) -> Plugin {
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Plugin { path, options: options.into() }
}

/// A Coral that knows two inputs.
struct Played {
    folder: TempDir,
    control: Control,
    plugin: Plugin,
    model: PathBuf,
    known: [Vec<u8>; 2],
    answers: [Vec<Vec<u8>>; 2],
}

impl Played {
    fn new() -> Option<Self> {
        let (model, twin) = (data(COMPILED)?, data(TWIN)?);
        let folder = tempfile::tempdir().expect("a folder");
        let mut twin = load(None, &twin).expect("the twin loads");
        let known = [1, 2].map(|seed| noise(&twin, seed));
        let answers = known.each_ref().map(|input| run(&mut twin, input).expect("the twin runs"));
        assert_ne!(answers[0], answers[1]);
        let mut recording = Recording::default();
        for input in &known {
            record(&mut recording, &mut twin, input);
        }
        let path = folder.path().join("recording");
        recording.write(&path).expect("the folder is ours");
        let control = Control::new(folder.path());
        let text = |path: &Path| path.to_str().expect("a name in UTF-8").to_owned();
        let (recording, told) = (text(&path), text(control.path()));
        let plugin = plugin(delegate(), [("device", "usb:0"), ("recording", &recording), ("control", &told)]);
        Some(Self { folder, control, plugin, model, known, answers })
    }

    fn load(&self) -> Result<Loaded, String> {
        load(Some(&self.plugin), &self.model)
    }
}

#[test]
fn the_played_coral_gives_the_twins_answers() {
    let Some(coral) = Played::new() else { return };
    let mut model = coral.load().expect("it loads");
    for index in [1, 0, 1] {
        assert_eq!(run(&mut model, &coral.known[index]), Ok(coral.answers[index].clone()));
    }
    assert_eq!((coral.control.count("answer"), coral.control.count("unknown")), (3, 0));
    let other = noise(&model, 3);
    assert_eq!(run(&mut model, &other), Ok(coral.answers[0].clone()), "the first answer of this size");
    assert_eq!((coral.control.count("answer"), coral.control.count("unknown")), (3, 1));
    drop(model);
    assert_eq!((coral.control.count("create"), coral.control.count("destroy")), (1, 1));
}

#[test]
fn the_played_coral_serves_several_models_at_once() {
    let Some(coral) = Played::new() else { return };
    let (Some(second), Some(twin)) = (
        data("edgetpu/mobilenet_v1_0.5_160_quant_edgetpu.tflite"),
        data("classify/mobilenet_v1_0.5_160_quant.tflite"),
    ) else {
        return;
    };
    let mut twin = load(None, &twin).expect("the twin loads");
    let input = noise(&twin, 4);
    let expected = run(&mut twin, &input).expect("the twin runs");
    let mut recording = Recording::default();
    record(&mut recording, &mut twin, &input);
    let path = coral.folder.path().join("second");
    recording.write(&path).expect("the folder is ours");
    let mut plugin = coral.plugin.clone();
    let files = format!("{}:{}", plugin.options["recording"], path.display());
    plugin.options.insert("recording".to_owned(), files);

    let runtime = Runtime::load_with(Some(&library()), Some(&plugin), None).expect("the runtime loads");
    let mut first = load_in(&runtime, &coral.model).expect("it loads");
    let mut second = load_in(&runtime, &second).expect("it loads");
    for _ in 0..2 {
        assert_eq!(run(&mut first, &coral.known[1]), Ok(coral.answers[1].clone()));
        assert_eq!(run(&mut second, &input), Ok(expected.clone()));
    }
    assert_eq!(coral.control.count("unknown"), 0);
}

#[test]
fn a_delegate_that_can_not_be_created_says_why() {
    let Some(coral) = Played::new() else { return };
    coral.control.set("fail-create the device is in use");
    let why = coral.load().expect_err("it is not created");
    assert!(why.contains("the device is in use"), "{why}");
    coral.control.set("vanish");
    let why = coral.load().expect_err("it is not there");
    assert!(why.contains("device not found"), "{why}");
    coral.control.set("ok");
    let mut model = coral.load().expect("it is back");
    assert!(run(&mut model, &coral.known[0]).is_ok());
}

#[test]
fn an_error_of_a_delegate_is_told_and_passes() {
    let Some(coral) = Played::new() else { return };
    let mut model = coral.load().expect("it loads");
    for command in ["error once", "vanish once"] {
        coral.control.set(command);
        let why = run(&mut model, &coral.known[0]).expect_err("it fails");
        assert!(why.contains("the accelerator failed as told") || why.contains("device not found"), "{why}");
        assert_eq!(run(&mut model, &coral.known[0]), Ok(coral.answers[0].clone()));
    }
}

#[test]
fn commands_act_when_and_where_they_are_to() {
    let Some(coral) = Played::new() else { return };
    let mut model = coral.load().expect("it loads");
    let mut fails = || run(&mut model, &coral.known[0]).is_err();
    assert!(!fails());
    coral.control.set("error on usb:1");
    assert!(!fails());
    coral.control.set("error after 2 once\nvanish on usb:0 once");
    assert_eq!([fails(), fails(), fails(), fails()], [true, false, false, true]);
    coral.control.set("error after 2 once");
    assert_eq!([fails(), fails(), fails(), fails()], [false, false, true, false]);
    coral.control.set("slow 30");
    let start = Instant::now();
    assert!(!fails() && start.elapsed() >= Duration::from_millis(30));
    assert_eq!(coral.control.count("fault"), 4);
}

#[test]
fn a_short_output_keeps_the_end_of_the_one_before() {
    let Some(coral) = Played::new() else { return };
    let mut model = coral.load().expect("it loads");
    run(&mut model, &coral.known[0]).expect("it runs");
    coral.control.set("short");
    let short = run(&mut model, &coral.known[1]).expect("LiteRT does not see it");
    let half = short[0].len() / 2;
    assert_eq!(short[0][..half], coral.answers[1][0][..half]);
    assert_eq!(short[0][half..], coral.answers[0][0][half..]);
}

#[test]
fn an_output_of_another_size_is_no_answer() {
    let Some(coral) = Played::new() else { return };
    let mut model = coral.load().expect("it loads");
    run(&mut model, &coral.known[0]).expect("it runs");
    coral.control.set("wrong-size once");
    // LiteRT 2.2 says that all is well, and leaves the buffer as it was.
    let first = run(&mut model, &coral.known[1]);
    assert!(first.is_err() || first == Ok(coral.answers[0].clone()));
    for _ in 0..2 {
        run(&mut model, &coral.known[1]).expect_err("the model has to be loaded anew");
    }
    let mut again = coral.load().expect("it loads");
    assert_eq!(run(&mut again, &coral.known[1]), Ok(coral.answers[1].clone()));
}

/// The numbers that a tensor's bytes stand for.
fn real(spec: &TensorSpec, bytes: &[u8]) -> Vec<f32> {
    let (scale, zero) = spec.quantization.map_or((1.0, 0), |q| (q.scale, q.zero_point));
    match spec.element {
        ElementType::U8 => bytes.iter().map(|&b| scale * (i64::from(b) - zero) as f32).collect(),
        ElementType::I8 => bytes.iter().map(|&b| scale * (i64::from(b as i8) - zero) as f32).collect(),
        ElementType::F32 => {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four bytes"))).collect()
        }
        other => panic!("no classifier gives {other:?}"),
    }
}

#[test]
fn a_third_partys_delegate_gives_the_cpus_answers() {
    for model in ["mobilenet_v1_0.25_128_quant", "mlperf_tiny_vww_96_float", "mlperf_tiny_vww_96_int8"] {
        let Some(path) = data(&format!("classify/{model}.tflite")) else { return };
        let mut cpu = load(None, &path).expect("it loads");
        let mut delegated = load(Some(&plugin(third_party(), [])), &path).expect("it loads");
        for seed in 0..8 {
            let input = noise(&cpu, seed);
            let [expected, got] =
                [&mut cpu, &mut delegated].map(|loaded| run(loaded, &input).expect("it runs").remove(0));
            let [expected, got] = [expected, got].map(|bytes| real(&cpu.outputs[0], &bytes));
            for (a, b) in expected.iter().zip(&got) {
                assert!((a - b).abs() <= 0.02, "{model}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_third_partys_options_reach_it() {
    let Some(path) = data(TWIN) else { return };
    let scores = |gain| {
        let mut model = load(Some(&plugin(third_party(), [("gain", gain)])), &path).expect("it loads");
        let input = noise(&model, 1);
        let bytes = run(&mut model, &input).expect("it runs").remove(0);
        real(&model.outputs[0], &bytes)
    };
    let greatest = |gain| scores(gain).into_iter().fold(0.0, f32::max);
    assert!(scores("0").iter().all(|&score| score < 0.01), "all classes are the same");
    assert!(greatest("1") < greatest("8"));
    let why = load(Some(&plugin(third_party(), [("gian", "1")])), &path).expect_err("a wrong option");
    assert!(why.contains("third party: the only option is gain, a number"), "{why}");
}
