//! One connection to the broker, from CONNECT to its end.

use super::super::state::State;
use super::super::tls;
use super::told::Told;
use super::why::{Stage, is_close, refusal, why};
use crate::config::Mqtt;
use crate::shutdown::Shutdown;
use crate::vitals::Pulse;
use rumqttc::{
    AsyncClient, ConnectReturnCode, Event, EventLoop, Incoming, LastWill, MqttOptions, Outgoing, QoS,
    TlsConfiguration, Transport,
};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Publications handed to the connection at once.
const REQUESTS: usize = 64;
/// The largest packet either way: snapshots are far below.
const MAX_PACKET: usize = 1 << 20;
/// Seconds for TCP, TLS and CONNACK, and later for anything to leave.
pub const CONNECT_TIMEOUT_S: u64 = 15;
/// For the broker to acknowledge our `offline`.
const FAREWELL: Duration = Duration::from_millis(500);
/// For DISCONNECT to leave.
const DISCONNECT: Duration = Duration::from_millis(100);

/// Between two proofs of life while nothing happens.
const SLICE: Duration = Duration::from_secs(5);

/// How a connection ended.
#[derive(Debug)]
pub enum Lost {
    /// We were asked to stop, and said goodbye.
    Stopped,
    /// It can't be, as the config is.
    Refused(String),
    /// It broke, or never was.
    Broken(String),
    /// The broker closed it after it had accepted us.
    Closed(String),
}

/// A client and its event loop.
pub struct Connection {
    client: AsyncClient,
    events: EventLoop,
    name: String,
    stage: Stage,
    /// QoS 1 publications that were handed over and not acknowledged.
    unacknowledged: usize,
}

impl Connection {
    /// Reads the password and the certificates; connects at the first poll.
    pub fn new(config: &Mqtt) -> Result<Self, String> {
        let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
        options
            .set_keep_alive(config.keep_alive)
            .set_clean_session(true)
            .set_max_packet_size(MAX_PACKET, MAX_PACKET);
        options.set_last_will(LastWill::new(
            format!("{}/available", config.prefix),
            "offline",
            QoS::AtLeastOnce,
            true,
        ));
        if let Some(username) = &config.username {
            options.set_credentials(username, config.password()?.unwrap_or_default());
        }
        if let Some(files) = &config.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls::client(files)?)));
        }
        let (client, mut events) = AsyncClient::new(options, REQUESTS);
        events.network_options.set_connection_timeout(CONNECT_TIMEOUT_S);
        let name = format!("{}:{}", config.host, config.port);
        let stage = Stage { tls: config.tls.is_some(), accepted: false };
        Ok(Self { client, events, name, stage, unacknowledged: 0 })
    }

    /// Until the broker accepts us; the error says why it does not.
    pub async fn accepted(&mut self) -> Result<(), String> {
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(ack))) if ack.code == ConnectReturnCode::Success => {
                    self.stage.accepted = true;
                    return Ok(());
                }
                Ok(Event::Incoming(Incoming::ConnAck(ack))) => return Err(refusal(ack.code)),
                Ok(_) => {}
                Err(e) => return Err(why(&e, self.stage)),
            }
        }
    }

    /// Connects and publishes `state` until the connection breaks or `shutdown` comes. `told` is what the
    /// log was last told. A connection that holds for `undisputed` has its client id for itself.
    pub async fn run(
        &mut self,
        state: &State,
        pulse: &Pulse,
        shutdown: &Shutdown,
        told: &mut Told,
        undisputed: Duration,
    ) -> Lost {
        tokio::select! {
            accepted = self.accepted() => {
                if let Err(why) = accepted {
                    return Lost::Broken(why);
                }
            }
            () = shutdown.triggered() => return Lost::Stopped,
        }
        pulse.beat();
        told.accepted(&self.name);
        let undisputed = tokio::time::sleep(undisputed);
        tokio::pin!(undisputed);
        state.counters.connections.fetch_add(1, Ordering::Relaxed);
        state.all_anew();
        state.connected.store(true, Ordering::Release);
        loop {
            self.tell(state);
            tokio::select! {
                event = self.events.poll() => {
                    pulse.beat();
                    match event {
                        Ok(event) => self.note(&event),
                        Err(e) if is_close(&e) => return Lost::Closed(why(&e, self.stage)),
                        Err(e) => return Lost::Broken(why(&e, self.stage)),
                    }
                }
                () = state.changed.notified() => {}
                () = tokio::time::sleep(SLICE) => pulse.beat(),
                Some(message) = state.next_message() => {
                    let topic = state.whole(&message.topic);
                    let sent = self.client.try_publish(topic, QoS::AtMostOnce, false, message.payload).is_ok();
                    let counter = if sent { &state.counters.published } else { &state.counters.dropped };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                () = &mut undisputed, if told.disputes() => told.undisputed(&self.name),
                () = shutdown.triggered() => break,
            }
        }
        state.connected.store(false, Ordering::Release);
        let _ = tokio::time::timeout(FAREWELL, self.farewell(state)).await;
        let _ = self.client.try_disconnect();
        let _ = tokio::time::timeout(DISCONNECT, async { while self.events.poll().await.is_ok() {} }).await;
        Lost::Stopped
    }

    /// Hands over what the broker has yet to hear, as far as there is room; the rest follows.
    fn tell(&mut self, state: &State) {
        let Self { client, unacknowledged, .. } = self;
        state.tell(|topic, payload| {
            let sent = client.try_publish(topic, QoS::AtLeastOnce, true, payload).is_ok();
            if sent {
                *unacknowledged += 1;
                state.counters.published.fetch_add(1, Ordering::Relaxed);
            }
            sent
        });
    }

    fn note(&mut self, event: &Event) {
        if let Event::Incoming(Incoming::PubAck(_)) = event {
            self.unacknowledged = self.unacknowledged.saturating_sub(1);
        }
    }

    /// Says that nothing is in view and everything `offline`, and waits for the acknowledgements.
    async fn farewell(&mut self, state: &State) {
        for (topic, payload) in state.farewells() {
            while self.client.try_publish(topic.clone(), QoS::AtLeastOnce, true, payload).is_err() {
                if !self.advance().await {
                    return;
                }
            }
            self.unacknowledged += 1;
        }
        while self.unacknowledged > 0 && self.advance().await {}
    }

    /// One event on; false when the connection broke.
    async fn advance(&mut self) -> bool {
        match self.events.poll().await {
            Ok(event) => {
                self.note(&event);
                !matches!(event, Event::Outgoing(Outgoing::Disconnect))
            }
            Err(_) => false,
        }
    }
}
