//! The sinks of a config, and the task that talks to the broker.

use super::state_directory::state_directory;
use crate::config::{self, Config};
use crate::event::Parked;
use crate::publish::command::Command;
use crate::publish::journal::Journal;
use crate::publish::outbox::{Figures, Limits};
use crate::publish::post::Post;
use crate::publish::state::{Node, State};
use crate::publish::terminal::Terminal;
use crate::publish::{Publication, Sink, mqtt};
use crate::shutdown::Shutdown;
use crate::telemetry::in_journal;
use crate::telemetry::machine::Machine;
use crate::vitals::Vitals;
use serde_json::{Value, json};
use std::io::stdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The broker's task ends within this, whatever the broker does.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Where publications go; stays the same when a reload changes the broker.
struct Outputs {
    state: State,
    post: Post,
    /// For a config without a broker: the terminal, or the journal.
    local: Box<dyn Sink>,
    to_local: AtomicBool,
}

impl Sink for Outputs {
    fn publish(&self, publication: &Publication<'_>) {
        if self.to_local.load(Ordering::Relaxed) {
            self.local.publish(publication);
        }
        self.post.publish(publication);
        self.state.publish(publication);
    }
}

/// The outputs, and the task that publishes them.
pub struct Publishing {
    outputs: Arc<Outputs>,
    vitals: Vitals,
    task: Option<(JoinHandle<()>, Shutdown)>,
}

impl Publishing {
    /// Starts to publish as `config` says, on the current task runtime.
    pub fn start(config: &Config, vitals: &Vitals) -> Self {
        let prefix = config.mqtt.as_ref().map_or("edgecam", |m| m.prefix.as_str());
        let outputs = Outputs {
            state: State::new(prefix),
            post: Post::default(),
            local: if in_journal() { Box::new(Journal) } else { Box::new(Terminal::new(stdout())) },
            to_local: AtomicBool::new(to_local(config)),
        };
        let mut publishing = Self { outputs: Arc::new(outputs), vitals: vitals.clone(), task: None };
        publishing.connect(config);
        publishing
    }

    /// What stood where before a camera when the last run ended.
    pub fn parked(&self, camera: &str) -> Vec<Parked> {
        self.outputs.post.parked(camera)
    }

    /// The next command of a subscriber.
    pub async fn next_command(&self) -> Option<Command> {
        self.outputs.state.next_command().await
    }

    /// Takes what there is to publish.
    pub fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.outputs) as Arc<dyn Sink>
    }

    fn connect(&mut self, config: &Config) {
        let Some(mqtt) = config.mqtt.clone() else { return };
        let folder = state_directory();
        let outputs = &self.outputs;
        if let Some(folder) = &folder {
            outputs.state.remember_in(folder.join("topics"));
        }
        match &folder {
            Some(folder) => outputs.post.open(folder.join("outbox"), config.outbox.into()),
            None => log::warn!("there is no state directory: events are not kept for a broker that is away"),
        }
        let node = config.homeassistant.as_ref().map(|ha| node(ha, &mqtt));
        outputs.state.set_discovery(node, folder.map(|folder| folder.join("homeassistant.json")));
        let (outputs, shutdown, pulse) =
            (Arc::clone(&self.outputs), Shutdown::new(), mqtt::pulse(&self.vitals));
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            let what = (&outputs.state, outputs.post.outbox());
            mqtt::run(&mqtt, what, &mqtt.back_off(), &pulse, &stop).await;
        });
        self.task = Some((task, shutdown));
    }

    /// The connection's figures for `stats`; `None` without a broker.
    pub fn figures(&self) -> Option<Value> {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.outputs.state.counters;
        self.task.as_ref().map(|_| {
            json!({
                "published": count(&counters.published),
                "dropped": count(&counters.dropped),
                "connections": count(&counters.connections),
            })
        })
    }

    /// The outbox's figures for `stats`; `None` without one.
    pub fn outbox(&self) -> Option<Figures> {
        self.outputs.post.figures()
    }

    /// Goes over to the broker of `new`; returns what changed. The old one hears `offline` first.
    pub async fn reload(&mut self, old: &Config, new: &Config) -> Vec<String> {
        if (&old.mqtt, &old.homeassistant) == (&new.mqtt, &new.homeassistant) {
            if old.outbox == new.outbox || new.mqtt.is_none() {
                return Vec::new();
            }
            if let Some(folder) = state_directory() {
                self.outputs.post.open(folder.join("outbox"), new.outbox.into());
            }
            return vec!["outbox: other limits".to_owned()];
        }
        self.disconnect().await;
        self.outputs.to_local.store(to_local(new), Ordering::Relaxed);
        if let Some(mqtt) = &new.mqtt {
            self.outputs.state.set_prefix(&mqtt.prefix);
        }
        self.connect(new);
        vec!["mqtt: connected anew".to_owned()]
    }

    /// Says `offline`, disconnects, and has the outbox written.
    pub async fn stop(&mut self) {
        self.disconnect().await;
        if let Some(outbox) = self.outputs.post.outbox() {
            outbox.stop();
        }
    }

    async fn disconnect(&mut self) {
        if let Some((task, shutdown)) = self.task.take() {
            shutdown.trigger();
            if tokio::time::timeout(STOP_WITHIN, task).await.is_err() {
                log::warn!("the MQTT connection did not end in time");
            }
        }
    }
}

impl From<config::Outbox> for Limits {
    fn from(outbox: config::Outbox) -> Self {
        let config::Outbox { max_bytes, max_age, sync_interval } = outbox;
        Self { max_bytes, max_age, sync_interval }
    }
}

/// Without a broker, and with one that is only for a first try, answers go to the terminal.
fn to_local(config: &Config) -> bool {
    config.mqtt.as_ref().is_none_or(|mqtt| mqtt.embedded.is_some())
}

/// This machine, as Home Assistant is told of it.
fn node(ha: &config::HomeAssistant, mqtt: &config::Mqtt) -> Node {
    Node {
        discovery_prefix: ha.discovery_prefix.clone(),
        prefix: mqtt.prefix.clone(),
        id: config::machine(),
        hardware: Machine::default().hardware().model,
    }
}
