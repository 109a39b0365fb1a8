//! One round of each way to run: bare, one after the other, overlapped.

use super::Allocations;
use crate::allocations::on_this_thread;
use crate::decode::Answer;
use crate::frame::{Frame, Timestamp};
use crate::model::Model;
use crate::pipeline::{
    Ending, Entrance, Line, Prepared, Reader, Seen, Spare, Stopwatch, finish, infer, infer_frames, prepare,
    prepare_frames,
};
use crate::publish::{Observation, message};
use crate::slot::Slots;
use crate::thermal::Dial;
use crate::vitals::Vitals;
use anyhow::bail;
use std::time::{Duration, Instant};

/// Frames at the start of each round that don't count.
const WARM_UP: usize = 20;

/// What was measured, a duration a frame.
#[derive(Debug)]
pub struct Samples {
    pub bare: Vec<Duration>,
    pub preprocess: Vec<Duration>,
    pub infer: Vec<Duration>,
    pub decode: Vec<Duration>,
    /// CPU time of all but the model.
    pub outside: Vec<Duration>,
    pub sequential: Vec<Duration>,
    pub overlapped: Vec<Duration>,
    pub allocations: Counted,
}

/// Allocations of all frames together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    preprocess: u64,
    infer: u64,
    decode: u64,
    message: u64,
}

impl Counted {
    pub fn per_frame(self, frames: usize) -> Allocations {
        let each = |count: u64| count as f64 / frames.max(1) as f64;
        Allocations {
            preprocess: each(self.preprocess),
            infer: each(self.infer),
            decode: each(self.decode),
            message: each(self.message),
        }
    }
}

impl Samples {
    pub fn with_capacity(n: usize) -> Self {
        let list = || Vec::with_capacity(n);
        Self {
            bare: list(),
            preprocess: list(),
            infer: list(),
            decode: list(),
            outside: list(),
            sequential: list(),
            overlapped: list(),
            allocations: Counted::default(),
        }
    }

    pub fn clear(&mut self) {
        let lists = [&mut self.bare, &mut self.preprocess, &mut self.infer, &mut self.decode];
        for list in lists.into_iter().chain([&mut self.outside, &mut self.sequential, &mut self.overlapped]) {
            list.clear();
        }
        self.allocations = Counted::default();
    }
}

/// The runtime and nothing else.
pub fn bare(line: &mut Line, n: usize, samples: &mut Samples) -> anyhow::Result<()> {
    for i in 0..WARM_UP + n {
        let start = Instant::now();
        line.model.engine.invoke(line.input.as_mut())?;
        if i >= WARM_UP {
            samples.bare.push(start.elapsed());
        }
    }
    Ok(())
}

/// The whole path on one thread, stage by stage as `pipeline::step` runs them.
pub fn sequential(line: &mut Line, frames: &[Frame], n: usize, samples: &mut Samples) -> anyhow::Result<()> {
    let mut answer = Answer::default();
    let Line { preprocessor, model, filter, input, .. } = line;
    for (i, frame) in frames.iter().cycle().take(WARM_UP + n).enumerate() {
        let (start, cpu) = (Instant::now(), cpu_time());
        let mut watch = Stopwatch::start(frame);
        let counts = [on_this_thread(), 0, 0, 0];
        let prepared = prepare(preprocessor, frame, input.bytes_mut(), &mut watch)?;
        let outside = cpu_time().saturating_sub(cpu);
        let counts = [counts[0], on_this_thread(), 0, 0];
        infer(model.engine.as_mut(), input.as_mut(), &mut watch)?;
        let counts = [counts[0], counts[1], on_this_thread(), 0];
        let cpu = cpu_time();
        finish(filter, &mut model.info.decoder, model.engine.as_ref(), &prepared, &mut answer, &mut watch);
        let counts = [counts[0], counts[1], counts[2], on_this_thread()];
        let (outside, whole) = (outside + cpu_time().saturating_sub(cpu), start.elapsed());
        let message = message_allocations(frame, &prepared, &answer, &watch, &model.info.labels);
        if i >= WARM_UP {
            samples.sequential.push(whole);
            samples.outside.push(outside);
            samples.allocations.message += message;
            samples.preprocess.push(watch.latencies.preprocess);
            samples.infer.push(watch.latencies.infer);
            samples.decode.push(watch.latencies.decode);
            samples.allocations.preprocess += counts[1] - counts[0];
            samples.allocations.infer += counts[2] - counts[1];
            samples.allocations.decode += counts[3] - counts[2];
        }
    }
    Ok(())
}

/// What this thread has computed so far.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

/// Allocations of writing the `detections` message of a frame, its topic included.
fn message_allocations(
    frame: &Frame,
    prepared: &Prepared,
    answer: &Answer,
    watch: &Stopwatch,
    labels: &[String],
) -> u64 {
    let seen = Observation {
        camera: "bench",
        model: "bench",
        seq: frame.seq,
        captured: frame.captured,
        size: prepared.size,
        threshold: 0.5,
        latencies: watch.latencies,
        detections: &answer.detections,
        in_view: &[],
        classes: &answer.classes,
        labels,
        sub_labels: &[],
    };
    let before = on_this_thread();
    let message = (String::from("bench/detections"), message::detections(&seen));
    std::hint::black_box(message);
    on_this_thread() - before
}

/// The daemon's two threads, fed as fast as they take frames; the time from one answer to the next.
pub fn overlapped(
    model: &mut Model,
    entrances: &mut [Entrance; 1],
    filters: &mut [Reader; 1],
    frames: &[Frame],
    n: usize,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let slots = Slots::new(1);
    let vitals = Vitals::default();
    let pulse = vitals.register("bench", Duration::from_secs(60));
    let Spare { prepare, infer } = Spare::new(model)?;
    let (mut answers, mut last, mut failed) = (0, Instant::now(), None);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = Frame::empty();
            for frame in frames.iter().cycle().take(WARM_UP + n) {
                buffer.clone_from(frame);
                buffer.captured = Timestamp::now();
                while !slots.wait_empty(0, Duration::from_secs(1)) {}
                slots.put(0, &mut buffer);
            }
            slots.close();
        });
        scope.spawn(|| {
            // Moved in, so that its ends close with this thread.
            let prepare = prepare;
            prepare_frames(&slots, entrances, &prepare, &Dial::default(), &mut |_, _| (), &pulse);
        });
        infer_frames(
            model,
            filters,
            &infer,
            &mut |_, seen| {
                let now = Instant::now();
                if answers >= WARM_UP {
                    samples.overlapped.push(now - last);
                }
                (answers, last) = (answers + 1, now);
                if let Seen::Nothing(e) = seen {
                    failed = Some(e.to_string());
                }
            },
            &Ending::default(),
            &pulse,
        );
    });
    if let Some(why) = failed {
        bail!(why);
    }
    Ok(())
}
