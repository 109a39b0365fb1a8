//! Values with a syntax of their own: durations, addresses, names, paths.

use crate::publish::message::RESERVED;
use std::time::Duration;

/// `500ms`, `30s`, `5m`, `1h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is no duration; write a number and a unit, such as 500ms, 30s, 5m, 1h or 7d");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// `500KiB`, `200MiB`, `2GiB`, in bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size; write a number and a unit, such as 500KiB, 200MiB or 2GiB");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match &text[digits..] {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

/// Host, port, and whether it is TLS, of `mqtt://host[:port]` or `mqtts://host[:port]`.
pub fn broker(url: &str) -> Result<(String, u16, bool), String> {
    let (rest, tls) = match (url.strip_prefix("mqtt://"), url.strip_prefix("mqtts://")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        _ => {
            return Err(format!(
                "{url:?} is no broker's address; write mqtt://host:1883, or mqtts://host:8883 for TLS"
            ));
        }
    };
    if rest.contains('@') {
        return Err("a name or password in the address; use username and password_file".to_owned());
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let port = match port {
        None => Some(if tls { 8883 } else { 1883 }),
        Some(port) => port.parse::<u16>().ok().filter(|&p| p > 0),
    };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match port {
        Some(port) if !bare.is_empty() && !bare.contains(['/', '[', ' ']) && printable(bare).is_ok() => {
            Ok((bare.to_owned(), port, tls))
        }
        _ => Err(format!("{url:?} names no host and port; write mqtt://host:1883")),
    }
}

/// A text without control characters, which MQTT (3.1.1, 1.5.3) and files of a line each don't take.
pub fn printable(text: &str) -> Result<String, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("the control character {} in it", c.escape_default())),
        None => Ok(text.to_owned()),
    }
}

/// The name of `what`, a camera or a zone.
pub fn name(what: &str, text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if text.is_empty() || text.len() > 32 || !text.chars().all(fits) {
        return Err(format!("{text:?} is no name for a {what}; use 1 to 32 of a-z, 0-9, _ and -"));
    }
    if RESERVED.contains(&text) {
        return Err(format!("{text:?} is a topic of its own and no name for a {what}"));
    }
    Ok(text.to_owned())
}

/// `text` with each `${NAME}` replaced by that environment variable.
pub fn expanded(text: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { return Err(format!("{text:?}: ${{ without }}")) };
        let name = &rest[start + 2..start + length];
        let value = std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?;
        out.push_str(&rest[..start]);
        out.push_str(&value);
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// `edgecam-` and eight hexadecimal digits that tell this machine from others.
pub fn default_client_id() -> String {
    format!("edgecam-{}", machine())
}

/// Eight hexadecimal digits that tell this machine from others.
#[must_use]
pub fn machine() -> String {
    use sha2::{Digest, Sha256};
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let id = id.trim();
    if id.len() >= 8 && id.is_ascii() {
        return id[..8].to_owned();
    }
    let host = rustix::system::uname().nodename().to_bytes().to_vec();
    format!("{:x}", Sha256::digest(host))[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in ["", "5", "s", "5 s", "-1s", "1.5s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!((bytes("500KiB"), bytes("2GiB")), (Ok(512_000), Ok(2 << 30)));
        for bad in ["", "5", "5MB", "MiB", "-1MiB", "1.5GiB", "99999999999GiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn brokers() {
        assert_eq!(broker("mqtt://pi.local"), Ok(("pi.local".to_owned(), 1883, false)));
        assert_eq!(broker("mqtts://10.0.0.1:8884/"), Ok(("10.0.0.1".to_owned(), 8884, true)));
        assert_eq!(broker("mqtt://[::1]:1884"), Ok(("::1".to_owned(), 1884, false)));
        assert_eq!(broker("mqtt://[::1]"), Ok(("::1".to_owned(), 1883, false)));
        for bad in [
            "",
            "localhost",
            "http://x",
            "mqtt://",
            "mqtt://x:0",
            "mqtt://x:99999",
            "mqtt://a:b@x",
            "mqtt://x/y",
        ] {
            assert!(broker(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert!(name("camera", "front-door_2").is_ok());
        for bad in ["", "Front", "a/b", "all", "stats", "ü", "aaaaaaaaaabbbbbbbbbbccccccccccddd"] {
            assert!(name("camera", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables() {
        let home = std::env::var("PATH").expect("PATH is set");
        assert_eq!(expanded("a${PATH}b"), Ok(format!("a{home}b")));
        assert!(expanded("${NO_SUCH_VARIABLE_HERE}").expect_err("unset").contains("NO_SUCH_VARIABLE_HERE"));
        assert!(expanded("${PATH").is_err());
    }
}
