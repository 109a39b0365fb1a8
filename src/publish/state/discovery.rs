//! What Home Assistant was told, and is to be told.

use super::super::homeassistant::{Components, Facts, Node, config, platforms, removal, topic};
use super::retained::Retained;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

/// The announcements of all cameras; topics are whole.
#[derive(Debug)]
pub struct Discovery {
    node: Node,
    announced: Retained,
    /// Topics and payloads that go out once, before the announcements.
    removals: VecDeque<(String, Vec<u8>)>,
    /// By topic: what it was announced with.
    components: BTreeMap<String, Components>,
    /// Where that is kept for the next run.
    file: Option<PathBuf>,
}

impl Discovery {
    /// For this machine; what an earlier run announced is in `file`.
    pub fn new(node: Node, file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let components = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { node, announced: Retained::default(), removals: VecDeque::new(), components, file }
    }

    /// For whom it is.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Announces these cameras, and no others.
    pub fn announce(&mut self, cameras: &[Facts]) {
        let mut wanted = BTreeSet::new();
        let mut components = BTreeMap::new();
        for facts in cameras {
            let (topic, config) = (topic(&self.node, &facts.camera), config(&self.node, facts));
            if let Some(removal) = self.components.get(&topic).and_then(|before| removal(before, &config)) {
                self.removals.push_back((topic.clone(), removal.to_string().into_bytes()));
            }
            self.announced.set(&topic, config.to_string().into_bytes());
            components.insert(topic.clone(), platforms(&config));
            wanted.insert(topic);
        }
        self.announced.keep_only(&wanted);
        if components != self.components {
            self.components = components;
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
        while let Some((topic, payload)) = self.removals.front() {
            if !publish(topic.clone(), payload.clone()) {
                return false;
            }
            self.removals.pop_front();
        }
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
        let text = serde_json::to_vec(&self.components).unwrap_or_default();
        if let Err(e) = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)) {
            log::warn!("remember what Home Assistant was told in {}: {e}", file.display());
        }
    }
}
