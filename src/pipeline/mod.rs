//! The whole data path: [`step`] = [`prepare`] (preprocess) ∘ infer ∘ [`finish`] (decode, filter).
//!
//! No locks, no logging, no sleeping, no wall clock: time arrives on the frame, and a [`Stopwatch`]
//! takes the latencies.

mod brake;
mod cascade;
mod entrance;
mod gate;
mod report;
mod run;
mod switches;
mod watcher;

pub use cascade::{Cascade, fits};
pub use entrance::{Entrance, Told};
pub use gate::Gate;
pub use report::{ROOM, Report, Reporter, Subject};
pub use run::{Ending, Job, Reader, Seen, Spare, infer_frames, prepare_frames};
pub use switches::Switches;
pub use watcher::Watcher;

use crate::decode::{Answer, Decoder};
use crate::frame::{Frame, Size};
use crate::geometry::{NormBox, Placement};
use crate::infer::{Engine, InferError, InputMemory};
use crate::model::{Model, ModelInfo};
use crate::preprocess::{PreprocessError, Preprocessor};
use std::time::{Duration, Instant};

/// How long the stages of one frame took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latencies {
    /// From capture to the start of preprocessing.
    pub capture: Duration,
    /// Decoding, resizing, quantising.
    pub preprocess: Duration,
    /// The model.
    pub infer: Duration,
    /// Outputs to detections.
    pub decode: Duration,
    /// From capture to the end.
    pub total: Duration,
}

impl Latencies {
    /// The time in which the processor worked on the frame.
    #[must_use]
    pub fn work(&self) -> Duration {
        self.preprocess + self.infer + self.decode
    }
}

/// Takes the latencies of one frame; travels with it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    captured: Instant,
    lap: Instant,
    /// What was taken so far.
    pub latencies: Latencies,
}

impl Stopwatch {
    /// Starts at the end of the wait for a stage.
    #[must_use]
    pub fn start(frame: &Frame) -> Self {
        let (captured, lap) = (frame.captured.instant, Instant::now());
        let latencies =
            Latencies { capture: lap.saturating_duration_since(captured), ..Latencies::default() };
        Self { captured, lap, latencies }
    }

    /// Begins a stage that waited for something else.
    pub fn resume(&mut self) {
        self.lap = Instant::now();
    }

    /// The time since the last lap.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now - self.lap;
        self.lap = now;
        self.latencies.total = now.saturating_duration_since(self.captured);
        lap
    }
}

/// What a camera reports of a model's answer.
#[derive(Clone, Debug)]
pub struct Filter {
    threshold: f32,
    /// Answers are read from here on.
    floor: f32,
    /// By class; absent: all are reported.
    reported: Option<Vec<bool>>,
}

impl Filter {
    /// Detections of at least `threshold`, and classes, whose label is in `labels` (absent: all). The error names a
    /// label the model doesn't know.
    pub fn new(model: &ModelInfo, threshold: f32, labels: Option<&[String]>) -> Result<Self, String> {
        if let Some(unknown) = labels.into_iter().flatten().find(|&label| !model.labels.contains(label)) {
            return Err(format!("the model has no label {unknown}"));
        }
        let reported = labels.map(|wanted| model.labels.iter().map(|label| wanted.contains(label)).collect());
        Ok(Self { threshold, floor: threshold, reported })
    }

    /// Has answers read from `floor` on where that is less than the threshold; [`cut`](Self::cut) takes what is below
    /// the threshold away.
    #[must_use]
    pub fn reading_from(self, floor: f32) -> Self {
        Self { floor: floor.min(self.threshold), ..self }
    }

    /// Takes away the detections that are not to be reported.
    pub fn cut(&self, answer: &mut Answer) {
        answer.detections.retain(|d| d.score >= self.threshold);
    }

    /// Another threshold from now on; what was read below it is so as far as it goes down.
    pub const fn set_threshold(&mut self, threshold: f32) {
        self.threshold = threshold;
        self.floor = self.floor.min(threshold);
    }

    /// The least score.
    #[must_use]
    pub const fn threshold(&self) -> f32 {
        self.threshold
    }
}

/// A frame on its way from [`prepare`] to [`finish`].
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    /// The frame's true size.
    pub size: Size,
    /// The way back from the model's input to the frame.
    pub placement: Placement,
}

/// Writes a frame into the model's input.
pub fn prepare(
    preprocessor: &mut Preprocessor,
    frame: &Frame,
    input: &mut [u8],
    watch: &mut Stopwatch,
) -> Result<Prepared, PreprocessError> {
    let (size, placement) = preprocessor.write(frame, input)?;
    watch.latencies.preprocess = watch.lap();
    Ok(Prepared { size, placement })
}

/// Runs the model.
pub fn infer(
    engine: &mut dyn Engine,
    input: &mut dyn InputMemory,
    watch: &mut Stopwatch,
) -> Result<(), InferError> {
    engine.invoke(input)?;
    watch.latencies.infer = watch.lap();
    Ok(())
}

/// Reads the outputs into `answer`, which is cleared first.
pub fn finish(
    filter: &Filter,
    decoder: &mut Decoder,
    engine: &dyn Engine,
    prepared: &Prepared,
    answer: &mut Answer,
    watch: &mut Stopwatch,
) {
    decoder.decode(engine, &prepared.placement, filter.floor, answer);
    if let Some(reported) = &filter.reported {
        let is_reported = |class: usize| reported.get(class).copied().unwrap_or(false);
        answer.detections.retain(|d| is_reported(d.class));
        answer.classes.retain(|c| is_reported(c.class));
    }
    watch.latencies.decode = watch.lap();
}

/// Has the second model look at what the first one found; its time counts as the model's.
pub fn look_again(
    cascade: &mut Cascade,
    frame: &Frame,
    answer: &mut Answer,
    watch: &mut Stopwatch,
) -> Result<(), StepError> {
    let result = cascade.classify(frame, answer);
    let lap = watch.lap();
    watch.latencies.infer += lap;
    result
}

/// Why a frame brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The frame is bad; the next may be good.
    #[error(transparent)]
    Frame(#[from] PreprocessError),
    /// The model failed.
    #[error(transparent)]
    Infer(#[from] InferError),
}

/// All that one camera needs to have its frames answered on one thread.
#[derive(Debug)]
pub struct Line {
    /// Frames to inputs.
    pub preprocessor: Preprocessor,
    /// Runs and reads.
    pub model: Model,
    /// What is reported.
    pub filter: Filter,
    /// The model's input.
    pub input: Box<dyn InputMemory>,
    /// A second model on what the first one finds.
    pub cascade: Option<Cascade>,
}

impl Line {
    /// A line that shows the model `region` of each frame.
    pub fn new(
        mut model: Model,
        region: NormBox,
        threshold: f32,
        labels: Option<&[String]>,
    ) -> Result<Self, String> {
        let preprocessor = Preprocessor::of(&model.info, region)?;
        let filter = Filter::new(&model.info, threshold, labels)?;
        let input = model.engine.new_input().map_err(|e| e.to_string())?;
        Ok(Self { preprocessor, model, filter, input, cascade: None })
    }
}

/// The whole path of one frame.
pub fn step(
    line: &mut Line,
    frame: &Frame,
    answer: &mut Answer,
    watch: &mut Stopwatch,
) -> Result<Prepared, StepError> {
    let Line { preprocessor, model, filter, input, cascade } = line;
    let prepared = prepare(preprocessor, frame, input.bytes_mut(), watch)?;
    infer(model.engine.as_mut(), input.as_mut(), watch)?;
    finish(filter, &mut model.info.decoder, model.engine.as_ref(), &prepared, answer, watch);
    if let Some(cascade) = cascade {
        look_again(cascade, frame, answer, watch)?;
    }
    Ok(prepared)
}

#[cfg(test)]
mod tests;
