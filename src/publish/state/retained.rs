//! The retained topics: what each should hold, and what the broker has yet to hear of.

use std::collections::{BTreeMap, BTreeSet};

/// The topic that is told before all others: what follows is then about somebody who is there.
const FIRST: &str = "available";

/// By topic, without the prefix.
#[derive(Debug, Default)]
pub struct Retained {
    topics: BTreeMap<String, Entry>,
    /// Some entry is untold.
    news: bool,
    /// Topics came or went since [`Retained::take_names_changed`].
    names_changed: bool,
}

#[derive(Debug)]
struct Entry {
    /// Empty for a topic that is to be cleared.
    payload: Vec<u8>,
    told: bool,
}

impl Retained {
    /// Sets what a topic should hold; true when that is new.
    pub fn set(&mut self, topic: &str, payload: Vec<u8>) -> bool {
        match self.topics.get_mut(topic) {
            Some(entry) if entry.payload == payload => return false,
            Some(entry) => *entry = Entry { payload, told: false },
            None => {
                self.topics.insert(topic.to_owned(), Entry { payload, told: false });
                self.names_changed = true;
            }
        }
        self.news = true;
        true
    }

    /// Whether `topic` should hold something.
    pub fn is_set(&self, topic: &str) -> bool {
        self.topics.get(topic).is_some_and(|entry| !entry.payload.is_empty())
    }

    /// Whether the broker was told that `topic` holds `payload`.
    pub fn is_told(&self, topic: &str, payload: &[u8]) -> bool {
        self.topics.get(topic).is_some_and(|entry| entry.told && entry.payload == payload)
    }

    /// All topics, those to be cleared too.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// Has every topic that is not `wanted` cleared.
    pub fn keep_only(&mut self, wanted: &BTreeSet<String>) {
        for (topic, entry) in self.topics.iter_mut().filter(|(topic, _)| !wanted.contains(*topic)) {
            log::debug!("{topic} is cleared");
            *entry = Entry { payload: Vec::new(), told: false };
            self.news = true;
        }
    }

    /// Forgets what the broker was told.
    pub fn all_anew(&mut self) {
        self.topics.values_mut().for_each(|entry| entry.told = false);
        self.news = true;
    }

    /// Hands what is untold to `publish` until there is no more or `publish` takes no more. A topic that
    /// was cleared is then forgotten.
    pub fn tell(&mut self, mut publish: impl FnMut(&str, &[u8]) -> bool) {
        if !self.news {
            return;
        }
        let first = self.topics.get_mut(FIRST).filter(|entry| !entry.told);
        if let Some(entry) = first {
            entry.told = publish(FIRST, &entry.payload);
            if !entry.told {
                return;
            }
        }
        for (topic, entry) in self.topics.iter_mut().filter(|(_, entry)| !entry.told) {
            entry.told = publish(topic, &entry.payload);
            if !entry.told {
                return;
            }
        }
        self.news = false;
        let before = self.topics.len();
        self.topics.retain(|_, entry| !entry.payload.is_empty());
        self.names_changed |= self.topics.len() != before;
    }

    /// Whether topics came or went since the last call.
    pub fn take_names_changed(&mut self) -> bool {
        std::mem::take(&mut self.names_changed)
    }

    /// Notes that the list of topics must be written anew.
    pub fn names_changed(&mut self) {
        self.names_changed = true;
    }
}
