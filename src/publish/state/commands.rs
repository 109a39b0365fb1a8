//! What subscribers ask for, and what that makes of the state.

use super::super::command;
use super::{Command, Inner, State};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

impl State {
    /// Whether a picture may stay in a topic.
    pub(in crate::publish) fn takes_picture(&self, topic: &str) -> bool {
        self.lock().pictures.contains(topic)
    }

    /// The topics of commands, whole, and below the prefix.
    pub(in crate::publish) fn command_topics(&self) -> BTreeMap<String, String> {
        let inner = self.lock();
        let topics = command::topics(inner.cameras.keys().map(String::as_str));
        topics.into_iter().map(|topic| (format!("{}/{topic}", inner.prefix), topic)).collect()
    }

    /// Whether the topics of commands changed since the last call.
    pub(in crate::publish) fn take_commands_changed(&self) -> bool {
        self.commands_changed.swap(false, Ordering::AcqRel)
    }

    /// Has the topics of commands looked at once more.
    pub(in crate::publish) fn commands_changed(&self) {
        self.commands_changed.store(true, Ordering::Release);
    }

    /// Where Home Assistant says that it has begun.
    pub(in crate::publish) fn birth_topic(&self) -> Option<String> {
        self.lock().discovery.as_ref().map(|d| format!("{}/status", d.node().discovery_prefix))
    }

    /// Takes in the message of a command; `whole` is its whole topic, `below` the part below the prefix.
    pub(in crate::publish) fn command(&self, whole: &str, below: &str, payload: &[u8]) {
        match command::parse(below, payload) {
            Ok(command) => {
                if self.wishes.try_send(command).is_err() {
                    self.refuse(whole, "too many commands at once");
                }
            }
            Err(why) => self.refuse(whole, &why),
        }
    }

    /// The next command; only one task asks at a time.
    pub async fn next_command(&self) -> Option<Command> {
        self.commands.lock().await.recv().await
    }

    pub(super) fn refuse(&self, topic: &str, why: &str) {
        let text = serde_json::json!({ "topic": topic, "reason": why }).to_string();
        self.stream("error".to_owned(), text.into_bytes());
    }

    /// A model looks, or not; then nothing is in view.
    pub(super) fn set_detect(&self, camera: &str, on: bool) {
        let mut inner = self.lock();
        let Inner { cameras, retained, .. } = &mut *inner;
        let Some(state) = cameras.get_mut(camera) else { return };
        let mut set = |topic: &str, payload| {
            retained.set(topic, payload);
        };
        state.set_detect(on, &mut set);
        drop(inner);
        self.changed.notify_one();
    }

    pub(super) fn set_threshold(&self, camera: &str, threshold: f32) {
        let mut inner = self.lock();
        let Inner { cameras, retained, .. } = &mut *inner;
        let Some(state) = cameras.get_mut(camera) else { return };
        state.set_threshold(threshold, &mut |topic, payload| {
            retained.set(topic, payload);
        });
        drop(inner);
        self.changed.notify_one();
    }

    /// Something begins to move, or nothing moves any more.
    pub(super) fn set_motion(&self, camera: &str, moving: bool) {
        let mut inner = self.lock();
        let Inner { cameras, retained, .. } = &mut *inner;
        let Some(state) = cameras.get_mut(camera) else { return };
        state.set_motion(moving);
        if let Some((topic, moving)) = state.motion() {
            retained.set(&topic, moving.into());
        }
        drop(inner);
        self.changed.notify_one();
    }
}
