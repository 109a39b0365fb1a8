//! What subscribers may rely on at any time: the retained topics, what they should hold, and what the
//! broker has not been told yet. Shared by the threads that observe and the task that publishes.

mod camera;
mod commands;
mod counts;
mod discovery;
mod retained;
mod stored;

use super::command::Command;
use super::message;
use super::{CameraStatus, Observation, Publication, Sink, Watch};
use camera::CameraState;
pub use discovery::Node;
use discovery::{Device, Discovery};
use retained::Retained;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use stored::Stored;
use tokio::sync::{Notify, mpsc};

/// Messages that wait for the connection to take them; more are dropped and counted.
const STREAM_ROOM: usize = 64;
/// Commands that wait to be carried out; more are dropped.
const COMMAND_ROOM: usize = 16;

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
    /// The cameras, or what is told of them, changed since the broker was asked for commands.
    commands_changed: AtomicBool,
    wishes: mpsc::Sender<Command>,
    commands: tokio::sync::Mutex<mpsc::Receiver<Command>>,
}

#[derive(Debug)]
struct Inner {
    prefix: String,
    retained: Retained,
    /// Whole topics that must hold nothing any more.
    stale: BTreeSet<String>,
    cameras: BTreeMap<String, CameraState>,
    /// Topics where pictures may stay.
    pictures: BTreeSet<String>,
    /// What Home Assistant is told; absent: nothing.
    discovery: Option<Discovery>,
    stored: Stored,
}

impl State {
    /// Topics below `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let (stream, messages) = mpsc::channel(STREAM_ROOM);
        let (wishes, commands) = mpsc::channel(COMMAND_ROOM);
        Self {
            inner: Mutex::new(Inner {
                prefix: prefix.to_owned(),
                retained: Retained::default(),
                stale: BTreeSet::new(),
                cameras: BTreeMap::new(),
                pictures: BTreeSet::new(),
                discovery: None,
                stored: Stored::default(),
            }),
            changed: Notify::new(),
            connected: AtomicBool::new(false),
            counters: Counters::default(),
            stream,
            messages: tokio::sync::Mutex::new(messages),
            commands_changed: AtomicBool::new(true),
            wishes,
            commands: tokio::sync::Mutex::new(commands),
        }
    }

    /// Remembers in `file` which topics there are, so that those of a former run that the cameras of the
    /// next [`Publication::Cameras`] don't want are cleared. Later calls change nothing.
    pub fn remember_in(&self, file: PathBuf) {
        let mut inner = self.lock();
        if !inner.stored.is_open() {
            let (stored, former) = Stored::open(file);
            inner.stored = stored;
            inner.stale.extend(former);
            inner.retained.names_changed();
        }
    }

    /// Announces cameras to Home Assistant as a `node` from the next [`Publication::Cameras`] on, or not; what was
    /// announced is remembered in `file`.
    pub fn set_discovery(&self, node: Option<Node>, file: Option<PathBuf>) {
        let mut inner = self.lock();
        let Inner { discovery, stale, retained, .. } = &mut *inner;
        if discovery.as_ref().map(Discovery::node) == node.as_ref() {
            return;
        }
        stale.extend(discovery.iter().flat_map(Discovery::names).map(str::to_owned));
        *discovery = node.map(|node| Discovery::new(node, file));
        retained.names_changed();
        drop(inner);
        self.commands_changed();
    }

    /// Publishes below another prefix from now on; what stands below the old one is cleared.
    pub fn set_prefix(&self, prefix: &str) {
        let mut inner = self.lock();
        if inner.prefix == prefix {
            return;
        }
        let names = inner.retained.names().chain(inner.pictures.iter().map(String::as_str));
        let old: Vec<String> = names.map(|topic| format!("{}/{topic}", inner.prefix)).collect();
        inner.stale.extend(old);
        prefix.clone_into(&mut inner.prefix);
        inner.retained.all_anew();
        inner.retained.names_changed();
        drop(inner);
        self.changed.notify_one();
    }

    /// Forgets what the broker was told: a new connection starts from nothing.
    pub(super) fn all_anew(&self) {
        let mut inner = self.lock();
        inner.retained.all_anew();
        inner.discovery.iter_mut().for_each(Discovery::all_anew);
        drop(inner);
        self.changed.notify_one();
    }

    /// Hands what the broker has yet to hear to `publish` as whole topic and payload, until there is no
    /// more or `publish` takes no more.
    pub(super) fn tell(&self, mut publish: impl FnMut(String, Vec<u8>) -> bool) {
        let mut inner = self.lock();
        let Inner { prefix, retained, stale, stored, pictures, discovery, .. } = &mut *inner;
        // On disk before the broker has them: what is published is cleared one day, whatever comes between.
        let announced = discovery.as_mut().is_some_and(Discovery::take_names_changed);
        if retained.take_names_changed() || announced {
            let names = retained.names().chain(pictures.iter().map(String::as_str));
            let names = names.map(|topic| format!("{prefix}/{topic}"));
            let announced = discovery.iter().flat_map(Discovery::names).map(str::to_owned);
            stored.write(names.chain(announced).chain(stale.iter().cloned()));
        }
        while let Some(topic) = stale.pop_first() {
            if !publish(topic.clone(), Vec::new()) {
                stale.insert(topic);
                return;
            }
            if stale.is_empty() {
                retained.names_changed();
            }
        }
        let told = discovery.as_mut().is_none_or(|discovery| discovery.tell(&mut publish));
        if told {
            retained.tell(|topic, payload| publish(format!("{prefix}/{topic}"), payload.to_vec()));
        }
    }

    /// Whole topics and payloads of the farewell: nothing in view, every camera offline, nobody here.
    pub(super) fn farewells(&self) -> Vec<(String, &'static str)> {
        let inner = self.lock();
        let Inner { prefix, retained, cameras, .. } = &*inner;
        let counts = cameras.values().flat_map(CameraState::count_topics);
        let counts = counts.filter(|topic| !retained.is_told(topic, b"0"));
        let counts = counts.map(|topic| (format!("{prefix}/{topic}"), "0"));
        let statuses = cameras.keys().map(|camera| (format!("{prefix}/{camera}/status"), "offline"));
        counts.chain(statuses).chain([(format!("{prefix}/available"), "offline")]).collect()
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
        if !camera.observe(seen, &mut |topic, payload| changed |= retained.set(topic, payload)) {
            return;
        }
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
        if self.lock().retained.set(topic, payload) {
            self.changed.notify_one();
        }
    }

    /// Of a topic that is not always there.
    fn set_or_clear(&self, topic: &str, state: Option<&serde_json::Value>) {
        let mut inner = self.lock();
        let changed = match state {
            Some(state) => inner.retained.set(topic, state.to_string().into_bytes()),
            None => inner.retained.is_set(topic) && inner.retained.set(topic, Vec::new()),
        };
        drop(inner);
        if changed {
            self.changed.notify_one();
        }
    }

    /// A camera that left the config may still end: that is of no account.
    fn set_status(&self, camera: &str, status: CameraStatus) {
        let mut inner = self.lock();
        let Inner { cameras, retained, .. } = &mut *inner;
        let Some(state) = cameras.get_mut(camera) else { return };
        retained.set(&format!("{camera}/status"), status.as_str().into());
        if status != CameraStatus::Online {
            state.nothing_in_view(&mut |topic, payload| {
                retained.set(topic, payload);
            });
        }
        // Nothing moves before a camera that is not there; one that is back goes on as it was.
        if let Some((topic, moving)) = state.motion() {
            let moving = if status == CameraStatus::Online { moving } else { "OFF" };
            retained.set(&topic, moving.into());
        }
        drop(inner);
        self.changed.notify_one();
    }

    fn set_cameras(&self, watches: &[Watch<'_>]) {
        let mut inner = self.lock();
        let Inner { prefix, cameras, retained, stale, pictures, discovery, .. } = &mut *inner;
        let mut old = std::mem::take(cameras);
        for watch in watches {
            let name = &watch.camera.name;
            let state = old.remove(name).unwrap_or_else(|| CameraState::new(name));
            cameras.insert(name.clone(), state.configured(watch));
        }
        let mut wanted = BTreeSet::from(["available".to_owned(), "info".to_owned()]);
        let there = ["thermal", "accelerators"].into_iter().filter(|topic| retained.is_set(topic));
        wanted.extend(there.map(str::to_owned));
        retained.set("available", b"online".to_vec());
        for (name, camera) in cameras.iter_mut() {
            let status = format!("{name}/status");
            if !retained.is_set(&status) {
                retained.set(&status, CameraStatus::Offline.as_str().into());
            }
            wanted.insert(status);
            for (topic, payload) in camera.settings() {
                retained.set(&topic, payload.into_bytes());
                wanted.insert(topic);
            }
            wanted.extend(camera.topics());
            camera.tell_counts(&mut |topic, payload| {
                retained.set(topic, payload);
            });
            if let Some((topic, moving)) = camera.motion() {
                if !retained.is_set(&topic) {
                    retained.set(&topic, moving.into());
                }
                wanted.insert(topic);
            }
        }
        retained.keep_only(&wanted);
        let now: BTreeSet<String> = cameras.values().flat_map(CameraState::picture_topics).collect();
        let gone = pictures.difference(&now).map(|topic| format!("{prefix}/{topic}"));
        stale.extend(gone);
        wanted.extend(now.iter().cloned());
        *pictures = now;
        retained.names_changed();
        if let Some(discovery) = discovery {
            let devices: Vec<Device> = cameras.values().map(CameraState::device).collect();
            discovery.announce(&devices);
        }
        let announced: BTreeSet<&str> = discovery.iter().flat_map(Discovery::names).collect();
        stale.retain(|topic| {
            let below = topic.strip_prefix(prefix.as_str()).and_then(|topic| topic.strip_prefix('/'));
            !announced.contains(topic.as_str()) && !below.is_some_and(|below| wanted.contains(below))
        });
        drop(inner);
        self.commands_changed();
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for State {
    fn publish(&self, publication: &Publication<'_>) {
        match publication {
            Publication::Observation(seen) => self.observe(seen),
            Publication::Status { camera, status } => self.set_status(camera, *status),
            Publication::Cameras(cameras) => self.set_cameras(cameras),
            Publication::Info(info) => self.set("info", info.to_string().into_bytes()),
            Publication::Thermal(state) => self.set_or_clear("thermal", *state),
            Publication::Accelerators(state) => self.set_or_clear("accelerators", *state),
            Publication::Detect { camera, on } => self.set_detect(camera, *on),
            Publication::Threshold { camera, threshold } => self.set_threshold(camera, *threshold),
            Publication::Motion { camera, moving } => self.set_motion(camera, *moving),
            Publication::Snapshot { camera, of: None, jpeg } => {
                self.stream(format!("{camera}/snapshot"), jpeg.clone());
            }
            // Those are for the outbox.
            Publication::Event(_) | Publication::Snapshot { .. } | Publication::Parked { .. } => {}
            Publication::Stats(stats) => self.stream("stats".to_owned(), stats.to_string().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
