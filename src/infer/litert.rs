//! A LiteRT compiled model as an [`Engine`].
//!
//! Tensors live in host memory that the runtime allocates and runs on in place: preprocessing writes
//! and decoding reads the runtime's own buffers.
#![expect(unsafe_code, reason = "calls into a C library, whose handles this module owns")]

use super::api::{ACCELERATOR_CPU, Api, Handle, Layout, QUANTIZATION_PER_TENSOR, RankedTensorType};
use super::library::Runtime;
use super::quiet::quietly;
use super::{ElementType, Engine, InferError, InputMemory, Loaded, Quantization, TensorSpec};
use std::any::Any;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// Edgecam runs a model's first signature.
const SIGNATURE: usize = 0;

/// Room for the outputs of any model edgecam can decode.
const MAX_OUTPUTS: usize = 64;

/// A handle, destroyed when dropped; keeps the library loaded.
struct Owned {
    handle: Handle,
    destroy: unsafe extern "C" fn(Handle),
    runtime: Arc<Runtime>,
}

// SAFETY: LiteRT's objects are not tied to a thread; this one is used by its owner only.
unsafe impl Send for Owned {}

impl Owned {
    /// Calls `create` with a place for the handle; `Err` is its status.
    fn create(
        runtime: &Arc<Runtime>,
        destroy: unsafe extern "C" fn(Handle),
        create: impl FnOnce(&Api, *mut Handle) -> c_int,
    ) -> Result<Self, c_int> {
        let mut handle = null_mut();
        match create(&runtime.api, &raw mut handle) {
            0 if !handle.is_null() => Ok(Self { handle, destroy, runtime: Arc::clone(runtime) }),
            status => Err(status),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the handle came from the matching create function and is destroyed once.
        unsafe { (self.destroy)(self.handle) }
    }
}

/// A tensor's memory in the runtime.
struct Buffer {
    owned: Owned,
    memory: *mut u8,
    bytes: usize,
}

// SAFETY: `memory` belongs to `owned`, which may change threads.
unsafe impl Send for Buffer {}

impl Buffer {
    /// Memory for a tensor of type `kind` by the compiled model's requirements, filled with zeros.
    fn new(runtime: &Arc<Runtime>, kind: &RankedTensorType, requirements: Handle) -> Result<Self, c_int> {
        let owned = Owned::create(runtime, runtime.api.destroy_tensor_buffer, |api, out| {
            // SAFETY: both descriptions outlive the call, which copies them.
            unsafe { (api.create_tensor_buffer)(runtime.environment, kind, requirements, out) }
        })?;
        let (mut memory, mut bytes) = (null_mut::<c_void>(), 0);
        // SAFETY: a live buffer and places for the results.
        let status = unsafe {
            match (runtime.api.host_memory)(owned.handle, &raw mut memory) {
                0 => (runtime.api.packed_size)(owned.handle, &raw mut bytes),
                status => status,
            }
        };
        if status != 0 || memory.is_null() {
            return Err(status);
        }
        // SAFETY: the runtime allocated at least `bytes` bytes at `memory`.
        unsafe { memory.cast::<u8>().write_bytes(0, bytes) };
        Ok(Self { owned, memory: memory.cast(), bytes })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `bytes` initialised bytes that live as long as `owned`; the runtime writes them only
        // during a run, which needs the engine exclusively.
        unsafe { std::slice::from_raw_parts(self.memory, self.bytes) }
    }
}

impl InputMemory for Buffer {
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.memory, self.bytes) }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// A compiled model. Fields are dropped in order: buffers, compiled model, model, its file.
struct LiteRt {
    outputs: Vec<Buffer>,
    output_handles: Vec<Handle>,
    input_type: RankedTensorType,
    compiled: Owned,
    _model: Owned,
    _file: Arc<[u8]>,
    name: String,
}

// SAFETY: `output_handles` repeats the handles of `outputs`, which may change threads.
unsafe impl Send for LiteRt {}

/// Loads a model for the CPU.
///
/// `file` is a TFLite FlatBuffer that was verified, `name` says in messages whose it is, `threads` are
/// for XNNPACK.
pub fn load(
    runtime: &Arc<Runtime>,
    file: Arc<[u8]>,
    name: &str,
    threads: usize,
) -> Result<Loaded, InferError> {
    quietly(|| compile(runtime, file, name, threads))
}

fn compile(
    runtime: &Arc<Runtime>,
    file: Arc<[u8]>,
    name: &str,
    threads: usize,
) -> Result<Loaded, InferError> {
    let refused = |what: &str, status: c_int| {
        InferError::Model(format!("load model {name}: the runtime refuses {what} (status {status})"))
    };
    let model = Owned::create(runtime, runtime.api.destroy_model, |api, out| {
        // SAFETY: the engine keeps `file` for as long as the model lives.
        unsafe { (api.create_model_from_buffer)(runtime.environment, file.as_ptr().cast(), file.len(), out) }
    })
    .map_err(|status| refused("the file", status))?;
    let tensors = Tensors::of(&runtime.api, model.handle)
        .map_err(|e| InferError::Model(format!("load model {name}: {e}")))?;

    let options = options(runtime, threads).map_err(|status| refused("its options", status))?;
    let compiled = Owned::create(runtime, runtime.api.destroy_compiled_model, |api, out| {
        // SAFETY: three live handles; the model outlives what is compiled from it.
        unsafe { (api.create_compiled_model)(runtime.environment, model.handle, options.handle, out) }
    })
    .map_err(|status| refused("to compile it, an operator may be unknown to it", status))?;

    let mut output_types = tensors.output_types;
    resolve_shapes(&runtime.api, &compiled, &mut output_types)
        .map_err(|status| InferError::Model(format!("load model {name}: {}", messages(&compiled, status))))?;
    let mut buffers = Vec::with_capacity(output_types.len());
    let mut outputs = tensors.outputs;
    for (index, (kind, spec)) in output_types.iter().zip(&mut outputs).enumerate() {
        spec.shape = shape(&kind.layout).ok_or_else(|| {
            InferError::Model(format!("load model {name}: output {} has no fixed shape", spec.name))
        })?;
        let mut requirements = null_mut();
        // SAFETY: a live handle, an index below the number of outputs and a place for the result.
        let status = unsafe {
            (runtime.api.output_requirements)(compiled.handle, SIGNATURE, index, &raw mut requirements)
        };
        let buffer = if status == 0 { Buffer::new(runtime, kind, requirements) } else { Err(status) };
        buffers.push(buffer.map_err(|status| refused(&format!("memory for output {}", spec.name), status))?);
    }
    let engine = LiteRt {
        output_handles: buffers.iter().map(|b| b.owned.handle).collect(),
        outputs: buffers,
        input_type: tensors.input_type,
        compiled,
        _model: model,
        _file: file,
        name: name.to_owned(),
    };
    Ok(Loaded { engine: Box::new(engine), input: tensors.input, outputs })
}

impl Engine for LiteRt {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        let runtime = &self.compiled.runtime;
        let mut requirements = null_mut();
        // SAFETY: a live handle and a place for the result; there is an input 0.
        let status = unsafe {
            (runtime.api.input_requirements)(self.compiled.handle, SIGNATURE, 0, &raw mut requirements)
        };
        let buffer =
            if status == 0 { Buffer::new(runtime, &self.input_type, requirements) } else { Err(status) };
        match buffer {
            Ok(buffer) => Ok(Box::new(buffer)),
            Err(status) => Err(InferError::Model(format!(
                "load model {}: the runtime gives no memory for the input (status {status})",
                self.name
            ))),
        }
    }

    fn invoke(&mut self, input: &mut dyn InputMemory) -> Result<(), InferError> {
        let Some(buffer) = input.as_any_mut().downcast_mut::<Buffer>() else {
            return Err(InferError::Run(format!("run model {}: the input is another engine's", self.name)));
        };
        let mut inputs = [buffer.owned.handle];
        let api = &self.compiled.runtime.api;
        // SAFETY: live handles, as many as the counts say; nobody else touches the buffers meanwhile,
        // since both are borrowed exclusively.
        let status = unsafe {
            (api.run)(
                self.compiled.handle,
                SIGNATURE,
                inputs.len(),
                inputs.as_mut_ptr(),
                self.output_handles.len(),
                self.output_handles.as_mut_ptr(),
            )
        };
        if status == 0 {
            return Ok(());
        }
        let said = messages(&self.compiled, status);
        Err(InferError::Run(format!("run model {}: {said}", self.name)))
    }

    fn output(&self, index: usize) -> &[u8] {
        self.outputs[index].bytes()
    }
}

/// What the runtime reported since loading, on one line; else the status of its failure.
fn messages(compiled: &Owned, status: c_int) -> String {
    let mut text: *mut c_char = null_mut();
    // SAFETY: a live handle and a place for a string, which is the caller's to free.
    let got = unsafe { (compiled.runtime.api.error_messages)(compiled.handle, &raw mut text) };
    let mut said = String::new();
    if got == 0 && !text.is_null() {
        // SAFETY: a NUL-terminated string from malloc.
        unsafe {
            said = CStr::from_ptr(text).to_string_lossy().split_whitespace().collect::<Vec<_>>().join(" ");
            libc::free(text.cast());
        }
    }
    if said.is_empty() { format!("the runtime fails with status {status}") } else { said }
}

/// What a model's first signature takes and gives.
struct Tensors {
    input_type: RankedTensorType,
    input: TensorSpec,
    output_types: Vec<RankedTensorType>,
    outputs: Vec<TensorSpec>,
}

impl Tensors {
    fn of(api: &Api, model: Handle) -> Result<Self, String> {
        let unreadable = |status: c_int| format!("the runtime can't describe it (status {status})");
        let (mut signatures, mut signature, mut inputs, mut outputs) = (0, null_mut(), 0, 0);
        // SAFETY: a live model and places for the results.
        unsafe {
            ok((api.model_signatures)(model, &raw mut signatures)).map_err(unreadable)?;
            if signatures == 0 {
                return Err("it has no signature and no graph".to_owned());
            }
            ok((api.model_signature)(model, SIGNATURE, &raw mut signature)).map_err(unreadable)?;
            ok((api.signature_inputs)(signature, &raw mut inputs)).map_err(unreadable)?;
            ok((api.signature_outputs)(signature, &raw mut outputs)).map_err(unreadable)?;
        }
        if inputs != 1 || outputs == 0 || outputs > MAX_OUTPUTS {
            return Err(format!(
                "it has {inputs} inputs and {outputs} outputs; edgecam runs models that take one picture"
            ));
        }
        let (input_type, mut input) = tensor(api, |out| {
            // SAFETY: a live signature and a place for the result.
            unsafe { (api.signature_input)(signature, 0, out) }
        })?;
        input.shape = shape(&input_type.layout)
            .ok_or_else(|| format!("its input {} has no fixed shape", input.name))?;
        let (mut output_types, mut specs) = (Vec::with_capacity(outputs), Vec::with_capacity(outputs));
        for index in 0..outputs {
            let (kind, spec) = tensor(api, |out| {
                // SAFETY: a live signature, an index below the number of outputs, a place for the result.
                unsafe { (api.signature_output)(signature, index, out) }
            })?;
            output_types.push(kind);
            specs.push(spec);
        }
        Ok(Self { input_type, input, output_types, outputs: specs })
    }
}

/// A tensor's type and all of its description but the shape.
fn tensor(
    api: &Api,
    get: impl FnOnce(*mut Handle) -> c_int,
) -> Result<(RankedTensorType, TensorSpec), String> {
    let unreadable = |status: c_int| format!("the runtime can't describe a tensor of it (status {status})");
    let mut tensor = null_mut();
    ok(get(&raw mut tensor)).map_err(unreadable)?;
    let mut kind = RankedTensorType::default();
    let mut name: *const c_char = std::ptr::null();
    let mut quantization = 0;
    // SAFETY: a live tensor and places for the results; the name belongs to the model and is copied.
    let name = unsafe {
        ok((api.ranked_tensor_type)(tensor, &raw mut kind)).map_err(unreadable)?;
        ok((api.tensor_name)(tensor, &raw mut name)).map_err(unreadable)?;
        ok((api.quantization_type)(tensor, &raw mut quantization)).map_err(unreadable)?;
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    };
    let element = element_type(kind.element_type).ok_or_else(|| {
        format!("its tensor {name} has elements of type {}, which edgecam can't read", kind.element_type)
    })?;
    let quantization = if quantization == QUANTIZATION_PER_TENSOR {
        let mut per_tensor = super::api::PerTensorQuantization::default();
        // SAFETY: a live tensor that is quantised as a whole, and a place for the result.
        ok(unsafe { (api.per_tensor_quantization)(tensor, &raw mut per_tensor) }).map_err(unreadable)?;
        (per_tensor.scale > 0.0)
            .then_some(Quantization { scale: per_tensor.scale, zero_point: per_tensor.zero_point })
    } else {
        None
    };
    Ok((kind, TensorSpec { name, element, shape: Vec::new(), quantization }))
}

/// Fills in the outputs' shapes, which a file need not hold (SSD post-processing).
fn resolve_shapes(api: &Api, compiled: &Owned, outputs: &mut [RankedTensorType]) -> Result<(), c_int> {
    let mut layouts = vec![Layout::default(); outputs.len()];
    // SAFETY: a live handle and room for as many layouts as the count says.
    ok(unsafe {
        (api.output_layouts)(compiled.handle, SIGNATURE, layouts.len(), layouts.as_mut_ptr(), true)
    })?;
    for (output, layout) in outputs.iter_mut().zip(layouts) {
        output.layout = layout;
    }
    Ok(())
}

/// Options for the CPU with `threads` of XNNPACK, and errors kept for [`messages`].
fn options(runtime: &Arc<Runtime>, threads: usize) -> Result<Owned, c_int> {
    let api = &runtime.api;
    // SAFETY: a place for the handle.
    let options =
        Owned::create(runtime, api.destroy_options, |api, out| unsafe { (api.create_options)(out) })?;
    // SAFETY: live options.
    ok(unsafe { (api.set_hardware_accelerators)(options.handle, ACCELERATOR_CPU) })?;
    add(api, &options, c"xnnpack", &format!("num_threads = {threads}\n\0"))?;
    add(api, &options, c"runtime_options_string", "error_reporter_mode = 2\n\0")?;
    Ok(options)
}

/// Adds options in LiteRT's text form, which is TOML; `payload` ends with a NUL.
fn add(api: &Api, options: &Owned, identifier: &CStr, payload: &str) -> Result<(), c_int> {
    let mut opaque = null_mut();
    // SAFETY: `strdup` copies the NUL-terminated payload; the copy and the opaque options pass to the
    // runtime, which frees them with the given function.
    unsafe {
        let copy = libc::strdup(payload.as_ptr().cast());
        ok((api.create_opaque_options)(identifier.as_ptr(), copy.cast(), Some(libc::free), &raw mut opaque))?;
        ok((api.add_opaque_options)(options.handle, opaque))
    }
}

/// The dimensions, or `None` when one is not known.
fn shape(layout: &Layout) -> Option<Vec<usize>> {
    let rank = (layout.rank_and_flags & 0x7f) as usize;
    let dimensions = layout.dimensions.get(..rank)?;
    dimensions.iter().map(|&d| usize::try_from(d).ok().filter(|&d| d > 0)).collect()
}

/// `kLiteRtElementType…`, `litert_model_types.h`.
fn element_type(id: c_int) -> Option<ElementType> {
    Some(match id {
        1 => ElementType::F32,
        2 => ElementType::I32,
        3 => ElementType::U8,
        4 => ElementType::I64,
        7 => ElementType::I16,
        9 => ElementType::I8,
        10 => ElementType::F16,
        _ => return None,
    })
}

fn ok(status: c_int) -> Result<(), c_int> {
    if status == 0 { Ok(()) } else { Err(status) }
}
