//! The data path on two threads: one prepares frame n+1 while the other has the model look at frame n.
//! Two inputs go round between them; with a frame in each, cameras are left to overwrite their newest.

use super::{Filter, Prepared, Stopwatch, finish, infer, prepare};
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
    input: Box<dyn InputMemory>,
}

/// The inputs that go round, and the two ends of their way.
#[derive(Debug)]
pub struct Spare {
    /// For [`prepare_frames`].
    pub prepare: (Receiver<Box<dyn InputMemory>>, SyncSender<Job>),
    /// For [`infer_frames`].
    pub infer: (SyncSender<Box<dyn InputMemory>>, Receiver<Job>),
}

impl Spare {
    /// Two inputs of `model`.
    pub fn new(model: &mut Model) -> Result<Self, InferError> {
        let (spare, spares) = sync_channel(2);
        let (ready, jobs) = sync_channel(1);
        for _ in 0..2 {
            // The channel holds both, and its receiver is alive.
            let _ = spare.send(model.engine.new_input()?);
        }
        Ok(Self { prepare: (spares, ready), infer: (spare, jobs) })
    }
}

/// Takes the newest frame of each camera in turn and prepares it, until the slots are closed or the
/// other thread ended. Bad frames are told to `bad`.
pub fn prepare_frames(
    slots: &Slots,
    preprocessors: &mut [Preprocessor],
    (spares, ready): &(Receiver<Box<dyn InputMemory>>, SyncSender<Job>),
    bad: &mut dyn FnMut(usize, &PreprocessError),
    pulse: &Pulse,
) {
    let mut frame = Frame::empty();
    let mut spare = None;
    loop {
        pulse.beat();
        let mut input = match spare.take() {
            Some(input) => input,
            None => match spares.recv_timeout(BEAT) {
                Ok(input) => input,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            },
        };
        let camera = match slots.take(&mut frame, BEAT) {
            Taken::From(camera) => camera,
            Taken::Nothing => {
                spare = Some(input);
                continue;
            }
            Taken::Closed => return,
        };
        let mut watch = Stopwatch::start(&frame);
        match prepare(&mut preprocessors[camera], &frame, input.bytes_mut(), &mut watch) {
            Ok(prepared) => {
                let job = Job { camera, seq: frame.seq, captured: frame.captured, prepared, watch, input };
                if ready.send(job).is_err() {
                    return;
                }
            }
            Err(e) => {
                bad(camera, &e);
                spare = Some(input);
            }
        }
    }
}

/// Has the model look at prepared frames and tells `seen` what it said, until the other thread ended.
/// A failed run is told too; the frame is gone then. Once `abandoned`, frames that wait are dropped.
pub fn infer_frames(
    model: &mut Model,
    filters: &[Filter],
    (spare, jobs): &(SyncSender<Box<dyn InputMemory>>, Receiver<Job>),
    seen: &mut dyn FnMut(&Job, Result<&Answer, &InferError>),
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
        match infer(model.engine.as_mut(), job.input.as_mut(), &mut job.watch) {
            Ok(()) => {
                let filter = &filters[job.camera];
                let engine = model.engine.as_ref();
                finish(filter, &mut model.info.decoder, engine, &job.prepared, &mut answer, &mut job.watch);
                seen(&job, Ok(&answer));
            }
            Err(e) => seen(&job, Err(&e)),
        }
        // Full it never is; without a receiver the input is dropped.
        let _ = spare.send(job.input);
    }
}
