//! What is said about a model beside its file: in the config, or in `MODEL.toml` beside it.

use crate::geometry::Fit;
use serde::Deserialize;

/// How outputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DecoderKind {
    /// One score a class.
    Classify,
    /// Boxes, classes, scores and a count, as `TFLite_Detection_PostProcess` gives them.
    Ssd,
}

/// Every key is optional and replaces what is inferred from the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How outputs are read.
    pub decoder: Option<DecoderKind>,
    /// How a frame is brought to the input size.
    pub fit: Option<Fit>,
    /// Subtracted from each of R, G and B (0..255) before dividing by `std`.
    pub mean: Option<[f32; 3]>,
    /// What each of R, G and B is divided by.
    pub std: Option<[f32; 3]>,
}

impl Manifest {
    /// `self` where it says something, else `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            decoder: self.decoder.or(other.decoder),
            fit: self.fit.or(other.fit),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
        }
    }
}
