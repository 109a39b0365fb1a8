//! `edgecam model info`: which operators run on XNNPACK.

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
