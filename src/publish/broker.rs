//! The broker inside the daemon, for a first try without other software: rumqttd on a thread of its own.
//!
//! It keeps sessions in memory: events reach the subscribers that are connected. It has no way to end but
//! with the process, so that its settings take a restart.

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// For it to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(5);
/// A picture, and what MQTT adds to it.
const LARGEST: usize = 1 << 20;
/// What it keeps for each filter that is subscribed to, in two pieces.
const SEGMENT: usize = 512 << 10;
const SEGMENTS: usize = 2;

/// Why there is no embedded broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address can't be had.
    #[error("start the embedded broker on {at}: {why}; another broker there? stop it, or set mqtt.listen")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// Why not.
        why: std::io::Error,
    },
    /// It was started, and does not listen.
    #[error("start the embedded broker on {0}: it does not listen")]
    Silent(SocketAddr),
}

/// Starts it on an address of this machine; with `credentials`, a name and a password, it lets nobody else in.
/// Returns once it listens.
pub fn start(at: SocketAddr, credentials: Option<(String, String)>) -> Result<(), BrokerError> {
    let failed = |why| BrokerError::Listen { at, why };
    drop(TcpListener::bind(at).map_err(failed)?);
    let connections = ConnectionSettings {
        connection_timeout_ms: 5000,
        max_payload_size: LARGEST,
        max_inflight_count: 100,
        auth: credentials.map(|pair| HashMap::from([pair])),
        external_auth: None,
        // Or else QoS 1 on topics nobody subscribes to is never acknowledged.
        dynamic_filters: true,
    };
    let server = ServerSettings {
        name: "broker".to_owned(),
        listen: at,
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    let router = RouterConfig {
        max_connections: 256,
        max_outgoing_packet_count: 200,
        max_segment_size: SEGMENT,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    };
    let config = Config { router, v4: Some(HashMap::from([("v4".to_owned(), server)])), ..Config::default() };
    let work = move || {
        // It returns when it could not go on; the connection tells the rest.
        if let Err(e) = Broker::new(config).start() {
            log::error!("the embedded broker ended: {e}");
        }
    };
    std::thread::Builder::new().name("broker".to_owned()).spawn(work).map_err(failed)?;
    let deadline = Instant::now() + STARTS_WITHIN;
    while TcpStream::connect(at).is_err() {
        if Instant::now() > deadline {
            return Err(BrokerError::Silent(at));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    log::info!(
        "embedded broker on {at}: events reach the subscribers that are connected; use a broker of its own to lose none"
    );
    Ok(())
}
