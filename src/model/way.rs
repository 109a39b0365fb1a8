//! Where a model runs: on the processor, or on an accelerator with a twin on the processor to stand in for it. It
//! follows from what its file is, what the user asks for, and what the machine has.

use super::edgetpu::Compiled;
use super::format::Format;
use super::load::{ModelError, ModelFiles};
use super::manifest::Manifest;
use super::segments::segments;
use super::twin::{advice, twin};
use crate::accelerator::{self, Accelerator, CoralChoice, Device};
use crate::coral;
use crate::telemetry::machine;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where.
pub(super) enum Way {
    /// On the processor: the file itself, or its twin.
    Here(ModelFiles),
    /// On an accelerator.
    There(There),
}

/// On an accelerator.
pub(super) struct There {
    /// The accelerator.
    pub device: Arc<Device>,
    /// The model's file, or its segments'.
    pub files: Vec<PathBuf>,
    /// What stands in for it.
    pub twin: Option<ModelFiles>,
}

impl Way {
    /// The way of a model whose file says `compiled`, and of which the user says `said`; `runtime` is LiteRT's
    /// library.
    pub fn of(
        files: &ModelFiles,
        compiled: Option<&Compiled>,
        said: &Manifest,
        runtime: &Path,
    ) -> Result<Self, ModelError> {
        let refuse = |why: String| ModelError(format!("load model {}: {why}", files.path.display()));
        let named = match compiled {
            Some(_) => twin(&files.path, said).map_err(ModelError)?,
            None => None,
        };
        let twin = named.as_ref().map(|path| on_the_processor(files, said, path));
        let unfit = |compiled: &Compiled, missing: &str| {
            refuse(advice(&files.path, compiled, missing, named.as_deref()))
        };
        match (&files.accelerator, compiled) {
            (Accelerator::Cpu | Accelerator::Auto | Accelerator::OpenVino(_) | Accelerator::TfLiteC, None) => {
                Ok(Self::Here(files.clone()))
            }
            (Accelerator::Cpu | Accelerator::OpenVino(_) | Accelerator::TfLiteC, Some(compiled)) => {
                let twin = twin.map(|twin| ModelFiles { accelerator: files.accelerator.clone(), ..twin });
                twin.map(Self::Here).ok_or_else(|| unfit(compiled, "it was to run on the CPU"))
            }
            (Accelerator::EdgeTpu(_), None) => Err(refuse(
                "it is not compiled for a Coral Edge TPU, which has nothing to do in it; compile it with edgetpu_compiler, or set accelerator = \"cpu\"".to_owned(),
            )),
            (Accelerator::Auto, Some(compiled)) => match (coral::missing(&machine::root()), twin) {
                (None, twin) => Self::coral(files, &CoralChoice::default(), twin, runtime),
                (Some(_), Some(twin)) if coral::library(None).is_ok() => {
                    // One that is plugged in later is used.
                    Self::coral(files, &CoralChoice::default(), Some(twin), runtime)
                }
                (Some(missing), Some(twin)) => {
                    log::info!("model {}: {missing}; its CPU twin {} runs", files.path.display(), twin.path.display());
                    Ok(Self::Here(twin))
                }
                (Some(missing), None) => Err(unfit(compiled, &missing)),
            },
            (Accelerator::EdgeTpu(choice), Some(compiled)) => {
                let missing = coral::library(choice.library.as_deref()).err();
                match missing.or_else(|| none_there(twin.is_some())) {
                    Some(missing) => Err(unfit(compiled, &missing)),
                    None => Self::coral(files, choice, twin, runtime),
                }
            }
            (Accelerator::Plugin(_), _) if Format::of(&files.path) != Format::TfLite => {
                Err(refuse("a delegate runs parts of TFLite models only; OpenVINO runs such a file".to_owned()))
            }
            (Accelerator::Plugin(plugin), _) => {
                let twin = match compiled {
                    Some(_) => twin,
                    None => Some(ModelFiles { accelerator: Accelerator::Cpu, ..files.clone() }),
                };
                let device = accelerator::plugin(plugin, runtime).map_err(refuse)?;
                Self::there(files, device, twin)
            }
        }
    }

    fn coral(
        files: &ModelFiles,
        choice: &CoralChoice,
        twin: Option<ModelFiles>,
        runtime: &Path,
    ) -> Result<Self, ModelError> {
        let device = accelerator::coral(choice, runtime)
            .map_err(|why| ModelError(format!("load model {}: {why}", files.path.display())))?;
        Self::there(files, device, twin)
    }

    fn there(files: &ModelFiles, device: Arc<Device>, twin: Option<ModelFiles>) -> Result<Self, ModelError> {
        let parts = segments(&files.path).map_err(ModelError)?;
        let files = parts.unwrap_or_else(|| vec![files.path.clone()]);
        Ok(Self::There(There { device, files, twin }))
    }
}

/// A device that is not there is waited for while the twin works; without one there is nothing to wait with.
fn none_there(twin: bool) -> Option<String> {
    let none = !twin && coral::list(&machine::root()).is_empty();
    none.then(|| "there is no Coral on this machine".to_owned())
}

/// The twin, of which is known what is said of its model, and has its labels.
fn on_the_processor(files: &ModelFiles, said: &Manifest, twin: &Path) -> ModelFiles {
    let own = files.path.with_extension("txt");
    let labels = files.labels.clone().or_else(|| own.is_file().then_some(own));
    ModelFiles {
        path: twin.to_owned(),
        labels,
        manifest: Manifest { cpu: None, ..said.clone() },
        accelerator: Accelerator::Cpu,
        ..files.clone()
    }
}
