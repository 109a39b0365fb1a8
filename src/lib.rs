//! edgecam turns a headless Raspberry Pi and a camera into a private, always-on observer.
//!
//! A frame's journey, in the order of the modules below:
//! `source` fills a buffer → `slot` keeps only the newest → `motion` may end it here → `preprocess` writes
//! the model's input tensor → `infer` → `decode` → `zone` → `track` → `event` → `snapshot` → `publish`; `pipeline` is that path in a few lines, `daemon` runs it
//! for every camera of a `config`.

pub mod frame;
pub mod geometry;

pub mod source;

pub mod slot;

pub mod motion;

pub mod preprocess;

pub mod infer;

pub mod accelerator;

pub mod model;

pub mod decode;

pub mod zone;

pub mod track;

pub mod event;

pub mod draw;
pub mod picture;
pub mod preview;
pub mod snapshot;

pub mod pipeline;

pub mod eval;

pub mod selftest;

pub mod collect;

pub mod publish;

pub mod config;
pub mod control;
pub mod coral;
pub mod doctor;
pub mod shutdown;
pub mod systemd;
pub mod telemetry;
pub mod thermal;
pub mod vitals;

pub mod allocations;
pub mod array;
pub mod back_off;
pub mod busy;
pub mod checksum;
pub mod cli;
pub mod daemon;
pub mod setup;
pub mod tool;
pub mod usb;
