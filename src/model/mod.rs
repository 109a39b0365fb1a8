//! What a model is: its file verified, its labels, and how it wants its input.

mod flatbuffer;
mod labels;
mod load;
mod manifest;
mod verify;

pub use labels::Labels;
pub use load::{Model, ModelError, ModelFiles, ModelInfo};
pub use manifest::{DecoderKind, Manifest};
pub use verify::{Facts, verify};
