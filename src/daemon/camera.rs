//! One camera: its capture thread, and what is known of it.

use crate::config;
use crate::pipeline::{Report, Switches};
use crate::publish::{CameraStatus, Publication, Sink};
use crate::shutdown::Shutdown;
use crate::slot::Outlet;
use crate::source::capture::{Capture, CaptureConfig, CaptureCounters, Outcome, pulse_deadline};
use crate::source::opener;
use crate::thermal::Dial;
use crate::vitals::Vitals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use tokio::sync::Notify;

/// What the threads of a camera and of its engine tell the daemon.
#[derive(Debug, Default)]
pub struct Known {
    /// The first attempt to open it has ended.
    pub attempted: AtomicBool,
    /// Its source has no more frames.
    pub ended: AtomicBool,
    /// It delivers frames.
    pub online: AtomicBool,
    /// Frames that a model answered.
    pub processed: AtomicU64,
    /// Frames that a model failed on.
    pub unanswered: AtomicU64,
    /// Frames that no model needed to look at.
    pub passed: AtomicU64,
    /// Frames that no model looked at for the heat.
    pub slowed: AtomicU64,
    /// Counts of its capture.
    pub capture: CaptureCounters,
}

/// A running camera.
#[derive(Debug)]
pub struct Camera {
    /// Its config, as it runs.
    pub config: config::Camera,
    /// Where its frames go.
    pub outlet: Arc<Outlet>,
    /// What is known of it.
    pub known: Arc<Known>,
    /// What commands change.
    pub switches: Arc<Switches>,
    shutdown: Shutdown,
    thread: JoinHandle<()>,
}

/// What cameras and engines share with the daemon.
#[derive(Clone)]
pub struct Context {
    /// Takes what there is to publish.
    pub sink: Arc<dyn Sink>,
    /// Supervises threads.
    pub vitals: Vitals,
    /// Woken when something changed that [`Known`] tells.
    pub changed: Arc<Notify>,
    /// Where what happens is reported; none once the daemon stops.
    pub reports: Option<SyncSender<Report>>,
    /// Events that were lost for want of room.
    pub lost: Arc<AtomicU64>,
    /// Makes ids unique: of this run of the daemon.
    pub seed: Arc<str>,
    /// How much of their time models may work.
    pub dial: Arc<Dial>,
}

impl Camera {
    /// Starts to capture into `outlet`.
    pub fn start(config: config::Camera, outlet: Arc<Outlet>, context: &Context) -> std::io::Result<Self> {
        let (known, shutdown) = (Arc::<Known>::default(), Shutdown::new());
        let thread = std::thread::Builder::new().name(format!("camera {}", config.name)).spawn({
            let (config, outlet, context) = (config.clone(), Arc::clone(&outlet), context.clone());
            let (known, shutdown) = (Arc::clone(&known), shutdown.clone());
            move || capture(&config, &outlet, &context, &known, &shutdown)
        })?;
        let switches = Arc::new(Switches::new(config.threshold));
        Ok(Self { config, outlet, known, switches, shutdown, thread })
    }

    /// Tells the thread to end.
    pub fn stop(&self) {
        self.shutdown.trigger();
    }

    /// Whether the thread has ended.
    pub fn is_stopped(&self) -> bool {
        self.thread.is_finished()
    }

    /// Whether `config` asks for another capture than the one that runs, or ran to its end.
    pub fn must_reopen(&self, config: &config::Camera) -> bool {
        let ours = &self.config;
        (&ours.source, ours.stall_timeout, ours.fps) != (&config.source, config.stall_timeout, config.fps)
    }
}

fn capture(config: &config::Camera, outlet: &Outlet, context: &Context, known: &Known, shutdown: &Shutdown) {
    let pulse =
        context.vitals.register(format!("the capture of camera {}", config.name), pulse_deadline(config));
    let outcome = Capture {
        config: &CaptureConfig::new(config),
        outlet,
        counters: &known.capture,
        pulse: &pulse,
        shutdown,
        on_status: &|status| {
            known.online.store(status == CameraStatus::Online, Ordering::Relaxed);
            context.sink.publish(&Publication::Status { camera: &config.name, status });
            context.changed.notify_one();
        },
        on_first_attempt: &|| {
            known.attempted.store(true, Ordering::Release);
            context.changed.notify_one();
        },
    }
    .run(opener(config).as_mut());
    known.ended.store(outcome == Outcome::Ended, Ordering::Release);
    context.changed.notify_one();
}

#[cfg(test)]
impl Camera {
    /// One whose capture waits for what never comes, as on a file system that hangs.
    pub fn hung(config: config::Camera) -> Self {
        let outlet = Arc::new(Outlet::new(Arc::new(crate::slot::Slots::new(1)), 0));
        let thread = std::thread::spawn(std::thread::park);
        let switches = Arc::new(Switches::new(config.threshold));
        Self { config, outlet, known: Arc::default(), switches, shutdown: Shutdown::new(), thread }
    }
}
