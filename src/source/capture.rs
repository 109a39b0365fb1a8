//! The loop of a capture thread: [`Capture::run`] is the policy (open, back off, open again),
//! `run_once` the work (read frames, put them into the slot). Every wait ends at shutdown.

mod refusals;

use super::pace::Limit;
use super::{FrameSource, SLICE, SourceError, SourceOpener};
use crate::back_off::BackOff;
use crate::config::{self, Source};
use crate::frame::Frame;
use crate::publish::CameraStatus;
use crate::shutdown::Shutdown;
use crate::slot::Outlet;
use crate::vitals::Pulse;
use refusals::Refusals;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A source that gave frames for so long is waited for from the first, shortest wait on.
const STEADY: Duration = Duration::from_secs(5);

/// Bad frames are reported at most once in this time.
const BAD_FRAME_REPORT: Duration = Duration::from_secs(60);

/// How one camera is captured.
#[derive(Clone, Debug)]
pub struct CaptureConfig {
    /// The camera's name, for the log.
    pub camera: String,
    /// A source that gives only bad frames for this long, or frames of which none can be used, is opened
    /// anew.
    pub stall_timeout: Duration,
    /// Frames a second that go into the slot at most; absent: all.
    pub fps: Option<f64>,
    /// The waits between attempts to open.
    pub back_off: BackOff,
}

impl CaptureConfig {
    /// As the config has it, with the usual back-off.
    #[must_use]
    pub fn new(camera: &config::Camera) -> Self {
        Self {
            camera: camera.name.clone(),
            stall_timeout: camera.stall_timeout,
            fps: camera.fps,
            back_off: BackOff::default(),
        }
    }
}

/// The longest silence of a camera's capture thread that is not a fault: a wait for a frame, the
/// longest back-off, and time to open and close a device.
#[must_use]
pub fn pulse_deadline(camera: &config::Camera) -> Duration {
    let own_pace = match &camera.source {
        Source::Files { fps: Some(fps), .. } | Source::TestPattern { fps, .. } => 1.0 / fps,
        _ => 0.0,
    };
    let own_pace = Duration::try_from_secs_f64(own_pace).unwrap_or_default();
    camera.stall_timeout.max(own_pace) + BackOff::default().cap + Duration::from_secs(20)
}

/// What the capture of one camera did so far.
#[derive(Debug, Default)]
pub struct CaptureCounters {
    /// Good frames read, those over the rate limit included.
    pub captured: AtomicU64,
    /// Bad frames, dropped here or when they were to be prepared for the model.
    pub dropped_bad: AtomicU64,
    /// Frames that were prepared for the model.
    pub used: AtomicU64,
    /// Frames that could not be.
    pub refused: AtomicU64,
    /// Why the last of these could not.
    pub refusal: Mutex<String>,
    /// Frames over the rate limit, not put into the slot.
    pub over_rate: AtomicU64,
    /// How often the camera came back after a loss.
    pub reconnects: AtomicU64,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The source has no more frames, and the last one was taken out of the slot.
    Ended,
    /// Shutdown, or nobody takes frames any more.
    Stopped,
}

/// The capture of one camera, with all it needs.
#[derive(Clone, Copy)]
pub struct Capture<'a> {
    /// Name, limits and waits.
    pub config: &'a CaptureConfig,
    /// Where frames go.
    pub outlet: &'a Outlet,
    /// Counts what happens.
    pub counters: &'a CaptureCounters,
    /// Beaten at each frame, good or bad, at each end of an attempt to open, and while the slot is full.
    pub pulse: &'a Pulse,
    /// Ends every wait.
    pub shutdown: &'a Shutdown,
    /// Hears of each change: online with the first frame (after frames of no use: with the first that is
    /// of use), offline with a loss, a first failure or the end.
    pub on_status: &'a dyn Fn(CameraStatus),
    /// Called once, when the first attempt to open has ended, well or not.
    pub on_first_attempt: &'a dyn Fn(),
}

/// What is known of the camera across attempts.
struct Progress {
    /// The source's name.
    source: String,
    frame: Frame,
    seq: u64,
    status: Option<CameraStatus>,
    was_online: bool,
    /// Why it is offline, as last logged.
    reason: String,
    /// When the source that is open delivered its first frame.
    first_frame: Cell<Option<Instant>>,
    bad_reported: Option<Instant>,
    /// Its frames were of no use, as far as is known.
    useless: bool,
}

impl Capture<'_> {
    /// Captures until the source ends or the shutdown comes. Run it on a thread of its own: commands
    /// end with the thread that opened them.
    pub fn run(&self, opener: &mut dyn SourceOpener) -> Outcome {
        let mut delays = self.config.back_off.delays();
        let mut progress = Progress {
            source: opener.name(),
            frame: Frame::empty(),
            seq: 0,
            status: None,
            was_online: false,
            reason: String::new(),
            first_frame: Cell::new(None),
            bad_reported: None,
            useless: false,
        };
        let mut attempted = false;
        loop {
            progress.first_frame.set(None);
            let source = opener.open(self.shutdown);
            self.pulse.beat();
            if !std::mem::replace(&mut attempted, true) {
                (self.on_first_attempt)();
            }
            let error = match source {
                Ok(mut source) => self.run_once(source.as_mut(), &mut progress),
                Err(error) => error,
            };
            self.pulse.beat();
            // Nobody waits for what a capture has to say that was told to end.
            if self.shutdown.is_triggered() {
                return Outcome::Stopped;
            }
            match error {
                SourceError::Stopped => return Outcome::Stopped,
                SourceError::Ended => return self.end(opener, &mut progress),
                error => self.gone(&error, &mut progress),
            }
            if progress.first_frame.get().is_some_and(|at| at.elapsed() >= STEADY) {
                delays = self.config.back_off.delays();
            }
            if self.shutdown.sleep(delays.next_delay()) {
                return Outcome::Stopped;
            }
        }
    }

    /// Reads frames until the source fails or ends; never returns [`SourceError::BadFrame`].
    fn run_once(&self, source: &mut dyn FrameSource, progress: &mut Progress) -> SourceError {
        let mut limit = Limit::new(self.config.fps);
        let can_wait = source.can_wait();
        let (mut last_good, mut refusals) = (Instant::now(), Refusals::new(self.counters));
        loop {
            if can_wait && !self.wait_for_turn() {
                return SourceError::Stopped;
            }
            match source.next_frame(&mut progress.frame) {
                Ok(()) => {}
                Err(SourceError::BadFrame(why)) => {
                    self.bad(&why, progress);
                    if last_good.elapsed() > self.config.stall_timeout {
                        return SourceError::Stalled(self.config.stall_timeout);
                    }
                    continue;
                }
                Err(error) => return error,
            }
            self.pulse.beat();
            last_good = Instant::now();
            self.counters.captured.fetch_add(1, Ordering::Relaxed);
            progress.frame.seq = progress.seq;
            progress.seq += 1;
            let refused = refusals.last(self.counters, last_good);
            // Files come to an end by themselves, and would start anew with the first.
            if refused > self.config.stall_timeout && !can_wait {
                progress.useless = true;
                return self.useless(refused);
            }
            if !progress.useless || refusals.any_used {
                self.online(progress);
            }
            if !can_wait && !limit.passes(progress.frame.captured.instant) {
                self.counters.over_rate.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            if can_wait && self.wait_for_limit(&mut limit) {
                return SourceError::Stopped;
            }
            self.outlet.put(&mut progress.frame);
        }
    }

    fn useless(&self, time: Duration) -> SourceError {
        let why = self.counters.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        SourceError::Lost(format!("no frame that can be used for {:.0} s: {why}", time.as_secs_f64()))
    }

    /// Waits until the slot is empty; false when it is time to stop.
    fn wait_for_turn(&self) -> bool {
        while !self.outlet.wait_empty(SLICE) {
            if self.shutdown.is_triggered() || self.outlet.is_closed() {
                return false;
            }
            self.pulse.beat();
        }
        !self.shutdown.is_triggered()
    }

    /// A source that can wait is slowed down to the limit instead of losing frames; true at shutdown.
    fn wait_for_limit(&self, limit: &mut Limit) -> bool {
        while let Some(wait) = limit.wait(Instant::now()) {
            self.pulse.beat();
            if self.shutdown.sleep(wait.min(SLICE)) {
                return true;
            }
        }
        false
    }

    fn end(&self, opener: &dyn SourceOpener, progress: &mut Progress) -> Outcome {
        if !self.wait_for_turn() {
            return Outcome::Stopped;
        }
        let camera = self.config.camera.as_str();
        log::info!(camera; "{} has no more frames after {}", opener.name(), progress.seq);
        self.set_status(CameraStatus::Offline, progress);
        Outcome::Ended
    }

    fn online(&self, progress: &mut Progress) {
        if progress.first_frame.get().is_some() {
            return;
        }
        progress.first_frame.set(Some(Instant::now()));
        progress.useless = false;
        progress.reason.clear();
        if std::mem::replace(&mut progress.was_online, true) {
            self.counters.reconnects.fetch_add(1, Ordering::Relaxed);
        }
        let Frame { size, format, .. } = progress.frame;
        log::info!(camera = self.config.camera.as_str(), source = progress.source.as_str(); "online: {size} {format}");
        self.set_status(CameraStatus::Online, progress);
    }

    /// Logs the first failure and each new reason, not each retry.
    fn gone(&self, error: &SourceError, progress: &mut Progress) {
        let (reason, camera) = (error.to_string(), self.config.camera.as_str());
        if reason == progress.reason {
            log::debug!(camera; "still offline: {reason}");
        } else {
            log::warn!(camera, source = progress.source.as_str(); "offline: {reason}");
            progress.reason = reason;
        }
        self.set_status(CameraStatus::Offline, progress);
    }

    fn bad(&self, why: &str, progress: &mut Progress) {
        self.pulse.beat();
        let n = self.counters.dropped_bad.fetch_add(1, Ordering::Relaxed) + 1;
        if progress.bad_reported.is_none_or(|at| at.elapsed() >= BAD_FRAME_REPORT) {
            progress.bad_reported = Some(Instant::now());
            log::warn!(camera = self.config.camera.as_str(); "bad frame dropped ({n} so far): {why}");
        }
    }

    fn set_status(&self, status: CameraStatus, progress: &mut Progress) {
        if progress.status.replace(status) != Some(status) {
            (self.on_status)(status);
        }
    }
}
