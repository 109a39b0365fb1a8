//! What one camera has in view, as counts by topic, and its classification.

use super::super::json::label_of;
use super::super::message::{self, classification, topic_part};
use crate::model::DecoderKind;
use crate::publish::{Observation, Watch};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// State of one camera.
#[derive(Debug)]
pub struct CameraState {
    name: String,
    /// Topic of its stream, without the prefix.
    pub detections_topic: String,
    /// Labels of the model whose answers count.
    labels: Arc<[String]>,
    /// The sum first, then a topic each; empty for a classifier.
    counts: Vec<Count>,
    /// Places in `counts` by class, from the first sight on.
    places: BTreeMap<usize, usize>,
    classification_topic: String,
    /// The label last told.
    class: Option<String>,
    threshold: f32,
    /// When it went last; frames from before that are still answered for a while.
    gone: Option<Instant>,
}

/// How many are in view of the labels that share a topic.
#[derive(Debug)]
struct Count {
    topic: String,
    now: u32,
    told: Option<u32>,
}

impl Count {
    fn tell(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        if self.told != Some(self.now) {
            self.told = Some(self.now);
            set(&self.topic, self.now.to_string().into_bytes());
        }
    }
}

impl CameraState {
    /// Nothing in view, and no model that looks.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            detections_topic: format!("{name}/detections"),
            labels: Arc::from([]),
            counts: Vec::new(),
            places: BTreeMap::new(),
            classification_topic: format!("{name}/classification"),
            class: None,
            threshold: 0.0,
            gone: None,
        }
    }

    /// As `watch` has it. Where all labels are reported, those seen before stay, unless the model is
    /// another one.
    pub fn configured(mut self, watch: &Watch<'_>) -> Self {
        let same_model = Arc::ptr_eq(&self.labels, watch.labels);
        self.labels = Arc::clone(watch.labels);
        self.threshold = watch.camera.threshold;
        self.places.clear();
        if !same_model {
            self.class = None;
        }
        let mut old = std::mem::take(&mut self.counts);
        if watch.kind == DecoderKind::Classify {
            return self;
        }
        let sum = format!("{}/all", self.name);
        let topics: Vec<String> = match &watch.camera.labels {
            Some(labels) => labels.iter().map(|label| self.topic(label)).collect(),
            None if same_model => old.iter().map(|count| count.topic.clone()).collect(),
            None => Vec::new(),
        };
        if watch.camera.labels.is_none() && !same_model {
            self.tell_shared_topics();
        }
        for topic in [sum].into_iter().chain(topics) {
            if self.counts.iter().all(|count| count.topic != topic) {
                let known = old.iter().position(|count| count.topic == topic);
                self.counts
                    .push(known.map_or(Count { topic, now: 0, told: None }, |index| old.swap_remove(index)));
            }
        }
        self
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
        [(topic("detect"), "ON".to_owned()), (topic("threshold"), self.threshold.to_string())]
    }

    /// The retained topics it has now, but for its status and settings.
    pub fn topics(&self) -> impl Iterator<Item = String> {
        self.count_topics()
            .map(str::to_owned)
            .chain(self.class.iter().map(|_| self.classification_topic.clone()))
    }

    /// The topics of its counts.
    pub fn count_topics(&self) -> impl Iterator<Item = &str> {
        self.counts.iter().map(|count| count.topic.as_str())
    }

    /// Sets every count's topic that is not told yet.
    pub fn tell_counts(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        self.counts.iter_mut().for_each(|count| count.tell(set));
    }

    /// Takes in a frame and sets the topics that it changes, unless it is from before the camera went;
    /// false for the answer of a model that no longer looks at this camera, which is of no account.
    pub fn observe(&mut self, seen: &Observation<'_>, set: &mut dyn FnMut(&str, Vec<u8>)) -> bool {
        if !std::ptr::eq(seen.labels.as_ptr(), self.labels.as_ptr()) {
            return false;
        }
        if self.gone.is_some_and(|gone| seen.captured.instant <= gone) {
            return true;
        }
        self.counts.iter_mut().for_each(|count| count.now = 0);
        if let Some(sum) = self.counts.first_mut() {
            sum.now = seen.detections.len() as u32;
            for detection in seen.detections {
                let place = self.place(detection.class);
                self.counts[place].now += 1;
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

    /// Where a class is counted.
    fn place(&mut self, class: usize) -> usize {
        if let Some(&place) = self.places.get(&class) {
            return place;
        }
        let topic = self.topic(&label_of(&self.labels, class));
        let place = self.counts.iter().position(|count| count.topic == topic).unwrap_or_else(|| {
            self.counts.push(Count { topic, now: 0, told: None });
            self.counts.len() - 1
        });
        self.places.insert(class, place);
        place
    }

    /// The camera went: all counts are 0.
    pub fn nothing_in_view(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        self.gone = Some(Instant::now());
        self.counts.iter_mut().for_each(|count| count.now = 0);
        self.tell_counts(set);
    }
}
