//! `edgecam try-model`: the child's side of [`crate::model::try_model`].

use super::{Exit, ModelArgs};
use crate::infer::Runtime;
use crate::model::{Manifest, Model, ModelFiles};
use anyhow::Context;
use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct TryModel {
    #[command(flatten)]
    model: ModelArgs,
    /// The runtime library
    #[arg(long)]
    library: Option<PathBuf>,
    /// What the config says about the model, as JSON
    #[arg(long)]
    manifest: Option<String>,
}

impl TryModel {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let manifest = match &self.manifest {
            Some(text) => serde_json::from_str(text).context("read --manifest")?,
            None => Manifest::default(),
        };
        let runtime = Runtime::load(self.library.as_deref())?;
        let mut model = Model::load(&runtime, &ModelFiles { manifest, ..self.model.files() })?;
        let mut input = model.engine.new_input()?;
        model.engine.invoke(input.as_mut())?;
        Ok(Exit::Fine)
    }
}
