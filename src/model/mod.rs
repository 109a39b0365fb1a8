//! What a model is: its file verified, its labels, and how it wants its input.

mod flatbuffer;
mod manifest;
mod verify;

pub use manifest::{DecoderKind, Manifest};
pub use verify::{Facts, verify};
