//! What runs models beside the processor: which accelerator a model asks for, which there is, how several
//! models and cameras share it, and what becomes of frames while it does not answer.
//!
//! A delegate's code hangs and crashes, so it runs in a process of its own (`worker`), to which the daemon hands
//! frames in shared memory (`wire`, `host`). A `device` keeps that process going; an `engine` puts a model's
//! `twin` on the processor in for it.

mod assign;
mod choice;
mod device;
mod engine;
mod entry;
mod find;
mod host;
mod pool;
mod state;
mod tend;
mod turns;
mod twin;
mod wire;
pub mod worker;

pub use assign::assign;
pub use choice::{
    Accelerator, CoralChoice, Device as Which, OpenVinoChoice, Performance, Plugin, WITHOUT_TFLITEC,
};
pub use device::{Device, Find, Found, Spec};
pub use engine::Accelerated;
pub use find::{coral, home, plugin, processor};
pub use pool::{reports, shared};
pub use state::{Condition, Kind, Report};
pub use twin::{Twin, stood_in};

use tokio::sync::Notify;

/// Woken when [`reports`] would tell something new.
#[must_use]
pub fn changed() -> &'static Notify {
    static CHANGED: Notify = Notify::const_new();
    &CHANGED
}
