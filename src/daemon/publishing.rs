//! The sinks of a config, and the task that talks to the broker.

use super::state_directory::state_directory;
use crate::back_off::BackOff;
use crate::config::{self, Config};
use crate::publish::state::State;
use crate::publish::terminal::Terminal;
use crate::publish::{Publication, Sink, mqtt};
use crate::shutdown::Shutdown;
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
    terminal: Terminal<std::io::Stdout>,
    /// Without a broker, answers go to the terminal.
    to_terminal: AtomicBool,
}

impl Sink for Outputs {
    fn publish(&self, publication: &Publication<'_>) {
        if self.to_terminal.load(Ordering::Relaxed) {
            self.terminal.publish(publication);
        }
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
            terminal: Terminal::new(stdout()),
            to_terminal: AtomicBool::new(config.mqtt.is_none()),
        };
        let mut publishing = Self { outputs: Arc::new(outputs), vitals: vitals.clone(), task: None };
        publishing.connect(config.mqtt.as_ref());
        publishing
    }

    /// Takes what there is to publish.
    pub fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.outputs) as Arc<dyn Sink>
    }

    fn connect(&mut self, config: Option<&config::Mqtt>) {
        let Some(config) = config.cloned() else { return };
        if let Some(folder) = state_directory() {
            self.outputs.state.remember_in(folder.join("topics"));
        }
        let (outputs, shutdown, pulse) =
            (Arc::clone(&self.outputs), Shutdown::new(), mqtt::pulse(&self.vitals));
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            mqtt::run(&config, &outputs.state, &BackOff::default(), &pulse, &stop).await;
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

    /// Goes over to the broker of `new`; returns what changed. The old one hears `offline` first.
    pub async fn reload(&mut self, old: &Config, new: &Config) -> Vec<String> {
        if old.mqtt == new.mqtt {
            return Vec::new();
        }
        self.stop().await;
        self.outputs.to_terminal.store(new.mqtt.is_none(), Ordering::Relaxed);
        if let Some(mqtt) = &new.mqtt {
            self.outputs.state.set_prefix(&mqtt.prefix);
        }
        self.connect(new.mqtt.as_ref());
        vec!["mqtt: connected anew".to_owned()]
    }

    /// Says `offline` and disconnects.
    pub async fn stop(&mut self) {
        if let Some((task, shutdown)) = self.task.take() {
            shutdown.trigger();
            if tokio::time::timeout(STOP_WITHIN, task).await.is_err() {
                log::warn!("the MQTT connection did not end in time");
            }
        }
    }
}
