//! OpenVINO as an [`Engine`]: TFLite and ONNX files and its own IR, on the devices it has.
//!
//! Nothing of OpenVINO is linked: its C library is loaded when the first such model is. Tensors are
//! OpenVINO's own memory, written and read in place.

mod library;
mod ports;

use super::quiet::quietly;
use super::{Engine, InferError, InputMemory, Loaded, TensorSpec};
use library::Library;
use openvino::{
    CompiledModel, Core, DeviceType, InferRequest, InferenceError, Model, RwPropertyKey as Key, Tensor,
};
use std::any::Any;
use std::borrow::Cow;
use std::path::Path;

/// The device that every OpenVINO has.
const CPU: &str = "CPU";

/// A compiled model with its one request.
struct OpenVino {
    outputs: Vec<Tensor>,
    request: InferRequest,
    compiled: CompiledModel,
    name: String,
}

/// An input tensor's memory.
struct Memory(Tensor);

/// Loads the model in the file `path` for `device`, as OpenVINO names devices: `CPU`, `GPU.0`, `MYRIAD`.
///
/// `library` is OpenVINO's C library or its folder, looked for where absent; `name` says in messages whose
/// model it is, `threads` are for the CPU. Quantised tensors come without their scale.
pub fn load(
    library: Option<&Path>,
    path: &Path,
    name: &str,
    device: &str,
    threads: usize,
) -> Result<Loaded, InferError> {
    let (engine, input, outputs) = quietly(|| {
        let library = Library::load(library)?;
        compile(&library, path, name, device, threads).map_err(|why| {
            InferError::Model(format!("load model {name} with OpenVINO {}: {why}", library.version))
        })
    })?;
    Ok(Loaded { engine: Box::new(engine), input, outputs })
}

/// The engine, its input and its outputs.
fn compile(
    library: &Library,
    path: &Path,
    name: &str,
    device: &str,
    threads: usize,
) -> Result<(OpenVino, TensorSpec, Vec<TensorSpec>), String> {
    let file = path.to_str().ok_or("the name of its file is not UTF-8")?;
    if device.contains('\0') || file.contains('\0') {
        return Err("a name holds a NUL".to_owned());
    }
    std::fs::File::open(path).map_err(|e| e.to_string())?;
    // `Core::new` refuses versions before 2025.1 for their element types, which `ports` knows.
    let mut core = Core::new_with_config("").map_err(|e| e.to_string())?;
    // Weights of an IR are in the file beside it.
    let mut model = core.read_model_from_file(file, "").map_err(|e| sentence(&e))?;
    let (input, outputs) = ports::describe(library, &mut model)?;
    let mut compiled = compile_for(&mut core, &model, device, threads)?;
    let unready = |e: InferenceError| format!("it can't get ready to run: {}", sentence(&e));
    let request = compiled.create_infer_request().map_err(unready)?;
    let tensors = (0..outputs.len()).map(|i| request.get_output_tensor_by_index(i));
    let tensors: Vec<_> = tensors.collect::<Result<_, _>>().map_err(unready)?;
    for (tensor, spec) in tensors.iter().zip(&outputs) {
        let bytes = tensor.get_raw_data().map_err(unready)?.len();
        if bytes != spec.bytes() {
            return Err(format!("its tensor {} has {bytes} bytes, not {}", spec.name, spec.bytes()));
        }
    }
    Ok((OpenVino { outputs: tensors, request, compiled, name: name.to_owned() }, input, outputs))
}

/// Compiles a model for one picture after the other; on the CPU with all of a float's precision, of which ARM
/// and some Intel processors would take half, and with a quantised model's own rounding, which takes longer than
/// OpenVINO's but gives about what LiteRT does.
fn compile_for(
    core: &mut Core,
    model: &Model,
    device: &str,
    threads: usize,
) -> Result<CompiledModel, String> {
    const AS_QUANTISED: Key = Key::Other(Cow::Borrowed("LP_TRANSFORMS_MODE"));
    if device == CPU {
        let threads = threads.to_string();
        let properties = [
            (Key::NumStreams, "1"),
            (Key::InferenceNumThreads, threads.as_str()),
            (Key::HintInferencePrecision, "f32"),
        ];
        core.set_properties(&DeviceType::CPU, properties).map_err(|e| sentence(&e))?;
        // Not in every version's list of properties; without it results differ a little more.
        let _ = core.set_property(&DeviceType::CPU, &AS_QUANTISED, "NO");
    }
    let refused = match core.compile_model(model, device.into()) {
        Ok(compiled) => return Ok(compiled),
        Err(e) => sentence(&e),
    };
    let devices = core.available_devices().unwrap_or_default();
    let devices: Vec<&str> = devices.iter().map(AsRef::as_ref).collect();
    Err(if absent(device, &devices) {
        format!("there is no device {device}; it sees {}", devices.join(", "))
    } else {
        format!("the device {device} refuses it: {refused}")
    })
}

/// Whether a device is not among those that are there. `AUTO` and `HETERO:GPU,CPU` are none themselves.
fn absent(device: &str, there: &[&str]) -> bool {
    let is_one = !device.contains(':') && !matches!(device, "AUTO" | "HETERO" | "MULTI" | "BATCH");
    // `GPU` is `GPU.0` where there are two.
    let family = |name: &str| name.split('.').next() == Some(device);
    is_one && !there.iter().any(|name| *name == device || family(name))
}

impl InputMemory for Memory {
    fn bytes_mut(&mut self) -> &mut [u8] {
        // Was read when it was made, and stays where it is.
        self.0.get_raw_data_mut().unwrap_or_default()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Engine for OpenVino {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        // A request's own tensor has the device's alignment; it outlives the request.
        let tensor = self.compiled.create_infer_request().and_then(|request| request.get_input_tensor());
        let filled = tensor.and_then(|mut tensor| {
            tensor.get_raw_data_mut()?.fill(0);
            Ok(tensor)
        });
        match filled {
            Ok(tensor) => Ok(Box::new(Memory(tensor))),
            Err(e) => Err(InferError::Run(format!("make an input of model {}: {}", self.name, sentence(&e)))),
        }
    }

    fn invoke(&mut self, input: &mut dyn InputMemory) -> Result<(), InferError> {
        let Some(Memory(tensor)) = input.as_any_mut().downcast_ref() else {
            return Err(InferError::Run(format!("run model {}: the input is another engine's", self.name)));
        };
        let ran = self.request.set_input_tensor(tensor).and_then(|()| self.request.infer());
        ran.map_err(|e| InferError::Run(format!("run model {}: {}", self.name, sentence(&e))))
    }

    fn output(&self, index: usize) -> &[u8] {
        // As the input's.
        self.outputs[index].get_raw_data().unwrap_or_default()
    }
}

/// The last line of a message, which is the reason, behind those of where in OpenVINO it arose.
fn sentence(e: &InferenceError) -> String {
    let Some(message) = &e.message else { return e.kind.to_string() };
    if message.contains("Unable to read the model") {
        return "it is damaged, or in no format that OpenVINO reads".to_owned();
    }
    let mut lines = message.lines().map(|line| line.trim().trim_end_matches('.'));
    lines.rfind(|line| !line.is_empty()).map_or_else(|| e.kind.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_family() {
        assert!(!absent("GPU", &["CPU", "GPU.0", "GPU.1"]));
        assert!(!absent("MYRIAD", &["CPU", "MYRIAD.1.2-ma2480"]));
        assert!(absent("MYRIAD", &["CPU"]));
        assert!(!absent("HETERO:GPU,CPU", &["CPU"]));
    }

    #[test]
    fn the_last_line_is_the_reason() {
        let message = "Exception from src/core.cpp:84:\nCheck 'x' failed at y:221:\nNo translator found for Z node.\n\n";
        let error = |message| InferenceError { kind: openvino::InferenceErrorKind::GeneralError, message };
        assert_eq!(sentence(&error(Some(message.to_owned()))), "No translator found for Z node");
        assert_eq!(sentence(&error(None)), "general error");
    }
}
