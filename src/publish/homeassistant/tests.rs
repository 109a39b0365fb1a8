//! The messages against their golden copies and Home Assistant's rules. The same copies go through Home
//! Assistant's own code in `tests/homeassistant/validate.py`.

use super::schema::faults;
use super::{Facts, Kind, Label, Zone, config, removal, topic};
use serde_json::{Value, json};

const PERSON: Label<'_> = Label { name: "person", slug: "person" };
const TRUCK: Label<'_> = Label { name: "Fire Truck", slug: "fire_truck" };

fn detector() -> Facts<'static> {
    Facts {
        prefix: "edgecam",
        discovery_prefix: "homeassistant",
        node: "1a2b3c4d",
        camera: "front-door",
        kind: Kind::Detector,
        labels: &[PERSON, TRUCK],
        zones: &[Zone { name: "steps", labels: &[PERSON] }],
        has_motion: true,
        snapshots: true,
        version: "1.2.3",
        hardware: "Raspberry Pi 4 Model B Rev 1.5",
    }
}

fn classifier() -> Facts<'static> {
    Facts {
        prefix: "home/pi_3",
        camera: "feeder",
        kind: Kind::Classifier,
        labels: &[],
        zones: &[],
        has_motion: false,
        snapshots: false,
        ..detector()
    }
}

/// The message, and that it is what `tests/homeassistant/<name>.json` holds; `BLESS=1` writes it there.
fn golden(name: &str, topic: &str, payload: &Value) {
    let file = format!("{}/tests/homeassistant/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let now = json!({ "topic": topic, "payload": payload });
    if std::env::var_os("BLESS").is_some() {
        let text = serde_json::to_string_pretty(&now).expect("JSON") + "\n";
        std::fs::write(&file, text).expect("the folder is ours");
    }
    let text = std::fs::read_to_string(&file).expect("it is in the repository");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    assert!(now == golden, "{name} changed: {now:#}");
}

#[test]
fn messages_are_what_they_were_and_keep_the_rules() {
    for (name, facts) in [("detector", detector()), ("classifier", classifier())] {
        let message = config(&facts);
        assert_eq!(faults(&message), Vec::<String>::new(), "{name}");
        golden(name, &topic(&facts), &message);
    }
}

#[test]
fn what_left_is_told_by_its_platform_alone() {
    let old = config(&detector());
    let fewer = Facts { labels: &[PERSON], has_motion: false, ..detector() };
    let new = config(&fewer);
    let between = removal(&old, &new).expect("some left");
    assert_eq!(faults(&between), Vec::<String>::new());
    golden("removal", &topic(&fewer), &between);
    assert_eq!(between["components"]["motion"], json!({ "platform": "binary_sensor" }));
    assert_eq!(between["components"]["snapshot.fire_truck"], json!({ "platform": "image" }));
    let kept = |key: &str| between["components"][key] == new["components"][key];
    assert!(kept("count.person") && kept("detect"));
    assert_eq!(removal(&new, &new), None);
    assert_eq!(removal(&new, &old), None, "what came needs no message of its own");
}

#[test]
fn a_component_of_another_platform_leaves_first() {
    let new = config(&classifier());
    let mut old = new.clone();
    old["components"]["fps"]["platform"] = "number".into();
    let between = removal(&old, &new).expect("one changed");
    assert_eq!(between["components"]["fps"], json!({ "platform": "number" }));
}

#[test]
fn no_two_cameras_share_a_topic() {
    let of = |prefix, node, camera| topic(&Facts { prefix, node, camera, ..detector() });
    assert_eq!(of("edgecam", "1a2b3c4d", "porch"), "homeassistant/device/edgecam_1a2b3c4d_porch/config");
    let all = [
        of("edgecam", "1a2b3c4d", "porch"),
        of("edgecam", "1a2b3c4d", "1a2b3c4d_porch"),
        of("edgecam_1a2b3c4d", "1a2b3c4d", "porch"),
        of("edgecam", "1a2b3c4d_1a2b3c4d", "porch"),
        of("a/b", "1", "c"),
        of("a_b", "1", "c"),
        of("a-b", "1", "c"),
        of("a", "b_1", "c"),
        of("a b", "1", "c"),
        of("küche", "1", "c"),
        of("kuche", "1", "c"),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[index + 1..].contains(one), "{one} twice");
        let id = one.strip_prefix("homeassistant/device/").and_then(|rest| rest.strip_suffix("/config"));
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(id.is_some_and(|id| !id.is_empty() && id.chars().all(good)), "{one}");
    }
}

#[test]
fn the_rules_find_faults() {
    let good = config(&detector());
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut message = good.clone();
        change(&mut message);
        faults(&message)
    };
    let fault = |change: &dyn Fn(&mut Value)| assert!(!broken(change).is_empty());
    fault(&|m| m["origin"]["name"] = Value::Null);
    fault(&|m| m["device"]["identifiers"] = json!([]));
    fault(&|m| m["components"]["motion"]["expire_after"] = 60.into());
    fault(&|m| m["components"]["motion"]["state_topic"] = "~/motion".into());
    fault(&|m| m["components"]["motion"]["default_entity_id"] = "sensor.motion".into());
    fault(&|m| m["components"]["motion"]["unique_id"] = m["components"]["detect"]["unique_id"].clone());
    fault(&|m| m["components"]["motion"]["platform"] = "camera".into());
}
