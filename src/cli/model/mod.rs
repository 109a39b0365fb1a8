//! `edgecam model`: what models are, which there are, and how they get here.

mod compiled;
mod info;
mod list;
mod progress;
mod pull;
mod verify;

use super::Exit;
use clap::Subcommand;
use std::io::Write;

#[derive(Debug, Subcommand)]
pub(super) enum Model {
    /// Tell what a model is, and how that was found out
    Info(info::Info),
    /// List the models of the catalogue
    List(list::List),
    /// Fetch a model of the catalogue and its labels; one for a Coral with its twin for the CPU
    Pull(pull::Pull),
    /// Check installed models against the catalogue
    Verify(verify::Verify),
}

impl Model {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        match self {
            Self::Info(info) => info.run(out),
            Self::List(list) => list.run(out),
            Self::Pull(pull) => pull.run(out),
            Self::Verify(verify) => verify.run(out),
        }
    }
}
