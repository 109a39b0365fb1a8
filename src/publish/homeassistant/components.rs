//! The entities of a camera's device. What is told by retained topics has no `expire_after`: after a
//! restart of Home Assistant the value comes from the broker, however old it is, and stands until
//! `availability` says otherwise.

use super::{Facts, Kind, Label, program};
use serde_json::{Map, Value, json};

/// All components by their keys. A key is the last part of a `unique_id`, so it never changes its
/// meaning: `.` stands between two names, which have none themselves.
pub fn all(facts: &Facts<'_>) -> Map<String, Value> {
    let mut list = List { facts, components: Map::new() };
    match facts.kind {
        Kind::Detector => {
            list.counts();
            list.add("events", "event", "events", events(facts));
        }
        Kind::Classifier => list.add("classification", "sensor", "classification", classification(facts)),
    }
    if facts.has_motion {
        let motion = json!({ "state_topic": facts.camera_topic("motion"), "device_class": "motion" });
        list.add("motion", "binary_sensor", "motion", motion);
    }
    list.settings();
    list.diagnostics();
    list.components
}

struct List<'a> {
    facts: &'a Facts<'a>,
    components: Map<String, Value>,
}

impl List<'_> {
    /// Adds a component with its `options`; `name` is what follows the device's name.
    fn add(&mut self, key: &str, platform: &str, name: &str, mut options: Value) {
        let facts = self.facts;
        options["platform"] = platform.into();
        options["name"] = name.into();
        options["unique_id"] = format!("{}_{key}", facts.object_id()).into();
        options["default_entity_id"] = entity_id(platform, &[facts.camera, name]).into();
        self.components.insert(key.to_owned(), options);
    }

    fn counts(&mut self) {
        let facts = self.facts;
        for Label { name, slug } in facts.labels {
            let topic = facts.camera_topic(slug);
            let occupancy = json!({
                "state_topic": topic,
                "value_template": "{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
                "device_class": "occupancy",
            });
            self.add(&format!("occupancy.{slug}"), "binary_sensor", &format!("{name} occupancy"), occupancy);
            self.add(&format!("count.{slug}"), "sensor", &format!("{name} count"), count(&topic));
            if facts.snapshots {
                let image = json!({
                    "image_topic": facts.camera_topic(&format!("{slug}/snapshot")),
                    "content_type": "image/jpeg",
                });
                self.add(&format!("snapshot.{slug}"), "image", &format!("{name} snapshot"), image);
            }
        }
        self.add("count", "sensor", "count", count(&facts.camera_topic("all")));
        for zone in facts.zones {
            for Label { name, slug } in zone.labels {
                let topic = facts.camera_topic(&format!("{}/{slug}", zone.name));
                let key = format!("zone.{}.{slug}", zone.name);
                self.add(&key, "sensor", &format!("{} {name} count", zone.name), count(&topic));
            }
        }
    }

    /// What can be set, also while the camera is away.
    fn settings(&mut self) {
        let facts = self.facts;
        let detect = json!({
            "command_topic": facts.camera_topic("detect/set"),
            "state_topic": facts.camera_topic("detect/state"),
            "availability": [program(facts)],
            "entity_category": "config",
        });
        self.add("detect", "switch", "detect", detect);
        let threshold = json!({
            "command_topic": facts.camera_topic("threshold/set"),
            "state_topic": facts.camera_topic("threshold/state"),
            "availability": [program(facts)],
            "min": 0, "max": 1, "step": 0.05,
            "entity_category": "config",
        });
        self.add("threshold", "number", "threshold", threshold);
    }

    /// Figures of `stats`, and whether heat slows the models. What a machine does not know is `None`, which Home Assistant calls unknown.
    fn diagnostics(&mut self) {
        let facts = self.facts;
        let stats = |template: String| {
            json!({
                "state_topic": facts.topic("stats"),
                "value_template": template,
                "state_class": "measurement",
                "entity_category": "diagnostic",
            })
        };
        let mut fps = stats(format!(
            "{{{{ (value_json.cameras['{}'] | default({{}})).fps_processed | default(none) }}}}",
            facts.camera
        ));
        fps["unit_of_measurement"] = "fps".into();
        self.add("fps", "sensor", "frame rate", fps);
        let mut temperature = stats("{{ value_json.machine.temperature_c | default(none) }}".to_owned());
        temperature["unit_of_measurement"] = "°C".into();
        temperature["device_class"] = "temperature".into();
        temperature["availability"] = json!([program(facts)]);
        self.add("temperature", "sensor", "processor temperature", temperature);
        let slowed = json!({
            "state_topic": facts.topic("thermal"),
            "value_template": "{{ 'ON' if value_json is defined and value_json.share < 1 else 'OFF' }}",
            "device_class": "problem",
            "availability": [program(facts)],
            "entity_category": "diagnostic",
        });
        self.add("slowed", "binary_sensor", "slowed by heat", slowed);
    }
}

fn count(topic: &str) -> Value {
    json!({ "state_topic": topic, "state_class": "measurement", "icon": "mdi:counter" })
}

/// Events of all cameras share a topic, so the template gives nothing for those of others: Home
/// Assistant passes over an empty payload (<https://www.home-assistant.io/integrations/event.mqtt/>).
/// The event's attributes are what `after` has.
fn events(facts: &Facts<'_>) -> Value {
    let template = format!(
        concat!(
            "{{% if value_json.after.camera == '{}' %}}",
            "{{{{ dict(value_json.after, event_type=value_json.type) | to_json }}}}",
            "{{% endif %}}"
        ),
        facts.camera
    );
    json!({
        "state_topic": facts.topic("events"),
        "value_template": template,
        "event_types": ["new", "update", "end"],
        "icon": "mdi:cctv",
    })
}

/// The label is the state, at most the 255 characters that one may have; its score and the runners-up
/// are attributes. A topic that was cleared has an empty payload, which is no JSON.
fn classification(facts: &Facts<'_>) -> Value {
    let topic = facts.camera_topic("classification");
    json!({
        "state_topic": topic,
        "value_template": "{{ (value_json.label if value_json is defined else none) | string | truncate(255, true, '', 0) }}",
        "json_attributes_topic": topic,
        "json_attributes_template": "{{ value or '{}' }}",
        "icon": "mdi:shape",
    })
}

/// `sensor.front_door_person_count`: lower case, `_` between words, as Home Assistant's own are
/// (<https://www.home-assistant.io/docs/configuration/customizing-devices/#entity-id>).
fn entity_id(domain: &str, parts: &[&str]) -> String {
    let text = parts.join("_").to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{domain}.{}", words.join("_"))
}
