//! The end of an event that was open when edgecam ended.

use super::Stamp;
use serde_json::{Value, json};

/// The `end` of the event whose last message was `last`: as it was told then, over since the last frame
/// that showed it. `None` for what is no message of ours.
#[must_use]
pub fn ended_by_restart(last: &[u8], stamp: &Stamp<'_>) -> Option<Vec<u8>> {
    let mut message: Value = serde_json::from_slice(last).ok()?;
    let before = message.get("after").filter(|after| after.is_object())?.clone();
    let after = &mut message["after"];
    after["end_time"] = after["frame_time"].clone();
    after["end_reason"] = json!("restart");
    message["type"] = json!("end");
    message["before"] = before;
    for (key, value) in serde_json::to_value(stamp).ok()?.as_object()? {
        message[key] = value.clone();
    }
    serde_json::to_vec(&message).ok()
}
