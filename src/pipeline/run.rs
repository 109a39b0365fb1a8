//! The data path on two threads: one prepares frame n+1 while the other has the model look at frame n.
//! Two inputs go round between them; with a frame in each, cameras are left to overwrite their newest.

use super::brake::Brake;
use super::{Cascade, Entrance, Filter, Prepared, StepError, Stopwatch, Told, Watcher};
use super::{finish, infer, look_again, prepare};
use crate::collect::Collector;
use crate::decode::Answer;
use crate::event::{EndReason, InView, Moment};
use crate::frame::{Frame, Timestamp};
use crate::infer::{InferError, InputMemory};
use crate::model::Model;
use crate::slot::{Slots, Taken};
use crate::thermal::Dial;
use crate::vitals::Pulse;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How long a thread waits before it proves that it is alive.
const BEAT: Duration = Duration::from_millis(500);

/// What goes round: an input of the model, and the frame it was written from, for a second look. A camera
/// whose [`Reader`] wants no frames does without.
#[derive(Debug)]
pub struct Carrier {
    input: Box<dyn InputMemory>,
    frame: Frame,
    /// What the last look at it took of the processor's time.
    took: Duration,
}

/// What becomes of a camera's answers.
#[derive(Debug)]
pub struct Reader {
    /// What is reported.
    pub filter: Filter,
    /// A second model on what is reported.
    pub cascade: Option<Cascade>,
    /// Saves frames worth labelling.
    pub collector: Option<Collector>,
    /// Follows what is seen.
    pub watcher: Option<Watcher>,
}

impl Reader {
    /// One that reports, and no more.
    #[must_use]
    pub const fn new(filter: Filter) -> Self {
        Self { filter, cascade: None, collector: None, watcher: None }
    }

    /// Whether it needs the frame itself.
    #[must_use]
    pub const fn wants_frames(&self) -> bool {
        self.cascade.is_some() || self.collector.is_some() || self.watcher.is_some()
    }
}

/// What came of a frame.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// What there is to say.
    Answer {
        /// Of the models.
        answer: &'a Answer,
        /// The objects in view, where they are followed.
        in_view: &'a [InView],
        /// Why the second model says nothing.
        trouble: Option<&'a StepError>,
    },
    /// The model failed; the frame is gone.
    Nothing(&'a InferError),
}

/// How [`infer_frames`] is to end.
#[derive(Debug, Default)]
pub struct Ending {
    /// Frames that wait are dropped.
    pub abandoned: AtomicBool,
    /// It is the whole program that ends.
    pub stopped: AtomicBool,
}

/// A prepared frame on its way to the model.
#[derive(Debug)]
pub struct Job {
    /// Whose frame it is.
    pub camera: usize,
    /// The frame's number at its camera.
    pub seq: u64,
    /// When it was captured.
    pub captured: Timestamp,
    /// Its size and its place in the input.
    pub prepared: Prepared,
    /// Latencies so far.
    pub watch: Stopwatch,
    carrier: Carrier,
}

/// The carriers that go round, and the two ends of their way.
#[derive(Debug)]
pub struct Spare {
    /// For [`prepare_frames`].
    pub prepare: (Receiver<Carrier>, SyncSender<Job>),
    /// For [`infer_frames`].
    pub infer: (SyncSender<Carrier>, Receiver<Job>),
}

impl Spare {
    /// Two inputs of `model`.
    pub fn new(model: &mut Model) -> Result<Self, InferError> {
        let (spare, spares) = sync_channel(2);
        let (ready, jobs) = sync_channel(1);
        for _ in 0..2 {
            // The channel holds both, and its receiver is alive.
            let (input, frame, took) = (model.engine.new_input()?, Frame::empty(), Duration::ZERO);
            let _ = spare.send(Carrier { input, frame, took });
        }
        Ok(Self { prepare: (spares, ready), infer: (spare, jobs) })
    }
}

/// Takes the newest frame of each camera in turn and prepares it, no more of them than `dial` says, until
/// the slots are closed or the other thread ended. What happens else is told to `told`.
pub fn prepare_frames(
    slots: &Slots,
    entrances: &mut [Entrance],
    (spares, ready): &(Receiver<Carrier>, SyncSender<Job>),
    dial: &Dial,
    told: &mut dyn FnMut(usize, Told<'_>),
    pulse: &Pulse,
) {
    let mut frame = Frame::empty();
    let mut spare = None;
    let mut brake = Brake::new(dial, entrances.len());
    loop {
        pulse.beat();
        let rest = brake.rest(Instant::now());
        if !rest.is_zero() && !slots.is_closed() {
            slots.rest(rest.min(BEAT));
            continue;
        }
        let mut carrier = match spare.take() {
            Some(carrier) => carrier,
            None => match spares.recv_timeout(BEAT) {
                Ok(carrier) => carrier,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            },
        };
        let camera = match slots.take(&mut frame, BEAT) {
            Taken::From(camera) => camera,
            Taken::Nothing => {
                spare = Some(carrier);
                continue;
            }
            Taken::Closed => return,
        };
        let mut watch = Stopwatch::start(&frame);
        let entrance = &mut entrances[camera];
        let may = brake.may_look(camera, slots.dropped(camera)) || entrance.leaves_none_out;
        if !entrance.admits(&frame, may, &mut |news| told(camera, news)) {
            spare = Some(carrier);
            continue;
        }
        match prepare(&mut entrance.preprocessor, &frame, carrier.input.bytes_mut(), &mut watch) {
            Ok(prepared) => {
                brake.look(camera, Instant::now(), carrier.took);
                let (seq, captured) = (frame.seq, frame.captured);
                if entrance.keeps_frames {
                    std::mem::swap(&mut frame, &mut carrier.frame);
                }
                let job = Job { camera, seq, captured, prepared, watch, carrier };
                if ready.send(job).is_err() {
                    return;
                }
            }
            Err(e) => {
                told(camera, Told::Bad(&e));
                spare = Some(carrier);
            }
        }
    }
}

/// Has the model look at prepared frames, and the second model of their camera at what it found, and tells
/// `seen` what came of it, until the other thread ended.
pub fn infer_frames(
    model: &mut Model,
    cameras: &mut [Reader],
    (spare, jobs): &(SyncSender<Carrier>, Receiver<Job>),
    seen: &mut dyn FnMut(&Job, Seen<'_>),
    ending: &Ending,
    pulse: &Pulse,
) {
    let mut answer = Answer::default();
    let mut ticked = Instant::now();
    loop {
        pulse.beat();
        if ticked.elapsed() >= BEAT {
            ticked = Instant::now();
            cameras.iter_mut().filter_map(|reader| reader.watcher.as_mut()).for_each(Watcher::tick);
        }
        let mut job = match jobs.recv_timeout(BEAT) {
            Ok(job) if ending.abandoned.load(Ordering::Relaxed) => {
                drop(job);
                break;
            }
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        job.watch.resume();
        match infer(model.engine.as_mut(), job.carrier.input.as_mut(), &mut job.watch) {
            Ok(()) => look(model, &mut cameras[job.camera], &mut job, &mut answer, seen),
            Err(e) => seen(&job, Seen::Nothing(&e)),
        }
        job.carrier.took = job.watch.latencies.work();
        // Full it never is; without a receiver the carrier is dropped.
        let _ = spare.send(job.carrier);
    }
    let why = if ending.stopped.load(Ordering::Relaxed) { EndReason::Stopped } else { EndReason::Config };
    cameras.iter_mut().filter_map(|reader| reader.watcher.as_mut()).for_each(|watcher| watcher.end(why));
}

/// Reads what the model said of a frame, and has it followed.
fn look(
    model: &mut Model,
    reader: &mut Reader,
    job: &mut Job,
    answer: &mut Answer,
    seen: &mut dyn FnMut(&Job, Seen<'_>),
) {
    let Reader { filter, cascade, collector, watcher } = reader;
    finish(filter, &mut model.info.decoder, model.engine.as_ref(), &job.prepared, answer, &mut job.watch);
    let moment = Moment { captured: job.captured, seq: job.seq, size: job.prepared.size };
    let worth_it = collector.as_mut().is_some_and(|collector| collector.judge(job.captured, answer));
    match watcher {
        Some(watcher) => watcher.follow(&moment, filter, answer),
        None => filter.cut(answer),
    }
    let second = cascade
        .as_mut()
        .map_or(Ok(()), |cascade| look_again(cascade, &job.carrier.frame, answer, &mut job.watch));
    if let Some(watcher) = watcher {
        watcher.tell(&moment, answer, &job.carrier.frame);
    }
    if let Some(collector) = collector.as_mut().filter(|_| worth_it) {
        collector.hand(&mut job.carrier.frame);
    }
    let in_view = watcher.as_ref().map_or(&[][..], |watcher| watcher.follower.in_view());
    seen(job, Seen::Answer { answer, in_view, trouble: second.as_ref().err() });
}
