//! A second model on a detector's crops, by the real program.

use crate::broker::{Broker, Subscriber};
use crate::daemon::{Place, mqtt, picture, quoted};
use crate::support::{data, edgecam, outcome};
use serde_json::Value;

const CLASSIFIER: &str = "classify/mobilenet_v2_1.0_224_quant.tflite";

fn config(place: &Place, port: u16, more: &str) {
    let classifier = data(CLASSIFIER).expect("beside the detector");
    let cameras = format!(
        "[model.imagenet]\npath = {}\n{}",
        quoted(&classifier),
        picture("porch", "cat.bmp", "[camera.classify]\nmodel = \"imagenet\"\nthreshold = 0.1")
            .replace("[camera.classify]", &format!("labels = [\"cat\", \"dog\"]\n[camera.classify]\n{more}"))
    );
    place.write(&mqtt(port), &cameras);
}

#[test]
fn a_cats_crop_is_told_by_its_breed_as_sub_label() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    config(&place, broker.port, "of = [\"cat\"]");
    let _daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/#", &[]);
    let seen =
        sub.wait("detections", |m| m.topic == "edgecam/porch/detections" && m.payload.contains("\"cat\""));
    let seen: Value = serde_json::from_str(&seen.payload).expect("JSON");
    let cat = &seen["detections"][0];
    let (label, score) = (cat["sub_label"][0].as_str().expect("a label"), cat["sub_label"][1].as_f64());
    // The same crop, cut out by another program, before the classifier alone.
    let b: Vec<u32> = (0..4).map(|i| cat["box"][i].as_u64().expect("a pixel") as u32).collect();
    let whole = image::open(data("images/cat.bmp").expect("beside it")).expect("a picture");
    let crop = place.path("crop.bmp");
    whole.crop_imm(b[0], b[1], b[2] - b[0], b[3] - b[1]).into_rgb8().save(&crop).expect("saved");
    let output = edgecam()
        .args(["detect", "--json", "--model"])
        .arg(data(CLASSIFIER).expect("there"))
        .arg(&crop)
        .output();
    let (code, stdout, stderr) = outcome(&output.expect("edgecam runs"));
    assert_eq!(code, 0, "{stderr}");
    let alone: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(alone["classes"][0]["label"], label, "{alone}");
    // The crop's edges lie between pixels.
    let apart = alone["classes"][0]["score"].as_f64().expect("a score") - score.expect("a score");
    assert!(apart.abs() < 0.1, "{cat} and {alone}");
}

#[test]
fn a_second_model_that_does_not_fit_is_a_problem_of_the_config() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    for (of, why) in [
        ("of = [\"unicorn\"]", "not among camera.labels"),
        ("", "of is missing"),
        ("of = []", "at least one"),
    ] {
        config(&place, broker.port, of);
        let output = edgecam().arg("check").arg("--config").arg(&place.config).output();
        let (code, _, stderr) = outcome(&output.expect("edgecam runs"));
        assert!(code == 78 && stderr.contains(why), "{of}: {code} {stderr}");
    }
    let detector = format!("[camera.classify]\nmodel = \"coco\"\nof = [\"cat\"]\n{}", "");
    place.write(&mqtt(broker.port), &picture("porch", "cat.bmp", &detector));
    let output = edgecam().arg("check").arg("--config").arg(&place.config).output();
    let (code, _, stderr) = outcome(&output.expect("edgecam runs"));
    assert!(code == 78 && stderr.contains("no classifier"), "{code} {stderr}");
}
