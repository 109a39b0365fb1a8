//! What runs models beside the processor: which accelerator a model asks for, which there is, how several
//! models and cameras share it, and what becomes of frames while it does not answer.

mod choice;

pub use choice::{Accelerator, CoralChoice, Device, Performance, Plugin};
