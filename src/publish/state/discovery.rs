//! What Home Assistant was told, and is to be told.

use super::super::homeassistant::{Facts, Kind, Label, Zone, config, removal, topic};
use super::retained::Retained;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Home Assistant takes in a removal before it takes in what follows.
const AFTER_REMOVAL: Duration = Duration::from_secs(2);

/// This machine, as Home Assistant is told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// First part of all discovery topics.
    pub discovery_prefix: String,
    /// First part of our topics.
    pub prefix: String,
    /// What tells this machine from others: letters and digits.
    pub id: String,
    /// The board.
    pub hardware: String,
}

/// A label, and its part of topics.
pub type Named = (String, String);

/// A camera, as Home Assistant is told of it.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name.
    pub camera: String,
    /// What its model gives.
    pub kind: Kind,
    /// What is reported.
    pub labels: Vec<Named>,
    /// Zones, and what each counts.
    pub zones: Vec<(String, Vec<Named>)>,
    /// It tells motion.
    pub has_motion: bool,
    /// It publishes pictures.
    pub snapshots: bool,
}

impl Device {
    fn config(&self, node: &Node) -> (String, Value) {
        fn borrowed(list: &[Named]) -> Vec<Label<'_>> {
            list.iter().map(|(name, slug)| Label { name, slug }).collect()
        }
        let labels = borrowed(&self.labels);
        let of_zones: Vec<Vec<Label<'_>>> = self.zones.iter().map(|(_, labels)| borrowed(labels)).collect();
        let zones = self.zones.iter().zip(&of_zones);
        let zones: Vec<Zone<'_>> = zones.map(|((name, _), labels)| Zone { name, labels }).collect();
        let facts = Facts {
            prefix: &node.prefix,
            discovery_prefix: &node.discovery_prefix,
            node: &node.id,
            camera: &self.camera,
            kind: self.kind,
            labels: &labels,
            zones: &zones,
            has_motion: self.has_motion,
            snapshots: self.snapshots,
            version: env!("CARGO_PKG_VERSION"),
            hardware: &node.hardware,
        };
        (topic(&facts), config(&facts))
    }
}

/// The announcements of all cameras; topics are whole.
#[derive(Debug)]
pub struct Discovery {
    node: Node,
    announced: Retained,
    /// By topic: what goes out once, before the announcement, and what is announced then.
    removals: BTreeMap<String, (Vec<u8>, Value)>,
    /// Announcements wait until then.
    wait: Option<Instant>,
    /// By topic: what Home Assistant knows, removals that were not told yet left out.
    devices: BTreeMap<String, Value>,
    /// Where that is kept for the next run.
    file: Option<PathBuf>,
}

impl Discovery {
    /// For this machine; what an earlier run announced is in `file`.
    pub fn new(node: Node, file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let devices = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { node, announced: Retained::default(), removals: BTreeMap::new(), wait: None, devices, file }
    }

    /// For whom it is.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Announces these cameras, and no others.
    pub fn announce(&mut self, cameras: &[Device]) {
        let (mut wanted, mut devices) = (BTreeSet::new(), BTreeMap::new());
        for device in cameras {
            let (topic, config) = device.config(&self.node);
            self.announced.set(&topic, config.to_string().into_bytes());
            let before = self.devices.get(&topic);
            self.removals.remove(&topic);
            let known = match before.and_then(|before| removal(before, &config)) {
                Some(removal) => {
                    self.removals.insert(topic.clone(), (removal.to_string().into_bytes(), config));
                    before.cloned().unwrap_or_default()
                }
                None => config,
            };
            devices.insert(topic.clone(), known);
            wanted.insert(topic);
        }
        self.removals.retain(|topic, _| wanted.contains(topic));
        self.announced.keep_only(&wanted);
        let before = std::mem::replace(&mut self.devices, devices);
        if before != self.devices {
            self.write();
        }
    }

    /// Tells everything again.
    pub fn all_anew(&mut self) {
        self.announced.all_anew();
    }

    /// Topics that hold an announcement.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.announced.names()
    }

    /// Whether topics came or went since the last call.
    pub fn take_names_changed(&mut self) -> bool {
        self.announced.take_names_changed()
    }

    /// Hands what is untold to `publish`; false when that takes no more.
    pub fn tell(&mut self, mut publish: impl FnMut(String, Vec<u8>) -> bool) -> bool {
        while let Some((topic, (payload, config))) = self.removals.pop_first() {
            if !publish(topic.clone(), payload.clone()) {
                self.removals.insert(topic, (payload, config));
                return false;
            }
            self.devices.insert(topic, config);
            self.wait = Some(Instant::now() + AFTER_REMOVAL);
            self.write();
        }
        if self.wait.is_some_and(|until| until > Instant::now()) {
            return true;
        }
        self.wait = None;
        let mut all = true;
        self.announced.tell(|topic, payload| {
            all = publish(topic.to_owned(), payload.to_vec());
            all
        });
        all
    }

    fn write(&self) {
        let Some(file) = &self.file else { return };
        let new = file.with_extension("new");
        let text = serde_json::to_vec(&self.devices).unwrap_or_default();
        if let Err(e) = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)) {
            log::warn!("remember what Home Assistant was told in {}: {e}", file.display());
        }
    }
}
