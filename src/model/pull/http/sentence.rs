//! What went wrong on the web, for people.

use std::io::ErrorKind;
use std::time::Duration;
use ureq::{Error, Timeout};

/// One sentence; `patience`: how long was waited.
pub fn sentence(e: &Error, patience: Duration) -> String {
    match e {
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            format!("no connection within {} s", patience.as_secs())
        }
        Error::Timeout(_) => format!("no byte came for {} s", patience.as_secs()),
        Error::HostNotFound => "the name of the server is not known here".to_owned(),
        Error::TooManyRedirects => "the server sends us from one address to the next without end".to_owned(),
        Error::RequireHttpsOnly(url) => {
            format!("the server sends us from https to {}, which is not safe", without_password(url))
        }
        Error::ConnectProxyFailed(why) => format!("the proxy refuses: {why}"),
        Error::Io(e) if e.kind() == ErrorKind::UnexpectedEof => {
            "the server closed the connection without an answer".to_owned()
        }
        Error::Io(e) => e.to_string(),
        Error::Rustls(e) => format!("TLS: {e}"),
        other => other.to_string(),
    }
}

/// Whether it looks as if there were no network.
pub fn is_offline(e: &Error) -> bool {
    match e {
        Error::HostNotFound | Error::Timeout(Timeout::Connect | Timeout::Resolve) => true,
        Error::Io(e) => {
            matches!(
                e.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::AddrNotAvailable
            ) || e.to_string().contains("lookup address")
        }
        _ => false,
    }
}

/// A URL as it may be shown: without a user's name and password.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", &rest[end..])
}
