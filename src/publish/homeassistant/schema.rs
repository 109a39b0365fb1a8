//! Home Assistant's rules for the message, as its documentation has them: what is wrong with one.

use serde_json::{Map, Value};

/// Of every component: <https://www.home-assistant.io/integrations/mqtt/#shared-configuration>.
const COMMON: &[&str] = &[
    "platform",
    "unique_id",
    "default_entity_id",
    "name",
    "icon",
    "entity_category",
    "enabled_by_default",
    "availability",
    "availability_mode",
    "json_attributes_topic",
    "json_attributes_template",
    "qos",
    "encoding",
];

/// A platform, what it must have, and what it may have.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The page of each: `https://www.home-assistant.io/integrations/<platform>.mqtt/`.
const PLATFORMS: &[Rule] = &[
    ("binary_sensor", &["state_topic"], &["value_template", "device_class", "payload_on", "payload_off"]),
    (
        "sensor",
        &["state_topic"],
        &[
            "value_template",
            "device_class",
            "state_class",
            "unit_of_measurement",
            "suggested_display_precision",
        ],
    ),
    ("image", &["image_topic"], &["content_type"]),
    ("switch", &["command_topic"], &["state_topic", "payload_on", "payload_off", "optimistic"]),
    ("number", &["command_topic"], &["state_topic", "min", "max", "step", "mode", "unit_of_measurement"]),
    ("event", &["state_topic", "event_types"], &["value_template", "device_class"]),
];

/// What is wrong with a whole message; nothing, when it is as it should be.
pub fn faults(message: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |good: bool, what: &str| {
        if !good {
            faults.push(what.to_owned());
        }
    };
    let root = message.as_object().expect("an object");
    let known = ["device", "origin", "components", "availability", "availability_mode"];
    check(root.keys().all(|key| known.contains(&key.as_str())), "an unknown key at the root");
    let device = &message["device"];
    let ids = device["identifiers"].as_array();
    check(ids.is_some_and(|ids| !ids.is_empty() && ids.iter().all(Value::is_string)), "device.identifiers");
    check(message["origin"]["name"].is_string(), "origin.name is required");
    check(
        ["all", "any", "latest"].map(Value::from).contains(&message["availability_mode"]),
        "availability_mode",
    );
    check(availability(&message["availability"]), "availability");
    let empty = Map::new();
    let components = message["components"].as_object().unwrap_or(&empty);
    check(!components.is_empty(), "components");
    let mut unique: Vec<&str> = components.values().filter_map(|c| c["unique_id"].as_str()).collect();
    let all = unique.len();
    unique.sort_unstable();
    unique.dedup();
    check(unique.len() == all, "two components have one unique_id");
    for (key, component) in components {
        check(!key.contains(' '), "a space in a component's key");
        for fault in component_faults(component) {
            check(false, &format!("{key}: {fault}"));
        }
    }
    check(!message.to_string().contains("\"~"), "~ is not known here");
    faults
}

fn component_faults(component: &Value) -> Vec<String> {
    let options = component.as_object().expect("an object");
    let platform = component["platform"].as_str().unwrap_or_default();
    let Some((_, required, optional)) = PLATFORMS.iter().find(|(name, ..)| *name == platform) else {
        return vec![format!("unknown platform {platform:?}")];
    };
    if options.len() == 1 {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for key in required.iter().chain(&["unique_id", "default_entity_id"]) {
        if !options.contains_key(*key) {
            faults.push(format!("{key} is required"));
        }
    }
    for (key, value) in options {
        let known = [COMMON, required, optional].iter().any(|list| list.contains(&key.as_str()));
        if !known {
            faults.push(format!("{key} is no option of {platform}"));
        }
        if !value_is_good(platform, key, value) {
            faults.push(format!("{key}: {value}"));
        }
    }
    faults
}

fn value_is_good(platform: &str, key: &str, value: &Value) -> bool {
    match key {
        "availability" => availability(value),
        "entity_category" => value == "config" || value == "diagnostic",
        "default_entity_id" => value.as_str().is_some_and(|id| entity_id(platform, id)),
        "event_types" => value.as_array().is_some_and(|types| types.iter().all(Value::is_string)),
        "min" | "max" | "step" => value.is_number(),
        "device_class" => ["motion", "occupancy", "problem", "temperature", "data_size"]
            .contains(&value.as_str().unwrap_or("")),
        "state_class" => value == "measurement",
        key if key.ends_with("topic") => value.as_str().is_some_and(topic),
        _ => value.as_str().is_some_and(|text| !text.is_empty()),
    }
}

fn availability(list: &Value) -> bool {
    let good = |entry: &Value| {
        entry["topic"].as_str().is_some_and(topic)
            && entry.as_object().is_some_and(|entry| {
                entry.keys().all(|key| ["topic", "value_template"].contains(&key.as_str()))
            })
    };
    list.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(good))
}

fn topic(text: &str) -> bool {
    !text.is_empty() && !text.contains(['#', '+', '\0']) && !text.starts_with('/') && !text.contains("//")
}

/// `homeassistant.core.VALID_ENTITY_ID`: no `_` at the ends of either part, no two in a row.
fn entity_id(platform: &str, id: &str) -> bool {
    let Some((domain, object)) = id.split_once('.') else { return false };
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    domain == platform
        && !object.is_empty()
        && object.chars().all(good)
        && !object.contains("__")
        && object.trim_matches('_') == object
}
