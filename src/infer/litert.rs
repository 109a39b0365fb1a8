//! A LiteRT compiled model as an [`Engine`].
//!
//! Tensors live in host memory that the runtime allocates and runs on in place: preprocessing writes
//! and decoding reads the runtime's own buffers.
#![expect(unsafe_code, reason = "calls into a C library, whose handles this module owns")]

use super::api::{ACCELERATOR_CPU, ACCELERATOR_NPU, Api, Handle, Layout};
use super::handle::{Buffer, Owned, ok};
use super::library::Runtime;
use super::quiet::quietly;
use super::signature::{SIGNATURE, Tensor, Tensors, shape, takes};
use super::{Engine, InferError, InputMemory, Loaded};
use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;
use std::sync::Arc;

/// A compiled model, without memory for its tensors. Fields are dropped in order: compiled model, model, its
/// file.
pub(super) struct Compiled {
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
    pub handle: Owned,
    _model: Owned,
    _file: Arc<[u8]>,
    name: String,
}

/// A model of one input with memory for its outputs, which is dropped first.
pub(super) struct LiteRt {
    outputs: Vec<Buffer>,
    output_handles: Vec<Handle>,
    pub(super) compiled: Compiled,
}

// SAFETY: `output_handles` repeats the handles of `outputs`, which may change threads.
unsafe impl Send for LiteRt {}

/// Loads a model for the CPU, or the runtime's delegate.
///
/// `file` is a TFLite FlatBuffer that was verified, `name` says in messages whose it is, `threads` are
/// for XNNPACK.
pub fn load(
    runtime: &Arc<Runtime>,
    file: Arc<[u8]>,
    name: &str,
    threads: usize,
) -> Result<Loaded, InferError> {
    let engine = quietly(|| LiteRt::new(Compiled::new(runtime, file, name, threads, false)?))?;
    let specs = |tensors: &[Tensor]| tensors.iter().map(|(_, spec)| spec.clone()).collect::<Vec<_>>();
    let (input, outputs) = (engine.compiled.inputs[0].1.clone(), specs(&engine.compiled.outputs));
    Ok(Loaded { engine: Box::new(engine), input, outputs })
}

impl Compiled {
    /// See [`load`]; where `profiled`, the runtime has a profiler for it.
    pub fn new(
        runtime: &Arc<Runtime>,
        file: Arc<[u8]>,
        name: &str,
        threads: usize,
        profiled: bool,
    ) -> Result<Self, InferError> {
        let refused = |what: &str, status: c_int| {
            InferError::Model(format!("load model {name}: the runtime refuses {what} (status {status})"))
        };
        let model = Owned::create(runtime, runtime.api.destroy_model, |api, out| {
            // SAFETY: `file` is kept for as long as the model lives.
            unsafe {
                (api.create_model_from_buffer)(runtime.environment, file.as_ptr().cast(), file.len(), out)
            }
        })
        .map_err(|status| refused("the file", status))?;
        let Tensors { inputs, mut outputs } = Tensors::of(&runtime.api, model.handle)
            .map_err(|e| InferError::Model(format!("load model {name}: {e}")))?;

        let options = options(runtime, threads, profiled).map_err(|status| refused("its options", status))?;
        let work = || {
            let compiled = Owned::create(runtime, runtime.api.destroy_compiled_model, |api, out| {
                // SAFETY: three live handles; the model outlives what is compiled from it.
                unsafe { (api.create_compiled_model)(runtime.environment, model.handle, options.handle, out) }
            });
            compiled.map_err(|status| refused("to compile it, an operator may be unknown to it", status))
        };
        let handle = match &runtime.delegates {
            Some(delegates) => delegates.during(&runtime.api, work)?,
            None => work()?,
        };
        resolve_shapes(&runtime.api, &handle, &mut outputs).map_err(|status| {
            InferError::Model(format!("load model {name}: {}", messages(&handle, status)))
        })?;
        for (kind, spec) in &mut outputs {
            spec.shape = shape(&kind.layout).ok_or_else(|| {
                InferError::Model(format!("load model {name}: output {} has no fixed shape", spec.name))
            })?;
        }
        Ok(Self { inputs, outputs, handle, _model: model, _file: file, name: name.to_owned() })
    }

    /// Memory that the runtime makes for an output, filled with zeros.
    pub fn output_buffer(&self, index: usize) -> Result<Buffer, InferError> {
        let get = self.handle.runtime.api.output_requirements;
        self.buffer(&self.outputs[index], index, get)
    }

    fn buffer(
        &self,
        (kind, spec): &Tensor,
        index: usize,
        get: unsafe extern "C" fn(Handle, usize, usize, *mut Handle) -> c_int,
    ) -> Result<Buffer, InferError> {
        let mut requirements = null_mut();
        // SAFETY: a live handle, an index below the number of tensors and a place for the result.
        let status = unsafe { get(self.handle.handle, SIGNATURE, index, &raw mut requirements) };
        let made = match status {
            0 => Buffer::new(&self.handle.runtime, kind, requirements),
            status => Err(status),
        };
        made.map_err(|status| {
            InferError::Model(format!(
                "load model {}: the runtime gives no memory for {} (status {status})",
                self.name, spec.name
            ))
        })
    }

    /// Whether the outputs of the last run have the sizes they should: a delegate can give them others, and the
    /// runtime then leaves the memory as it was, and says nothing. `layouts` has room for as many as there are.
    pub fn check(&self, layouts: &mut [Layout]) -> Result<(), InferError> {
        let (api, handle) = (&self.handle.runtime.api, self.handle.handle);
        // SAFETY: a live handle and room for as many layouts as the count says.
        let status =
            unsafe { (api.output_layouts)(handle, SIGNATURE, layouts.len(), layouts.as_mut_ptr(), false) };
        let differs = |((kind, _), layout): &(&Tensor, &mut Layout)| {
            status != 0 || !same_dimensions(&kind.layout, layout)
        };
        match self.outputs.iter().zip(layouts).find(differs) {
            None => Ok(()),
            Some(((_, spec), _)) => Err(InferError::Run(format!(
                "run model {}: its output {} has another size than it should",
                self.name, spec.name
            ))),
        }
    }

    /// Runs it on tensors' memory: as many handles of each as there are tensors, all live, none in use.
    pub fn run(&mut self, inputs: &mut [Handle], outputs: &mut [Handle]) -> Result<(), InferError> {
        debug_assert!(inputs.len() == self.inputs.len() && outputs.len() == self.outputs.len());
        // SAFETY: live handles, as many as the counts say; nobody else touches the buffers meanwhile, which
        // the caller owns.
        let status = unsafe {
            (self.handle.runtime.api.run)(
                self.handle.handle,
                SIGNATURE,
                inputs.len(),
                inputs.as_mut_ptr(),
                outputs.len(),
                outputs.as_mut_ptr(),
            )
        };
        if status == 0 {
            return Ok(());
        }
        let said = messages(&self.handle, status);
        Err(InferError::Run(format!("run model {}: {said}", self.name)))
    }
}

impl LiteRt {
    pub(super) fn new(compiled: Compiled) -> Result<Self, InferError> {
        let (inputs, outputs) = (compiled.inputs.len(), compiled.outputs.len());
        if inputs != 1 {
            let why = takes(inputs, outputs);
            return Err(InferError::Model(format!("load model {}: {why}", compiled.name)));
        }
        let outputs: Vec<Buffer> =
            (0..outputs).map(|index| compiled.output_buffer(index)).collect::<Result<_, _>>()?;
        let output_handles = outputs.iter().map(|b| b.owned.handle).collect();
        Ok(Self { outputs, output_handles, compiled })
    }
}

impl Engine for LiteRt {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        let get = self.compiled.handle.runtime.api.input_requirements;
        Ok(Box::new(self.compiled.buffer(&self.compiled.inputs[0], 0, get)?))
    }

    fn invoke(&mut self, input: &mut dyn InputMemory) -> Result<(), InferError> {
        let Some(buffer) = input.as_any_mut().downcast_mut::<Buffer>() else {
            let name = &self.compiled.name;
            return Err(InferError::Run(format!("run model {name}: the input is another engine's")));
        };
        self.compiled.run(&mut [buffer.owned.handle], &mut self.output_handles)
    }

    fn output(&self, index: usize) -> &[u8] {
        self.outputs[index].bytes()
    }
}

fn same_dimensions(a: &Layout, b: &Layout) -> bool {
    let rank = (a.rank_and_flags & 0x7f) as usize;
    rank == (b.rank_and_flags & 0x7f) as usize && a.dimensions.get(..rank) == b.dimensions.get(..rank)
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
    said.truncate(said.trim_end_matches('.').len());
    if said.is_empty() { format!("the runtime fails with status {status}") } else { said }
}

/// Fills in the outputs' shapes, which a file need not hold (SSD post-processing).
fn resolve_shapes(api: &Api, compiled: &Owned, outputs: &mut [Tensor]) -> Result<(), c_int> {
    let mut layouts = vec![Layout::default(); outputs.len()];
    // SAFETY: a live handle and room for as many layouts as the count says.
    ok(unsafe {
        (api.output_layouts)(compiled.handle, SIGNATURE, layouts.len(), layouts.as_mut_ptr(), true)
    })?;
    for ((output, _), layout) in outputs.iter_mut().zip(layouts) {
        output.layout = layout;
    }
    Ok(())
}

/// Options for the delegate, if there is one, and the CPU with `threads` of XNNPACK, and errors kept for [`messages`].
fn options(runtime: &Arc<Runtime>, threads: usize, profiled: bool) -> Result<Owned, c_int> {
    let api = &runtime.api;
    // SAFETY: a place for the handle.
    let options =
        Owned::create(runtime, api.destroy_options, |api, out| unsafe { (api.create_options)(out) })?;
    let delegate = if runtime.delegates.is_some() { ACCELERATOR_NPU } else { 0 };
    // SAFETY: live options.
    ok(unsafe { (api.set_hardware_accelerators)(options.handle, ACCELERATOR_CPU | delegate) })?;
    add(api, &options, c"xnnpack", &format!("num_threads = {threads}\n\0"))?;
    let reports = format!("error_reporter_mode = 2\nenable_profiling = {profiled}\n\0");
    add(api, &options, c"runtime_options_string", &reports)?;
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
