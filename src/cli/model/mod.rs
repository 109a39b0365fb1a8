//! `edgecam model`: what models are.

mod info;

use super::Exit;
use clap::Subcommand;
use std::io::Write;

/// What to do with models
#[derive(Debug, Subcommand)]
pub(super) enum Model {
    /// Tell what a model is, and how that was found out
    Info(info::Info),
}

impl Model {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        match self {
            Self::Info(info) => info.run(out),
        }
    }
}
