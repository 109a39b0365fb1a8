//! What a model is: its file verified, its labels, and how it wants its input.

pub mod catalogue;
mod edgetpu;
mod engine;
mod flatbuffer;
mod flexbuffer;
mod format;
mod graph;
mod identify;
mod isolate;
mod labels;
mod load;
mod manifest;
mod metadata;
mod onnx;
mod ops;
pub mod pull;
mod segments;
pub mod shipped;
mod stamp;
mod tensors;
mod twin;
mod verify;
mod way;

pub use edgetpu::{Cache, Compiled};
pub use format::Format;
pub use graph::Graph;
pub use identify::{Evidence, Finding, Identity, Trial, identify};
pub use isolate::try_model;
pub use labels::Labels;
pub use load::{Model, ModelError, ModelFiles, ModelInfo, read_verified};
pub use manifest::{
    Activation, Anchors, Background, Channels, Column, Coordinates, DecoderKind, Manifest, NmsKeys, Task,
};
pub use metadata::Metadata;
pub use segments::segments;
pub use stamp::Stamp;
pub use tensors::tensors;
pub use twin::{advice, twin};
pub use verify::verify;
