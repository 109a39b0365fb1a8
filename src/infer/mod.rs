//! Running a model. [`Engine`] is the seam: LiteRT behind it, OpenVINO, or a scripted one in tests.

mod api;
pub mod delegation;
pub(crate) mod elf;
mod handle;
pub mod inherited;
mod library;
pub mod litert;
pub mod openvino;
mod plugin;
mod quiet;
#[cfg(test)]
pub mod scripted;
pub mod segments;
pub mod shared;
mod signature;
#[cfg(feature = "tflitec")]
pub mod tflitec;
pub mod usb;

pub use library::{Runtime, VERSION, find, version_of};
pub use plugin::Changing;

use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum ElementType {
    /// IEEE 754 single.
    F32,
    /// IEEE 754 half.
    F16,
    /// Unsigned byte.
    U8,
    /// Signed byte.
    I8,
    /// 16 bit, signed.
    I16,
    /// 32 bit, signed.
    I32,
    /// 64 bit, signed.
    I64,
}

impl ElementType {
    /// Bytes of one element.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::I64 => 8,
        }
    }
}

/// `real = scale * (quantised - zero_point)`, for a whole tensor.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Quantization {
    /// The step.
    pub scale: f32,
    /// The quantised value of 0.
    pub zero_point: i64,
}

/// One input or output of a model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct TensorSpec {
    /// As the file names it.
    pub name: String,
    /// Type of its elements.
    pub element: ElementType,
    /// Its dimensions, outermost first.
    pub shape: Vec<usize>,
    /// How elements stand for real numbers; `None` for floats.
    pub quantization: Option<Quantization>,
}

impl TensorSpec {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The number of bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.elements() * self.element.bytes()
    }
}

/// Memory of an input tensor, apart from its engine so that the next frame can be written while the
/// engine works on another.
pub trait InputMemory: Send {
    /// The tensor's bytes.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// For the engine that made it.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl fmt::Debug for dyn InputMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputMemory").finish_non_exhaustive()
    }
}

/// A loaded model, ready to run.
pub trait Engine: Send {
    /// Memory for the input, filled with zeros. Two are enough for an overlap.
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError>;

    /// Runs the model on an input that [`Engine::new_input`] of this engine made.
    fn invoke(&mut self, input: &mut dyn InputMemory) -> Result<(), InferError>;

    /// The bytes of output `index` after [`Engine::invoke`].
    fn output(&self, index: usize) -> &[u8];
}

/// An engine and what its tensors are.
pub struct Loaded {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// The one input.
    pub input: TensorSpec,
    /// The outputs, in the engine's order.
    pub outputs: Vec<TensorSpec>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("input", &self.input)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

/// Why a model can't be run.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The runtime library is missing or is not the one edgecam is made for.
    #[error("{0}")]
    Library(String),
    /// The model can't be loaded.
    #[error("{0}")]
    Model(String),
    /// A run failed.
    #[error("{0}")]
    Run(String),
}
