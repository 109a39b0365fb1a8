//! The config, validated: every value is in range, every reference resolved, every default filled in.
//! `file` is what the user wrote, `validate` the way from there to here.

mod accelerator;
mod checker;
mod events;
mod events_checks;
mod file;
mod lenient;
mod places;
mod problem;
mod source;
mod validate;
pub(crate) mod value;

pub use events::{Filter, HomeAssistant, Motion, Outbox, Snapshot, Track, Zone};
pub use places::Places;
pub use problem::Problems;
pub use value::machine;

use crate::accelerator::Accelerator;
use crate::back_off::BackOff;
use crate::frame::{PixelFormat, Size};
use crate::geometry::{NormBox, Polygon};
use crate::model::Manifest;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A whole, valid config.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The broker; absent: detections go to the terminal only.
    pub mqtt: Option<Mqtt>,
    /// The queue of events on disk.
    pub outbox: Outbox,
    /// Absent: Home Assistant is told nothing.
    pub homeassistant: Option<HomeAssistant>,
    /// How often figures are published.
    pub stats_interval: Duration,
    /// When models look less often for the heat; absent: never.
    pub thermal: Option<Thermal>,
    /// The runtime library, when it is not to be searched for.
    pub runtime_library: Option<PathBuf>,
    /// The models that cameras use, by name.
    pub models: Vec<Model>,
    /// At least one, names unique.
    pub cameras: Vec<Camera>,
    /// Where it says what.
    pub places: Places,
}

/// The folder of the service's config.
pub const SERVICE_FOLDER: &str = "/etc/edgecam";

/// Where systemd shows the service its credentials.
pub const CREDENTIALS: &str = "/run/credentials/edgecam.service";

/// Bytes of the longest text in an MQTT packet (MQTT 3.1.1, 1.5.3).
const MAX_STRING: usize = 65_535;

/// Larger files are no config.
const MAX_BYTES: u64 = 1 << 20;

/// Reads and validates the config file `path`. Paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let whole = |text: String| Problems::of_file(path, &text);
    let meta = std::fs::metadata(path).map_err(|e| whole(format!("read the config: {e}")))?;
    if !meta.is_file() {
        return Err(whole("read the config: it is not a file".to_owned()));
    }
    if meta.len() > MAX_BYTES {
        return Err(whole(format!("read the config: {} bytes are too many for one", meta.len())));
    }
    let bytes = std::fs::read(path).map_err(|e| whole(format!("read the config: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let (bytes, at) = (e.as_bytes(), e.utf8_error().valid_up_to());
        let good = String::from_utf8_lossy(&bytes[..at]);
        Problems::at(path, &good, at, "read the config: this is not UTF-8")
    })?;
    parse(&text, path)
}

/// Validates the text of a config whose file is `path`.
pub fn parse(text: &str, path: &Path) -> Result<Config, Problems> {
    let mut problems = problem::Collector::default();
    let read = lenient::read::<file::File>(text, &mut problems);
    let config = read.and_then(|(file, taken_out)| {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut checker = checker::Checker { folder, taken_out: &taken_out, problems: &mut problems };
        let config = validate::config(&file, &mut checker)?;
        Some(Config { places: Places::of(&file, path, text), ..config })
    });
    problems.finish(path, text, config)
}

/// The keys that differ and take effect after a restart only.
#[must_use]
pub fn restart_needed(old: &Config, new: &Config) -> Vec<String> {
    let embedded = |config: &Config| config.mqtt.as_ref().and_then(|m| m.embedded);
    let keys = [
        ("runtime.library", old.runtime_library != new.runtime_library),
        ("mqtt.embedded", embedded(old).is_some() != embedded(new).is_some()),
        ("mqtt.listen", embedded(old).zip(embedded(new)).is_some_and(|(old, new)| old != new)),
    ];
    keys.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key.to_owned()).collect()
}

/// When models look less often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thermal {
    /// From here on, in °C.
    pub limit: f64,
}

impl Default for Thermal {
    /// 75 °C: a Pi's firmware lowers the clock from 80 °C on, step by step
    /// (<https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#frequency-management-and-thermal-control>),
    /// and a Pi 5's fan runs at its full speed from 75 °C on (`fan_temp3` in the kernel's
    /// <https://github.com/raspberrypi/linux/blob/rpi-6.12.y/arch/arm/boot/dts/overlays/README>): cooling has no
    /// more to give there. The soft limit of a Pi 3B+, 60 °C, costs a seventh of its clock, less than the first
    /// step would.
    fn default() -> Self {
        Self { limit: 75.0 }
    }
}

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

/// A model and how to run it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name in the config.
    pub name: String,
    /// The `.tflite` file.
    pub path: PathBuf,
    /// The label file; absent: looked for beside the model.
    pub labels: Option<PathBuf>,
    /// Threads of the runtime, 1 to 64.
    pub threads: usize,
    /// What the user says about the model, over what is inferred from it.
    pub manifest: Manifest,
    /// What it is to run on.
    pub accelerator: Accelerator,
    /// Which of its cameras.
    pub share: Share,
}

/// A part of a model's cameras: with several accelerators each part has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which part, from 0 on.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// All cameras.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

impl Model {
    /// The name, and of a further share its number.
    #[must_use]
    pub fn key(&self) -> String {
        match self.share.index {
            0 => self.name.clone(),
            index => format!("{}#{}", self.name, index + 1),
        }
    }

    /// Its cameras, or its share of them, in the order of the config.
    pub fn cameras<'a>(&'a self, all: &'a [Camera]) -> impl Iterator<Item = &'a Camera> {
        let Share { index, of } = self.share;
        all.iter().filter(|camera| camera.model == self.name).skip(index).step_by(of)
    }
}

/// A camera and what to do with its frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Matches `[a-z0-9_-]{1,32}`, unique, not a reserved topic.
    pub name: String,
    /// Where its frames come from.
    pub source: Source,
    /// A camera silent for this long is closed and reopened.
    pub stall_timeout: Duration,
    /// The name of its model.
    pub model: String,
    /// The part of the frame that the model sees.
    pub region: NormBox,
    /// Inferences a second at most; absent: every frame.
    pub fps: Option<f64>,
    /// Least score of a detection, 0..1.
    pub threshold: f32,
    /// The labels to report; absent: all.
    pub labels: Option<Vec<String>>,
    /// A second model on what the first one finds.
    pub classify: Option<Classify>,
    /// How frames worth labelling are saved; absent: none are.
    pub collect: Option<Collect>,
    /// Whether a model looks only where something moves; absent: it looks at every frame.
    pub motion: Option<Motion>,
    /// What nobody may see.
    pub mask: Arc<[Polygon]>,
    /// The pictures of events; absent: there are none.
    pub snapshot: Option<Snapshot>,
    /// How objects are followed.
    pub track: Track,
    /// What a detection must be like, by label; `all` stands for every label.
    pub filters: BTreeMap<String, Filter>,
    /// Places that objects enter and leave.
    pub zones: Vec<Zone>,
}

impl Camera {
    /// A camera of which no more is said: the defaults of all the rest.
    #[must_use]
    pub fn new(name: &str, source: Source, model: &str) -> Self {
        Self {
            name: name.to_owned(),
            source,
            stall_timeout: Duration::from_secs(10),
            model: model.to_owned(),
            region: NormBox::FULL,
            fps: None,
            threshold: 0.5,
            labels: None,
            classify: None,
            collect: None,
            motion: None,
            mask: Arc::from([]),
            snapshot: Some(Snapshot::default()),
            track: Track::default(),
            filters: BTreeMap::new(),
            zones: Vec::new(),
        }
    }
}

/// Which frames are saved for labelling, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Collect {
    /// The folder; absent: `collect` in the state directory.
    pub path: Option<PathBuf>,
    /// Of all its pictures.
    pub max_bytes: u64,
    /// Between two pictures of a camera.
    pub interval: Duration,
    /// From where to where a score is unsure, 0..1.
    pub uncertain: [f32; 2],
    /// Between two pictures without a detection; absent: none are saved.
    pub negatives: Option<Duration>,
}

impl Default for Collect {
    fn default() -> Self {
        Self {
            path: None,
            max_bytes: 200 << 20,
            interval: Duration::from_secs(10),
            uncertain: [0.2, 0.6],
            negatives: Some(Duration::from_secs(15 * 60)),
        }
    }
}

/// A classifier on a detector's crops.
#[derive(Clone, Debug, PartialEq)]
pub struct Classify {
    /// The name of its model.
    pub model: String,
    /// The detector's labels that it looks at.
    pub of: Vec<String>,
    /// Least score of a class, 0..1.
    pub threshold: f32,
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A V4L2 capture device.
    V4l2 {
        /// Which one.
        device: Device,
        /// Wanted size; absent: the one nearest to 1280x720.
        size: Option<Size>,
        /// Wanted frames a second; absent: the camera's fastest up to 30.
        fps: Option<f64>,
        /// Wanted format; absent: the best the camera has.
        format: Option<PixelFormat>,
    },
    /// A Pi CSI camera through `rpicam-vid` (or `libcamera-vid`).
    Rpicam {
        /// Its number in `rpicam-vid --list-cameras`.
        camera: u32,
        /// Picture size.
        size: Size,
        /// Frames a second.
        fps: f64,
        /// 0 or 180 degrees.
        rotation: u32,
        /// `Mjpeg` or `I420`.
        format: PixelFormat,
        /// Further arguments of `rpicam-vid`.
        args: Vec<String>,
    },
    /// A program that writes frames on its stdout.
    Command {
        /// Program and arguments; no shell.
        argv: Vec<String>,
        /// `Mjpeg`, or raw: `I420`, `Nv12`, `Yuyv`, `Rgb24`.
        format: PixelFormat,
        /// Picture size; given for raw formats, of no account for MJPEG.
        size: Option<Size>,
    },
    /// Pictures on disk.
    Files {
        /// A file, a folder, or a glob pattern.
        path: String,
        /// Frames a second; absent: as fast as they are taken.
        fps: Option<f64>,
        /// Start again after the last one.
        repeat: bool,
    },
    /// A synthetic scene.
    TestPattern {
        /// Picture size.
        size: Size,
        /// Frames a second.
        fps: f64,
        /// Another seed, another scene.
        seed: u64,
    },
}

/// A V4L2 device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// The first usable camera.
    Auto,
    /// `/dev/videoN` by its number.
    Index(u32),
    /// A path, best one below `/dev/v4l/by-id`.
    Path(PathBuf),
}
