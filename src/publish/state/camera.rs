//! What one camera has in view, as counts by topic, and its classification.

use super::super::homeassistant::Kind;
use super::super::json::label_of;
use super::super::message::{self, classification, topic_part};
use super::discovery::Device;
use crate::config;
use crate::model::DecoderKind;
use crate::publish::{Observation, Watch};
use std::collections::BTreeMap;
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
    /// The sum first, then a topic each; empty for a classifier.
    counts: Vec<Count>,
    /// Places in `counts` by class, from the first sight on.
    places: BTreeMap<usize, usize>,
    classification_topic: String,
    /// The label last told.
    class: Option<String>,
    threshold: f32,
    /// A model looks.
    detect: bool,
    /// Whether motion is told.
    has_motion: bool,
    /// Pictures of objects are published.
    has_pictures: bool,
    /// Labels that are reported; absent: all of the model's.
    reported: Option<Vec<String>>,
    zones: Vec<ZoneCounts>,
    /// When it went last; frames from before that are still answered for a while.
    gone: Option<Instant>,
}

/// What a zone has in view: the sum first.
#[derive(Debug)]
struct ZoneCounts {
    name: String,
    labels: Option<Vec<String>>,
    topic: String,
    counts: Vec<Count>,
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
            detect: true,
            has_motion: false,
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
        self.threshold = watch.threshold;
        self.has_motion = watch.camera.motion.is_some();
        self.has_pictures = watch.camera.snapshot.is_some() && watch.kind != DecoderKind::Classify;
        self.reported.clone_from(&watch.camera.labels);
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
        self.zones = watch.camera.zones.iter().map(|zone| self.zone_counts(zone)).collect();
        self
    }

    /// Counts of a zone: of the labels it names, or else that are reported; others from their first sight.
    fn zone_counts(&self, zone: &config::Zone) -> ZoneCounts {
        let topic = format!("{}/{}", self.name, zone.name);
        let labels = zone.labels.as_ref().or(self.reported.as_ref());
        let parts = labels.into_iter().flatten().map(|label| topic_part(&self.labels, label));
        let mut counts: Vec<Count> = Vec::new();
        for part in ["all".to_owned()].into_iter().chain(parts) {
            let topic = format!("{topic}/{part}");
            if counts.iter().all(|count| count.topic != topic) {
                counts.push(Count { topic, now: 0, told: None });
            }
        }
        ZoneCounts { name: zone.name.clone(), labels: zone.labels.clone(), topic, counts }
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
    pub fn set_detect(&mut self, on: bool, set: &mut dyn FnMut(&str, Vec<u8>)) {
        self.detect = on;
        if !on {
            self.nothing_in_view(set);
        }
        self.tell_settings(set);
    }

    /// The least score is another one.
    pub fn set_threshold(&mut self, threshold: f32, set: &mut dyn FnMut(&str, Vec<u8>)) {
        self.threshold = threshold;
        self.tell_settings(set);
    }

    fn tell_settings(&self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        self.settings().into_iter().for_each(|(topic, payload)| set(&topic, payload.into_bytes()));
    }

    /// Where motion is told.
    pub fn motion_topic(&self) -> Option<String> {
        self.has_motion.then(|| format!("{}/motion", self.name))
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
            has_motion: self.has_motion,
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
        let of_zones = self.zones.iter().flat_map(|zone| &zone.counts);
        self.counts.iter().chain(of_zones).map(|count| count.topic.as_str())
    }

    /// Sets every count's topic that is not told yet.
    pub fn tell_counts(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        self.all_counts().for_each(|count| count.tell(set));
    }

    fn all_counts(&mut self) -> impl Iterator<Item = &mut Count> {
        self.counts.iter_mut().chain(self.zones.iter_mut().flat_map(|zone| &mut zone.counts))
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
        self.all_counts().for_each(|count| count.now = 0);
        if let Some(sum) = self.counts.first_mut() {
            sum.now = seen.in_view.len() as u32;
            for object in seen.in_view {
                let place = self.place(object.class);
                self.counts[place].now += 1;
                for zone in 0..self.zones.len() {
                    if object.zones >> zone & 1 == 1 {
                        self.count_in_zone(zone, object.class);
                    }
                }
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

    fn count_in_zone(&mut self, zone: usize, class: usize) {
        let part = topic_part(&self.labels, &label_of(&self.labels, class));
        let ZoneCounts { topic, counts, .. } = &mut self.zones[zone];
        counts[0].now += 1;
        let own = |count: &Count| {
            count.topic.strip_prefix(topic.as_str()).and_then(|rest| rest.strip_prefix('/')) == Some(&part)
        };
        let place = counts.iter().position(own).unwrap_or_else(|| {
            counts.push(Count { topic: format!("{topic}/{part}"), now: 0, told: None });
            counts.len() - 1
        });
        counts[place].now += 1;
    }

    /// The camera went: all counts are 0.
    pub fn nothing_in_view(&mut self, set: &mut dyn FnMut(&str, Vec<u8>)) {
        self.gone = Some(Instant::now());
        self.all_counts().for_each(|count| count.now = 0);
        self.tell_counts(set);
    }
}
