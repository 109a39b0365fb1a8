//! From what the user wrote to a valid config. Every default is written here, once.

use super::accelerator;
use super::checker::{Checker, within};
use super::events_checks;
use super::file;
use super::lenient::start;
use super::mqtt::MAX_STRING;
use super::value::{broker, bytes, default_client_id, duration, expanded, name, printable};
use super::{Camera, Classify, Collect, Config, Model, Mqtt, Places, Share, Thermal, Tls};
use crate::array::Array;
use crate::back_off::BackOff;
use crate::geometry::NormBox;
use crate::model::{Manifest, catalogue};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use toml::Spanned;

const DEFAULT_PREFIX: &str = "edgecam";
const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(30);
const DEFAULT_STATS_INTERVAL: Duration = Duration::from_secs(30);
const DEFAULT_THRESHOLD: f64 = 0.5;
/// Three threads give nearly what four do and leave a core to the rest.
const MOST_DEFAULT_THREADS: usize = 3;

/// Of the pictures saved for labelling.
const LEAST_COLLECTED: u64 = 1 << 20;
const MOST_COLLECTED: u64 = 1 << 40;

/// Where the embedded broker listens: on this machine only.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883);

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Checks all of it; `None` with at least one problem noted.
pub(super) fn config(file: &file::File, c: &mut Checker<'_>) -> Option<Config> {
    let mqtt = file.mqtt.as_ref().map(|m| mqtt(m, c));
    let outbox = events_checks::outbox(file.outbox.as_ref(), c);
    let homeassistant = events_checks::homeassistant(file.homeassistant.as_ref(), c);
    let stats = file.stats.as_ref().and_then(|s| s.interval.clone());
    let stats_interval = c.duration("interval", stats.as_ref(), (SECOND, 24 * HOUR), DEFAULT_STATS_INTERVAL);
    let thermal = thermal(file.thermal.as_ref(), c);
    let library = file.runtime.as_ref().and_then(|r| r.library.clone());
    let runtime_library = c.file("library", library.as_ref());
    let models: Vec<Option<Model>> = file.model.iter().map(|(name, m)| model(name, m, c)).collect();
    let collect = file.collect.as_ref().map(|table| collect(table, c));
    let mut names = HashSet::new();
    let mut cameras = Vec::new();
    for camera in &file.camera {
        if let Some(name) = &camera.get_ref().name
            && !names.insert(name.get_ref().as_str())
        {
            c.refuse(name, format!("name: there is a camera {} already; names are unique", name.get_ref()));
        }
        cameras.push(self::camera(camera, file, collect.as_ref(), c));
    }
    if cameras.is_empty() && !c.taken_out.iter().any(|(_, key)| key == "camera") {
        c.problems.add_whole("there is no camera; add a [[camera]] with a name, a source and a model");
    }
    Some(Config {
        mqtt: mqtt.map_or(Some(None), |m| m.map(Some))?,
        outbox,
        homeassistant,
        stats_interval,
        thermal,
        runtime_library,
        models: models.into_iter().collect::<Option<_>>()?,
        cameras: cameras.into_iter().collect::<Option<_>>()?,
        places: Places::default(),
    })
}

fn mqtt(table: &Spanned<file::Mqtt>, c: &mut Checker<'_>) -> Option<Mqtt> {
    let (at, m) = (start(table), table.get_ref());
    let embedded = m.embedded.as_ref().is_some_and(|e| *e.get_ref());
    let listen = c.checked("listen", m.listen.as_ref(), |text| {
        text.parse::<SocketAddr>().ok().filter(|at| at.port() > 0).ok_or_else(|| {
            format!("{text:?} is no address to listen on; write 127.0.0.1:1883, or 0.0.0.0:1883 for the whole network")
        })
    });
    let url = if embedded {
        if let Some(url) = &m.url {
            c.refuse(url, "url: with embedded = true the broker is this program's own; leave the url out");
        }
        let at = listen.unwrap_or(DEFAULT_LISTEN);
        let host =
            if at.ip().is_unspecified() { Ipv4Addr::LOCALHOST.to_string() } else { at.ip().to_string() };
        Some((host, at.port(), false))
    } else {
        if let Some(listen) = &m.listen {
            c.refuse(listen, "listen: is of the embedded broker; write embedded = true");
        }
        c.required(at, "url", m.url.as_ref(), |url| broker(url))
    };
    let prefix = c.checked("prefix", m.prefix.as_ref(), |p| events_checks::topic(p));
    let client_id = c.checked("client_id", m.client_id.as_ref(), |id| {
        if (1..=128).contains(&id.len()) {
            printable(id)
        } else {
            Err("a client id has 1 to 128 bytes".to_owned())
        }
    });
    let username = c.checked("username", m.username.as_ref(), |name| {
        if name.len() <= MAX_STRING {
            printable(name)
        } else {
            Err(format!("MQTT takes {MAX_STRING} bytes at most"))
        }
    });
    let password_file = c.secret("password_file", m.password_file.as_ref());
    let ca_file = c.file("ca_file", m.ca_file.as_ref());
    let (cert_file, key_file) =
        (c.file("cert_file", m.cert_file.as_ref()), c.file("key_file", m.key_file.as_ref()));
    if let (Some(password), None) = (&m.password_file, &m.username)
        && !c.taken_out.contains(&(at, "username".to_owned()))
    {
        c.refuse(password, "password_file: a password needs a username");
    }
    for (one, other, name) in
        [(&m.cert_file, &m.key_file, "key_file"), (&m.key_file, &m.cert_file, "cert_file")]
    {
        if let (Some(one), None) = (one, other)
            && !c.taken_out.contains(&(at, name.to_owned()))
        {
            c.refuse(one, format!("a certificate goes with its key: {name} is missing"));
        }
    }
    if let Some(value) = m.embedded.as_ref().filter(|_| embedded)
        && let Err(why) = embeddable(
            listen.unwrap_or(DEFAULT_LISTEN),
            password_file.is_some(),
            prefix.as_deref().unwrap_or(DEFAULT_PREFIX),
        )
    {
        c.refuse(value, format!("embedded: {why}"));
    }
    let (host, port, tls) = url?;
    if !tls {
        for file in [&m.ca_file, &m.cert_file, &m.key_file].into_iter().flatten() {
            c.refuse(file, "TLS files are of no use with mqtt://; write mqtts:// in the url");
        }
    }
    let keep_alive = (5 * SECOND, 18 * HOUR);
    Some(Mqtt {
        host,
        port,
        tls: tls.then_some(Tls { ca_file, cert_file, key_file }),
        prefix: prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        client_id: client_id.unwrap_or_else(default_client_id),
        username,
        password_file,
        keep_alive: c.duration("keep_alive", m.keep_alive.as_ref(), keep_alive, DEFAULT_KEEP_ALIVE),
        max_back_off: c.duration(
            "max_back_off",
            m.max_back_off.as_ref(),
            (SECOND, HOUR),
            BackOff::default().cap,
        ),
        embedded: embedded.then(|| listen.unwrap_or(DEFAULT_LISTEN)),
    })
}

/// Whether there can be an embedded broker.
#[cfg(feature = "broker")]
fn embeddable(at: SocketAddr, has_password: bool, prefix: &str) -> Result<(), String> {
    crate::publish::broker::check(at, has_password, prefix)
}

#[cfg(not(feature = "broker"))]
fn embeddable(_: SocketAddr, _: bool, _: &str) -> Result<(), String> {
    Err("this edgecam was built without a broker".to_owned())
}

fn model(name: &Spanned<String>, table: &Spanned<file::Model>, c: &mut Checker<'_>) -> Option<Model> {
    let (at, m) = (start(table), table.get_ref());
    let path = match (&m.path, &m.catalogue) {
        (Some(_), None) => c.file("path", m.path.as_ref()),
        (None, Some(_)) => c.checked("catalogue", m.catalogue.as_ref(), |name| catalogue::resolve(name)),
        (Some(_), Some(both)) => {
            c.refuse(both, "catalogue: there is a path already; give one of the two");
            None
        }
        (None, None) => {
            if !["path", "catalogue"].iter().any(|key| c.taken_out.contains(&(at, (*key).to_owned()))) {
                c.refuse(name, format!("model {}: path or catalogue is missing", name.get_ref()));
            }
            None
        }
    };
    let labels = c.file("labels", m.labels.as_ref());
    let threads = c.checked("threads", m.threads.as_ref(), within(1, 64));
    let folder = c.folder.to_owned();
    // One that lost a key to a complaint is not complained about for what it lacks.
    let whole = |a: &&Spanned<_>| !c.taken_out.iter().any(|(owner, _)| *owner == start(a));
    let accelerator = m.accelerator.as_ref().filter(whole);
    let accelerator = c.checked("accelerator", accelerator, |a| accelerator::read(a, &folder));
    let manifest = Manifest {
        task: m.task,
        decoder: m.decoder,
        fit: m.fit,
        mean: m.mean,
        std: m.std,
        channels: m.channels,
        coordinates: m.coordinates,
        objectness: m.objectness,
        activation: m.activation,
        background: m.background,
        anchors: m.anchors.clone(),
        columns: m.columns.clone(),
        nms: m.nms,
        cpu: c.file("cpu", m.cpu.as_ref()),
    };
    if let Err(why) = manifest.check() {
        c.refuse(table, why);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Some(Model {
        name: name.get_ref().clone(),
        path: path?,
        labels,
        threads: threads.map_or((cores - 1).clamp(1, MOST_DEFAULT_THREADS), |t| t as usize),
        manifest,
        accelerator: accelerator.unwrap_or_default(),
        share: Share::WHOLE,
    })
}

fn thermal(table: Option<&file::Thermal>, c: &mut Checker<'_>) -> Option<Thermal> {
    let usual = Thermal::default();
    let Some(k) = table else { return Some(usual) };
    let limit = c.checked("limit", k.limit.as_ref(), within(40.0, 100.0));
    k.enabled.unwrap_or(true).then_some(Thermal { limit: limit.unwrap_or(usual.limit) })
}

fn collect(k: &file::Collect, c: &mut Checker<'_>) -> Collect {
    let usual = Collect::default();
    let folder = c.folder.to_owned();
    let path = c.checked("path", k.path.as_ref(), |path| Ok(folder.join(expanded(path)?)));
    let max_bytes = c.checked("max_bytes", k.max_bytes.as_ref(), |text| match bytes(text)? {
        size if (LEAST_COLLECTED..=MOST_COLLECTED).contains(&size) => Ok(size),
        _ => Err(format!("{text} is not between 1MiB and 1024GiB")),
    });
    let uncertain = c.checked("uncertain", k.uncertain.as_ref(), |&Array([low, high])| {
        if (0.01..=1.0).contains(&low) && (low..=1.0).contains(&high) {
            return Ok([low, high]);
        }
        Err("scores are [least, most], 0.01 to 1".to_owned())
    });
    let negatives = c.checked("negatives", k.negatives.as_ref(), |text| {
        if text == "0" {
            return Ok(None);
        }
        let every = duration(text)?;
        if (SECOND..=24 * HOUR).contains(&every) {
            return Ok(Some(every));
        }
        Err(format!("{text} is not between 1s and 24h, nor 0 for none"))
    });
    Collect {
        path,
        max_bytes: max_bytes.unwrap_or(usual.max_bytes),
        interval: c.duration("interval", k.interval.as_ref(), (SECOND, 24 * HOUR), usual.interval),
        uncertain: uncertain.unwrap_or(usual.uncertain),
        negatives: negatives.unwrap_or(usual.negatives),
    }
}

fn camera(
    table: &Spanned<file::Camera>,
    file: &file::File,
    collect: Option<&Collect>,
    c: &mut Checker<'_>,
) -> Option<Camera> {
    let (at, k) = (start(table), table.get_ref());
    let name = c.required(at, "name", k.name.as_ref(), |n| name("camera", n));
    let source = super::source_checks::source(at, k, c);
    let model = c.required(at, "model", k.model.as_ref(), |wanted| known_model(wanted, file));
    let second = k.classify.as_ref().map(|table| classify(table, file, c));
    let region = c.checked("region", k.region.as_ref(), |&Array([x_min, y_min, x_max, y_max])| {
        let inside = |low: f32, high: f32| (0.0..=1.0).contains(&low) && high <= 1.0 && high - low >= 0.01;
        if inside(x_min, x_max) && inside(y_min, y_max) {
            return Ok(NormBox::new(x_min, y_min, x_max, y_max));
        }
        Err("a region is [x_min, y_min, x_max, y_max] in fractions of the frame, 0 to 1".to_owned())
    });
    let fps = c.checked("fps", k.fps.as_ref(), within(0.001, 1000.0));
    let threshold = c.checked("threshold", k.threshold.as_ref(), within(0.0, 1.0));
    let labels = c.checked("labels", k.labels.as_ref(), |l| some_labels(l, "; leave the key out for all"));
    let motion = events_checks::motion(k.motion.as_ref(), c);
    let mask = events_checks::mask(k.mask.as_ref(), c);
    let snapshot = events_checks::snapshot(k.snapshot.as_ref(), c);
    let track = events_checks::track(k.track.as_ref(), c);
    let filters = events_checks::filters(k, labels.as_deref(), c);
    let zones = events_checks::zones(k, labels.as_deref(), c);
    let stall_timeout = |usual, c: &mut Checker<'_>| {
        c.duration("stall_timeout", k.stall_timeout.as_ref(), (SECOND / 2, HOUR), usual)
    };
    let classify = second.map_or(Some(None), |second| second.map(Some));
    let (Some(name), Some(source), Some(model)) = (name, source, model) else {
        stall_timeout(SECOND, c);
        return None;
    };
    let usual = Camera::new(&name, source, &model);
    Some(Camera {
        stall_timeout: stall_timeout(usual.stall_timeout, c),
        region: region.unwrap_or(usual.region),
        fps,
        threshold: threshold.map_or(usual.threshold, |t| t as f32),
        labels,
        classify: classify?,
        collect: collect.cloned(),
        motion,
        mask,
        snapshot,
        track,
        filters,
        zones,
        ..usual
    })
}

fn classify(table: &Spanned<file::Classify>, file: &file::File, c: &mut Checker<'_>) -> Option<Classify> {
    let (at, k) = (start(table), table.get_ref());
    let model = c.required(at, "model", k.model.as_ref(), |wanted| known_model(wanted, file));
    let of = c.required(at, "of", k.of.as_ref(), |labels| some_labels(labels, " of the detector's"));
    let threshold = c.checked("threshold", k.threshold.as_ref(), within(0.0, 1.0));
    Some(Classify { model: model?, of: of?, threshold: threshold.unwrap_or(DEFAULT_THRESHOLD) as f32 })
}

/// The name of a model that the file has.
fn known_model(wanted: &str, file: &file::File) -> Result<String, String> {
    let known: Vec<&str> = file.model.keys().map(|name| name.get_ref().as_str()).collect();
    if known.contains(&wanted) {
        return Ok(wanted.to_owned());
    }
    let hint = if known.is_empty() {
        format!("add a [model.{wanted}]")
    } else {
        format!("there is {}", known.join(", "))
    };
    Err(format!("there is no model {wanted}; {hint}"))
}

/// At least one label.
pub(super) fn some_labels(labels: &[Spanned<String>], or_else: &str) -> Result<Vec<String>, String> {
    let labels: Vec<String> = labels.iter().map(|label| label.get_ref().clone()).collect();
    let usual = |label: &String| !label.is_empty() && label.len() <= 128;
    if labels.is_empty() || !labels.iter().all(usual) {
        return Err(format!("name at least one label{or_else}"));
    }
    Ok(labels)
}
