//! How many are in view, of a camera or of one of its zones: a topic a label, and one for the sum.

use super::super::json::label_of;
use super::super::message::topic_part;
use std::collections::BTreeMap;

/// Takes a topic and what it holds from now on.
pub type Set<'a> = dyn FnMut(&str, Vec<u8>) + 'a;

/// Counts below one topic; none at all for a classifier.
#[derive(Debug, Default)]
pub struct Counts {
    base: String,
    /// The sum first, then a topic each.
    list: Vec<Count>,
    /// Places in `list` by class, from the first sight on.
    places: BTreeMap<usize, usize>,
}

/// How many are in view of the labels that share a topic.
#[derive(Debug)]
struct Count {
    topic: String,
    now: u32,
    told: Option<u32>,
}

impl Counts {
    /// Below `base`: `all`, and these parts of topics from the start. What `old` has of them, it was told.
    pub fn new(base: String, parts: impl IntoIterator<Item = String>, mut old: Self) -> Self {
        let mut list: Vec<Count> = Vec::new();
        for part in std::iter::once("all".to_owned()).chain(parts) {
            let topic = format!("{base}/{part}");
            if list.iter().all(|count| count.topic != topic) {
                let known = old.list.iter().position(|count| count.topic == topic);
                let new = Count { topic, now: 0, told: None };
                list.push(known.map_or(new, |index| old.list.swap_remove(index)));
            }
        }
        Self { base, list, places: BTreeMap::new() }
    }

    /// Whether nothing is counted at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All topics.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|count| count.topic.as_str())
    }

    /// The parts of topics that there are but for the sum.
    pub fn parts(&self) -> Vec<String> {
        let below = |topic: &str| topic.strip_prefix(&self.base)?.strip_prefix('/').map(str::to_owned);
        self.topics().skip(1).filter_map(below).collect()
    }

    /// Nothing is in view.
    pub fn clear(&mut self) {
        self.list.iter_mut().for_each(|count| count.now = 0);
    }

    /// One more of a class, whose name is among `labels`, is in view.
    pub fn add(&mut self, class: usize, labels: &[String]) {
        if self.is_empty() {
            return;
        }
        let place = self.places.get(&class).copied().unwrap_or_else(|| self.find(class, labels));
        self.list[0].now += 1;
        self.list[place].now += 1;
    }

    /// Sets every topic that is not told yet.
    pub fn tell(&mut self, set: &mut Set<'_>) {
        for count in self.list.iter_mut().filter(|count| count.told != Some(count.now)) {
            count.told = Some(count.now);
            set(&count.topic, count.now.to_string().into_bytes());
        }
    }

    /// Where a class is counted that was not seen before.
    fn find(&mut self, class: usize, labels: &[String]) -> usize {
        let topic = format!("{}/{}", self.base, topic_part(labels, &label_of(labels, class)));
        let place = self.list.iter().position(|count| count.topic == topic).unwrap_or_else(|| {
            self.list.push(Count { topic, now: 0, told: None });
            self.list.len() - 1
        });
        self.places.insert(class, place);
        place
    }
}
