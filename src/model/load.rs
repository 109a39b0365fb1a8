//! A model from its files: verified, loaded, its outputs understood, its classes named.

use super::edgetpu::Compiled;
use super::engine;
use super::format::Format;
use super::graph::Graph;
use super::identify::{Evidence, Finding, Identity, Trial, identify};
use super::labels::Labels;
use super::manifest::{Channels, DecoderKind, Manifest};
use super::metadata::Metadata;
use super::twin::twin;
use super::way::{There, Way};
use crate::accelerator::{Accelerated, Accelerator, Twin};
use crate::decode::{Decoder, Scheme};
use crate::geometry::Fit;
use crate::infer::{Engine, InferError, Loaded, Runtime, TensorSpec};
use crate::preprocess::Normalization;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// More than any model a Pi can run.
const MAX_BYTES: u64 = 2 << 30;

/// For an accelerator to run its first model: a Coral gets its firmware first.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// What to load and what the user says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFiles {
    /// What people call it: its name in the config, or its file's.
    pub name: String,
    /// The `.tflite`, `.onnx` or `.xml` file.
    pub path: PathBuf,
    /// The label file; absent: looked for beside the model.
    pub labels: Option<PathBuf>,
    /// What the user says about the model.
    pub manifest: Manifest,
    /// Threads of the runtime.
    pub threads: usize,
    /// What it is to run on.
    pub accelerator: Accelerator,
    /// Whether loading waits for an accelerator, and fails without it: what runs on after it fell out begins with
    /// the model's CPU twin instead.
    pub waits: bool,
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
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ModelError(pub String);

impl ModelFiles {
    /// A file of which no more is said: one thread, and whatever it runs on.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        let (manifest, accelerator) = (Manifest::default(), Accelerator::default());
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, path, labels: None, manifest, threads: 1, accelerator, waits: true }
    }

    /// What the model's file has, verified.
    pub fn content(&self) -> Result<Arc<[u8]>, ModelError> {
        read_verified(&self.path)
    }

    /// What the user says about the model, in the config and beside it.
    pub fn said(&self) -> Result<Manifest, ModelError> {
        Ok(self.manifest.clone().or(Manifest::beside(&self.path).map_err(ModelError)?))
    }

    /// Whether the model, or its twin, runs on the processor at all.
    pub fn run_on_the_processor(&self) -> Result<bool, ModelError> {
        if Compiled::of(&self.content()?).is_none() {
            return Ok(true);
        }
        twin(&self.path, &self.said()?).map(|twin| twin.is_some()).map_err(ModelError)
    }

    /// The names of the classes, as far as they are known without running the model; else empty.
    pub fn class_names(&self) -> Result<Vec<String>, ModelError> {
        let name = self.path.display();
        let refuse = |why: String| ModelError(format!("read model {name}: {why}"));
        let file = read(&self.path).map_err(refuse)?;
        let format = Format::of(&self.path);
        format.verify(&file).map_err(refuse)?;
        let (_, metadata) = format.facts(&file, &self.path);
        let named = labels(self, &metadata)?;
        Ok(named.map(|(labels, _)| labels.names().to_vec()).unwrap_or_default())
    }
}

impl Model {
    /// Loads a model for what it is to run on, and finds out what it is.
    pub fn load(runtime: &Arc<Runtime>, files: &ModelFiles) -> Result<Self, ModelError> {
        let file = files.content()?;
        match Way::of(files, Compiled::of(&file).as_ref(), &files.said()?, runtime.path())? {
            Way::Here(here) if here.path == files.path => Self::of(runtime, file, &here),
            Way::Here(twin) => Self::of(runtime, twin.content()?, &twin),
            Way::There(there) => Self::on(there, runtime, files),
        }
    }

    /// Loads a verified file's content for the processor; `files.path` is its name then, and what lies beside it
    /// counts too.
    pub fn of(runtime: &Arc<Runtime>, file: Arc<[u8]>, files: &ModelFiles) -> Result<Self, ModelError> {
        let (graph, metadata) = Format::of(&files.path).facts(&file, &files.path);
        let loaded = engine::load(runtime, file, files)?;
        Self::identified(loaded, graph, &metadata, files)
    }

    /// The model on an accelerator. What it is, its twin on the processor tells.
    fn on(there: There, runtime: &Arc<Runtime>, files: &ModelFiles) -> Result<Self, ModelError> {
        let name = files.path.display().to_string();
        let refuse = |why: String| ModelError(format!("load model {name}: {why}"));
        let There { device, files: parts, twin } = there;
        let failed = |e: InferError| ModelError(e.to_string());
        let begin = |tensors, twin| {
            Accelerated::new(Arc::clone(&device), &files.name, parts.clone(), files.threads, tensors, twin)
        };
        let ready = |engine: &Accelerated| engine.wait(READY_WITHIN);
        let on = Finding {
            key: "accelerator",
            value: device.name().to_owned(),
            because: "it is asked for, or the model is compiled for it".to_owned(),
            assumed: false,
        };
        let mut model = if let Some(twin) = twin {
            let Self { engine, info } = Self::of(runtime, twin.content()?, &twin)?;
            let tensors = (info.input.clone(), info.outputs.clone());
            let twin = Twin::new(Arc::clone(runtime), twin.path, twin.threads, tensors.clone(), Some(engine))
                .map_err(failed)?;
            let engine = begin(tensors, Some(twin)).map_err(failed)?;
            if files.waits
                && let Err(why) = ready(&engine)
                && files.accelerator != Accelerator::Auto
            {
                return Err(refuse(format!("accelerator {}: {why}", device.name())));
            }
            Self { engine: Box::new(engine), info }
        } else {
            let gone = |why: &dyn std::fmt::Display| {
                refuse(format!(
                    "accelerator {}: {why}; the model has no CPU twin to start with",
                    device.name()
                ))
            };
            let (input, outputs) =
                device.probe(parts.clone(), files.threads).map_err(|fault| gone(&fault))?;
            let engine = begin((input.clone(), outputs.clone()), None).map_err(failed)?;
            ready(&engine).map_err(|why| gone(&why))?;
            // Of segments, the first shows what comes in, and the last what goes out.
            let (first, last) = (read_verified(&parts[0])?, read_verified(&parts[parts.len() - 1])?);
            let Graph { scaling, range, .. } = Graph::of(&first);
            let graph = Graph { scaling, range, ..Graph::of(&last) };
            let metadata = Metadata::of(&last, graph.metadata.clone(), &files.path);
            Self::identified(Loaded { engine: Box::new(engine), input, outputs }, graph, &metadata, files)?
        };
        model.info.findings.push(on);
        Ok(model)
    }

    /// A loaded model whose outputs are understood.
    fn identified(
        loaded: Loaded,
        graph: Graph,
        metadata: &Metadata,
        files: &ModelFiles,
    ) -> Result<Self, ModelError> {
        let name = files.path.display().to_string();
        let refuse = |why: String| ModelError(format!("load model {name}: {why}"));
        let Loaded { mut engine, input, outputs } = loaded;
        let said = files.said()?;
        let (named, from) = labels(files, metadata)?.unzip();
        let labels = named.as_ref();
        let evidence =
            Evidence { input: &input, outputs: &outputs, graph: &graph, metadata, labels, said: &said };
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

/// The content of a model's file, verified.
pub fn read_verified(path: &Path) -> Result<Arc<[u8]>, ModelError> {
    let file = read(path).and_then(|file| Format::of(path).verify(&file).map(|()| file));
    file.map_err(|why| ModelError(format!("load model {}: {why}", path.display())))
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
