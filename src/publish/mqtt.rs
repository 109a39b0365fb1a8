//! The connection to the broker. One task owns it: [`run`] is the policy (connect, back off, connect
//! again), `connection` the work. Each connection begins with nothing: state is told anew.

mod connection;

use super::state::State;
use crate::back_off::BackOff;
use crate::config::Mqtt;
use crate::shutdown::Shutdown;
use crate::vitals::{Pulse, Vitals};
use connection::{Connection, Lost};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Two accepted connections lost within this mean that somebody else has our client id.
const TAKEOVER: Duration = Duration::from_secs(60);
/// A connection that held this long starts the back-off anew.
const STEADY: Duration = Duration::from_secs(30);
/// Between two proofs of life while waiting.
const SLICE: Duration = Duration::from_secs(5);
/// The longest silence of the task that is no fault: a connect that hangs, and a slice.
pub const PULSE_DEADLINE: Duration = Duration::from_secs(45);

/// Publishes `state` until `shutdown`, then says `offline` and disconnects; that takes less than a
/// second, whatever the broker does.
pub async fn run(config: &Mqtt, state: &State, back_off: &BackOff, pulse: &Pulse, shutdown: &Shutdown) {
    let mut delays = back_off.delays();
    let mut told = String::new();
    let mut accepted_and_lost: Option<Instant> = None;
    while !shutdown.is_triggered() {
        let started = Instant::now();
        let lost = match Connection::new(config) {
            Ok(mut connection) => connection.run(state, pulse, shutdown, &mut told).await,
            Err(why) => Lost::Refused(why),
        };
        let accepted = state.connected.swap(false, Ordering::AcqRel);
        let why = match lost {
            Lost::Stopped => return,
            Lost::Broken(why) if accepted => {
                let again =
                    accepted_and_lost.replace(Instant::now()).is_some_and(|at| at.elapsed() < TAKEOVER);
                if again && started.elapsed() < TAKEOVER {
                    format!(
                        "the broker closed two accepted connections within a minute: does another client use the id {}? give each its own mqtt.client_id ({why})",
                        config.client_id
                    )
                } else {
                    why
                }
            }
            Lost::Broken(why) | Lost::Refused(why) => why,
        };
        if told != why {
            log::warn!("MQTT broker {}:{}: {why}; trying again until it works", config.host, config.port);
            told = why;
        }
        if accepted && started.elapsed() >= STEADY {
            delays = back_off.delays();
        }
        wait(delays.next_delay(), pulse, shutdown).await;
    }
}

async fn wait(mut delay: Duration, pulse: &Pulse, shutdown: &Shutdown) {
    while !delay.is_zero() {
        pulse.beat();
        let slice = delay.min(SLICE);
        tokio::select! {
            () = tokio::time::sleep(slice) => delay -= slice,
            () = shutdown.triggered() => return,
        }
    }
}

/// Connects once under another client id, to see whether the broker accepts us, and disconnects.
pub fn try_connect(config: &Mqtt, timeout: Duration) -> Result<(), String> {
    let config = Mqtt { client_id: format!("{}-check", config.client_id), ..config.clone() };
    let tasks =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    tasks.block_on(async {
        let mut connection = Connection::new(&config)?;
        match tokio::time::timeout(timeout, connection.accepted()).await {
            Ok(accepted) => accepted,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
        }
    })
}

/// Supervises the task.
#[must_use]
pub fn pulse(vitals: &Vitals) -> Pulse {
    vitals.register("the MQTT connection", PULSE_DEADLINE)
}
