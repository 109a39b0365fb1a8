//! Why there is no connection, as a sentence that says what to look at.

use super::connection::CONNECT_TIMEOUT_S;
use rumqttc::{ConnectReturnCode, ConnectionError, StateError, TlsError, mqttbytes};
use rustls::{AlertDescription, CertificateError};
use std::io::{self, ErrorKind};

const WANTS_TLS: &str = "if it wants TLS there, write mqtts:// in mqtt.url";

/// How far the connection came.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// It is one over TLS.
    pub tls: bool,
    /// The broker accepted us.
    pub accepted: bool,
}

/// Why the broker did not accept us.
pub fn refusal(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            "it refuses our user name or password; look at mqtt.username and mqtt.password_file".to_owned()
        }
        ConnectReturnCode::BadClientId => "it refuses our client id; look at mqtt.client_id".to_owned(),
        ConnectReturnCode::ServiceUnavailable => "it is not available yet".to_owned(),
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1".to_owned(),
        ConnectReturnCode::Success => "it accepts us".to_owned(),
    }
}

/// Whether the broker closed the connection, as it does when another client takes our id.
pub fn is_close(e: &ConnectionError) -> bool {
    matches!(e, ConnectionError::MqttState(StateError::ConnectionAborted)) || io_of(e).is_some_and(closes)
}

/// What the network said, where that is all there is to say.
fn io_of(e: &ConnectionError) -> Option<&io::Error> {
    match e {
        ConnectionError::Io(e)
        | ConnectionError::Tls(TlsError::Io(e))
        | ConnectionError::MqttState(
            StateError::Io(e) | StateError::Deserialization(mqttbytes::Error::Io(e)),
        ) => Some(e),
        _ => None,
    }
}

/// What went wrong.
pub fn why(e: &ConnectionError, stage: Stage) -> String {
    let why = io_of(e).map_or_else(|| of_protocol(e, stage), |e| of_io(e, stage));
    if stage.accepted { format!("connection lost: {why}") } else { why }
}

fn of_protocol(e: &ConnectionError, stage: Stage) -> String {
    match e {
        ConnectionError::ConnectionRefused(code) => refusal(*code),
        ConnectionError::NetworkTimeout => format!("no answer within {CONNECT_TIMEOUT_S} s"),
        ConnectionError::FlushTimeout => format!("it took nothing for {CONNECT_TIMEOUT_S} s"),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "it stopped answering".to_owned(),
        ConnectionError::MqttState(StateError::ConnectionAborted) => closed(stage),
        ConnectionError::Tls(TlsError::TLS(e)) => of_tls(e),
        ConnectionError::MqttState(StateError::Deserialization(_)) | ConnectionError::NotConnAck(_)
            if !stage.accepted =>
        {
            let hint = if stage.tls { "is mqtt.url its port for MQTT?" } else { WANTS_TLS };
            format!("what it says is not MQTT; {hint}")
        }
        ConnectionError::MqttState(e) => format!("it broke the rules of MQTT: {e}"),
        other => other.to_string(),
    }
}

fn closes(e: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(e.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn closed(stage: Stage) -> String {
    match stage {
        Stage { accepted: true, .. } => "it closed the connection",
        Stage { tls: true, .. } => {
            "it closed the connection before it accepted us; does it speak TLS there, and does it want a client certificate (mqtt.cert_file and mqtt.key_file)?"
        }
        Stage { tls: false, .. } => {
            return format!("it closed the connection before it accepted us; {WANTS_TLS}");
        }
    }
    .to_owned()
}

fn of_io(e: &io::Error, stage: Stage) -> String {
    if let Some(e) = e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(e);
    }
    match e.kind() {
        ErrorKind::ConnectionRefused => {
            "nothing listens there; is the broker running, are host and port right?".to_owned()
        }
        ErrorKind::TimedOut => "no answer".to_owned(),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            format!("no way to it; is this machine's network up? ({e})")
        }
        _ if closes(e) => closed(stage),
        _ if e.to_string().contains("lookup address") => {
            format!("its name is not known; look at the host in mqtt.url ({e})")
        }
        _ => e.to_string(),
    }
}

fn of_tls(e: &rustls::Error) -> String {
    use AlertDescription as Alert;
    match e {
        rustls::Error::InvalidCertificate(e) => of_certificate(e),
        rustls::Error::AlertReceived(Alert::CertificateRequired | Alert::NoCertificate) => {
            "it wants a client certificate; set mqtt.cert_file and mqtt.key_file".to_owned()
        }
        rustls::Error::AlertReceived(Alert::HandshakeFailure) => {
            "it refuses the TLS handshake; it may want a client certificate (mqtt.cert_file and mqtt.key_file)"
                .to_owned()
        }
        rustls::Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError),
        ) => format!("it refuses our client certificate ({alert:?}); look at mqtt.cert_file"),
        rustls::Error::AlertReceived(alert) => format!("it refuses the TLS handshake ({alert:?})"),
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS there; write its TLS port in mqtt.url, or mqtt:// without TLS".to_owned()
        }
        other => format!("TLS fails: {other}"),
    }
}

fn of_certificate(e: &CertificateError) -> String {
    const CLOCK: &str = "or this machine's clock is wrong";
    match e {
        CertificateError::UnknownIssuer => {
            "its certificate is not signed by an authority we trust; name its CA in mqtt.ca_file".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("its certificate has expired, {CLOCK}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("its certificate is not valid yet, {CLOCK}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("its certificate is for another name than the host in mqtt.url ({e})")
        }
        other => format!("its certificate can't be used: {other}"),
    }
}
