//! `edgecam model pull`: a model of the catalogue, with its labels and its CPU twin, into a folder.

use super::progress::Terminal;
use crate::cli::Exit;
use crate::model::catalogue::{Accelerator, Catalogue, Entry, default_folder, label_file, model_file};
use crate::model::pull::{Mirror, Outcome, Pull as Fetch, origin};
use anyhow::anyhow;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Fetch a model of the catalogue and its labels; one for a Coral with its twin for the CPU
#[derive(Args, Debug)]
pub(in crate::cli) struct Pull {
    /// The model, as `edgecam model list` names it
    name: String,
    /// The folder for NAME.tflite and NAME.txt [default: EDGECAM_MODELS, else /var/lib/edgecam/models for root and ~/.local/share/edgecam/models for others]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Where the files are by name, instead of their own servers [default: EDGECAM_MODEL_MIRROR]
    #[arg(long, value_name = "DIR|URL", value_parser = Mirror::parse)]
    mirror: Option<Mirror>,
    /// Fetch again what is there, and replace labels that were edited
    #[arg(long)]
    force: bool,
    /// Give up when there is no connection, or no byte comes, for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

impl Pull {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let catalogue = Catalogue::load().map_err(|e| anyhow!(e))?;
        let entry = catalogue.find(&self.name).map_err(|e| anyhow!(e))?;
        let folder = self.into.clone().unwrap_or_else(default_folder);
        let mirror = match &self.mirror {
            Some(mirror) => Some(mirror.clone()),
            None => mirror_of_environment()?,
        };
        let origin = origin(mirror.as_ref(), Duration::from_secs(self.timeout));
        let fetch = Fetch { origin: origin.as_ref(), folder: &folder, force: self.force };
        let twin =
            entry.cpu.as_deref().map(|name| catalogue.find(name).map_err(|e| anyhow!(e))).transpose()?;
        for entry in [Some(entry), twin].into_iter().flatten() {
            let (model, labels) = fetch
                .model(entry, &mut Terminal::default())
                .map_err(|e| anyhow!("pull {}: {e}", entry.name))?;
            report(out, entry, &folder, model, labels)?;
        }
        if entry.accelerator == Accelerator::Edgetpu {
            let twin =
                twin.map_or_else(String::new, |twin| format!("; {} is the same for the CPU", twin.name));
            eprintln!("edgecam: {} is compiled for a Coral Edge TPU{twin}", self.name);
        }
        Ok(Exit::Fine)
    }
}

fn report(
    out: &mut dyn Write,
    entry: &Entry,
    folder: &Path,
    model: Outcome,
    labels: Option<Outcome>,
) -> std::io::Result<()> {
    for (path, outcome) in [(label_file(folder, entry), labels), (model_file(folder, entry), Some(model))] {
        let path = path.display();
        match outcome {
            Some(Outcome::Installed) => writeln!(out, "installed {path}")?,
            Some(Outcome::AlreadyThere) => writeln!(out, "already there: {path}")?,
            Some(Outcome::Kept) => {
                eprintln!("edgecam: {path} is not the catalogue's and was kept; --force replaces it");
            }
            None => eprintln!("edgecam: {} comes without labels; put yours into {path}", entry.name),
        }
    }
    Ok(())
}

fn mirror_of_environment() -> anyhow::Result<Option<Mirror>> {
    let Some(value) = std::env::var_os("EDGECAM_MODEL_MIRROR").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let mirror = value.to_str().map_or_else(|| Ok(Mirror::Folder(value.clone().into())), Mirror::parse);
    mirror.map(Some).map_err(|e| anyhow!("use EDGECAM_MODEL_MIRROR: {e}"))
}
