//! The task that reads the board's temperature, and says and publishes what that makes of the models' share.

use crate::config::Thermal;
use crate::publish::{Publication, Sink};
use crate::shutdown::Shutdown;
use crate::telemetry::machine::Machine;
use crate::thermal::{Controller, Dial, INTERVAL, Share};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

/// Milliseconds between two readings, for tests that wait less.
const INTERVAL_MS: &str = "EDGECAM_TEST_THERMAL_MS";

/// The task; it ends with the daemon.
#[derive(Debug)]
pub struct Care(watch::Sender<Option<Thermal>>);

impl Care {
    /// Starts to care as `config` says, or not to: sets `dial` and wakes `changed` whenever it is turned.
    pub fn start(
        config: Option<Thermal>,
        dial: &Arc<Dial>,
        sink: Arc<dyn Sink>,
        changed: &Arc<Notify>,
        shutdown: Shutdown,
    ) -> Self {
        let (sender, configs) = watch::channel(config);
        let mut carer = Carer {
            machine: Machine::default(),
            controller: config.map(|thermal| Controller::new(thermal.limit)),
            config,
            dial: Arc::clone(dial),
            sink,
            changed: Arc::clone(changed),
        };
        carer.feel();
        carer.publish();
        tokio::spawn(carer.run(configs, shutdown));
        Self(sender)
    }

    /// Goes on as `config` says.
    pub fn configure(&self, config: Option<Thermal>) {
        self.0.send_replace(config);
    }
}

struct Carer {
    machine: Machine,
    config: Option<Thermal>,
    /// None: nothing is ever slowed.
    controller: Option<Controller>,
    dial: Arc<Dial>,
    sink: Arc<dyn Sink>,
    changed: Arc<Notify>,
}

impl Carer {
    async fn run(mut self, mut configs: watch::Receiver<Option<Thermal>>, shutdown: Shutdown) {
        let mut ticker = tokio::time::interval(interval());
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first reading is taken.
        ticker.tick().await;
        loop {
            tokio::select! {
                () = shutdown.triggered() => return,
                _ = ticker.tick() => self.feel(),
                Ok(()) = configs.changed() => {
                    let config = *configs.borrow_and_update();
                    self.configure(config);
                }
            }
        }
    }

    fn feel(&mut self) {
        let Some(controller) = &mut self.controller else { return };
        let before = controller.share();
        let Some(share) = controller.heed(&self.machine.figures()) else { return };
        let heat = match controller.temperature() {
            Some(t) => format!("the processor is at {t:.1} °C"),
            None => "the processor's temperature can't be read any more".to_owned(),
        };
        if share == Share::WHOLE {
            log::info!("{heat}: models look at all of their frames again");
        } else if share > before {
            log::info!("{heat}: models look at {share} of their frames");
        } else {
            log::warn!("{heat}: models look at {share} of their frames");
        }
        self.turn(share);
    }

    fn configure(&mut self, config: Option<Thermal>) {
        self.config = config;
        match (&mut self.controller, config) {
            (Some(controller), Some(thermal)) => controller.set_limit(thermal.limit),
            (None, Some(thermal)) => self.controller = Some(Controller::new(thermal.limit)),
            (_, None) => self.controller = None,
        }
        if self.controller.is_none() && self.dial.share() != Share::WHOLE {
            log::info!("thermal care is switched off: models look at all of their frames again");
            return self.turn(Share::WHOLE);
        }
        self.publish();
    }

    fn turn(&self, share: Share) {
        self.dial.set(share);
        self.publish();
        self.changed.notify_one();
    }

    fn publish(&self) {
        let state = self.config.zip(self.controller.as_ref()).map(|(thermal, controller)| {
            json!({
                "share": controller.share().fraction(),
                "temperature_c": controller.temperature(),
                "limit_c": thermal.limit,
            })
        });
        self.sink.publish(&Publication::Thermal(state.as_ref()));
    }
}

/// What `stats` tells of it; nothing where it is switched off.
pub fn figures(config: Option<Thermal>, dial: &Dial) -> Option<Value> {
    config.map(|thermal| json!({ "share": dial.share().fraction(), "limit_c": thermal.limit }))
}

/// What the daemon's status says after all else: nothing but in the heat.
pub fn in_words(dial: &Dial) -> String {
    match dial.share() {
        Share::WHOLE => String::new(),
        share => format!(", slowed by heat: models look at {share} of their frames"),
    }
}

fn interval() -> Duration {
    let given = std::env::var(INTERVAL_MS).ok().and_then(|text| text.parse().ok());
    given.map_or(INTERVAL, |ms: u64| Duration::from_millis(ms.max(1)))
}
