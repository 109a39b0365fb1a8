//! What subscribers hear. A [`Sink`] takes [`Publication`]s from any thread and never blocks.

#[cfg(feature = "broker")]
pub mod broker;
pub mod command;
pub mod homeassistant;
pub mod journal;
pub mod json;
pub mod message;
pub mod mqtt;
pub mod outbox;
pub mod post;
pub mod state;
pub mod terminal;
mod tls;

pub use json::label_of;

use crate::config::Camera;
use crate::decode::{Class, Detection};
use crate::event::{Event, InView, Parked};
use crate::frame::{Size, Timestamp};
use crate::model::DecoderKind;
use crate::pipeline::Latencies;
use std::sync::Arc;

/// Whether a camera delivers frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraStatus {
    /// Frames come.
    Online,
    /// It is not there, or silent; it is being reopened.
    Offline,
    /// Switched off by config or command.
    Disabled,
}

impl CameraStatus {
    /// As published.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Disabled => "disabled",
        }
    }
}

/// A camera, and the model that looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// The camera's config.
    pub camera: &'a Camera,
    /// What the model gives.
    pub kind: DecoderKind,
    /// Whether the model looks now.
    pub detect: bool,
    /// The least score that is reported now.
    pub threshold: f32,
    /// The model's labels; another list, though it may hold the same, is another model.
    pub labels: &'a Arc<[String]>,
}

/// What was seen on one frame.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The camera's name.
    pub camera: &'a str,
    /// The model's name in the config.
    pub model: &'a str,
    /// The frame's number at its camera.
    pub seq: u64,
    /// When it was captured.
    pub captured: Timestamp,
    /// The frame's size in pixels.
    pub size: Size,
    /// The least score the camera reports.
    pub threshold: f32,
    /// How long each stage took.
    pub latencies: Latencies,
    /// What a detector found, best first.
    pub detections: &'a [Detection],
    /// The objects in view, those that were missed on this frame too.
    pub in_view: &'a [InView],
    /// What a classifier thinks, best first; empty for a detector.
    pub classes: &'a [Class],
    /// The model's labels by class index.
    pub labels: &'a [String],
    /// The labels of the second model's classes; empty without one.
    pub sub_labels: &'a [String],
}

/// One thing to publish.
#[derive(Debug)]
pub enum Publication<'a> {
    /// A processed frame.
    Observation(&'a Observation<'a>),
    /// A camera came or went.
    Status {
        /// The camera's name.
        camera: &'a str,
        /// Its state from now on.
        status: CameraStatus,
    },
    /// Something happened to an object.
    Event(&'a Event),
    /// A picture.
    Snapshot {
        /// The camera's name.
        camera: &'a str,
        /// The label of the object it is of, as a part of topics; `None` for one that was asked for.
        of: Option<&'a str>,
        /// The picture.
        jpeg: Vec<u8>,
    },
    /// What stands where before a camera, for the next run.
    Parked {
        /// The camera's name.
        camera: &'a str,
        /// All of it.
        places: &'a [Parked],
    },
    /// Something begins to move before a camera, or nothing moves any more.
    Motion {
        /// The camera's name.
        camera: &'a str,
        /// Which of both.
        moving: bool,
    },
    /// A model looks at a camera's frames from now on, or not.
    Detect {
        /// The camera's name.
        camera: &'a str,
        /// Which of both.
        on: bool,
    },
    /// A camera's least score is another one.
    Threshold {
        /// The camera's name.
        camera: &'a str,
        /// 0..1.
        threshold: f32,
    },
    /// The cameras of a new config: their counts start at zero, what is no longer there is removed.
    Cameras(&'a [Watch<'a>]),
    /// The retained description of this program and its hardware, as JSON.
    Info(&'a serde_json::Value),
    /// What heat makes of the models' share of time, as JSON; none where that is of no account.
    Thermal(Option<&'a serde_json::Value>),
    /// How the accelerators are, as JSON; none where there is none.
    Accelerators(Option<&'a serde_json::Value>),
    /// The periodic figures, as JSON.
    Stats(&'a serde_json::Value),
}

/// Takes publications. Nothing in it blocks: what can't be sent now is dropped, or kept where the
/// contract with subscribers says so.
pub trait Sink: Send + Sync {
    /// Publishes one thing.
    fn publish(&self, publication: &Publication<'_>);
}
