//! A broker inside the daemon, for a Pi that has none: rumqttd on threads of its own. It has no end but
//! the process's. MQTT 3.1.1; sessions, retained messages and all else live in memory.

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, SegmentConfig, ServerSettings};
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Room for a picture of 1 MiB with its topic.
const MAX_PACKET: usize = (1 << 20) + (64 << 10);
/// Clients at once; a Pi's descriptors and memory are few.
const MAX_CONNECTIONS: usize = 100;
/// For CONNECT to come.
const CONNECT_TIMEOUT_MS: u16 = 10_000;
/// Packets of a client that are read before others have their turn.
const READ_AT_ONCE: usize = 100;
/// Messages handed to a subscriber at once; no subscription without QoS gets more retained ones.
const MAX_OUTGOING: u64 = 1000;

/// The broker keeps what it forwards, per topic filter that was ever subscribed to, until this many
/// segments are full, and a subscriber that falls behind further loses the oldest. It counts the bytes
/// of topics and payloads, but keeps half a kilobyte more a message: what is a few bytes each, and has a
/// filter each, needs a small log.
const SEGMENTS: usize = 4;
/// Bytes of a segment.
const SEGMENT: usize = 64 << 10;
/// The same for topics of one camera.
const SMALL_SEGMENT: usize = 4 << 10;
/// The same for events, of which none may be lost in a burst: 500 of 1.5 kB fit.
const EVENTS_SEGMENT: usize = 256 << 10;

/// To begin to listen.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who may connect, and where.
#[derive(Clone)]
pub struct Settings {
    /// Port 0 is any free one.
    pub listen: SocketAddr,
    /// The one user's name and password; absent: everybody is let in.
    pub credentials: Option<(String, String)>,
    /// The first part of the daemon's topics.
    pub prefix: String,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { listen, credentials, prefix } = self;
        let user = credentials.as_ref().map(|(name, _)| name);
        f.debug_struct("Settings")
            .field("listen", listen)
            .field("user", &user)
            .field("prefix", prefix)
            .finish()
    }
}

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Another program, usually a Mosquitto, has the port.
    #[error(
        "start the embedded broker on {0}: in use by another program, maybe another broker; set mqtt.listen, or use that broker with mqtt.url"
    )]
    InUse(SocketAddr),
    /// The address is not ours, or the port needs a privilege.
    #[error("start the embedded broker on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The settings are refused.
    #[error("start the embedded broker: {0}")]
    Settings(String),
    /// Threads could not be started, or it ended at once.
    #[error("start the embedded broker on {0}: it did not begin to listen")]
    Silent(SocketAddr),
}

/// What is wrong with `settings`; for the config's validation.
///
/// Who reaches the broker can switch cameras off and see their pictures, so the network needs a password.
/// rumqttd ends with a panic on topics that begin with a letter outside ASCII.
pub fn check(listen: SocketAddr, has_password: bool, prefix: &str) -> Result<(), String> {
    if !listen.ip().is_loopback() && !has_password {
        return Err(format!(
            "{listen} can be reached from the network: set username and password_file, or listen on 127.0.0.1"
        ));
    }
    match prefix.chars().next() {
        Some(c) if !c.is_ascii() => Err(format!(
            "the embedded broker takes no topics that begin with {c:?}; begin the prefix with a-z"
        )),
        _ => Ok(()),
    }
}

/// Starts the broker, and returns its address once it listens. Blocks until then, for five seconds at
/// most.
pub fn start(settings: &Settings) -> Result<SocketAddr, BrokerError> {
    check(settings.listen, settings.credentials.is_some(), &settings.prefix)
        .map_err(BrokerError::Settings)?;
    let listen = free(settings.listen)?;
    // rumqttd tells of every packet, as errors; with a subscriber that wants nothing it costs nothing.
    // Another one that is there already stays.
    let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new());
    let config = config(settings, listen);
    let (ended, end) = mpsc::channel::<()>();
    std::thread::Builder::new()
        .name("broker".to_owned())
        .spawn(move || {
            let _ended = ended;
            let started = Instant::now();
            let result = Broker::new(config).start();
            if started.elapsed() > PATIENCE {
                log::error!("the embedded broker on {listen} ended: {result:?}");
            }
        })
        .map_err(|e| BrokerError::Listen(listen, e))?;
    wait(listen, &end)?;
    log::info!(
        "the embedded broker listens on {listen}; its sessions are in memory: events reach subscribers that are connected, and no others"
    );
    Ok(listen)
}

/// The address with its port, which nobody else has. rumqttd binds by itself and tells nobody how that
/// went, so it is tried first.
fn free(listen: SocketAddr) -> Result<SocketAddr, BrokerError> {
    let why = |e: io::Error| match e.kind() {
        io::ErrorKind::AddrInUse => BrokerError::InUse(listen),
        _ => BrokerError::Listen(listen, e),
    };
    TcpListener::bind(listen).and_then(|listener| listener.local_addr()).map_err(why)
}

/// Waits until `listen` takes a connection, or the broker ends.
fn wait(listen: SocketAddr, end: &Receiver<()>) -> Result<(), BrokerError> {
    let deadline = Instant::now() + PATIENCE;
    let mut reach = listen;
    if reach.ip().is_unspecified() {
        let loopback =
            if reach.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        reach.set_ip(loopback);
    }
    while Instant::now() < deadline {
        if TcpStream::connect_timeout(&reach, PATIENCE).is_ok() {
            return Ok(());
        }
        if end.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    Err(BrokerError::Silent(listen))
}

fn config(settings: &Settings, listen: SocketAddr) -> Config {
    let segments = |max_segment_size| SegmentConfig { max_segment_size, max_segment_count: SEGMENTS };
    let prefix = &settings.prefix;
    let logs = [
        (format!("{prefix}/events"), segments(EVENTS_SEGMENT)),
        (format!("{prefix}/+/+"), segments(SMALL_SEGMENT)),
        (format!("{prefix}/+/+/+"), segments(SMALL_SEGMENT)),
    ];
    let connections = ConnectionSettings {
        connection_timeout_ms: CONNECT_TIMEOUT_MS,
        max_payload_size: MAX_PACKET,
        max_inflight_count: READ_AT_ONCE,
        auth: settings.credentials.clone().map(|user| HashMap::from([user])),
        external_auth: None,
        dynamic_filters: false,
    };
    let server = ServerSettings {
        name: "broker-v4".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    let router = RouterConfig {
        max_connections: MAX_CONNECTIONS,
        max_outgoing_packet_count: MAX_OUTGOING,
        max_segment_size: SEGMENT,
        max_segment_count: SEGMENTS,
        custom_segment: Some(logs.into()),
        ..RouterConfig::default()
    };
    Config { router, v4: Some(HashMap::from([("v4".to_owned(), server)])), ..Config::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_needs_a_password() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert_eq!(check(at("127.0.0.1:1883"), false, "edgecam"), Ok(()));
        assert_eq!(check(at("[::1]:1883"), false, "edgecam"), Ok(()));
        assert_eq!(check(at("0.0.0.0:1883"), true, "edgecam"), Ok(()));
        let told = check(at("0.0.0.0:1883"), false, "edgecam").expect_err("refused");
        assert!(told.starts_with("0.0.0.0:1883 can be reached from the network: set username"), "{told}");
        assert!(check(at("192.168.1.7:1883"), false, "edgecam").is_err());
        assert!(check(at("127.0.0.1:1883"), false, "überwachung").is_err());
        assert_eq!(check(at("127.0.0.1:1883"), false, "küche"), Ok(()));
    }

    #[test]
    fn a_password_is_never_shown() {
        let settings = Settings {
            listen: ([127, 0, 0, 1], 1883).into(),
            credentials: Some(("ann".to_owned(), "secret".to_owned())),
            prefix: "edgecam".to_owned(),
        };
        let shown = format!("{settings:?}");
        assert!(shown.contains("ann") && !shown.contains("secret"), "{shown}");
    }
}
