//! A model from its files: verified, loaded, its outputs understood, its classes named.

use super::graph::Graph;
use super::identify::{Evidence, Finding, Identity, Trial, identify};
use super::labels::Labels;
use super::manifest::{Channels, DecoderKind, Manifest};
use super::metadata::Metadata;
use super::twin::{advice, twin};
use super::verify::verify;
use crate::coral;
use crate::decode::{Decoder, Scheme};
use crate::geometry::Fit;
use crate::infer::{Engine, Loaded, Runtime, TensorSpec, litert};
use crate::preprocess::Normalization;
use crate::telemetry::machine;
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
    /// Its outputs.
    pub outputs: Vec<TensorSpec>,
    /// Reads its outputs.
    pub decoder: Decoder,
    /// How pixels become its input.
    pub normalization: Normalization,
    /// The order of its colours.
    pub channels: Channels,
    /// How a frame is brought to its input's size.
    pub fit: Fit,
    /// Names by class index, possibly fewer than there are classes; empty for a class without a name.
    pub labels: Arc<[String]>,
    /// How all that was found out.
    pub findings: Vec<Finding>,
    /// What its graph shows.
    pub graph: Graph,
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

impl ModelFiles {
    /// What the model's file has, verified.
    pub fn content(&self) -> Result<Arc<[u8]>, ModelError> {
        let file = read(&self.path).and_then(|file| verify(&file).map(|()| file));
        file.map_err(|why| ModelError(format!("load model {}: {why}", self.path.display())))
    }

    /// What the user says about the model, in the config and beside it.
    pub fn said(&self) -> Result<Manifest, ModelError> {
        Ok(self.manifest.clone().or(Manifest::beside(&self.path).map_err(ModelError)?))
    }

    /// The names of the classes, as far as they are known without running the model; else empty.
    pub fn class_names(&self) -> Result<Vec<String>, ModelError> {
        let name = self.path.display();
        let refuse = |why: String| ModelError(format!("read model {name}: {why}"));
        let file = read(&self.path).map_err(refuse)?;
        verify(&file).map_err(refuse)?;
        let metadata = Metadata::of(&file, Graph::of(&file).metadata, &self.path);
        let named = labels(self, &metadata)?;
        Ok(named.map(|(labels, _)| labels.names().to_vec()).unwrap_or_default())
    }
}

impl Model {
    /// Loads a model and finds out what it is.
    pub fn load(runtime: &Arc<Runtime>, files: &ModelFiles) -> Result<Self, ModelError> {
        let name = files.path.display().to_string();
        let refuse = |why: String| ModelError(format!("load model {name}: {why}"));
        let file = read(&files.path).map_err(refuse)?;
        Self::of(runtime, file, files)
    }

    /// The same of a file's content; `files.path` is its name then, and what lies beside it counts too.
    pub fn of(runtime: &Arc<Runtime>, file: Arc<[u8]>, files: &ModelFiles) -> Result<Self, ModelError> {
        let name = files.path.display().to_string();
        let refuse = |why: String| ModelError(format!("load model {name}: {why}"));
        verify(&file).map_err(refuse)?;
        let graph = Graph::of(&file);
        let said = files.said()?;
        if let Some(compiled) = &graph.edgetpu {
            let twin = twin(&files.path, &said).map_err(ModelError)?;
            let missing = coral::missing(&machine::root());
            let missing = missing.unwrap_or_else(|| "it was to run on the CPU".to_owned());
            return Err(refuse(advice(&files.path, compiled, &missing, twin.as_deref())));
        }
        let metadata = Metadata::of(&file, graph.metadata.clone(), &files.path);
        let loaded =
            litert::load(runtime, file, &name, files.threads).map_err(|e| ModelError(e.to_string()))?;
        let Loaded { mut engine, input, outputs } = loaded;
        let (named, from) = labels(files, &metadata)?.unzip();
        let labels = named.as_ref();
        let evidence = Evidence {
            input: &input,
            outputs: &outputs,
            graph: &graph,
            metadata: &metadata,
            labels,
            said: &said,
        };
        let trial = &mut Trial::new(engine.as_mut(), &input, &outputs);
        let Identity { decoder, fit, normalization, channels, mut findings } =
            identify(&evidence, trial).map_err(refuse)?;
        let (labels, from) = match (named, from) {
            (Some(named), Some(from)) => (named, from),
            _ => usual_labels(&decoder),
        };
        let labels = match decoder.classes().filter(|_| !labels.names().is_empty()) {
            Some(classes) => labels.fitted(classes, decoder.kind() == DecoderKind::Classify),
            None => Ok(labels),
        };
        let labels = labels.map_err(|why| ModelError(format!("use labels of {name} ({from}): {why}")))?;
        findings.push(Finding { key: "labels", value: labels.in_words(), because: from, assumed: false });
        let labels = Arc::from(labels.names());
        let info =
            ModelInfo { input, outputs, decoder, normalization, channels, fit, labels, findings, graph };
        Ok(Self { engine, info })
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

/// The names of classes that nobody names.
fn usual_labels(decoder: &Decoder) -> (Labels, String) {
    match (decoder.scheme(), decoder.classes()) {
        (Some(scheme @ (Scheme::BlazeFace | Scheme::RetinaFace)), Some(1)) => {
            let face = Labels::new(std::iter::once((0, "face".to_owned()))).unwrap_or_default();
            (face, format!("that is what {} models find", scheme.name()))
        }
        _ => (Labels::default(), "there are none: classes are told by number".to_owned()),
    }
}

/// The names of the classes and where they are from: the user's file, the model itself, a file beside it.
fn labels(files: &ModelFiles, metadata: &Metadata) -> Result<Option<(Labels, String)>, ModelError> {
    if let Some(path) = &files.labels {
        let labels = Labels::read(path).map_err(ModelError)?;
        return Ok(Some((labels, path.display().to_string())));
    }
    if let Some((labels, from)) = &metadata.labels {
        return Ok(Some((labels.clone(), from.clone())));
    }
    let Some(path) = Labels::beside(&files.path) else { return Ok(None) };
    let labels = Labels::read(&path).map_err(ModelError)?;
    Ok(Some((labels, format!("{} beside it", path.file_name().unwrap_or_default().display()))))
}
