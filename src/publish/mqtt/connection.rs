//! One connection to the broker, from CONNECT to its end.

use super::super::outbox::{Outbox, Parcel};
use super::super::state::State;
use super::super::tls;
use super::told::Told;
use super::why::{Stage, is_close, refusal, why};
use crate::config::Mqtt;
use crate::shutdown::Shutdown;
use crate::vitals::Pulse;
use rumqttc::{
    AsyncClient, ConnectReturnCode, Event, EventLoop, Incoming, LastWill, MqttOptions, Outgoing, QoS,
    SubscribeFilter, TlsConfiguration, Transport,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
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

/// Entries of the outbox handed over and not acknowledged at most.
const INFLIGHT: usize = 48;

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
    /// QoS 1 publications that were handed over and are not on their way yet, in order: of an entry of the
    /// outbox its number.
    handed: VecDeque<Option<u64>>,
    /// Those on their way, by packet id.
    sent: HashMap<u16, Option<u64>>,
    /// An entry of the outbox for which there was no room.
    waiting: Option<Parcel>,
    /// Topics of commands that are subscribed to, whole, and below the prefix.
    commands: BTreeMap<String, String>,
    /// Where Home Assistant says that it has begun.
    birth: Option<String>,
}

impl Connection {
    /// Reads the password and the certificates; connects at the first poll.
    pub fn new(config: &Mqtt) -> Result<Self, String> {
        let mut options = options(config, &config.client_id, || config.password())?;
        options.set_last_will(LastWill::new(
            format!("{}/available", config.prefix),
            "offline",
            QoS::AtLeastOnce,
            true,
        ));
        Ok(Self::with(config, options))
    }

    /// One under another client id, which leaves no will.
    pub fn trial(
        config: &Mqtt,
        password: impl FnOnce() -> Result<Option<String>, String>,
    ) -> Result<Self, String> {
        Ok(Self::with(config, options(config, &format!("{}-check", config.client_id), password)?))
    }

    fn with(config: &Mqtt, options: MqttOptions) -> Self {
        let (client, mut events) = AsyncClient::new(options, REQUESTS);
        events.network_options.set_connection_timeout(CONNECT_TIMEOUT_S);
        let name = format!("{}:{}", config.host, config.port);
        let stage = Stage { tls: config.tls.is_some(), accepted: false };
        let (handed, sent, commands) = (VecDeque::new(), HashMap::new(), BTreeMap::new());
        Self { client, events, name, stage, handed, sent, waiting: None, commands, birth: None }
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

    /// Publishes one message, and waits until the broker has it.
    pub async fn deliver(&mut self, topic: &str, payload: &str) -> Result<(), String> {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).map_err(|e| e.to_string())?;
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(Incoming::PubAck(_))) => return Ok(()),
                Ok(_) => {}
                Err(e) => return Err(why(&e, self.stage)),
            }
        }
    }

    /// Says goodbye, for as long as that takes at most.
    pub async fn disconnect(&mut self) {
        let _ = self.client.try_disconnect();
        let _ = tokio::time::timeout(DISCONNECT, async { while self.events.poll().await.is_ok() {} }).await;
    }

    /// Connects and publishes `state`, then what waits in `outbox`, until the connection breaks or `shutdown`
    /// comes. `told` is what the log was last told. A connection that holds for `undisputed` has its client id for itself.
    pub async fn run(
        &mut self,
        (state, outbox): (&State, Option<&Outbox>),
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
        if let Some(outbox) = outbox {
            outbox.rewind();
        }
        state.connected.store(true, Ordering::Release);
        loop {
            self.subscribe(state);
            if self.tell(state)
                && let Some(outbox) = outbox
            {
                self.hand_over(state, outbox);
            }
            tokio::select! {
                event = self.events.poll() => {
                    pulse.beat();
                    match event {
                        Ok(event) => {
                            self.note(&event, outbox);
                            self.hear(&event, state);
                        }
                        Err(e) if is_close(&e) => return Lost::Closed(why(&e, self.stage)),
                        Err(e) => return Lost::Broken(why(&e, self.stage)),
                    }
                }
                () = state.changed.notified() => {}
                () = ready(outbox) => {}
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
        let _ = tokio::time::timeout(FAREWELL, self.farewell(state, outbox)).await;
        self.disconnect().await;
        Lost::Stopped
    }

    /// Hands over what the broker has yet to hear, as far as there is room; false when some is left.
    fn tell(&mut self, state: &State) -> bool {
        let Self { client, handed, .. } = self;
        let mut all = true;
        state.tell(|topic, payload| {
            let sent = client.try_publish(topic, QoS::AtLeastOnce, true, payload).is_ok();
            if sent {
                handed.push_back(None);
                state.counters.published.fetch_add(1, Ordering::Relaxed);
            }
            all &= sent;
            sent
        });
        all
    }

    /// Hands over entries of the outbox, in order, as far as there is room.
    fn hand_over(&mut self, state: &State, outbox: &Outbox) {
        while self.unacknowledged() < INFLIGHT {
            let Some(parcel) = self.waiting.take().or_else(|| outbox.next()) else { return };
            // The picture of what left the config is nobody's any more.
            if parcel.retain && !state.takes_picture(&parcel.topic) {
                outbox.acknowledge(parcel.number);
                continue;
            }
            let (topic, payload) = (state.whole(&parcel.topic), parcel.payload.to_vec());
            if self.client.try_publish(topic, QoS::AtLeastOnce, parcel.retain, payload).is_err() {
                self.waiting = Some(parcel);
                return;
            }
            self.handed.push_back(Some(parcel.number));
            state.counters.published.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Subscribes to the commands there are now, and to no others.
    fn subscribe(&mut self, state: &State) {
        if !state.take_commands_changed() && !self.commands.is_empty() {
            return;
        }
        let (wanted, birth) = (state.command_topics(), state.birth_topic());
        let gone = self.commands.keys().filter(|topic| !wanted.contains_key(*topic));
        let gone: Vec<String> =
            gone.chain(self.birth.iter().filter(|b| Some(*b) != birth.as_ref())).cloned().collect();
        let new = wanted.keys().filter(|topic| !self.commands.contains_key(*topic));
        let new = new.chain(birth.iter().filter(|b| Some(*b) != self.birth.as_ref()));
        let new: Vec<_> = new.map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce)).collect();
        let told = (new.is_empty() || self.client.try_subscribe_many(new).is_ok())
            && gone.into_iter().all(|topic| self.client.try_unsubscribe(topic).is_ok());
        if told {
            (self.commands, self.birth) = (wanted, birth);
        } else {
            state.commands_changed();
        }
    }

    /// Takes in what others publish. Retained commands are of the past, and of no account.
    fn hear(&mut self, event: &Event, state: &State) {
        let Event::Incoming(Incoming::Publish(message)) = event else { return };
        if message.retain {
            return;
        }
        if self.birth.as_ref() == Some(&message.topic) {
            if *message.payload == *b"online" {
                state.all_anew();
            }
        } else if let Some(below) = self.commands.get(&message.topic) {
            state.command(&message.topic, below, &message.payload);
        }
    }

    /// Matches packet ids with what was handed over, in order, and acknowledgements with packet ids.
    fn note(&mut self, event: &Event, outbox: Option<&Outbox>) {
        match event {
            // QoS 0 has no packet id.
            Event::Outgoing(Outgoing::Publish(id)) if *id != 0 => {
                if let Some(what) = self.handed.pop_front() {
                    self.sent.insert(*id, what);
                }
            }
            Event::Incoming(Incoming::PubAck(ack)) => {
                if let (Some(Some(number)), Some(outbox)) = (self.sent.remove(&ack.pkid), outbox) {
                    outbox.acknowledge(number);
                }
            }
            _ => {}
        }
    }

    fn unacknowledged(&self) -> usize {
        self.handed.len() + self.sent.len()
    }

    /// Says that nothing is in view and everything
    /// `offline`, and waits for the acknowledgements.
    async fn farewell(&mut self, state: &State, outbox: Option<&Outbox>) {
        for (topic, payload) in state.farewells() {
            while self.client.try_publish(topic.clone(), QoS::AtLeastOnce, true, payload).is_err() {
                if !self.advance(outbox).await {
                    return;
                }
            }
            self.handed.push_back(None);
        }
        while self.unacknowledged() > 0 && self.advance(outbox).await {}
    }

    /// One event on; false when the connection broke.
    async fn advance(&mut self, outbox: Option<&Outbox>) -> bool {
        match self.events.poll().await {
            Ok(event) => {
                self.note(&event, outbox);
                !matches!(event, Event::Outgoing(Outgoing::Disconnect))
            }
            Err(_) => false,
        }
    }
}

/// How to reach the broker; `password` is asked for where there is a user name.
fn options(
    config: &Mqtt,
    client_id: &str,
    password: impl FnOnce() -> Result<Option<String>, String>,
) -> Result<MqttOptions, String> {
    let mut options = MqttOptions::new(client_id, &config.host, config.port);
    options
        .set_keep_alive(config.keep_alive)
        .set_clean_session(true)
        .set_max_packet_size(MAX_PACKET, MAX_PACKET);
    if let Some(username) = &config.username {
        options.set_credentials(username, password()?.unwrap_or_default());
    }
    if let Some(files) = &config.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls::client(files)?)));
    }
    Ok(options)
}

/// Until the outbox may have something; without one, for ever.
async fn ready(outbox: Option<&Outbox>) {
    match outbox {
        Some(outbox) => outbox.ready().await,
        None => std::future::pending().await,
    }
}
