//! A camera, and all that is done with its frames.

use super::{Filter, Motion, Snapshot, Source, Track, Zone};
use crate::geometry::{NormBox, Polygon};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A camera and what to do with its frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Matches `[a-z0-9_-]{1,32}`, unique, not a reserved topic.
    pub name: String,
    /// Where its frames come from.
    pub source: Source,
    /// A camera silent for this long is closed and reopened.
    pub stall_timeout: Duration,
    /// The name of its model.
    pub model: String,
    /// The part of the frame that the model sees.
    pub region: NormBox,
    /// Inferences a second at most; absent: every frame.
    pub fps: Option<f64>,
    /// Least score of a detection, 0..1.
    pub threshold: f32,
    /// The labels to report; absent: all.
    pub labels: Option<Vec<String>>,
    /// A second model on what the first one finds.
    pub classify: Option<Classify>,
    /// How frames worth labelling are saved; absent: none are.
    pub collect: Option<Collect>,
    /// Whether a model looks only where something moves; absent: it looks at every frame.
    pub motion: Option<Motion>,
    /// What nobody may see.
    pub mask: Arc<[Polygon]>,
    /// The pictures of events; absent: there are none.
    pub snapshot: Option<Snapshot>,
    /// How objects are followed.
    pub track: Track,
    /// What a detection must be like, by label; `all` stands for every label.
    pub filters: BTreeMap<String, Filter>,
    /// Places that objects enter and leave.
    pub zones: Vec<Zone>,
}

impl Camera {
    /// A camera of which no more is said: the defaults of all the rest.
    #[must_use]
    pub fn new(name: &str, source: Source, model: &str) -> Self {
        Self {
            name: name.to_owned(),
            source,
            stall_timeout: Duration::from_secs(10),
            model: model.to_owned(),
            region: NormBox::FULL,
            fps: None,
            threshold: 0.5,
            labels: None,
            classify: None,
            collect: None,
            motion: None,
            mask: Arc::from([]),
            snapshot: Some(Snapshot::default()),
            track: Track::default(),
            filters: BTreeMap::new(),
            zones: Vec::new(),
        }
    }
}

/// Which frames are saved for labelling, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Collect {
    /// The folder; absent: `collect` in the state directory.
    pub path: Option<PathBuf>,
    /// Of all its pictures.
    pub max_bytes: u64,
    /// Between two pictures of a camera.
    pub interval: Duration,
    /// From where to where a score is unsure, 0..1.
    pub uncertain: [f32; 2],
    /// Between two pictures without a detection; absent: none are saved.
    pub negatives: Option<Duration>,
}

impl Default for Collect {
    fn default() -> Self {
        Self {
            path: None,
            max_bytes: 200 << 20,
            interval: Duration::from_secs(10),
            uncertain: [0.2, 0.6],
            negatives: Some(Duration::from_secs(15 * 60)),
        }
    }
}

/// A classifier on a detector's crops.
#[derive(Clone, Debug, PartialEq)]
pub struct Classify {
    /// The name of its model.
    pub model: String,
    /// The detector's labels that it looks at.
    pub of: Vec<String>,
    /// Least score of a class, 0..1.
    pub threshold: f32,
}
