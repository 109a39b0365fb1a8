//! The data path: `step` = `prepare` ∘ `infer` ∘ `finish`.

use std::time::Duration;

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
