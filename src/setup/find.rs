//! What this machine has: cameras, a broker, an accelerator.

use super::answers::Source;
use crate::coral::{self, Bus};
use crate::source::listing::{self, CameraInfo};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// Where brokers usually are.
const LIKELY: [&str; 2] = ["localhost:1883", "homeassistant.local:1883"];

/// For the name and the connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// As `edgecam cameras` lists them.
    pub cameras: Vec<CameraInfo>,
    /// `host:port` where something listens.
    pub brokers: Vec<String>,
    /// How the Coral is connected, of several the one that is preferred.
    pub coral: Option<Bus>,
}

impl Found {
    /// Looks for everything, cameras only if asked to; takes up to 7 s.
    #[must_use]
    pub fn look(cameras: bool, brokers: bool) -> Self {
        Self {
            cameras: if cameras { listing::cameras() } else { Vec::new() },
            brokers: if brokers { self::brokers(&LIKELY, PATIENCE) } else { Vec::new() },
            coral: coral::list(Path::new("/")).first().map(|coral| coral.bus),
        }
    }

    /// A sentence on the accelerator, and what becomes of it.
    #[must_use]
    pub fn accelerator(&self) -> String {
        let coral = match self.coral {
            Some(Bus::Usb) => "Coral USB Accelerator",
            Some(Bus::Pci) => "Coral at the PCIe bus",
            None => return "Accelerator: none found; models run on the CPU.".to_owned(),
        };
        format!(
            "Accelerator: there is a {coral}; models that are compiled for it run there (docs/accelerators.md)."
        )
    }
}

/// What reads a camera, by the path that stays with it where there is one.
#[must_use]
pub fn source(camera: &CameraInfo) -> Source {
    match (camera.source, camera.path.parse()) {
        ("rpicam", Ok(number)) => Source::Rpicam(number),
        _ => Source::V4l2(camera.by_id.clone().unwrap_or_else(|| camera.path.clone().into())),
    }
}

/// The same source, by the path that stays with its camera where there is one.
#[must_use]
pub fn lasting(source: Source) -> Source {
    match source {
        Source::V4l2(path) => Source::V4l2(listing::by_id(&path).unwrap_or(path)),
        other => other,
    }
}

/// Those of `likely` where something listens, in their order.
fn brokers(likely: &[&str], patience: Duration) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    for (n, &at) in likely.iter().enumerate() {
        let (sender, at) = (sender.clone(), at.to_owned());
        // The resolver takes its time where a name is not known, and can't be told to hurry: it is left behind.
        std::thread::spawn(move || {
            let addresses = at.to_socket_addrs().into_iter().flatten();
            let answers = addresses.take(4).any(|a| TcpStream::connect_timeout(&a, patience).is_ok());
            let _ = sender.send((n, answers.then_some(at)));
        });
    }
    drop(sender);
    let deadline = std::time::Instant::now() + patience;
    let mut found = Vec::new();
    while let Ok(answer) =
        receiver.recv_timeout(deadline.saturating_duration_since(std::time::Instant::now()))
    {
        found.push(answer);
    }
    found.sort();
    found.into_iter().filter_map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn camera(source: &'static str, path: &str, by_id: Option<&str>) -> CameraInfo {
        CameraInfo {
            source,
            path: path.to_owned(),
            by_id: by_id.map(Into::into),
            card: "C920".to_owned(),
            driver: "uvcvideo".to_owned(),
            modes: Vec::new(),
        }
    }

    #[test]
    fn the_path_that_stays_with_a_camera_is_preferred() {
        let by_id = "/dev/v4l/by-id/usb-C920-video-index0";
        assert_eq!(source(&camera("v4l2", "/dev/video0", Some(by_id))), Source::V4l2(by_id.into()));
        assert_eq!(source(&camera("v4l2", "/dev/video0", None)), Source::V4l2("/dev/video0".into()));
        assert_eq!(source(&camera("rpicam", "1", None)), Source::Rpicam(1));
    }

    #[test]
    fn brokers_that_listen_are_found_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("bound").to_string();
        let start = std::time::Instant::now();
        let likely = ["no-such-host.invalid:1883", at.as_str(), "127.0.0.1:1"];
        assert_eq!(brokers(&likely, Duration::from_secs(1)), [at.as_str()]);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_coral_is_told() {
        let told = |coral| Found { coral, ..Found::default() }.accelerator();
        assert!(told(Some(Bus::Usb)).contains("a Coral USB Accelerator; models that are compiled for it"));
        assert!(told(None).contains("none found"));
    }
}
