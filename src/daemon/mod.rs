//! `edgecam run`: builds the parts, starts the threads, supervises, reloads, and stops in order.

mod accelerators;
mod broker;
mod camera;
mod engine;
mod fit;
mod fleet;
mod obey;
mod plan;
mod publishing;
mod recorder;
mod report;
mod shares;
mod signals;
mod state_directory;
mod thermal;
mod tried;

use crate::accelerator;
use crate::config::{self, Config};
use crate::control::{self, Listener, Reload, Verdict};
use crate::infer::{InferError, Runtime};
use crate::publish::Publication;
use crate::shutdown::Shutdown;
use crate::systemd::{self, Notifier};
use crate::telemetry::machine::Machine;
use crate::thermal::Dial;
use crate::vitals::Vitals;
pub use fit::{misfits, second_misfit};
pub use plan::files;

use anyhow::Context as _;
use camera::Context;
use fleet::{Fleet, ended};
use plan::Plan;
use publishing::Publishing;
use recorder::Recorder;
use report::Stats;
use signals::StopSignals;
pub use state_directory::state_directory;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use thermal::Care;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tried::Tried;

/// READY is told at the latest after this: half of the unit's `TimeoutStartSec`.
const READY_AT_LAST: Duration = Duration::from_secs(45);
/// Threads that don't end within this are left to the end of the process.
const STOP_WITHIN: Duration = Duration::from_millis(1800);

/// For what is in view to end, and for the pictures that are being made.
const LAST_EVENTS_WITHIN: Duration = Duration::from_millis(400);

/// For the models to answer the last frames of files.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// Reads the config again, for a reload.
pub type Load = Arc<dyn Fn() -> Result<Config, Vec<String>> + Send + Sync>;

/// Why the daemon could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// What the config asks for can't be: a line a problem.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    /// The runtime library is not there or not the right one.
    #[error(transparent)]
    Library(#[from] InferError),
    /// The rest.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// Runs until a signal, `shutdown`, or the end of all files. `load` reads the config again.
pub fn run(config: Config, load: Load, shutdown: &Shutdown) -> Result<End, DaemonError> {
    let tasks = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the task runtime")?;
    let result = tasks.block_on(async { Daemon::start(config, load, shutdown.clone()).await?.serve().await });
    tasks.shutdown_background();
    result
}

struct Daemon {
    config: Config,
    /// The config of the start, for what a reload can't change.
    first: Config,
    load: Load,
    runtime: Arc<Runtime>,
    tried: Arc<Tried>,
    fleet: Fleet,
    publishing: Publishing,
    recorder: Recorder,
    care: Care,
    context: Context,
    notifier: Notifier,
    shutdown: Shutdown,
    reloads: mpsc::Receiver<Reload>,
    /// Answers who asks for a reload.
    control: Option<JoinHandle<()>>,
    ready: bool,
    started: Instant,
    stats: Stats,
    /// As last told.
    events_lost: u64,
}

/// What ends the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A signal, or who runs it.
    Asked,
    /// No camera has more frames.
    NoMoreFrames,
    /// A subscriber asked for a new beginning.
    Restart,
}

impl Daemon {
    async fn start(config: Config, load: Load, shutdown: Shutdown) -> Result<Self, DaemonError> {
        let started = Instant::now();
        let notifier = Notifier::from_env();
        let vitals = Vitals::default();
        let runtime = Runtime::load(config.runtime_library.as_deref())?;
        let tried = Arc::new(Tried::open(state_directory().map(|folder| folder.join("models"))));
        let mut fleet = Fleet::default();
        let plan = fleet.running().plan(&config, &|files| tried.load(&runtime, files));
        let plan = plan.map_err(DaemonError::Config)?;
        broker::start(&config)?;
        let publishing = Publishing::start(&config, &vitals);
        let sink = publishing.sink();
        let recorder = Recorder::start(Arc::clone(&sink)).context("start a thread for events")?;
        let context = Context {
            sink,
            vitals: vitals.clone(),
            changed: Arc::<Notify>::default(),
            reports: recorder.reports(),
            lost: Arc::clone(&recorder.lost),
            seed: seed().into(),
            dial: Arc::<Dial>::default(),
        };
        let Context { sink, dial, changed, .. } = &context;
        let care = Care::start(config.thermal, dial, Arc::clone(sink), changed, shutdown.clone());
        fleet.apply(plan, &runtime, &context, &|camera| publishing.parked(camera)).await?;
        let (asks, reloads) = mpsc::channel(1);
        let control = match Listener::bind(&control::listen_path()) {
            Ok(listener) => Some(tokio::spawn(control::serve(listener, asks, shutdown.clone()))),
            // Without it there is SIGHUP; a second daemon beside this one is another matter.
            Err(e) => {
                log::warn!("{e}; `edgecam reload` can't reach this daemon");
                None
            }
        };
        tokio::spawn(systemd::watchdog(vitals, notifier.clone(), shutdown.clone()));
        let stats = Stats::default();
        let daemon = Self {
            first: config.clone(),
            config,
            load,
            runtime,
            tried,
            fleet,
            publishing,
            recorder,
            care,
            context,
            notifier,
            shutdown,
            reloads,
            control,
            ready: false,
            started,
            stats,
            events_lost: 0,
        };
        daemon.tell_info();
        accelerators::tell(daemon.context.sink.as_ref());
        Ok(daemon)
    }

    async fn serve(mut self) -> Result<End, DaemonError> {
        let mut stop = StopSignals::listen().context("listen for signals")?;
        let mut hup = signal(SignalKind::hangup()).context("listen for signals")?;
        let end = self.watch(&mut stop, &mut hup).await;
        let why = match end {
            End::Asked => "stopping",
            End::NoMoreFrames => "no camera has more frames; stopping",
            End::Restart => "a subscriber asked for a restart; stopping",
        };
        log::info!("{why}");
        // systemd ends what says that it stops.
        if end != End::Restart {
            self.notifier.stopping();
        }
        tokio::select! {
            () = self.stop(end) => {}
            () = stop.recv() => {
                log::warn!("stopped at once");
                return Ok(End::Asked);
            }
        }
        Ok(end)
    }

    /// Until the end. A reload takes as long as it takes: signals are heard meanwhile.
    async fn watch(&mut self, stop: &mut StopSignals, hup: &mut Signal) -> End {
        let mut ticker =
            tokio::time::interval_at(Instant::now() + self.config.stats_interval, self.config.stats_interval);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let last_moment = tokio::time::sleep_until(self.started + READY_AT_LAST);
        tokio::pin!(last_moment);
        let (changed, shutdown) = (Arc::clone(&self.context.changed), self.shutdown.clone());
        loop {
            let asked = tokio::select! {
                () = shutdown.triggered() => return End::Asked,
                () = stop.recv() => return End::Asked,
                _ = hup.recv() => None,
                Some(reload) = self.reloads.recv() => Some(reload),
                () = changed.notified() => {
                    self.tell_ready(false);
                    if self.ready {
                        self.notifier.status(&self.status());
                    }
                    if self.fleet.cameras.values().all(|c| c.known.ended.load(Ordering::Acquire)) {
                        return End::NoMoreFrames;
                    }
                    continue;
                }
                () = &mut last_moment, if !self.ready => {
                    self.tell_ready(true);
                    continue;
                }
                () = accelerator::changed().notified() => {
                    accelerators::tell(self.context.sink.as_ref());
                    self.notifier.status(&self.status());
                    continue;
                }
                _ = ticker.tick() => {
                    self.tell_stats();
                    continue;
                }
                Some(command) = self.publishing.next_command() => {
                    if self.obey(&command) {
                        return End::Restart;
                    }
                    continue;
                }
            };
            tokio::select! {
                verdict = self.reload(&mut ticker) => answer(asked, verdict),
                () = shutdown.triggered() => return End::Asked,
                () = stop.recv() => return End::Asked,
            }
        }
    }

    /// READY once a frame was processed or every camera has ended its first attempt, or `anyway`.
    fn tell_ready(&mut self, anyway: bool) {
        if self.ready {
            return;
        }
        let known = || self.fleet.cameras.values().map(|camera| &camera.known);
        let processed = known().any(|k| k.processed.load(Ordering::Acquire) > 0);
        if anyway || processed || known().all(|k| k.attempted.load(Ordering::Acquire)) {
            self.ready = true;
            self.notifier.ready(&self.status());
            log::info!("ready after {} ms: {}", self.started.elapsed().as_millis(), self.status());
        }
    }

    /// A line for `systemctl status`.
    fn status(&self) -> String {
        let online = self.fleet.cameras.values().filter(|c| c.known.online.load(Ordering::Relaxed)).count();
        let slowed = thermal::in_words(&self.context.dial);
        let accelerators = accelerators::in_words();
        format!("{online} of {} cameras online{slowed}{accelerators}", self.fleet.cameras.len())
    }

    fn tell_stats(&mut self) {
        let lost = self.recorder.lost.load(Ordering::Relaxed);
        if lost > self.events_lost {
            log::warn!("events come faster than they can be written down: {lost} were lost so far");
            self.events_lost = lost;
        }
        let thermal = thermal::figures(self.config.thermal, &self.context.dial);
        let (mqtt, outbox) = (self.publishing.figures(), self.publishing.outbox());
        let accelerators = accelerators::figures();
        let figures = report::Figures { mqtt, outbox, lost, thermal, accelerators };
        let stats = self.stats.collect(&self.fleet, &figures);
        self.context.sink.publish(&Publication::Stats(&stats));
        self.notifier.status(&self.status());
    }

    /// Publishes `info` from a thread of its own, since checksums take a while.
    fn tell_info(&self) {
        let (runtime, sink) = (Arc::clone(&self.runtime), Arc::clone(&self.context.sink));
        let models = report::models(&self.fleet);
        let cameras: Vec<String> = self.config.cameras.iter().map(|c| c.name.clone()).collect();
        let work = move || sink.publish(&Publication::Info(&report::info(&runtime, &models, &cameras)));
        if let Err(e) = std::thread::Builder::new().name("info".to_owned()).spawn(work) {
            log::warn!("start a thread for the info topic: {e}");
        }
    }

    /// Reads the config again and applies it; a wrong one changes nothing.
    async fn reload(&mut self, ticker: &mut tokio::time::Interval) -> Verdict {
        self.notifier.reloading();
        let verdict = self.try_reload(ticker).await.unwrap_or_else(|problems| Verdict::Refused { problems });
        self.notifier.ready(&self.status());
        verdict
    }

    async fn try_reload(&mut self, ticker: &mut tokio::time::Interval) -> Result<Verdict, Vec<String>> {
        let (new, plan) = self.plan().await?;
        let mut changes = self.publishing.reload(&self.config, &new).await;
        let publishing = &self.publishing;
        let parked = |camera: &str| publishing.parked(camera);
        let applied = self.fleet.apply(plan, &self.runtime, &self.context, &parked).await;
        changes.extend(applied.map_err(|e| vec![format!("{e:#}")])?);
        // Perhaps those that are left have all ended.
        self.context.changed.notify_one();
        let needs_restart = config::restart_needed(&self.first, &new);
        if new.stats_interval != self.config.stats_interval {
            *ticker = tokio::time::interval_at(Instant::now() + new.stats_interval, new.stats_interval);
            changes.push("stats.interval: changed".to_owned());
        }
        if new.thermal != self.config.thermal {
            self.care.configure(new.thermal);
            changes.push("thermal: changed".to_owned());
        }
        self.config = new;
        self.tell_info();
        accelerators::tell(self.context.sink.as_ref());
        Ok(Verdict::Applied { changes, needs_restart })
    }

    /// Reads the config and tries all that can fail, on a thread of its own: files may be slow, and models
    /// take a while.
    async fn plan(&self) -> Result<(Config, Plan), Vec<String>> {
        let (load, runtime, tried) =
            (Arc::clone(&self.load), Arc::clone(&self.runtime), Arc::clone(&self.tried));
        let running = self.fleet.running();
        let work = move || {
            let new = load()?;
            let plan = running.plan(&new, &|files| tried.load(&runtime, files))?;
            Ok((new, plan))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|e| Err(vec![format!("read the config again: {e}")]))
    }

    /// Cameras and models end and `offline` goes out side by side. At the end of all files the last
    /// answers go out first.
    async fn stop(&mut self, end: End) {
        self.shutdown.trigger();
        if end == End::NoMoreFrames {
            self.fleet.finish();
            Self::wait_for(&self.fleet, LAST_ANSWERS_WITHIN).await;
        }
        self.fleet.stop();
        // The last events go out before `offline`.
        ended(LAST_EVENTS_WITHIN, || self.fleet.is_blind()).await;
        self.context.reports = None;
        self.recorder.finish();
        ended(LAST_EVENTS_WITHIN, || self.recorder.is_stopped()).await;
        tokio::join!(Self::wait_for(&self.fleet, STOP_WITHIN), self.publishing.stop());
        self.fleet.let_go();
        if let Some(task) = self.control.take() {
            let _ = tokio::time::timeout(2 * control::LAST_VERDICT_WITHIN, task).await;
        }
    }

    async fn wait_for(fleet: &Fleet, within: Duration) {
        if !ended(within, || fleet.is_stopped()).await {
            log::warn!("a thread did not end within {within:?}");
        }
    }
}

/// Tells a verdict to the log, and to who asked for the reload, if it was not SIGHUP.
fn answer(asked: Option<Reload>, verdict: Verdict) {
    match &verdict {
        Verdict::Applied { .. } => log::info!("{verdict}"),
        Verdict::Refused { .. } => log::error!("{verdict}"),
    }
    if let Some(reload) = asked {
        drop(reload.reply.send(verdict));
    }
}

/// What no other run of the daemon has.
fn seed() -> String {
    let boot = Machine::default().boot_id().unwrap_or_default();
    format!("{boot} {} {:?}", std::process::id(), std::time::Instant::now())
}
