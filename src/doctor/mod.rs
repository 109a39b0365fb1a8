//! `edgecam doctor`: what is right and wrong with a machine, in sentences, with what to do about it. Each check is
//! a function of a [`Board`], which is this machine or a recorded one.

mod accelerators;
mod access;
mod board;
pub mod broker;
mod cameras;
mod clock;
pub mod config;
mod coral;
mod csi;
mod disk;
mod finding;
mod firmware;
mod hardware;
mod heat;
pub mod runtime;
mod service;
mod unit;
mod usb;
mod video;

pub use board::{Ask, Board, Kernel};
pub use disk::Space;
pub use finding::{Finding, Level, Report};

use crate::config::Config;
use crate::source::listing::CameraInfo;
use std::path::Path;
use unit::Unit;

/// What is found on a board, as far as files and tools tell. `live` are the cameras that can be asked, `state` is
/// where the daemon keeps its state, and `space` the room there.
#[must_use]
pub fn examine(
    board: &Board,
    config: Option<&Config>,
    live: &[CameraInfo],
    (state, space): (&Path, Option<Space>),
) -> Vec<Finding> {
    let unit = Unit::of(board);
    [
        hardware::findings(board),
        heat::findings(board),
        usb::findings(board),
        csi::findings(board, config),
        cameras::findings(board, live, config),
        coral::findings(board),
        accelerators::findings(board),
        clock::findings(board),
        disk::findings(board, state, space),
        access::findings(board, unit.as_ref(), config, state),
        service::findings(board, unit.as_ref()),
    ]
    .concat()
}
