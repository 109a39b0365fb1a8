//! `edgecam model info`: which operators run on XNNPACK, and what is known of a model for a Coral.

use crate::support::{data, edgecam, outcome};
use serde_json::{Value, json};

fn info(model: &str, arguments: &[&str]) -> Option<String> {
    let output = edgecam().args(["model", "info"]).args(arguments).arg(data(model)?).output();
    let (code, stdout, stderr) = outcome(&output.expect("edgecam runs"));
    assert_eq!((code, stderr.as_str()), (0, ""), "{model}");
    Some(stdout)
}

#[test]
fn operators_that_do_not_run_on_xnnpack_are_named() {
    for (model, words) in [
        ("classify/mobilenet_v2_quantized_1x3x224x224", "every operator runs on XNNPACK"),
        ("classify/mlperf_tiny_vww_96_float", "every operator runs on XNNPACK"),
        (
            "detect/yolov8n_full_integer_quant_224",
            "252 of 255 operators run on XNNPACK; not: RESIZE_NEAREST_NEIGHBOR (2), SOFTMAX",
        ),
        (
            "detect/ssd_mobilenet_v1_coco_quant_detect",
            "61 of 64 operators run on XNNPACK; not: CONCATENATION (2), TFLite_Detection_PostProcess",
        ),
    ] {
        let Some(text) = info(&format!("{model}.tflite"), &[]) else { return };
        let line = text.lines().last().expect("lines");
        assert_eq!(line, format!("  delegated     {words}"), "{model}");
    }
}

#[test]
fn the_json_counts_them() {
    let delegated = |model| {
        let text = info(model, &["--json"])?;
        Some(serde_json::from_str::<Value>(&text).expect("JSON")["delegated"].clone())
    };
    let Some(whole) = delegated("classify/mlperf_tiny_vww_96_float.tflite") else { return };
    assert_eq!((&whole["whole"], &whole["left"]), (&json!(true), &json!({})));
    assert_eq!(whole["operators"], whole["of"]);
    assert_eq!(
        delegated("detect/retinaface.tflite"),
        Some(json!({
            "whole": false, "operators": 235, "of": 241,
            "left": {"RELU": 3, "RESIZE_NEAREST_NEIGHBOR": 2, "SOFTMAX": 1},
        }))
    );
}

#[test]
fn a_model_for_a_coral_is_described_and_refused_with_advice() {
    let Some(model) = data("edgetpu/mobilenet_v1_0.25_128_quant_edgetpu.tflite") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (compiled, cpu) = (folder.path().join("m_edgetpu.tflite"), folder.path().join("m.tflite"));
    std::fs::copy(model, &compiled).expect("copied");
    std::fs::write(&cpu, "").expect("ours");
    let info = |arguments: &[&str]| {
        let mut command = edgecam();
        command.args(["model", "info"]).args(arguments).arg(&compiled);
        outcome(&command.env("EDGECAM_TEST_MACHINE", folder.path()).output().expect("edgecam runs"))
    };
    let (code, stdout, stderr) = info(&[]);
    let line = |key: &str| stdout.lines().find_map(|line| line.trim().strip_prefix(key)).expect(key).trim();
    assert_eq!(line("compiled for"), "Coral Edge TPU");
    assert_eq!(line("runtime"), "version 12 or later");
    assert_eq!(line("parameters"), "553.6 KiB stay on the device, 0.0 KiB are sent anew each time");
    assert_eq!(line("CPU twin"), cpu.to_str().expect("UTF-8"));
    assert_eq!(line("input"), "input u8 [1, 128, 128, 3], scale 0.0078125, zero point 128");
    let advice = format!(
        "edgecam: load model {}: it is compiled for a Coral Edge TPU with runtime version 12 or later, \
         and there is no Coral on this machine; its CPU twin is {}\n",
        compiled.display(),
        cpu.display()
    );
    assert_eq!((code, stderr), (1, advice));

    let (_, stdout, _) = info(&["--json"]);
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(report["edgetpu"]["cache"], json!({"token": "6d146c3f97d6648c", "bytes": 566_912}));
    assert_eq!((&report["cpu"], &report["segments"]), (&json!(cpu), &Value::Null));

    std::fs::write(folder.path().join("m_edgetpu.toml"), "cpu = \"other.tflite\"").expect("ours");
    let (code, stdout, stderr) = info(&[]);
    assert!(
        code == 1 && stdout.is_empty() && stderr.contains("there is no such file; correct `cpu`"),
        "{stderr}"
    );
}
