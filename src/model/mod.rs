//! What a model is: its file verified, its labels, and how it wants its input.

mod manifest;

pub use manifest::{DecoderKind, Manifest};
