//! TensorFlow Lite's classic C library as an [`Engine`], through the crate `tflitec`, for who has to run that very
//! library: it is linked when edgecam is built, and its kernels are slower than LiteRT's.
//!
//! The crate writes inputs by copying, so an input is memory of ours; outputs are read in place.
#![expect(unsafe_code, reason = "tensors and interpreter borrow from what is kept beside them")]

use super::quiet::quietly;
use super::{ElementType, Engine, InferError, InputMemory, Loaded, Quantization, TensorSpec};
use std::any::Any;
use std::sync::Arc;
use tflitec::interpreter::{Interpreter, Options};
use tflitec::model::Model;
use tflitec::tensor::{DataType, Tensor};

/// A model and its interpreter, where tensors can borrow from them.
struct Parts {
    interpreter: *mut Interpreter<'static>,
    model: *mut Model<'static>,
    _file: Arc<[u8]>,
}

/// An interpreter with its tensors, which are dropped before it.
struct TfLiteC {
    input: Tensor<'static>,
    outputs: Vec<Tensor<'static>>,
    parts: Parts,
    name: String,
}

// SAFETY: the library's objects are not tied to a thread; these are used by their one owner.
unsafe impl Send for TfLiteC {}

/// An input's bytes.
struct Memory(Box<[u8]>);

/// Loads a model. `file` is a TFLite FlatBuffer that was verified, `name` says in messages whose it is.
pub fn load(file: Arc<[u8]>, name: &str, threads: usize) -> Result<Loaded, InferError> {
    quietly(|| open(file, name, threads)).map_err(|why| {
        InferError::Model(format!(
            "load model {name} with TensorFlow Lite {}: {why}",
            tflitec::tf_lite_version()
        ))
    })
}

fn open(file: Arc<[u8]>, name: &str, threads: usize) -> Result<Loaded, String> {
    let parts = Parts::new(file, threads)?;
    // SAFETY: the interpreter lives as long as `parts`, which is dropped after all that borrows from this.
    let interpreter: &'static Interpreter<'static> = unsafe { &*parts.interpreter };
    let (inputs, outputs) = (interpreter.input_tensor_count(), interpreter.output_tensor_count());
    if inputs != 1 || outputs == 0 {
        return Err(format!(
            "it has {inputs} inputs and {outputs} outputs; edgecam runs models that take one picture"
        ));
    }
    let input = interpreter.input(0).map_err(|e| e.to_string())?;
    let outputs: Vec<_> =
        (0..outputs).map(|i| interpreter.output(i)).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let (input_spec, output_specs) = (spec(&input)?, outputs.iter().map(spec).collect::<Result<_, _>>()?);
    let engine = Box::new(TfLiteC { input, outputs, parts, name: name.to_owned() });
    Ok(Loaded { engine, input: input_spec, outputs: output_specs })
}

impl Parts {
    /// An interpreter whose tensors have their memory.
    fn new(file: Arc<[u8]>, threads: usize) -> Result<Self, String> {
        // SAFETY: the bytes live as long as `_file`, which is dropped after the model, and nobody changes them.
        let bytes: &'static [u8] = unsafe { std::slice::from_raw_parts(file.as_ptr(), file.len()) };
        let model = Box::into_raw(Box::new(Model::from_bytes(bytes).map_err(|e| e.to_string())?));
        let mut parts = Self { interpreter: std::ptr::null_mut(), model, _file: file };
        let options = Options { thread_count: threads as i32 };
        // SAFETY: the model was just made, and is dropped after the interpreter.
        let interpreter = Interpreter::new(unsafe { &*parts.model }, Some(options));
        let interpreter = interpreter.map_err(|e| format!("{e}; an operator may be unknown to it"))?;
        interpreter.allocate_tensors().map_err(|e| e.to_string())?;
        parts.interpreter = Box::into_raw(Box::new(interpreter));
        Ok(parts)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // SAFETY: each came from a box, or is null; what borrows from them is gone, the interpreter before the model.
        unsafe {
            if !self.interpreter.is_null() {
                drop(Box::from_raw(self.interpreter));
            }
            drop(Box::from_raw(self.model));
        }
    }
}

fn spec(tensor: &Tensor<'_>) -> Result<TensorSpec, String> {
    let element = match tensor.data_type() {
        DataType::Float32 => ElementType::F32,
        DataType::Float16 => ElementType::F16,
        DataType::UInt8 => ElementType::U8,
        DataType::Int8 => ElementType::I8,
        DataType::Int16 => ElementType::I16,
        DataType::Int32 => ElementType::I32,
        DataType::Int64 => ElementType::I64,
        other => {
            return Err(format!(
                "its tensor {} has elements of type {other:?}, which edgecam can't read",
                tensor.name()
            ));
        }
    };
    let quantization = tensor
        .quantization_parameters()
        .map(|q| Quantization { scale: q.scale, zero_point: i64::from(q.zero_point) });
    Ok(TensorSpec {
        name: tensor.name().to_owned(),
        element,
        shape: tensor.shape().dimensions().clone(),
        quantization,
    })
}

impl InputMemory for Memory {
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Engine for TfLiteC {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        Ok(Box::new(Memory(vec![0; self.input.data::<u8>().len()].into())))
    }

    fn invoke(&mut self, input: &mut dyn InputMemory) -> Result<(), InferError> {
        let Some(Memory(bytes)) = input.as_any_mut().downcast_ref() else {
            return Err(InferError::Run(format!("run model {}: the input is another engine's", self.name)));
        };
        // SAFETY: the interpreter lives as long as `parts`.
        let interpreter = unsafe { &*self.parts.interpreter };
        let ran = self.input.set_data(bytes).and_then(|()| interpreter.invoke());
        ran.map_err(|e| InferError::Run(format!("run model {}: {e}", self.name)))
    }

    fn output(&self, index: usize) -> &[u8] {
        self.outputs[index].data()
    }
}
