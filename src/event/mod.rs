//! What happens to an object that is followed, as subscribers hear it: it is `new`, it is told again when
//! something about it changed, and its `end` comes once. The JSON has Frigate's field names and meanings
//! (<https://docs.frigate.video/integrations/mqtt>), so that automations carry over.

mod best;
mod follower;
mod known;
mod restart;

pub use best::Best;
pub use follower::{Follower, InView, Moment, Parked};
pub use restart::ended_by_restart;

use crate::frame::Size;
use crate::geometry::NormBox;
use crate::zone::ratio;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// Version of the JSON: another number, other meanings.
pub const VERSION: u32 = 1;

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An object was seen often enough to be one.
    New,
    /// Something about it changed.
    Update,
    /// It is gone.
    End,
}

/// Why an object is followed no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// It was not seen any more.
    Lost,
    /// Its camera gave no more frames.
    Camera,
    /// The camera's config changed, or detection was switched off.
    Config,
    /// edgecam was stopped.
    Stopped,
    /// edgecam was not running for a while.
    Restart,
}

/// The frame an object's picture was taken from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shot {
    /// When, in Unix seconds.
    pub frame_time: f64,
    /// Where the object is on it.
    pub bounds: NormBox,
    /// The detection's score.
    pub score: f32,
}

/// What is known of an object at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Unique for ever.
    pub id: Arc<str>,
    /// The camera's name.
    pub camera: Arc<str>,
    /// The label as the model has it.
    pub label: Arc<str>,
    /// The number that its detections carry.
    pub track: u64,
    /// What a second model says it is, and how sure it is.
    pub sub_label: Option<(Arc<str>, f32)>,
    /// Unix seconds of the frame it was last seen on.
    pub frame_time: f64,
    /// That frame's number at its camera.
    pub frame: u64,
    /// Unix seconds of the first frame that showed it.
    pub start_time: f64,
    /// Unix seconds of the last frame that showed it, once it is gone.
    pub end_time: Option<f64>,
    /// Why it is followed no longer.
    pub end_reason: Option<EndReason>,
    /// Of its last detection.
    pub score: f32,
    /// The best so far.
    pub top_score: f32,
    /// Where it was last seen.
    pub bounds: NormBox,
    /// The frame's size in pixels.
    pub size: Size,
    /// Zones it is in.
    pub current_zones: Vec<Arc<str>>,
    /// Zones it has been in, in the order of entering them.
    pub entered_zones: Vec<Arc<str>>,
    /// In a zone, but not for as long as the zone asks.
    pub pending_loitering: bool,
    /// It has not moved for a while.
    pub stationary: bool,
    /// Frames since it moved.
    pub motionless_count: u32,
    /// How often it began to move.
    pub position_changes: u32,
    /// Its best picture.
    pub snapshot: Option<Shot>,
}

/// A change of what is known of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it tells.
    pub kind: Kind,
    /// What was told last; `None` for a new object.
    pub before: Option<State>,
    /// What is so now.
    pub after: State,
    /// The frame of this event is to be its picture.
    pub picture: bool,
}

/// What an event gets when it is written down.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stamp<'a> {
    /// Higher than that of every event before it, restarts included.
    pub seq: u64,
    /// Of this run of the kernel.
    pub boot_id: Option<&'a str>,
    /// Whether the clock was set by a time server; `None` where that is not known.
    pub time_synced: Option<bool>,
}

impl Event {
    /// The payload of `<prefix>/events`.
    #[must_use]
    pub fn to_json(&self, stamp: &Stamp<'_>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Message<'a> {
            version: u32,
            r#type: Kind,
            #[serde(flatten)]
            stamp: &'a Stamp<'a>,
            before: &'a Option<State>,
            after: &'a State,
        }
        let Self { kind, before, after, .. } = self;
        let message = Message { version: VERSION, r#type: *kind, stamp, before, after };
        // Numbers and text: that can't fail.
        serde_json::to_vec(&message).unwrap_or_default()
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Picture {
            frame_time: f64,
            r#box: [u32; 4],
            area: usize,
            score: f64,
        }
        #[derive(Serialize)]
        #[expect(clippy::struct_excessive_bools, reason = "Frigate's fields")]
        struct Told<'a> {
            id: &'a str,
            camera: &'a str,
            frame_time: f64,
            frame: u64,
            label: &'a str,
            sub_label: Option<(&'a str, f64)>,
            track_id: u64,
            score: f64,
            top_score: f64,
            false_positive: bool,
            start_time: f64,
            end_time: Option<f64>,
            end_reason: Option<EndReason>,
            size: [u32; 2],
            r#box: [u32; 4],
            box_norm: [f64; 4],
            area: usize,
            ratio: f64,
            active: bool,
            stationary: bool,
            motionless_count: u32,
            position_changes: u32,
            current_zones: &'a [Arc<str>],
            entered_zones: &'a [Arc<str>],
            pending_loitering: bool,
            has_clip: bool,
            has_snapshot: bool,
            snapshot: Option<Picture>,
        }
        let bounds = self.bounds.to_pixels(self.size);
        let snapshot = self.snapshot.map(|shot| {
            let bounds = shot.bounds.to_pixels(self.size);
            Picture {
                frame_time: time(shot.frame_time),
                r#box: bounds.to_array(),
                area: bounds.size().area(),
                score: fraction(shot.score),
            }
        });
        Told {
            id: &self.id,
            camera: &self.camera,
            frame_time: time(self.frame_time),
            frame: self.frame,
            label: &self.label,
            sub_label: self.sub_label.as_ref().map(|(label, score)| (&**label, fraction(*score))),
            track_id: self.track,
            score: fraction(self.score),
            top_score: fraction(self.top_score),
            false_positive: false,
            start_time: time(self.start_time),
            end_time: self.end_time.map(time),
            end_reason: self.end_reason,
            size: [self.size.width, self.size.height],
            r#box: bounds.to_array(),
            box_norm: self.bounds.to_array().map(fraction),
            area: bounds.size().area(),
            ratio: fraction(ratio(self.bounds, self.size)),
            active: !self.stationary,
            stationary: self.stationary,
            motionless_count: self.motionless_count,
            position_changes: self.position_changes,
            current_zones: &self.current_zones,
            entered_zones: &self.entered_zones,
            pending_loitering: self.pending_loitering,
            has_clip: false,
            has_snapshot: self.snapshot.is_some(),
            snapshot,
        }
        .serialize(serializer)
    }
}

/// Microseconds are enough, and all that a float of Unix seconds holds.
fn time(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// Four decimals.
fn fraction(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests;
