//! What subscribers may ask for: topics and payloads of commands.

use std::collections::BTreeSet;
use std::fmt;

/// A wish of a subscriber's.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A model shall look at a camera's frames, or not.
    Detect {
        /// The camera's name.
        camera: String,
        /// Which of both.
        on: bool,
    },
    /// A camera's least score shall be another one.
    Threshold {
        /// The camera's name.
        camera: String,
        /// 0..1.
        threshold: f32,
    },
    /// A picture of now.
    Snapshot {
        /// The camera's name.
        camera: String,
    },
    /// edgecam shall begin anew.
    Restart,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detect { camera, on } => {
                write!(f, "detection {} for camera {camera}", if *on { "on" } else { "off" })
            }
            Self::Threshold { camera, threshold } => write!(f, "threshold {threshold} for camera {camera}"),
            Self::Snapshot { camera } => write!(f, "a picture of camera {camera}"),
            Self::Restart => write!(f, "a restart"),
        }
    }
}

/// The topics of all commands for these cameras, below the prefix.
pub fn topics<'a>(cameras: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let of_camera =
        |camera| ["detect/set", "threshold/set", "snapshot/get"].map(|command| format!("{camera}/{command}"));
    cameras.flat_map(of_camera).chain(["restart".to_owned()]).collect()
}

/// The command in a message whose topic is one of [`topics`], below the prefix; the error says what is wrong
/// with the payload.
pub fn parse(topic: &str, payload: &[u8]) -> Result<Command, String> {
    let text = std::str::from_utf8(payload).ok().map(str::trim);
    let told = || match text {
        Some(text) if text.chars().count() <= 40 => format!("{text:?}"),
        _ => format!("a payload of {} bytes", payload.len()),
    };
    let Some((camera, wish)) = topic.split_once('/') else { return Ok(Command::Restart) };
    let camera = camera.to_owned();
    match wish {
        "detect/set" => match text {
            Some("ON") => Ok(Command::Detect { camera, on: true }),
            Some("OFF") => Ok(Command::Detect { camera, on: false }),
            _ => Err(format!("{} is neither ON nor OFF", told())),
        },
        "threshold/set" => {
            match text.and_then(|text| text.parse().ok()).filter(|t| (0.0..=1.0).contains(t)) {
                Some(threshold) => Ok(Command::Threshold { camera, threshold }),
                None => Err(format!("{} is no number from 0 to 1", told())),
            }
        }
        _ => Ok(Command::Snapshot { camera }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_its_command() {
        let topics = topics(["porch"].into_iter());
        assert_eq!(topics.len(), 4);
        let camera = || "porch".to_owned();
        let parsed: Vec<_> = topics.iter().map(|topic| parse(topic, b" 0.25 ")).collect();
        assert_eq!(parsed[0], Err("\"0.25\" is neither ON nor OFF".to_owned()));
        assert_eq!(parsed[1], Ok(Command::Snapshot { camera: camera() }));
        assert_eq!(parsed[2], Ok(Command::Threshold { camera: camera(), threshold: 0.25 }));
        assert_eq!(parsed[3], Ok(Command::Restart));
        assert_eq!(parse("porch/detect/set", b"OFF"), Ok(Command::Detect { camera: camera(), on: false }));
    }

    #[test]
    fn garbage_is_refused_in_a_sentence() {
        let threshold = |payload: &[u8]| parse("porch/threshold/set", payload);
        for bad in [&b""[..], b"x", b"1.5", b"-0.1", b"NaN", b"inf", b"\xff\xfe", &[b'1'; 5000]] {
            assert!(threshold(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            threshold(&[b'1'; 5000]),
            Err("a payload of 5000 bytes is no number from 0 to 1".to_owned())
        );
        for bad in [&b""[..], b"on", b"1", b"ON OFF", b"\0"] {
            assert!(parse("porch/detect/set", bad).is_err(), "{bad:?}");
        }
    }
}
