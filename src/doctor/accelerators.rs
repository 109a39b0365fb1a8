//! The accelerators that the running service uses, as it tells: `accelerators.json` in its runtime directory has what
//! it publishes as `<prefix>/accelerators`.

use super::{Board, Finding, service};
use serde_json::Value;

const TOLD: &str = "/run/edgecam/accelerators.json";
/// What usually helps a Coral that stops working.
const CORAL: &str = "edgecam tries again by itself; if it lasts, let it cool, and plug a USB Coral in anew, at a USB 3 port with enough power (docs/accelerators.md)";
const OTHER: &str = "edgecam tries again by itself; if it lasts: `journalctl -u edgecam -n 50` says more";

/// A finding for each device; nothing where the service does not run or uses none.
#[must_use]
pub fn findings(board: &Board) -> Vec<Finding> {
    let Some(told) = board.read(TOLD).filter(|_| service::is_active(board)) else { return Vec::new() };
    let told: Value = serde_json::from_str(&told).unwrap_or_default();
    match told["devices"].as_array() {
        Some(devices) => devices.iter().map(device).collect(),
        None => vec![Finding::note("accelerator", format!("{TOLD} can't be read as a list of devices"))],
    }
}

fn device(device: &Value) -> Finding {
    let name = device["name"].as_str().unwrap_or("a device without a name");
    let models = device["models"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let models = models.collect::<Vec<_>>().join(", ");
    let models = if models.is_empty() { String::new() } else { format!(" for {models}") };
    let reason = device["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    let failures = match device["failures"].as_u64() {
        None | Some(0) => String::new(),
        Some(1) => ", failed once since the start".to_owned(),
        Some(n) => format!(", failed {n} times since the start"),
    };
    let twin = if device["twin_active"] == true { "; meanwhile the CPU twin runs" } else { "" };
    let fix = if device["kind"] == "edgetpu" { CORAL } else { OTHER };
    let told = |state: &str| format!("{name}{models} {state}{failures}{reason}{twin}");
    match device["state"].as_str().unwrap_or_default() {
        "ready" => Finding::ok("accelerator", told("is ready")),
        "starting" => Finding::note("accelerator", told("is starting")),
        "slow" => Finding::warn("accelerator", told("is slow"), fix),
        "failed" => Finding::warn("accelerator", told("does not work"), fix),
        "absent" => Finding::warn("accelerator", told("is not there"), fix),
        state => Finding::note(
            "accelerator",
            told(&format!("is in a state {state:?} that edgecam doctor does not know")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::board::tests::board;
    use super::*;

    fn told(json: &str) -> Vec<(Level, String)> {
        let (_root, board) = board(&[(TOLD, json)], "ActiveState=active\n");
        findings(&board).into_iter().map(|finding| (finding.level, finding.found)).collect()
    }

    #[test]
    fn each_state_has_its_level_and_words() {
        for (device, level, words) in [
            (
                r#"{"name":"usb:0","kind":"edgetpu","state":"ready","reason":null,"since":1,"models":["coco","birds"],"failures":3,"twin_active":false}"#,
                Level::Ok,
                "usb:0 for coco, birds is ready, failed 3 times since the start",
            ),
            (r#"{"name":"usb:0","state":"starting","models":[]}"#, Level::Note, "usb:0 is starting"),
            (
                r#"{"name":"usb:0","state":"failed","reason":"no answer for 2 s","models":["coco"],"failures":1,"twin_active":true}"#,
                Level::Warn,
                "usb:0 for coco does not work, failed once since the start: no answer for 2 s; meanwhile the CPU twin runs",
            ),
            (r#"{"name":"usb:0","state":"slow","reason":"hot"}"#, Level::Warn, "usb:0 is slow: hot"),
            (r#"{"name":"pci:0","state":"absent"}"#, Level::Warn, "pci:0 is not there"),
            (
                "{}",
                Level::Note,
                "a device without a name is in a state \"\" that edgecam doctor does not know",
            ),
            (
                "7",
                Level::Note,
                "a device without a name is in a state \"\" that edgecam doctor does not know",
            ),
        ] {
            assert_eq!(told(&format!(r#"{{"devices":[{device}]}}"#)), [(level, words.to_owned())]);
        }
        assert_eq!(told(r#"{"devices":[]}"#), []);
        for broken in ["{}", "[]", "{", r#"{"devices":7}"#] {
            assert_eq!(told(broken)[0].0, Level::Note, "{broken:?}");
        }
    }

    #[test]
    fn a_service_that_does_not_run_has_nothing_to_tell() {
        let (_root, board) =
            board(&[(TOLD, r#"{"devices":[{"state":"failed"}]}"#)], "ActiveState=inactive\n");
        assert_eq!(findings(&board), []);
    }
}
