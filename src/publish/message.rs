//! The payloads of messages, and labels as topics.

use super::Observation;
use super::json::{LatencyMs, classes, label_of, objects};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Room for a message of a few detections, so that writing it allocates once.
const USUAL_BYTES: usize = 1024;

/// `<prefix>/<camera>/detections`, written into one allocation.
#[must_use]
pub fn detections(seen: &Observation<'_>) -> Vec<u8> {
    let mut message = Vec::with_capacity(USUAL_BYTES);
    // Writing to memory can't fail, and neither can serialising numbers and text.
    let _ = serde_json::to_writer(&mut message, &Detections(seen));
    message
}

struct Detections<'a>(&'a Observation<'a>);

impl Serialize for Detections<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let seen = self.0;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("camera", seen.camera)?;
        map.serialize_entry("seq", &seen.seq)?;
        map.serialize_entry("frame_time", &((seen.captured.unix_seconds() * 1e6).round() / 1e6))?;
        map.serialize_entry("size", &[seen.size.width, seen.size.height])?;
        map.serialize_entry("model", seen.model)?;
        map.serialize_entry("latency_ms", &LatencyMs::from(&seen.latencies))?;
        map.serialize_entry(
            "detections",
            &Each(|| objects(seen.detections, seen.labels, seen.sub_labels, seen.size)),
        )?;
        if !seen.classes.is_empty() {
            map.serialize_entry("classes", &Each(|| classes(seen.classes, seen.labels)))?;
        }
        map.end()
    }
}

/// A list that is written as it is made.
struct Each<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq((self.0)())
    }
}

/// `<prefix>/<camera>/classification`.
#[must_use]
pub fn classification(seen: &Observation<'_>) -> Vec<u8> {
    let rounded = |score: f32| (f64::from(score) * 1e4).round() / 1e4;
    let one = |c: &crate::decode::Class| json!({ "label": label_of(seen.labels, c.class), "score": rounded(c.score) });
    let mut message = seen.classes.first().map_or_else(|| json!({}), one);
    message["top"] = seen.classes.iter().map(one).collect();
    message.to_string().into_bytes()
}

/// First parts of topics below the prefix or below a camera that mean something of their own. `thermal` is
/// left to cameras, which may well be called so: nothing of a camera is told in a topic of one part.
pub const RESERVED: [&str; 14] = [
    "all",
    "available",
    "classification",
    "detect",
    "detections",
    "error",
    "events",
    "info",
    "motion",
    "restart",
    "snapshot",
    "stats",
    "status",
    "threshold",
];

/// A label as part of a topic: lower case, all but `a-z`, digits, `_` and `-` become `_`.
#[must_use]
pub fn slug(label: &str) -> String {
    let part = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    label.to_lowercase().chars().map(part).collect()
}

/// The part of a topic that counts `label`, one of a model's `labels`: its slug, or `class_17` where no
/// letter of it would be left.
#[must_use]
pub fn topic_part(labels: &[String], label: &str) -> String {
    let slug = slug(label);
    match labels.iter().position(|other| other == label) {
        Some(class) if !slug.contains(|c: char| c.is_ascii_alphanumeric()) => format!("class_{class}"),
        _ => slug,
    }
}

/// Pairs of different labels of `reported` that are counted in one topic; `labels` are the model's.
#[must_use]
pub fn clashes<'a>(labels: &[String], reported: &'a [String]) -> Vec<(&'a str, &'a str)> {
    let mut topics: BTreeMap<String, &str> = BTreeMap::new();
    let mut clashes = Vec::new();
    for label in reported.iter().filter(|label| !label.is_empty()) {
        match topics.entry(topic_part(labels, label)) {
            Entry::Occupied(taken) if *taken.get() != label => clashes.push((*taken.get(), label.as_str())),
            Entry::Occupied(_) => {}
            Entry::Vacant(free) => {
                free.insert(label);
            }
        }
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|&label| label.to_owned()).collect()
    }

    #[test]
    fn labels_become_parts_of_topics() {
        let labels =
            list(&["Big Thing", "caf\u{e9}-1", "\u{441}\u{43e}\u{431}\u{430}\u{43a}\u{430}", "\u{72ac}"]);
        let parts: Vec<String> = labels.iter().map(|label| topic_part(&labels, label)).collect();
        assert_eq!(parts, ["big_thing", "caf_-1", "class_2", "class_3"]);
    }

    #[test]
    fn different_labels_of_one_topic_are_pairs() {
        let labels = list(&["cat", "Big Thing", "", "big_thing", "cat", "big.thing", ""]);
        assert_eq!(clashes(&labels, &labels), [("Big Thing", "big_thing"), ("Big Thing", "big.thing")]);
        assert!(clashes(&labels, &labels[..3]).is_empty());
    }
}
