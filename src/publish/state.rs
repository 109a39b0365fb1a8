//! What subscribers may rely on at any time: the retained topics, what they should hold, and what the
//! broker has not been told yet. Shared by the threads that observe and the task that publishes.

mod camera;
mod stored;

use super::message;
use super::{CameraStatus, Observation, Publication, Sink};
use camera::CameraState;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use stored::Stored;
use tokio::sync::{Notify, mpsc};

/// Messages that wait for the connection to take them; more are dropped and counted.
const STREAM_ROOM: usize = 64;

/// What happened to messages so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Handed to the connection.
    pub published: AtomicU64,
    /// Stream messages that were dropped, for want of a connection or of room.
    pub dropped: AtomicU64,
    /// Connections that the broker accepted.
    pub connections: AtomicU64,
}

/// A message that is not retained, QoS 0; the topic without the prefix.
#[derive(Debug)]
pub struct StreamMessage {
    /// Below the prefix.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
}

/// The state of all topics.
#[derive(Debug)]
pub struct State {
    inner: Mutex<Inner>,
    /// Woken when there is something to publish.
    pub(super) changed: Notify,
    /// Whether the broker has accepted us.
    pub(super) connected: AtomicBool,
    /// What happened so far.
    pub counters: Counters,
    stream: mpsc::Sender<StreamMessage>,
    messages: tokio::sync::Mutex<mpsc::Receiver<StreamMessage>>,
}

#[derive(Debug)]
struct Inner {
    prefix: String,
    /// By topic without the prefix: the payload, and whether the broker has yet to hear of it.
    retained: BTreeMap<String, (Vec<u8>, bool)>,
    /// Whole topics that must hold nothing any more.
    stale: BTreeSet<String>,
    cameras: BTreeMap<String, CameraState>,
    stored: Stored,
}

impl State {
    /// Topics below `prefix`. Which ones there are is remembered in `file`, so that those of a former
    /// run that are no longer wanted are cleared.
    #[must_use]
    pub fn new(prefix: &str, file: Option<PathBuf>) -> Self {
        let (stream, messages) = mpsc::channel(STREAM_ROOM);
        let (stored, stale) = Stored::open(file);
        Self {
            inner: Mutex::new(Inner {
                prefix: prefix.to_owned(),
                retained: BTreeMap::new(),
                stale,
                cameras: BTreeMap::new(),
                stored,
            }),
            changed: Notify::new(),
            connected: AtomicBool::new(false),
            counters: Counters::default(),
            stream,
            messages: tokio::sync::Mutex::new(messages),
        }
    }

    /// Publishes below another prefix from now on; what stands below the old one is cleared.
    pub fn set_prefix(&self, prefix: &str) {
        let mut inner = self.lock();
        if inner.prefix == prefix {
            return;
        }
        let old: Vec<String> =
            inner.retained.keys().map(|topic| format!("{}/{topic}", inner.prefix)).collect();
        inner.stale.extend(old);
        prefix.clone_into(&mut inner.prefix);
        inner.retained.values_mut().for_each(|entry| entry.1 = true);
        drop(inner);
        self.changed.notify_one();
    }

    /// Forgets what the broker was told: a new connection starts from nothing.
    pub(super) fn all_anew(&self) {
        self.lock().retained.values_mut().for_each(|entry| entry.1 = true);
        self.changed.notify_one();
    }

    /// Hands what the broker has yet to hear to `publish` as whole topic and payload, until there is no
    /// more or `publish` takes no more.
    pub(super) fn tell(&self, mut publish: impl FnMut(String, Vec<u8>) -> bool) {
        let mut inner = self.lock();
        let Inner { prefix, retained, stale, stored, .. } = &mut *inner;
        while let Some(topic) = stale.first().cloned() {
            if !publish(topic.clone(), Vec::new()) {
                return;
            }
            stale.remove(&topic);
        }
        // `available` first: what follows is then about somebody who is there.
        let (first, others): (Vec<_>, Vec<_>) =
            retained.iter_mut().filter(|(_, (_, new))| *new).partition(|(topic, _)| *topic == "available");
        for (topic, (payload, new)) in first.into_iter().chain(others) {
            if !publish(format!("{prefix}/{topic}"), payload.clone()) {
                return;
            }
            *new = false;
        }
        retained.retain(|_, (payload, new)| *new || !payload.is_empty());
        stored.write(retained.keys().map(|topic| format!("{prefix}/{topic}")));
    }

    /// Whole topics of all cameras' status, for the farewell.
    pub(super) fn farewells(&self) -> Vec<String> {
        let inner = self.lock();
        let cameras = inner.cameras.keys().map(|camera| format!("{}/{camera}/status", inner.prefix));
        cameras.chain([format!("{}/available", inner.prefix)]).collect()
    }

    /// `prefix/topic`.
    pub(super) fn whole(&self, topic: &str) -> String {
        format!("{}/{topic}", self.lock().prefix)
    }

    /// The next stream message; only one task asks at a time.
    pub(super) async fn next_message(&self) -> Option<StreamMessage> {
        self.messages.lock().await.recv().await
    }

    fn stream(&self, topic: String, payload: Vec<u8>) {
        let sent = self.connected.load(Ordering::Acquire)
            && self.stream.try_send(StreamMessage { topic, payload }).is_ok();
        if !sent {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn observe(&self, seen: &Observation<'_>) {
        let mut inner = self.lock();
        let Inner { cameras, retained, .. } = &mut *inner;
        let Some(camera) = cameras.get_mut(seen.camera) else { return };
        let mut changed = false;
        camera.observe(seen, &mut |topic, payload| changed |= set(retained, topic, payload));
        let topic = camera.detections_topic.clone();
        drop(inner);
        if changed {
            self.changed.notify_one();
        }
        if self.connected.load(Ordering::Acquire) {
            self.stream(topic, message::detections(seen));
        } else {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn set(&self, topic: &str, payload: Vec<u8>) {
        if set(&mut self.lock().retained, topic, payload) {
            self.changed.notify_one();
        }
    }

    fn set_status(&self, camera: &str, status: CameraStatus) {
        let mut inner = self.lock();
        let Inner { cameras, retained, .. } = &mut *inner;
        set(retained, &format!("{camera}/status"), status.as_str().into());
        if status != CameraStatus::Online
            && let Some(camera) = cameras.get_mut(camera)
        {
            camera.nothing_in_view(&mut |topic, payload| {
                set(retained, topic, payload);
            });
        }
        drop(inner);
        self.changed.notify_one();
    }

    fn set_cameras(&self, configs: &[crate::config::Camera]) {
        let mut inner = self.lock();
        let Inner { prefix, cameras, retained, stale, .. } = &mut *inner;
        let mut old = std::mem::take(cameras);
        for config in configs {
            let state = old.remove(&config.name).unwrap_or_else(|| CameraState::new(&config.name));
            cameras.insert(config.name.clone(), state.configured(config));
        }
        let mut wanted = BTreeSet::from(["available".to_owned(), "info".to_owned()]);
        set(retained, "available", b"online".to_vec());
        for (name, camera) in cameras.iter_mut() {
            let status = format!("{name}/status");
            if !retained.contains_key(&status) {
                set(retained, &status, CameraStatus::Offline.as_str().into());
            }
            wanted.insert(status);
            for (topic, payload) in camera.settings() {
                set(retained, &topic, payload.into_bytes());
                wanted.insert(topic);
            }
            wanted.extend(camera.topics());
            camera.tell_counts(&mut |topic, payload| {
                set(retained, topic, payload);
            });
        }
        for (topic, entry) in retained.iter_mut().filter(|(topic, _)| !wanted.contains(*topic)) {
            log::debug!("{topic} is cleared");
            *entry = (Vec::new(), true);
        }
        stale.retain(|topic| {
            !wanted.iter().any(|w| topic.strip_prefix(prefix.as_str()) == Some(&format!("/{w}")))
        });
        drop(inner);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets what a topic should hold; true when that is new.
fn set(retained: &mut BTreeMap<String, (Vec<u8>, bool)>, topic: &str, payload: Vec<u8>) -> bool {
    match retained.get_mut(topic) {
        Some((held, _)) if *held == payload => false,
        Some(entry) => {
            *entry = (payload, true);
            true
        }
        None => {
            retained.insert(topic.to_owned(), (payload, true));
            true
        }
    }
}

impl Sink for State {
    fn publish(&self, publication: &Publication<'_>) {
        match publication {
            Publication::Observation(seen) => self.observe(seen),
            Publication::Status { camera, status } => self.set_status(camera, *status),
            Publication::Cameras(cameras) => self.set_cameras(cameras),
            Publication::Info(info) => self.set("info", info.to_string().into_bytes()),
            Publication::Stats(stats) => self.stream("stats".to_owned(), stats.to_string().into_bytes()),
        }
    }
}
