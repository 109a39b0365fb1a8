//! A model from its files: verified, loaded, its outputs understood, its classes named.

use super::labels::Labels;
use super::manifest::{DecoderKind, Manifest};
use super::verify::verify;
use crate::decode::Decoder;
use crate::geometry::Fit;
use crate::infer::{Engine, Runtime, TensorSpec, litert};
use crate::preprocess::Normalization;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More than any model a Pi can run.
const MAX_BYTES: u64 = 2 << 30;

/// What to load and what the user says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFiles {
    /// The `.tflite` file.
    pub path: PathBuf,
    /// The label file; absent: looked for beside the model.
    pub labels: Option<PathBuf>,
    /// What the user says about the model.
    pub manifest: Manifest,
    /// Threads of the runtime.
    pub threads: usize,
}

/// A model, ready to run.
pub struct Model {
    /// Runs it.
    pub engine: Box<dyn Engine>,
    /// What it takes and gives.
    pub info: ModelInfo,
}

/// All of a model but the engine that runs it.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Its input.
    pub input: TensorSpec,
    /// Reads its outputs.
    pub decoder: Decoder,
    /// How pixels become its input.
    pub normalization: Normalization,
    /// How a frame is brought to its input's size.
    pub fit: Fit,
    /// Names by class index, possibly fewer than there are classes; empty for a class without a name.
    pub labels: Arc<[String]>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Why a model can't be used, in one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ModelError(pub String);

impl Model {
    /// Loads a model.
    pub fn load(runtime: &Arc<Runtime>, files: &ModelFiles) -> Result<Self, ModelError> {
        let name = files.path.display().to_string();
        let refuse = |why: String| ModelError(format!("load model {name}: {why}"));
        let file = read(&files.path).map_err(refuse)?;
        let facts = verify(&file).map_err(refuse)?;
        if facts.custom_ops.contains("edgetpu-custom-op") {
            return Err(refuse(
                "it is compiled for a Coral Edge TPU and needs that accelerator's delegate; on the CPU use the model it was made from"
                    .to_owned(),
            ));
        }
        let manifest = files.manifest.or(Manifest::beside(&files.path).map_err(ModelError)?);
        let loaded =
            litert::load(runtime, file, &name, files.threads).map_err(|e| ModelError(e.to_string()))?;
        let decoder = Decoder::new(&loaded.outputs, manifest.decoder).map_err(refuse)?;
        let inferred = Normalization::infer(&loaded.input, decoder.kind());
        let labels = labels(files, &decoder)?;
        let info = ModelInfo {
            normalization: Normalization {
                mean: manifest.mean.unwrap_or(inferred.mean),
                std: manifest.std.unwrap_or(inferred.std),
            },
            fit: manifest.fit.unwrap_or(default_fit(decoder.kind())),
            input: loaded.input,
            decoder,
            labels,
        };
        Ok(Self { engine: loaded.engine, info })
    }
}

fn read(path: &Path) -> Result<Arc<[u8]>, String> {
    let meta = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("not a file".to_owned());
    }
    if meta.len() > MAX_BYTES {
        return Err(format!("{} bytes are too many for a model", meta.len()));
    }
    std::fs::read(path).map(Arc::from).map_err(|e| e.to_string())
}

/// What the model was most likely trained with.
const fn default_fit(kind: DecoderKind) -> Fit {
    match kind {
        DecoderKind::Classify | DecoderKind::Ssd => Fit::Stretch,
    }
}

fn labels(files: &ModelFiles, decoder: &Decoder) -> Result<Arc<[String]>, ModelError> {
    let path = files.labels.clone().or_else(|| Labels::beside(&files.path));
    let Some(path) = path else { return Ok(Arc::from([])) };
    let mut labels = Labels::read(&path).map_err(ModelError)?;
    if let Some(classes) = decoder.classes() {
        labels = labels
            .fitted(classes)
            .map_err(|why| ModelError(format!("use label file {}: {why}", path.display())))?;
    }
    Ok(Arc::from(labels.names()))
}
