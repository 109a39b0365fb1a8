//! The connection to the broker. One task owns it: [`run`] is the policy (connect, back off, connect
//! again), `connection` the work. Each connection begins with nothing: state is told anew.

mod connection;
mod told;
mod why;

use super::outbox::Outbox;
use super::state::State;
use crate::back_off::BackOff;
use crate::config::Mqtt;
use crate::shutdown::Shutdown;
use crate::vitals::{Pulse, Vitals};
use connection::{Connection, Lost};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use told::Told;

/// Two accepted connections that the broker closed within this mean that somebody else has our client id.
const TAKEOVER: Duration = Duration::from_secs(60);
/// A connection that held this long starts the back-off anew.
const STEADY: Duration = Duration::from_secs(30);
/// Between two proofs of life while waiting.
const SLICE: Duration = Duration::from_secs(5);
/// The longest silence of the task that is no fault: a connect that hangs, and a slice.
pub const PULSE_DEADLINE: Duration = Duration::from_secs(45);

/// Publishes `state` and what waits in `outbox` until `shutdown`, then says `offline` and disconnects; that takes less than a
/// second, whatever the broker does.
pub async fn run(
    config: &Mqtt,
    (state, outbox): (&State, Option<&Outbox>),
    back_off: &BackOff,
    pulse: &Pulse,
    shutdown: &Shutdown,
) {
    let mut delays = back_off.delays();
    let mut told = Told::default();
    let mut closed: Option<Instant> = None;
    let broker = format!("{}:{}", config.host, config.port);
    while !shutdown.is_triggered() {
        let started = Instant::now();
        let lost = match Connection::new(config) {
            Ok(mut connection) => connection.run((state, outbox), pulse, shutdown, &mut told, TAKEOVER).await,
            Err(why) => Lost::Refused(why),
        };
        let accepted = state.connected.swap(false, Ordering::AcqRel);
        match lost {
            Lost::Stopped => return,
            Lost::Closed(why) => {
                if closed.replace(Instant::now()).is_some_and(|at| at.elapsed() < TAKEOVER) {
                    told.taken_over(&broker, &config.client_id);
                } else {
                    told.lost(&broker, &why);
                }
            }
            Lost::Broken(why) | Lost::Refused(why) => told.lost(&broker, &why),
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
    trial(Connection::trial(config, || config.password()), None, timeout)
}

/// The same with `password` instead of the one in the config's file.
pub fn try_password(config: &Mqtt, password: Option<&str>, timeout: Duration) -> Result<(), String> {
    trial(Connection::trial(config, || Ok(password.map(str::to_owned))), None, timeout)
}

/// The same, and leaves `payload` with the broker, on `<prefix>/<topic>`, for those who listen now: it is not
/// retained.
pub fn try_message(config: &Mqtt, topic: &str, payload: &str, timeout: Duration) -> Result<(), String> {
    let topic = format!("{}/{topic}", config.prefix);
    trial(Connection::trial(config, || config.password()), Some((&topic, payload)), timeout)
}

fn trial(
    connection: Result<Connection, String>,
    message: Option<(&str, &str)>,
    timeout: Duration,
) -> Result<(), String> {
    let mut connection = connection?;
    let tasks =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    tasks.block_on(async {
        let tried = async {
            connection.accepted().await?;
            match message {
                Some((topic, payload)) => connection.deliver(topic, payload).await,
                None => Ok(()),
            }
        };
        let result = tokio::time::timeout(timeout, tried).await;
        connection.disconnect().await;
        result.unwrap_or_else(|_| Err(format!("no answer within {} s", timeout.as_secs())))
    })
}

/// Supervises the task.
#[must_use]
pub fn pulse(vitals: &Vitals) -> Pulse {
    vitals.register("the MQTT connection", PULSE_DEADLINE)
}
