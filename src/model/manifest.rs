//! What is said about a model beside its file: in the config, or in `MODEL.toml` beside it.

use crate::geometry::Fit;
use serde::Deserialize;
use std::path::Path;

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
    /// The manifest in `MODEL.toml` beside `MODEL.tflite`; empty where there is none.
    pub fn beside(model: &Path) -> Result<Self, String> {
        let path = model.with_extension("toml");
        match std::fs::read_to_string(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(format!("read manifest {}: {e}", path.display())),
            Ok(text) => toml::from_str(&text)
                .map_err(|e| format!("read manifest {}: {}", path.display(), e.to_string().trim_end())),
        }
    }

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
