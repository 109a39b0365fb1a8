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
mod reload;
mod report;
mod shares;
mod signals;
mod state_directory;
mod stop;
mod tell;
mod thermal;
mod tried;

use crate::accelerator;
use crate::config::Config;
use crate::control::{self, Listener, Reload};
use crate::infer::{InferError, Runtime};
use crate::shutdown::Shutdown;
use crate::systemd::{self, Notifier};
use crate::telemetry::machine::Machine;
use crate::thermal::Dial;
use crate::vitals::Vitals;
pub use fit::{misfits, second_misfit};
pub use plan::files;

use anyhow::Context as _;
use camera::Context;
use fleet::Fleet;
use publishing::Publishing;
use recorder::Recorder;
use reload::answer;
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
}

/// What no other run of the daemon has.
fn seed() -> String {
    let boot = Machine::default().boot_id().unwrap_or_default();
    format!("{boot} {} {:?}", std::process::id(), std::time::Instant::now())
}
