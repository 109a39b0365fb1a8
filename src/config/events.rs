//! What becomes of detections: masks, filters, zones, tracks, snapshots, the outbox.

use crate::geometry::Polygon;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The queue of events on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// Of events and pictures that wait.
    pub max_bytes: u64,
    /// Older ones are dropped.
    pub max_age: Duration,
    /// A power cut loses at most what came within this; zero: each is synced.
    pub sync_interval: Duration,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_age: 7 * DAY, sync_interval: SECOND }
    }
}

/// Home Assistant's discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeAssistant {
    /// First part of its topics.
    pub discovery_prefix: String,
}

/// When a model looks at a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// It looks this often when nothing moves.
    pub keep_alive: Duration,
    /// Levels of 255 that a place must change by.
    pub threshold: f32,
    /// Fraction of the frame that must have changed.
    pub min_area: f32,
    /// It goes on looking for this long.
    pub hold: Duration,
    /// Where motion is of no account.
    pub mask: Vec<Polygon>,
}

impl Default for Motion {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(30),
            threshold: 12.0,
            min_area: 0.001,
            hold: 2 * SECOND,
            mask: Vec::new(),
        }
    }
}

/// The pictures of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Of JPEG, 1 to 100; less where `max_bytes` asks for it.
    pub quality: u8,
    /// The largest picture.
    pub max_bytes: usize,
    /// The tallest picture, in pixels.
    pub max_height: u32,
    /// Only the object and a little around it.
    pub crop: bool,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { quality: 80, max_bytes: 200 << 10, max_height: 720, crop: false }
    }
}

/// How objects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Frames that must show an object before it counts.
    pub min_hits: u32,
    /// It is gone when not seen for this long.
    pub max_lost: Duration,
    /// It is stationary when it has not moved for this long.
    pub stationary_after: Duration,
    /// A stationary one is gone when not seen for this long.
    pub stationary_max_lost: Duration,
    /// Where one stood is remembered for this long.
    pub remember: Duration,
    /// Between two updates of an event.
    pub update_interval: Duration,
}

impl Default for Track {
    fn default() -> Self {
        Self {
            min_hits: 3,
            max_lost: 2 * SECOND,
            stationary_after: 10 * SECOND,
            stationary_max_lost: 60 * SECOND,
            remember: DAY,
            update_interval: SECOND,
        }
    }
}

/// What a detection must be like.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Least and most score.
    pub score: [f32; 2],
    /// Least and most fraction of the frame.
    pub area: [f32; 2],
    /// Least and most width divided by height, in pixels.
    pub ratio: [f32; 2],
    /// The middle of its lower edge must be in one of them, unless there is none.
    pub include: Vec<Polygon>,
    /// It must be in none of these.
    pub exclude: Vec<Polygon>,
}

/// A place that objects enter and leave.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its name, part of topics.
    pub name: String,
    /// Where it is.
    pub polygon: Polygon,
    /// Whom it concerns; absent: all.
    pub labels: Option<Vec<String>>,
    /// An object must stay for this long to be in it.
    pub loiter: Duration,
    /// Frames in a row that an object must be in it, or out of it.
    pub inertia: u32,
}
