//! Which engine runs a model in this process: its accelerator says so, or the format of its file.

use super::format::Format;
use super::load::{ModelError, ModelFiles};
use super::tensors::tensors;
#[cfg(not(feature = "tflitec"))]
use crate::accelerator::WITHOUT_TFLITEC;
use crate::accelerator::{Accelerator, OpenVinoChoice};
use crate::infer::{Loaded, Runtime, TensorSpec, litert, openvino};
use std::sync::Arc;

/// Loads a verified `file` with its engine; its tensors are described in full.
pub fn load(runtime: &Arc<Runtime>, file: Arc<[u8]>, files: &ModelFiles) -> Result<Loaded, ModelError> {
    let name = files.path.display().to_string();
    let choice = match (&files.accelerator, Format::of(&files.path)) {
        (Accelerator::OpenVino(choice), _) => choice.clone(),
        (Accelerator::TfLiteC, Format::TfLite) => return classic(file, files),
        (_, Format::Onnx | Format::OpenVino) => OpenVinoChoice::default(),
        (_, Format::TfLite) => {
            return litert::load(runtime, file, &name, files.threads).map_err(|e| ModelError(e.to_string()));
        }
    };
    let OpenVinoChoice { device, library } = &choice;
    let loaded = openvino::load(library.as_deref(), &files.path, &name, device, files.threads);
    let mut loaded = loaded.map_err(|e| ModelError(e.to_string()))?;
    if Format::of(&files.path) == Format::TfLite {
        scale(&mut loaded, &file);
    }
    Ok(loaded)
}

#[cfg(feature = "tflitec")]
fn classic(file: Arc<[u8]>, files: &ModelFiles) -> Result<Loaded, ModelError> {
    let name = files.path.display().to_string();
    crate::infer::tflitec::load(file, &name, files.threads).map_err(|e| ModelError(e.to_string()))
}

#[cfg(not(feature = "tflitec"))]
fn classic(_: Arc<[u8]>, files: &ModelFiles) -> Result<Loaded, ModelError> {
    Err(ModelError(format!("load model {}: {WITHOUT_TFLITEC}", files.path.display())))
}

/// Tells what quantised tensors mean, which OpenVINO does not, by the file.
fn scale(loaded: &mut Loaded, file: &[u8]) {
    let (inputs, outputs) = tensors(file).unwrap_or_default();
    let described: Vec<TensorSpec> = inputs.into_iter().chain(outputs).collect();
    for spec in loaded.outputs.iter_mut().chain([&mut loaded.input]) {
        let same = described.iter().find(|other| other.name == spec.name && other.element == spec.element);
        spec.quantization = same.and_then(|other| other.quantization);
    }
}
