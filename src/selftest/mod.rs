//! The self-test: two tiny models that edgecam brings with it look at scenes of the test pattern, on the
//! very path that a camera's frames take. What they answer was recorded, so a runtime, a processor or an
//! accelerator that computes something else is found out, without a camera and without any other file.

mod record;

pub use record::{Recorded, Scene, Sighting};

use crate::decode::Answer;
use crate::frame::{ColorSpace, Frame, PixelFormat, Size, Timestamp};
use crate::geometry::NormBox;
use crate::infer::Runtime;
use crate::model::{Model, ModelError, ModelFiles};
use crate::pipeline::{Cascade, Line, StepError, Stopwatch, step};
use crate::source::test_pattern::draw;
use std::sync::Arc;
use std::time::Duration;

/// The detector of the test pattern's shapes.
const DETECTOR: &[u8] = include_bytes!("../../models/edgecam-selftest.tflite");
/// The classifier of what the detector finds.
const CLASSIFIER: &[u8] = include_bytes!("../../models/edgecam-selftest-classify.tflite");
/// What they answered on an x86-64 processor.
const RECORDED: &str = include_str!("../../models/edgecam-selftest.json");

/// Of every scene.
const SIZE: Size = Size::new(320, 240);
/// Seed and frame number of each scene.
const SCENES: [(u64, u64); 12] = [
    (101, 0),
    (102, 13),
    (103, 26),
    (104, 39),
    (105, 52),
    (106, 65),
    (107, 78),
    (108, 91),
    (109, 104),
    (110, 117),
    (111, 130),
    (112, 143),
];
/// Below what counts, so that a score at the edge is there on both sides.
const THRESHOLD: f32 = record::THRESHOLD - 2.0 * record::SCORE_TOLERANCE;

/// Why there is no answer to compare.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// A model can't be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// They don't go together.
    #[error("put the self-test's models together: {0}")]
    Fit(String),
    /// Running one failed.
    #[error("run the self-test: {0}")]
    Step(#[from] StepError),
}

/// What was answered at the time of the recording.
pub fn recorded() -> serde_json::Result<Recorded> {
    serde_json::from_str(RECORDED)
}

/// Has the models look at each scene, on the CPU with `threads` threads. The second is the median time of a frame,
/// drawing it not counted.
pub fn look(runtime: &Arc<Runtime>, threads: usize) -> Result<(Recorded, Duration), SelfTestError> {
    let model = |content: &'static [u8], name: &str| {
        let files = ModelFiles { threads, ..ModelFiles::new(format!("(built in)/{name}").into()) };
        Model::of(runtime, Arc::from(content), &files)
    };
    let detector = model(DETECTOR, "edgecam-selftest.tflite")?;
    let labels = detector.info.labels.clone();
    let classifier = model(CLASSIFIER, "edgecam-selftest-classify.tflite")?;
    let cascade = Cascade::new(classifier, &detector.info, &labels, 0.0).map_err(SelfTestError::Fit)?;
    let names = cascade.labels();
    let mut line = Line::new(detector, NormBox::FULL, THRESHOLD, None).map_err(SelfTestError::Fit)?;
    line.cascade = Some(cascade);
    let (mut frame, mut answer) = (Frame::empty(), Answer::default());
    let (mut scenes, mut times) = (Vec::new(), Vec::new());
    for (seed, index) in SCENES {
        draw(seed, SIZE, index, &mut frame.data);
        (frame.size, frame.format, frame.color) = (SIZE, PixelFormat::Rgb24, ColorSpace::default());
        frame.captured = Timestamp::now();
        let mut watch = Stopwatch::start(&frame);
        step(&mut line, &frame, &mut answer, &mut watch)?;
        times.push(watch.latencies.total);
        let seen = answer.detections.iter().map(|d| Sighting::of(d, &labels, &names)).collect();
        scenes.push(Scene { seed, frame: index, seen });
    }
    times.sort_unstable();
    Ok((Recorded { scenes }, times[times.len() / 2]))
}
