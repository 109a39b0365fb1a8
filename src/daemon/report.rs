//! What the daemon publishes of itself: `info` and `stats`.

use super::camera::Known;
use super::fleet::Fleet;
use crate::accelerator;
use crate::checksum::sha256;
use crate::infer::Runtime;
use crate::publish::outbox;
use crate::telemetry::machine::Machine;
use crate::telemetry::process::Process;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What `info` tells of a model.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    name: String,
    path: PathBuf,
    threads: usize,
}

/// The models that run.
pub fn models(fleet: &Fleet) -> Vec<ModelFacts> {
    let facts = |model: &crate::config::Model| ModelFacts {
        name: model.name.clone(),
        path: model.path.clone(),
        threads: model.threads,
    };
    fleet.engines.values().map(|engine| &engine.config).chain(fleet.second_models()).map(facts).collect()
}

/// The retained `info`. Reads the models' files and the runtime's for their checksums, so it takes a
/// while.
pub fn info(runtime: &Runtime, models: &[ModelFacts], cameras: &[String]) -> Value {
    let models: Map<String, Value> = models
        .iter()
        .map(|m| {
            let facts = json!({
                "file": m.path.file_name().map(|n| n.to_string_lossy()),
                "sha256": sha256(&m.path).ok(),
                "threads": m.threads,
            });
            (m.name.clone(), facts)
        })
        .collect();
    let accelerators: Vec<_> = accelerator::reports().into_iter().map(|report| report.name).collect();
    let accelerator = if accelerators.is_empty() { "cpu".to_owned() } else { accelerators.join(", ") };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "hardware": Machine::default().hardware(),
        "runtime": format!("LiteRT {}", runtime.version()),
        "accelerator": accelerator,
        "cameras": cameras,
        "models": models,
    })
}

/// What others count.
#[derive(Debug)]
pub struct Figures {
    /// Of the connection.
    pub mqtt: Option<Value>,
    /// Of the outbox.
    pub outbox: Option<outbox::Figures>,
    /// Events that never reached it.
    pub lost: u64,
    /// Of thermal care.
    pub thermal: Option<Value>,
    /// Of accelerators.
    pub accelerators: Option<Value>,
}

/// Makes `stats`: what happened since the last time.
#[derive(Debug)]
pub struct Stats {
    process: Process,
    machine: Machine,
    last: Instant,
    before: Map<String, Value>,
}

impl Default for Stats {
    fn default() -> Self {
        let (process, machine) = (Process::default(), Machine::default());
        Self { process, machine, last: Instant::now(), before: Map::new() }
    }
}

impl Stats {
    /// The figures since the last call.
    pub fn collect(&mut self, fleet: &Fleet, figures: &Figures) -> Value {
        let seconds = self.last.elapsed().as_secs_f64().max(1e-3);
        self.last = Instant::now();
        let mut cameras = Map::new();
        for (name, camera) in &fleet.cameras {
            cameras.insert(name.clone(), self.camera(name, &camera.known, camera.outlet.dropped(), seconds));
        }
        let models: Map<String, Value> = fleet
            .engines
            .iter()
            .map(|(name, engine)| (name.clone(), json!({ "latency": engine.latencies.drain() })))
            .collect();
        json!({
            "interval_s": (seconds * 1e3).round() / 1e3,
            "cameras": cameras,
            "models": models,
            "accelerators": figures.accelerators,
            "process": self.process.sample(),
            "machine": self.machine.figures(),
            "thermal": figures.thermal,
            "boot_id": self.machine.boot_id(),
            "mqtt": figures.mqtt,
            "outbox": figures.outbox.map(|o| json!({
                "depth": o.depth,
                "bytes": o.bytes,
                "dropped": o.dropped(),
                "bytes_written": o.bytes_written,
                "in_memory": o.in_memory,
            })),
            "events_lost": figures.lost,
        })
    }

    fn camera(&mut self, name: &str, known: &Known, dropped: u64, seconds: f64) -> Value {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (captured, processed) = (count(&known.capture.captured), count(&known.processed));
        let before = self.before.insert(name.to_owned(), json!([captured, processed]));
        let rate = |index: usize, now: u64| {
            let before = before.as_ref().and_then(|b| b[index].as_u64()).unwrap_or(0);
            // A reopened camera counts from 0 again.
            let frames = now.checked_sub(before).unwrap_or(now);
            (frames as f64 / seconds * 100.0).round() / 100.0
        };
        json!({
            "online": known.online.load(Ordering::Relaxed),
            "fps_captured": rate(0, captured),
            "fps_processed": rate(1, processed),
            "captured": captured,
            "processed": processed,
            "unanswered": count(&known.unanswered),
            "passed": count(&known.passed),
            "slowed": count(&known.slowed),
            "dropped": dropped,
            "dropped_bad": count(&known.capture.dropped_bad),
            "over_rate": count(&known.capture.over_rate),
            "reconnects": count(&known.capture.reconnects),
        })
    }
}
