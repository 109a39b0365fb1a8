//! What Home Assistant is told, so that a camera is a device there: pure functions from facts to one
//! retained message a camera. Long names only; `~` is not known to device-based discovery.
//!
//! The format: <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>, and the page
//! of each platform, such as <https://www.home-assistant.io/integrations/binary_sensor.mqtt/>.

mod components;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Where a user of Home Assistant finds help: the package's `repository`, where it names one.
const SUPPORT_URL: &str = env!("CARGO_PKG_REPOSITORY");

/// What a camera's model gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Counts, events and snapshots.
    Detector,
    /// The label of the whole picture.
    Classifier,
}

/// A label that is reported.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// As the model has it.
    pub name: &'a str,
    /// As topics have it; see [`topic_part`](super::message::topic_part).
    pub slug: &'a str,
}

/// A zone of a camera.
#[derive(Clone, Copy, Debug)]
pub struct Zone<'a> {
    /// Its name, which is its part of topics too.
    pub name: &'a str,
    /// What it counts.
    pub labels: &'a [Label<'a>],
}

/// All that the message about a camera depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The first part of our topics.
    pub prefix: &'a str,
    /// The first part of discovery topics: `homeassistant`.
    pub discovery_prefix: &'a str,
    /// What tells this Pi from others, such as eight digits of the machine id; letters, digits, `-`.
    pub node: &'a str,
    /// The camera's name.
    pub camera: &'a str,
    /// What its model gives.
    pub kind: Kind,
    /// What a detector reports, in order; of no account for a classifier.
    pub labels: &'a [Label<'a>],
    /// The camera's zones.
    pub zones: &'a [Zone<'a>],
    /// Whether `<camera>/motion` is published.
    pub has_motion: bool,
    /// Whether `<camera>/<label>/snapshot` is published.
    pub snapshots: bool,
    /// Of this program.
    pub version: &'a str,
    /// `Raspberry Pi 4 Model B Rev 1.5`.
    pub hardware: &'a str,
}

impl Facts<'_> {
    /// Names the device on a broker and in Home Assistant: `<prefix>_<node>_<camera>`. No two differ in
    /// one of the three and share it: `_` is in none of the first two parts, and a prefix that has to be
    /// rewritten for that carries a checksum of itself.
    fn object_id(&self) -> String {
        let mut prefix = plain(self.prefix);
        if prefix != self.prefix {
            let sum = format!("{:x}", Sha256::digest(self.prefix));
            prefix = format!("{prefix}-{}", &sum[..8]);
        }
        format!("{prefix}_{}_{}", plain(self.node), self.camera)
    }

    fn topic(&self, below: &str) -> String {
        format!("{}/{below}", self.prefix)
    }

    fn camera_topic(&self, below: &str) -> String {
        format!("{}/{}/{below}", self.prefix, self.camera)
    }
}

/// `text` with `-` for all but letters of ASCII, digits and `-`.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// Where the message goes. Home Assistant takes `[a-zA-Z0-9_-]+` before `/config` and nothing else.
#[must_use]
pub fn topic(facts: &Facts<'_>) -> String {
    format!("{}/device/{}/config", facts.discovery_prefix, facts.object_id())
}

/// The message.
#[must_use]
pub fn config(facts: &Facts<'_>) -> Value {
    json!({
        "device": {
            "identifiers": [facts.object_id()],
            "name": facts.camera,
            "manufacturer": "edgecam",
            "model": facts.hardware,
            "sw_version": facts.version,
        },
        "origin": origin(facts),
        "availability": [program(facts), camera(facts)],
        "availability_mode": "all",
        "components": components::all(facts),
    })
}

/// What is to be published between `old` and `new`, so that components that are no longer there, or are
/// of another platform now, leave Home Assistant: in it they have nothing but their platform. `None`
/// when all of them stay. A camera that left is an empty retained payload instead.
#[must_use]
pub fn removal(old: &Value, new: &Value) -> Option<Value> {
    let (old, kept) = (old["components"].as_object()?, new["components"].as_object()?);
    let gone: Map<String, Value> = old
        .iter()
        .filter(|(key, component)| kept.get(*key).is_none_or(|now| now["platform"] != component["platform"]))
        .map(|(key, component)| (key.clone(), json!({ "platform": component["platform"] })))
        .collect();
    if gone.is_empty() {
        return None;
    }
    let mut between = new.clone();
    between["components"].as_object_mut()?.extend(gone);
    Some(between)
}

fn origin(facts: &Facts<'_>) -> Value {
    let mut origin = json!({ "name": "edgecam", "sw_version": facts.version });
    if !SUPPORT_URL.is_empty() {
        origin["support_url"] = SUPPORT_URL.into();
    }
    origin
}

/// Whether the program is there.
fn program(facts: &Facts<'_>) -> Value {
    json!({ "topic": facts.topic("available") })
}

/// Whether the camera is. One that is switched off (`disabled`) counts as there: Home Assistant knows
/// two payloads, and its switch has to stay in reach.
fn camera(facts: &Facts<'_>) -> Value {
    json!({
        "topic": facts.camera_topic("status"),
        "value_template": "{{ 'offline' if value == 'offline' else 'online' }}",
    })
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
