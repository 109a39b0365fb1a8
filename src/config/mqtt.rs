//! The broker, and how to reach it.

use crate::back_off::BackOff;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of the longest text in an MQTT packet (MQTT 3.1.1, 1.5.3).
pub(super) const MAX_STRING: usize = 65_535;

/// How to reach the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Mqtt {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// For `mqtts://`.
    pub tls: Option<Tls>,
    /// First part of every topic; no `/` at either end, no wildcards.
    pub prefix: String,
    /// MQTT client id.
    pub client_id: String,
    /// User name, with the password that is in `password_file`.
    pub username: Option<String>,
    /// Read at every connection, so that it can change; its content is never logged.
    pub password_file: Option<PathBuf>,
    /// Interval of pings.
    pub keep_alive: Duration,
    /// The longest wait between two attempts to connect.
    pub max_back_off: Duration,
    /// Where the broker inside this program listens; absent: there is none.
    pub embedded: Option<SocketAddr>,
}

impl Mqtt {
    /// The waits between attempts to connect.
    #[must_use]
    pub fn back_off(&self) -> BackOff {
        BackOff { cap: self.max_back_off, ..BackOff::default() }
    }

    /// Reads the password. A missing credential is an empty file, and no password.
    pub fn password(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.password_file else { return Ok(None) };
        let text = std::fs::read_to_string(path)
            .map_err(|e| format!("read password file {}: {e}", path.display()))?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        if password.len() > MAX_STRING {
            return Err(format!(
                "read password file {}: MQTT takes {MAX_STRING} bytes at most",
                path.display()
            ));
        }
        Ok((!password.is_empty()).then(|| password.to_owned()))
    }
}

/// Files of a TLS connection, all PEM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate chain.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    pub key_file: Option<PathBuf>,
}
