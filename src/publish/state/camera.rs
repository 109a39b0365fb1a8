//! What is told of one camera: what it has in view, its classification, its settings.

use super::super::homeassistant::Kind;
use super::super::json::label_of;
use super::super::message::{self, classification, topic_part};
use super::counts::{Counts, Set};
use super::discovery::Device;
use crate::model::DecoderKind;
use crate::publish::{Observation, Watch};
use std::sync::Arc;
use std::time::Instant;

/// A camera that reports all labels of a model is announced with them only if there are no more.
const MOST_LABELS: usize = 16;

/// State of one camera.
#[derive(Debug)]
pub struct CameraState {
    name: String,
    /// Topic of its stream, without the prefix.
    pub detections_topic: String,
    /// Labels of the model whose answers count.
    labels: Arc<[String]>,
    counts: Counts,
    classification_topic: String,
    /// The label last told.
    class: Option<String>,
    threshold: f32,
    /// A model looks.
    detect: bool,
    /// Whether something moves; absent: that is not told.
    motion: Option<bool>,
    /// Pictures of objects are published.
    has_pictures: bool,
    /// Labels that are reported; absent: all of the model's.
    reported: Option<Vec<String>>,
    zones: Vec<Zone>,
    /// When it went last; frames from before that are still answered for a while.
    gone: Option<Instant>,
}

/// What a zone has in view.
#[derive(Debug)]
struct Zone {
    name: String,
    /// Whom it concerns; absent: all that are reported.
    labels: Option<Vec<String>>,
    counts: Counts,
}

impl CameraState {
    /// Nothing in view, and no model that looks.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            detections_topic: format!("{name}/detections"),
            labels: Arc::from([]),
            counts: Counts::default(),
            classification_topic: format!("{name}/classification"),
            class: None,
            threshold: 0.0,
            detect: true,
            motion: None,
            has_pictures: false,
            reported: None,
            zones: Vec::new(),
            gone: None,
        }
    }

    /// As `watch` has it. Where all labels are reported, those seen before stay, unless the model is
    /// another one.
    pub fn configured(mut self, watch: &Watch<'_>) -> Self {
        let same_model = Arc::ptr_eq(&self.labels, watch.labels);
        self.labels = Arc::clone(watch.labels);
        (self.detect, self.threshold) = (watch.detect, watch.threshold);
        self.motion = watch.camera.motion.as_ref().map(|_| self.motion.unwrap_or(false));
        self.has_pictures = watch.camera.snapshot.is_some() && watch.kind != DecoderKind::Classify;
        self.reported.clone_from(&watch.camera.labels);
        if !same_model {
            self.class = None;
        }
        let (old, mut old_zones) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.zones));
        if watch.kind == DecoderKind::Classify {
            return self;
        }
        let parts = match &watch.camera.labels {
            Some(labels) => self.parts(labels),
            None if same_model => old.parts(),
            None => {
                self.tell_shared_topics();
                Vec::new()
            }
        };
        self.counts = Counts::new(self.name.clone(), parts, old);
        let mut old_counts = |name: &str| {
            let known = old_zones.iter().position(|zone| zone.name == name);
            known.map_or_else(Counts::default, |index| std::mem::take(&mut old_zones[index].counts))
        };
        self.zones = watch
            .camera
            .zones
            .iter()
            .map(|zone| {
                // Others than these from their first sight on.
                let labels = zone.labels.as_ref().or(self.reported.as_ref());
                let parts = labels.map_or_else(Vec::new, |labels| self.parts(labels));
                let counts =
                    Counts::new(format!("{}/{}", self.name, zone.name), parts, old_counts(&zone.name));
                Zone { name: zone.name.clone(), labels: zone.labels.clone(), counts }
            })
            .collect();
        self
    }

    fn parts(&self, labels: &[String]) -> Vec<String> {
        labels.iter().map(|label| topic_part(&self.labels, label)).collect()
    }

    fn topic(&self, label: &str) -> String {
        format!("{}/{}", self.name, topic_part(&self.labels, label))
    }

    fn tell_shared_topics(&self) {
        if let Some((one, other)) = message::clashes(&self.labels, &self.labels).first() {
            let topic = self.topic(one);
            log::warn!(camera = self.name.as_str(); "the labels {one} and {other} are counted together in the topic {topic}");
        }
    }

    /// Topics and payloads of what can be set.
    pub fn settings(&self) -> [(String, String); 2] {
        let topic = |key: &str| format!("{}/{key}/state", self.name);
        let detect = if self.detect { "ON" } else { "OFF" };
        [(topic("detect"), detect.to_owned()), (topic("threshold"), self.threshold.to_string())]
    }

    /// A model looks from now on, or not.
    pub fn set_detect(&mut self, on: bool, set: &mut Set<'_>) {
        self.detect = on;
        if !on {
            self.nothing_in_view(set);
        }
        self.tell_settings(set);
    }

    /// The least score is another one.
    pub fn set_threshold(&mut self, threshold: f32, set: &mut Set<'_>) {
        self.threshold = threshold;
        self.tell_settings(set);
    }

    fn tell_settings(&self, set: &mut Set<'_>) {
        self.settings().into_iter().for_each(|(topic, payload)| set(&topic, payload.into_bytes()));
    }

    /// Where motion is told, and whether something moves.
    pub fn motion(&self) -> Option<(String, &'static str)> {
        let moving = self.motion?;
        Some((format!("{}/motion", self.name), if moving { "ON" } else { "OFF" }))
    }

    /// Something begins to move, or nothing moves any more.
    pub fn set_motion(&mut self, moving: bool) {
        self.motion = self.motion.map(|_| moving);
    }

    /// What Home Assistant is told of it.
    pub fn device(&self) -> Device {
        let counts = !self.counts.is_empty();
        let named = |labels: &[String]| -> Vec<(String, String)> {
            let labels = labels.iter().filter(|label| !label.is_empty());
            labels.map(|label| (label.clone(), topic_part(&self.labels, label))).collect()
        };
        let all: &[String] = if self.labels.len() <= MOST_LABELS { &self.labels } else { &[] };
        let reported = named(self.reported.as_deref().unwrap_or(all));
        let zones = self.zones.iter().map(|zone| {
            let wanted = zone.labels.as_deref().map_or_else(|| reported.clone(), named);
            (zone.name.clone(), wanted)
        });
        Device {
            camera: self.name.clone(),
            kind: if counts { Kind::Detector } else { Kind::Classifier },
            zones: zones.collect(),
            labels: reported,
            has_motion: self.motion.is_some(),
            snapshots: self.has_pictures,
        }
    }

    /// Where pictures of its objects stay.
    pub fn picture_topics(&self) -> impl Iterator<Item = String> {
        let labels = self.reported.as_deref().unwrap_or(&self.labels);
        let labels = labels.iter().filter(|label| self.has_pictures && !label.is_empty());
        labels.map(|label| format!("{}/snapshot", self.topic(label)))
    }

    /// The retained topics it has now, but for its status and settings.
    pub fn topics(&self) -> impl Iterator<Item = String> {
        self.count_topics()
            .map(str::to_owned)
            .chain(self.class.iter().map(|_| self.classification_topic.clone()))
    }

    /// The topics of its counts.
    pub fn count_topics(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.counts)
            .chain(self.zones.iter().map(|zone| &zone.counts))
            .flat_map(Counts::topics)
    }

    /// Sets every count's topic that is not told yet.
    pub fn tell_counts(&mut self, set: &mut Set<'_>) {
        self.all_counts().for_each(|counts| counts.tell(set));
    }

    fn all_counts(&mut self) -> impl Iterator<Item = &mut Counts> {
        std::iter::once(&mut self.counts).chain(self.zones.iter_mut().map(|zone| &mut zone.counts))
    }

    /// Takes in a frame and sets the topics that it changes, unless it is from before the camera went;
    /// false for the answer of a model that no longer looks at this camera, which is of no account.
    pub fn observe(&mut self, seen: &Observation<'_>, set: &mut Set<'_>) -> bool {
        if !std::ptr::eq(seen.labels.as_ptr(), self.labels.as_ptr()) {
            return false;
        }
        if self.gone.is_some_and(|gone| seen.captured.instant <= gone) {
            return true;
        }
        self.all_counts().for_each(Counts::clear);
        for object in seen.in_view {
            self.counts.add(object.class, &self.labels);
            let inside = self.zones.iter_mut().enumerate().filter(|(bit, _)| object.zones >> bit & 1 == 1);
            for (_, zone) in inside {
                zone.counts.add(object.class, &self.labels);
            }
        }
        self.tell_counts(set);
        if let Some(best) = seen.classes.first().filter(|best| best.score >= seen.threshold) {
            let label = label_of(seen.labels, best.class);
            if self.class.as_deref() != Some(&*label) {
                self.class = Some(label.into_owned());
                set(&self.classification_topic, classification(seen));
            }
        }
        true
    }

    /// The camera went: all counts are 0.
    pub fn nothing_in_view(&mut self, set: &mut Set<'_>) {
        self.gone = Some(Instant::now());
        self.all_counts().for_each(Counts::clear);
        self.tell_counts(set);
    }
}
