//! TensorFlow Lite's classic C library as an engine, where edgecam is built with it: against LiteRT.

use crate::support::{data, edgecam, outcome};
use serde_json::Value;
use std::collections::BTreeMap;

/// Scores by label, and the boxes' edges in their order.
fn seen(accelerator: &str, model: &str, image: &str) -> Option<(BTreeMap<String, f64>, Vec<f64>)> {
    let mut command = edgecam();
    command.args(["detect", "--json", "--threshold", "0.5", "--accelerator", accelerator]);
    command.arg("--model").arg(data(model)?).arg(data(image)?);
    let (code, stdout, stderr) = outcome(&command.output().expect("edgecam runs"));
    assert_eq!((code, stderr.as_str()), (0, ""), "{model} on {accelerator}");
    let report: Value = serde_json::from_str(&stdout).expect("one line of JSON");
    let list = |value: &Value| value.as_array().expect("an array").clone();
    let number = |value: &Value| value.as_f64().expect("a number");
    let found = list(&report["classes"]).into_iter().chain(list(&report["detections"]));
    let scores = found.enumerate().map(|(i, d)| (format!("{} {i}", d["label"]), number(&d["score"])));
    let edges =
        list(&report["detections"]).iter().flat_map(|d| list(&d["box_norm"])).map(|v| number(&v)).collect();
    Some((scores.collect(), edges))
}

#[test]
fn float_models_see_what_they_see_on_litert() {
    for (model, image) in [
        ("classify/mlperf_tiny_vww_96_float.tflite", "images/bus.jpg"),
        ("detect/yolov5n-fp16.tflite", "images/bus.jpg"),
        ("detect/yolov5n-fp16.tflite", "images/zidane.jpg"),
    ] {
        let (Some(wanted), Some(got)) = (seen("cpu", model, image), seen("tflitec", model, image)) else {
            return;
        };
        assert!(!wanted.0.is_empty(), "{model} {image}");
        assert_eq!(wanted.0.keys().collect::<Vec<_>>(), got.0.keys().collect::<Vec<_>>(), "{model} {image}");
        let values = |seen: &(BTreeMap<String, f64>, Vec<f64>)| {
            seen.0.values().chain(&seen.1).copied().collect::<Vec<_>>()
        };
        let apart = values(&wanted).into_iter().zip(values(&got)).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 0.02, "{model} {image}: {wanted:?} {got:?}");
    }
}
