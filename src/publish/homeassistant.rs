//! Home Assistant's discovery: a device for each camera
//! (<https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>). Pure functions of what a
//! camera publishes.

use super::message::slug;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Where the project is at home.
const SUPPORT_URL: &str = concat!("https://github.com/", env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_NAME"));
/// The event types of an object.
const EVENT_TYPES: [&str; 3] = ["new", "update", "end"];
/// A camera that reports all labels of a model has entities for them only if there are no more.
pub const MOST_LABELS: usize = 16;

/// This machine, as Home Assistant shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// First part of all discovery topics.
    pub discovery_prefix: String,
    /// First part of our topics.
    pub prefix: String,
    /// What tells this machine from others, `[a-z0-9_]`.
    pub id: String,
    /// The board.
    pub hardware: Option<String>,
}

/// What a camera publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a topic that is there or not")]
pub struct Facts {
    /// Its name.
    pub camera: String,
    /// Labels that are counted, and the parts of topics they go by; empty for a classifier.
    pub labels: Vec<(String, String)>,
    /// It counts objects.
    pub counts: bool,
    /// It tells a classification.
    pub classifies: bool,
    /// Zones, and the labels of each, as above.
    pub zones: Vec<(String, Vec<(String, String)>)>,
    /// It tells motion.
    pub motion: bool,
    /// It publishes pictures.
    pub pictures: bool,
}

/// The components of a device and their platforms, to take back what is no longer one.
pub type Components = BTreeMap<String, String>;

/// Where a camera is announced.
#[must_use]
pub fn topic(node: &Node, camera: &str) -> String {
    format!("{}/device/{}/config", node.discovery_prefix, object_id(node, camera))
}

/// `<prefix>_<node>_<camera>`, of `[a-z0-9_]` only.
fn object_id(node: &Node, camera: &str) -> String {
    id(&format!("{}_{}_{camera}", node.prefix, node.id))
}

/// A text as an id.
fn id(text: &str) -> String {
    slug(text).replace('-', "_")
}

/// What a camera is announced with.
#[must_use]
pub fn config(node: &Node, facts: &Facts) -> Value {
    let base = format!("{}/{}", node.prefix, facts.camera);
    let device_id = object_id(node, &facts.camera);
    let mut device = json!({
        "identifiers": [device_id],
        "name": facts.camera,
        "manufacturer": "edgecam",
        "sw_version": env!("CARGO_PKG_VERSION"),
    });
    if let Some(hardware) = &node.hardware {
        device["model"] = json!(hardware);
    }
    json!({
        "device": device,
        "origin": { "name": "edgecam", "sw_version": env!("CARGO_PKG_VERSION"), "support_url": SUPPORT_URL },
        "availability": [{ "topic": format!("{}/available", node.prefix) }, { "topic": format!("{base}/status") }],
        "availability_mode": "all",
        "components": components(node, facts, &base),
    })
}

/// The components of a config.
#[must_use]
pub fn platforms(config: &Value) -> Components {
    let all = config["components"].as_object().into_iter().flatten();
    all.filter_map(|(key, component)| Some((key.clone(), component["platform"].as_str()?.to_owned())))
        .collect()
}

/// The message that takes back the components of `before` that `config` no longer has, if there are any; it is
/// published before `config`.
#[must_use]
pub fn removal(before: &Components, config: &Value) -> Option<Value> {
    let now = platforms(config);
    let gone: Vec<_> = before.iter().filter(|(key, platform)| now.get(*key) != Some(platform)).collect();
    if gone.is_empty() {
        return None;
    }
    let mut message = config.clone();
    for (key, platform) in gone {
        message["components"][key] = json!({ "platform": platform });
    }
    Some(message)
}

/// The components of a camera.
struct List<'a> {
    node: &'a Node,
    camera: &'a str,
    base: String,
    all: Map<String, Value>,
}

impl List<'_> {
    fn add(&mut self, key: &str, platform: &str, name: &str, mut options: Value) {
        let (key, own) = (id(key), id(&format!("{}_{}", self.node.prefix, self.camera)));
        options["platform"] = json!(platform);
        options["name"] = json!(name);
        options["unique_id"] = json!(format!("{}_{key}", object_id(self.node, self.camera)));
        options["default_entity_id"] = json!(format!("{platform}.{own}_{key}"));
        self.all.insert(key, options);
    }

    /// How many of something are in view; `below` is the topic below the camera's.
    fn add_count(&mut self, key: &str, name: &str, below: &str) {
        let topic = format!("{}/{below}", self.base);
        let unit = "objects";
        let options =
            json!({ "state_topic": topic, "state_class": "measurement", "unit_of_measurement": unit });
        self.add(key, "sensor", name, options);
    }

    fn add_label(&mut self, label: &str, part: &str, pictures: bool) {
        let topic = format!("{}/{part}", self.base);
        let occupancy = json!({
            "state_topic": topic,
            "value_template": "{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
            "device_class": "occupancy",
        });
        self.add(&format!("{part}_occupancy"), "binary_sensor", label, occupancy);
        self.add_count(&format!("{part}_count"), &format!("{label} count"), part);
        if pictures {
            let image = json!({ "image_topic": format!("{topic}/snapshot"), "content_type": "image/jpeg" });
            self.add(&format!("{part}_snapshot"), "image", &format!("{label} snapshot"), image);
        }
    }

    /// What can be set, and how it does.
    fn add_controls(&mut self) {
        let topic = |below: &str| format!("{}/{below}", self.base);
        let detect = json!({
            "command_topic": topic("detect/set"),
            "state_topic": topic("detect/state"),
            "entity_category": "config",
        });
        let threshold = json!({
            "command_topic": topic("threshold/set"),
            "state_topic": topic("threshold/state"),
            "min": 0,
            "max": 1,
            "step": 0.01,
            "entity_category": "config",
        });
        let fps = json!({
            "state_topic": format!("{}/stats", self.node.prefix),
            "value_template": format!("{{{{ value_json.cameras['{}'].fps_processed }}}}", self.camera),
            "unit_of_measurement": "fps",
            "state_class": "measurement",
            "entity_category": "diagnostic",
        });
        self.add("detect", "switch", "Detection", detect);
        self.add("threshold", "number", "Threshold", threshold);
        self.add("fps", "sensor", "Frames processed", fps);
    }
}

fn components(node: &Node, facts: &Facts, base: &str) -> Map<String, Value> {
    let mut list = List { node, camera: &facts.camera, base: base.to_owned(), all: Map::new() };
    facts.labels.iter().for_each(|(label, part)| list.add_label(label, part, facts.pictures));
    if facts.counts {
        list.add_count("all_count", "Objects", "all");
        let event = json!({
            "state_topic": format!("{}/events", node.prefix),
            "event_types": EVENT_TYPES,
            "value_template": event_template(&facts.camera),
        });
        list.add("event", "event", "Event", event);
    }
    for (zone, labels) in &facts.zones {
        let labels = labels.iter().map(|(label, part)| (label.as_str(), part.as_str()));
        for (label, part) in [("objects", "all")].into_iter().chain(labels) {
            let (key, name) = (format!("zone_{zone}_{part}_count"), format!("{zone} {label} count"));
            list.add_count(&key, &name, &format!("{zone}/{part}"));
        }
    }
    if facts.motion {
        let motion = json!({ "state_topic": format!("{base}/motion"), "device_class": "motion" });
        list.add("motion", "binary_sensor", "Motion", motion);
    }
    if facts.classifies {
        let classification = json!({
            "state_topic": format!("{base}/classification"),
            "value_template": "{{ value_json.label }}",
            "json_attributes_topic": format!("{base}/classification"),
        });
        list.add("classification", "sensor", "Classification", classification);
    }
    list.add_controls();
    list.all
}

/// Events of one camera, with the type where Home Assistant looks for it; it passes over the empty text of others'.
fn event_template(camera: &str) -> String {
    format!(
        "{{% if value_json.after.camera == '{camera}' %}}{{{{ {{'event_type': value_json.type, 'id': value_json.after.id, \
         'label': value_json.after.label, 'sub_label': value_json.after.sub_label, 'score': value_json.after.top_score, \
         'zones': value_json.after.entered_zones, 'stationary': value_json.after.stationary}} | tojson }}}}{{% endif %}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Node {
        Node {
            discovery_prefix: "homeassistant".to_owned(),
            prefix: "home/edgecam".to_owned(),
            id: "1a2b3c4d".to_owned(),
            hardware: Some("Raspberry Pi 5".to_owned()),
        }
    }

    fn labels(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|&name| (name.to_owned(), slug(name))).collect()
    }

    fn facts() -> Facts {
        Facts {
            camera: "front-door".to_owned(),
            labels: labels(&["person", "Big Dog"]),
            counts: true,
            zones: vec![("steps".to_owned(), labels(&["person"]))],
            motion: true,
            pictures: true,
            ..Facts::default()
        }
    }

    #[test]
    fn ids_have_the_characters_that_home_assistant_takes_and_are_unique() {
        let config = config(&node(), &facts());
        assert_eq!(
            topic(&node(), "front-door"),
            "homeassistant/device/home_edgecam_1a2b3c4d_front_door/config"
        );
        let components = config["components"].as_object().expect("components");
        let mut ids: Vec<&str> = components.values().filter_map(|c| c["unique_id"].as_str()).collect();
        assert_eq!(ids.len(), components.len());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), components.len());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        for (key, component) in components {
            let entity = component["default_entity_id"].as_str().expect("an id");
            let (domain, object) = entity.split_once('.').expect("a domain");
            assert_eq!(component["platform"], domain);
            assert!(key.chars().all(plain) && object.chars().all(plain), "{entity}");
        }
    }

    #[test]
    fn what_leaves_the_config_is_taken_back_once() {
        let before = platforms(&config(&node(), &facts()));
        let now = config(&node(), &Facts { labels: labels(&["person"]), motion: false, ..facts() });
        let removal = removal(&before, &now).expect("something left");
        assert_eq!(removal["components"]["motion"], json!({ "platform": "binary_sensor" }));
        assert_eq!(removal["components"]["big_dog_snapshot"], json!({ "platform": "image" }));
        assert!(removal["components"]["person_count"]["state_topic"].is_string());
        assert_eq!(super::removal(&platforms(&now), &now), None);
    }
}
