//! The data path on two threads: one prepares frame n+1 while the other has the model look at frame n.
//! Two inputs go round between them; with a frame in each, cameras are left to overwrite their newest.

use super::{Cascade, Filter, Prepared, StepError, Stopwatch, finish, infer, look_again, prepare};
use crate::collect::Collector;
use crate::decode::Answer;
use crate::frame::{Frame, Timestamp};
use crate::infer::{InferError, InputMemory};
use crate::model::Model;
use crate::preprocess::{PreprocessError, Preprocessor};
use crate::slot::{Slots, Taken};
use crate::vitals::Pulse;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How long a thread waits before it proves that it is alive.
const BEAT: Duration = Duration::from_millis(500);

/// What goes round: an input of the model, and the frame it was written from, for a second look. A camera
/// whose [`Reader`] wants no frames does without.
#[derive(Debug)]
pub struct Carrier {
    input: Box<dyn InputMemory>,
    frame: Frame,
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
}

impl Reader {
    /// One that reports, and no more.
    #[must_use]
    pub const fn new(filter: Filter) -> Self {
        Self { filter, cascade: None, collector: None }
    }

    /// Whether it needs the frame itself.
    #[must_use]
    pub const fn wants_frames(&self) -> bool {
        self.cascade.is_some() || self.collector.is_some()
    }
}

/// What came of a frame.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// All there is to say.
    All(&'a Answer),
    /// The second model failed; what the first one says is good.
    Half(&'a Answer, &'a StepError),
    /// The model failed; the frame is gone.
    Nothing(&'a InferError),
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
            let _ = spare.send(Carrier { input: model.engine.new_input()?, frame: Frame::empty() });
        }
        Ok(Self { prepare: (spares, ready), infer: (spare, jobs) })
    }
}

/// Takes the newest frame of each camera in turn and prepares it, until the slots are closed or the
/// other thread ended. Bad frames are told to `bad`. With each camera's preprocessor it says whether its
/// frames are looked at once more.
pub fn prepare_frames(
    slots: &Slots,
    preprocessors: &mut [(Preprocessor, bool)],
    (spares, ready): &(Receiver<Carrier>, SyncSender<Job>),
    bad: &mut dyn FnMut(usize, &PreprocessError),
    pulse: &Pulse,
) {
    let mut frame = Frame::empty();
    let mut spare = None;
    loop {
        pulse.beat();
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
        let (preprocessor, again) = &mut preprocessors[camera];
        match prepare(preprocessor, &frame, carrier.input.bytes_mut(), &mut watch) {
            Ok(prepared) => {
                let (seq, captured) = (frame.seq, frame.captured);
                if *again {
                    std::mem::swap(&mut frame, &mut carrier.frame);
                }
                let job = Job { camera, seq, captured, prepared, watch, carrier };
                if ready.send(job).is_err() {
                    return;
                }
            }
            Err(e) => {
                bad(camera, &e);
                spare = Some(carrier);
            }
        }
    }
}

/// Has the model look at prepared frames, and the second model of their camera at what it found, and tells
/// `seen` what came of it, until the other thread ended. Once `abandoned`, frames that wait are dropped.
pub fn infer_frames(
    model: &mut Model,
    cameras: &mut [Reader],
    (spare, jobs): &(SyncSender<Carrier>, Receiver<Job>),
    seen: &mut dyn FnMut(&Job, Seen<'_>),
    abandoned: &AtomicBool,
    pulse: &Pulse,
) {
    let mut answer = Answer::default();
    loop {
        pulse.beat();
        let mut job = match jobs.recv_timeout(BEAT) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if abandoned.load(Ordering::Relaxed) {
            return;
        }
        job.watch.resume();
        match infer(model.engine.as_mut(), job.carrier.input.as_mut(), &mut job.watch) {
            Ok(()) => {
                let Reader { filter, cascade, collector } = &mut cameras[job.camera];
                let (engine, decoder) = (model.engine.as_ref(), &mut model.info.decoder);
                finish(filter, decoder, engine, &job.prepared, &mut answer, &mut job.watch);
                let worth_it = collector.as_mut().is_some_and(|collector| {
                    let worth_it = collector.judge(job.captured, &answer);
                    filter.cut(&mut answer);
                    worth_it
                });
                let second = cascade.as_mut().map_or(Ok(()), |cascade| {
                    look_again(cascade, &job.carrier.frame, &mut answer, &mut job.watch)
                });
                if let Some(collector) = collector.as_mut().filter(|_| worth_it) {
                    collector.hand(&mut job.carrier.frame);
                }
                seen(&job, second.as_ref().map_or_else(|e| Seen::Half(&answer, e), |()| Seen::All(&answer)));
            }
            Err(e) => seen(&job, Seen::Nothing(&e)),
        }
        // Full it never is; without a receiver the carrier is dropped.
        let _ = spare.send(job.carrier);
    }
}
