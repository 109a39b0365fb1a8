//! What a person wants of edgecam, as far as setup asks.

use std::path::{Path, PathBuf};

/// All answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// At least one.
    pub cameras: Vec<Camera>,
    /// The broker; absent: answers go to the journal only.
    pub broker: Option<Broker>,
    /// Whether cameras are devices in Home Assistant.
    pub home_assistant: bool,
    /// What looks at every camera.
    pub model: Model,
    /// The labels to report; absent: all of the model's.
    pub labels: Option<Vec<String>>,
    /// Whether the model looks only when something moves.
    pub motion: bool,
}

/// A camera and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// As the config has it.
    pub name: String,
    /// Where its frames come from.
    pub source: Source,
    /// What the camera calls itself, where that is known.
    pub card: Option<String>,
}

/// Where a camera's frames come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first usable V4L2 camera, now or later.
    Auto,
    /// A V4L2 device.
    V4l2(PathBuf),
    /// A CSI camera by its number.
    Rpicam(u32),
    /// A network camera, read by ffmpeg.
    Rtsp(String),
    /// The test pattern.
    Test,
}

impl Source {
    /// Reads `auto`, `test`, `rpicam:N`, a device's path, or `rtsp://…`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Auto),
            "test" => return Ok(Self::Test),
            _ => {}
        }
        if let Some(number) = text.strip_prefix("rpicam:") {
            let number =
                number.parse::<u32>().map_err(|_| format!("{number:?} is no CSI camera's number"))?;
            return Ok(Self::Rpicam(number));
        }
        if text.starts_with("rtsp://") || text.starts_with("rtsps://") {
            return Ok(Self::Rtsp(text.to_owned()));
        }
        if text.starts_with('/') {
            return Ok(Self::V4l2(text.into()));
        }
        Err(format!("{text:?} is no camera; write auto, /dev/video0, rpicam:0, rtsp://… or test"))
    }
}

/// How to reach the broker.
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    /// `mqtt://host:port`, or `mqtts://`.
    pub url: String,
    /// Who we are there.
    pub username: Option<String>,
    /// Goes into a file of its own.
    pub password: Option<String>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let password = self.password.as_ref().map(|_| "…");
        let Self { url, username, .. } = self;
        f.debug_struct("Broker")
            .field("url", url)
            .field("username", username)
            .field("password", &password)
            .finish()
    }
}

/// The URL of `host`, `host:port` or a URL; `None` for `none`.
#[must_use]
pub fn broker_url(text: &str) -> Option<String> {
    match text {
        "none" => None,
        url if url.contains("://") => Some(url.to_owned()),
        // Of an address of IPv6 without brackets each colon is its own.
        host if host.parse::<std::net::Ipv6Addr>().is_ok() => Some(format!("mqtt://[{host}]")),
        host => Some(format!("mqtt://{host}")),
    }
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// A `.tflite` file.
    File(PathBuf),
    /// One of the catalogue, by name.
    Catalogue(String),
}

impl Model {
    /// A file where `text` looks like one, else a name of the catalogue.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let file = text.contains('/') || Path::new(text).extension().is_some_and(|e| e == "tflite");
        if file || Path::new(text).is_file() {
            Self::File(std::path::absolute(text).unwrap_or_else(|_| text.into()))
        } else {
            Self::Catalogue(text.to_owned())
        }
    }
}

/// The labels of a list with commas; `None` where it names none, or all.
#[must_use]
pub fn labels(text: &str) -> Option<Vec<String>> {
    let labels: Vec<String> = items(text).map(str::to_owned).collect();
    (!labels.is_empty() && labels != ["all"]).then_some(labels)
}

/// The items of a list with commas.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_source_is_read() {
        let by_id = "/dev/v4l/by-id/usb-C920-video-index0";
        for (text, source) in [
            ("auto", Source::Auto),
            ("test", Source::Test),
            ("rpicam:1", Source::Rpicam(1)),
            ("/dev/video0", Source::V4l2("/dev/video0".into())),
            (by_id, Source::V4l2(by_id.into())),
            ("rtsp://10.0.0.2/a?b=c", Source::Rtsp("rtsp://10.0.0.2/a?b=c".to_owned())),
            ("rtsps://cam/1", Source::Rtsp("rtsps://cam/1".to_owned())),
        ] {
            assert_eq!(Source::parse(text), Ok(source), "{text}");
        }
        for bad in ["", "video0", "rpicam:", "rpicam:-1", "http://cam"] {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_broker_is_a_host_or_a_url() {
        for (text, url) in [
            ("pi.local", Some("mqtt://pi.local")),
            ("pi:1884", Some("mqtt://pi:1884")),
            ("::1", Some("mqtt://[::1]")),
            ("[::1]:1884", Some("mqtt://[::1]:1884")),
            ("mqtts://pi", Some("mqtts://pi")),
            ("none", None),
        ] {
            assert_eq!(broker_url(text).as_deref(), url, "{text}");
        }
    }

    #[test]
    fn a_model_is_a_file_or_a_name() {
        assert_eq!(Model::of("ssd-mobilenet-v1-coco"), Model::Catalogue("ssd-mobilenet-v1-coco".to_owned()));
        assert_eq!(Model::of("/a/b"), Model::File("/a/b".into()));
        let Model::File(own) = Model::of("own.tflite") else { panic!("a file") };
        assert!(own.is_absolute() && own.ends_with("own.tflite"));
    }

    #[test]
    fn lists_are_read_leniently() {
        let of = |list: &[&str]| Some(list.iter().map(|&label| label.to_owned()).collect::<Vec<_>>());
        assert_eq!(labels(" person, traffic light ,"), of(&["person", "traffic light"]));
        assert_eq!((labels("all"), labels(" , ")), (None, None));
    }

    #[test]
    fn a_password_is_not_shown() {
        let broker = Broker {
            url: "mqtt://a".to_owned(),
            username: Some("me".to_owned()),
            password: Some("secret".to_owned()),
        };
        let shown = format!("{broker:?}");
        assert!(shown.contains("mqtt://a") && !shown.contains("secret"), "{shown}");
    }
}
