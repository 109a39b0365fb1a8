//! One model at work: a thread that prepares frames and one that has the model look at them.

use super::camera::{Context, Known};
use crate::config;
use crate::model::{Model, ModelInfo};
use crate::pipeline::{
    Cascade, Ending, Entrance, Job, Reader, Seen, Spare, Switches, Told, infer_frames, prepare_frames,
};
use crate::publish::{Observation, Publication};
use crate::slot::Slots;
use crate::telemetry::latency::{Latencies, Stage};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any run of a model a Pi can use.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Bad frames are told at most this often.
const BAD_FRAME_REPORT: Duration = Duration::from_secs(60);

/// A running model.
#[derive(Debug)]
pub struct Engine {
    /// Its config, as it runs.
    pub config: config::Model,
    /// What it takes and gives.
    pub info: ModelInfo,
    /// Names of its cameras.
    pub cameras: Vec<String>,
    /// Where its cameras put their frames.
    pub slots: Arc<Slots>,
    /// How long its stages take.
    pub latencies: Arc<Latencies>,
    ending: Arc<Ending>,
    prepare: JoinHandle<()>,
    infer: JoinHandle<Model>,
}

/// One camera as its engine sees it.
#[derive(Debug)]
pub struct Lane {
    /// The camera's name.
    pub name: String,
    /// What is known of it.
    pub known: Arc<Known>,
    /// What becomes of its frames.
    pub entrance: Entrance,
    /// What becomes of the answers.
    pub reader: Reader,
}

impl Engine {
    /// Starts the threads of a model for the cameras of `lanes`, which put their frames into `slots`, a
    /// place for each lane.
    pub fn start(
        config: config::Model,
        mut model: Model,
        lanes: Vec<Lane>,
        slots: Arc<Slots>,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let Spare { prepare, infer } = Spare::new(&mut model)?;
        let (info, latencies) = (model.info.clone(), Arc::<Latencies>::default());
        let ending = Arc::<Ending>::default();
        let (mut entrances, mut readers, mut cameras) = (Vec::new(), Vec::new(), Vec::new());
        let (mut thresholds, mut sub_labels) = (Vec::new(), Vec::new());
        for lane in lanes {
            thresholds.push(Arc::clone(&lane.entrance.switches));
            entrances.push(lane.entrance);
            sub_labels.push(lane.reader.cascade.as_ref().map_or_else(|| Arc::from([]), Cascade::labels));
            readers.push(lane.reader);
            cameras.push((lane.name, lane.known));
        }
        let names = cameras.iter().map(|(name, _): &(String, _)| name.clone()).collect();
        let cameras: Arc<[(String, Arc<Known>)]> = cameras.into();
        let prepare = std::thread::Builder::new().name(format!("prepare {}", config.key())).spawn({
            let (slots, cameras) = (Arc::clone(&slots), Arc::clone(&cameras));
            let pulse = context.vitals.register(format!("preparing for model {}", config.key()), DEADLINE);
            let (sink, dial) = (Arc::clone(&context.sink), Arc::clone(&context.dial));
            move || {
                let mut told: Option<Instant> = None;
                let mut bad = |name: &str, known: &Known, why: &crate::preprocess::PreprocessError| {
                    let n = known.capture.dropped_bad.fetch_add(1, Ordering::Relaxed) + 1;
                    let mut refusal = known.capture.refusal.lock().unwrap_or_else(PoisonError::into_inner);
                    *refusal = why.to_string();
                    known.capture.refused.fetch_add(1, Ordering::Relaxed);
                    if told.is_none_or(|at| at.elapsed() >= BAD_FRAME_REPORT) {
                        told = Some(Instant::now());
                        log::warn!(camera = name; "bad frame dropped ({n} so far): {why}");
                    }
                };
                let mut tell = |camera: usize, news: Told<'_>| {
                    let (name, known) = &cameras[camera];
                    match news {
                        Told::Bad(why) => bad(name, known, why),
                        Told::Passed => {
                            known.capture.used.fetch_add(1, Ordering::Relaxed);
                            known.passed.fetch_add(1, Ordering::Relaxed);
                        }
                        Told::Slowed => {
                            known.capture.used.fetch_add(1, Ordering::Relaxed);
                            known.slowed.fetch_add(1, Ordering::Relaxed);
                        }
                        Told::Moving(moving) => sink.publish(&Publication::Motion { camera: name, moving }),
                    }
                };
                prepare_frames(&slots, &mut entrances, &prepare, &dial, &mut tell, &pulse);
            }
        })?;
        let infer = std::thread::Builder::new().name(format!("infer {}", config.key())).spawn({
            let pulse = context.vitals.register(format!("model {}", config.key()), DEADLINE);
            let mut desk = Desk {
                model: config.name.clone(),
                labels: Arc::clone(&info.labels),
                cameras,
                latencies: Arc::clone(&latencies),
                context: context.clone(),
                failing: AtomicBool::new(false),
                thresholds,
                sub_labels,
            };
            let ending = Arc::clone(&ending);
            move || {
                let mut seen = |job: &Job, seen: Seen<'_>| desk.take(job, seen);
                infer_frames(&mut model, &mut readers, &infer, &mut seen, &ending, &pulse);
                model
            }
        })?;
        Ok(Self { config, info, cameras: names, slots, latencies, ending, prepare, infer })
    }

    /// Has the threads end after the frames that are under way.
    pub fn finish(&self) {
        self.slots.close();
    }

    /// The whole program is to end.
    pub fn note_stop(&self) {
        self.ending.stopped.store(true, Ordering::Relaxed);
    }

    /// Has the threads end after the frame that the model looks at.
    pub fn stop(&self) {
        self.ending.abandoned.store(true, Ordering::Relaxed);
        self.finish();
    }

    /// Whether both threads have ended.
    pub fn is_stopped(&self) -> bool {
        self.prepare.is_finished() && self.infer.is_finished()
    }

    /// Stops it and gives the model back; `None` after a panic.
    pub fn join(self) -> Option<Model> {
        self.stop();
        let _ = self.prepare.join();
        self.infer.join().ok()
    }
}

/// Where answers are taken in.
struct Desk {
    model: String,
    labels: Arc<[String]>,
    cameras: Arc<[(String, Arc<Known>)]>,
    latencies: Arc<Latencies>,
    context: Context,
    failing: AtomicBool,
    /// Of each camera.
    thresholds: Vec<Arc<Switches>>,
    /// Of each camera's second model.
    sub_labels: Vec<Arc<[String]>>,
}

impl Desk {
    fn take(&mut self, job: &Job, seen: Seen<'_>) {
        let (camera, known) = &self.cameras[job.camera];
        known.capture.used.fetch_add(1, Ordering::Relaxed);
        let fails = |why: &str, so: &str| {
            if !self.failing.swap(true, Ordering::Relaxed) {
                log::error!(model = self.model.as_str(), camera = camera.as_str(); "{why}; {so} while this lasts");
            }
        };
        let (answer, in_view) = match seen {
            Seen::Answer { answer, in_view, trouble: None } => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    log::info!(model = self.model.as_str(); "runs again");
                }
                (answer, in_view)
            }
            Seen::Answer { answer, in_view, trouble: Some(e) } => {
                fails(&e.to_string(), "the second model says nothing");
                (answer, in_view)
            }
            Seen::Nothing(e) => {
                known.unanswered.fetch_add(1, Ordering::Relaxed);
                return fails(&e.to_string(), "frames are dropped");
            }
        };
        let l = job.watch.latencies;
        for (stage, time) in [
            (Stage::Capture, l.capture),
            (Stage::Preprocess, l.preprocess),
            (Stage::Infer, l.infer),
            (Stage::Decode, l.decode),
            (Stage::Total, l.total),
        ] {
            self.latencies.record(stage, time);
        }
        self.context.sink.publish(&Publication::Observation(&Observation {
            camera,
            model: &self.model,
            seq: job.seq,
            captured: job.captured,
            size: job.prepared.size,
            threshold: self.thresholds[job.camera].threshold(),
            latencies: l,
            detections: &answer.detections,
            in_view,
            classes: &answer.classes,
            labels: &self.labels,
            sub_labels: &self.sub_labels[job.camera],
        }));
        if known.processed.fetch_add(1, Ordering::AcqRel) == 0 {
            self.context.changed.notify_one();
        }
    }
}
