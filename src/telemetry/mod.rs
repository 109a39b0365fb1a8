//! What the program says about itself: logs (to journald, or to the terminal), latencies, and figures of
//! the process and the machine. Nothing here knows a secret, and no line is written a frame.

pub mod clock;
pub mod latency;
mod lines;
pub mod machine;
pub mod process;
mod terminal;

use env_filter::Filter;
use log::kv::Key;
use log::{LevelFilter, Log, Metadata, Record};
use std::io::IsTerminal;
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// Crates whose `info` is of no interest to users; named in `RUST_LOG`, they say more.
const NOISY: [&str; 3] = ["rumqttc", "nokhwa", "rustls"];

/// Starts logging: to journald where stderr goes there, else to stderr, filtered by `RUST_LOG` (default
/// `info`). The first of the record's keys `camera`, `model` and `source` leads the message:
/// `warn!(camera = name; "no frame for 10 s")` reads `porch: no frame for 10 s`; in the journal all keys are
/// fields too (`journalctl CAMERA=porch`). A second call changes nothing.
pub fn init() {
    let spec = std::env::var("RUST_LOG").ok();
    let (filter, problem) = filter(spec.as_deref());
    let level = filter.filter();
    let logger: Box<dyn Log> = match in_journal().then(JournalLog::empty) {
        Some(Ok(journal)) => {
            Box::new(Journal { filter, log: journal.with_syslog_identifier("edgecam".into()) })
        }
        _ => Box::new(terminal::Terminal::new(filter, colour())),
    };
    if log::set_boxed_logger(logger).is_ok() {
        log::set_max_level(level);
        if let Some(problem) = problem {
            log::warn!("{problem}");
        }
    }
}

/// Whether what this process says goes to journald.
#[must_use]
pub fn in_journal() -> bool {
    connected_to_journal()
}

fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stderr().is_terminal()
}

/// The filter that `RUST_LOG` describes, and what is wrong with it, in which case it is left out.
fn filter(spec: Option<&str>) -> (Filter, Option<String>) {
    let mut builder = env_filter::Builder::new();
    builder.filter_level(LevelFilter::Info);
    let spec = spec.unwrap_or_default();
    let general = spec.split(',').filter_map(|part| part.trim().parse::<LevelFilter>().ok()).next_back();
    let noise = general.unwrap_or(LevelFilter::Warn).min(LevelFilter::Warn);
    for name in NOISY {
        builder.filter_module(name, noise);
    }
    let problem = builder.try_parse(spec).err().map(|e| format!("read RUST_LOG: {e}; the default is used"));
    (builder.build(), problem)
}

/// What a record is about: its camera, model or source, or the foreign crate it comes from.
fn subject(record: &Record<'_>) -> Option<String> {
    let keys = record.key_values();
    ["camera", "model", "source"]
        .iter()
        .find_map(|key| keys.get(Key::from_str(key)))
        .map(|value| value.to_string())
        .or_else(|| {
            let origin = record.target().split("::").next().unwrap_or_default();
            (!origin.is_empty() && origin != env!("CARGO_PKG_NAME")).then(|| origin.into())
        })
}

/// Records to journald, with the subject before the message, as in the terminal.
struct Journal {
    filter: Filter,
    log: JournalLog,
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.filter.matches(record) {
            return;
        }
        let Some(subject) = subject(record) else { return self.log.log(record) };
        self.log.log(
            &Record::builder()
                .args(format_args!("{subject}: {}", record.args()))
                .metadata(record.metadata().clone())
                .module_path(record.module_path())
                .file(record.file())
                .line(record.line())
                .key_values(&record.key_values())
                .build(),
        );
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;

    fn enabled(spec: Option<&str>, target: &str, level: Level) -> bool {
        filter(spec).0.enabled(&Metadata::builder().target(target).level(level).build())
    }

    #[test]
    fn info_is_the_default_and_noisy_crates_only_warn() {
        assert!(enabled(None, "edgecam::daemon", Level::Info));
        assert!(!enabled(None, "edgecam::daemon", Level::Debug));
        assert!(!enabled(None, "rumqttc::state", Level::Info));
        assert!(enabled(None, "rumqttc::state", Level::Warn));
    }

    #[test]
    fn rust_log_decides() {
        assert!(enabled(Some("debug"), "edgecam::daemon", Level::Debug));
        assert!(!enabled(Some("debug"), "rumqttc", Level::Debug));
        assert!(enabled(Some("info,rumqttc=debug"), "rumqttc::state", Level::Debug));
        assert!(enabled(Some("edgecam::source=trace"), "edgecam::source::v4l2", Level::Trace));
        assert!(!enabled(Some("error"), "rumqttc", Level::Warn));
        assert!(!enabled(Some("off"), "edgecam", Level::Error));
    }

    #[test]
    fn a_wrong_rust_log_is_reported_and_left_out() {
        let (filter, problem) = filter(Some("edgecam=loud"));
        assert!(problem.expect("it is wrong").starts_with("read RUST_LOG: "));
        assert_eq!(filter.filter(), LevelFilter::Info);
    }

    #[test]
    fn the_subject_is_the_camera_before_the_model_and_the_crate() {
        let camera: &[(&str, &str)] = &[("model", "coco"), ("camera", "porch")];
        let record = |keys: &'static [(&str, &str)], target| {
            subject(&Record::builder().target(target).key_values(&keys).build())
        };
        let camera = subject(&Record::builder().key_values(&camera).build());
        assert_eq!(camera.as_deref(), Some("porch"));
        assert_eq!(record(&[("model", "coco")], "edgecam::infer").as_deref(), Some("coco"));
        assert_eq!(record(&[], "rumqttc::state").as_deref(), Some("rumqttc"));
        assert_eq!(record(&[], "edgecam::daemon"), None);
    }
}
