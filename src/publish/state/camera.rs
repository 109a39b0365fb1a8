//! What one camera has in view, as counts by label, and its classification.

use super::super::json::label_of;
use super::super::message::{classification, slug};
use crate::config;
use crate::publish::Observation;

/// Counts of one camera.
#[derive(Debug)]
pub struct CameraState {
    name: String,
    /// Topic of its stream, without the prefix.
    pub detections_topic: String,
    all: Count,
    labels: Vec<Count>,
    classification_topic: String,
    /// Class index last told.
    class: Option<usize>,
    threshold: f32,
}

/// One label's count.
#[derive(Debug)]
struct Count {
    label: String,
    topic: String,
    /// In the config: told from the start on and for ever.
    configured: bool,
    now: u32,
    told: Option<u32>,
}

impl Count {
    fn new(camera: &str, label: &str, configured: bool) -> Self {
        let topic = format!("{camera}/{}", slug(label));
        Self { label: label.to_owned(), topic, configured, now: 0, told: None }
    }

    fn tell(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        if self.told != Some(self.now) {
            self.told = Some(self.now);
            set(&self.topic, self.now.to_string().into_bytes());
        }
    }
}

impl CameraState {
    /// Nothing in view.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            detections_topic: format!("{name}/detections"),
            all: Count::new(name, "all", true),
            labels: Vec::new(),
            classification_topic: format!("{name}/classification"),
            class: None,
            threshold: 0.0,
        }
    }

    /// As `config` has it. Labels seen before stay where all are reported.
    pub fn configured(mut self, config: &config::Camera) -> Self {
        self.threshold = config.threshold;
        let labels = config.labels.as_deref();
        if let Some(labels) = labels {
            self.labels.retain(|count| labels.contains(&count.label));
        }
        for count in &mut self.labels {
            count.configured = false;
        }
        for label in labels.into_iter().flatten() {
            match self.labels.iter_mut().find(|count| count.label == *label) {
                Some(count) => count.configured = true,
                None => self.labels.push(Count::new(&self.name, label, true)),
            }
        }
        self
    }

    /// Topics and payloads of what can be set.
    pub fn settings(&self) -> [(String, String); 2] {
        let topic = |key: &str| format!("{}/{key}/state", self.name);
        [(topic("detect"), "ON".to_owned()), (topic("threshold"), self.threshold.to_string())]
    }

    /// The retained topics it has now, but for its status and settings.
    pub fn topics(&self) -> impl Iterator<Item = String> {
        let counts = self.labels.iter().chain([&self.all]).map(|count| count.topic.clone());
        counts.chain(self.class.map(|_| self.classification_topic.clone()))
    }

    /// Sets every count's topic that is not told yet.
    pub fn tell_counts(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        for count in self.labels.iter_mut().chain([&mut self.all]) {
            count.tell(set);
        }
    }

    /// Takes in a frame and sets the topics that it changes.
    pub fn observe(&mut self, seen: &Observation<'_>, set: &mut dyn FnMut(&str, Vec<u8>)) {
        for count in &mut self.labels {
            count.now = 0;
        }
        for detection in seen.detections {
            let label = label_of(seen.labels, detection.class);
            match self.labels.iter_mut().find(|count| count.label == label) {
                Some(count) => count.now += 1,
                None => self.labels.push(Count { now: 1, ..Count::new(&self.name, &label, false) }),
            }
        }
        self.all.now = seen.detections.len() as u32;
        self.tell_counts(set);
        let best = seen.classes.first().filter(|best| best.score >= seen.threshold);
        if let Some(best) = best.filter(|best| self.class != Some(best.class)) {
            self.class = Some(best.class);
            set(&self.classification_topic, classification(seen));
        }
    }

    /// All counts are 0: the camera shows nothing.
    pub fn nothing_in_view(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        for count in self.labels.iter_mut().chain([&mut self.all]) {
            count.now = 0;
            count.tell(set);
        }
    }
}
