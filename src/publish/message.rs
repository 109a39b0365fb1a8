//! The payloads of messages, and labels as topics.

use super::Observation;
use super::json::{LatencyMs, classes, label_of, objects};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::json;

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
        map.serialize_entry("detections", &Each(|| objects(seen.detections, seen.labels, seen.size)))?;
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

/// First parts of topics below the prefix or below a camera that mean something of their own.
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

/// A label as part of a topic: lower case, all but letters, digits, `_` and `-` become `_`.
#[must_use]
pub fn slug(label: &str) -> String {
    let part = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    label.to_lowercase().chars().map(part).collect()
}
