//! What a model takes and gives, as the runtime describes it.
#![expect(unsafe_code, reason = "calls into a C library on live handles")]

use super::api::{Api, Handle, Layout, PerTensorQuantization, QUANTIZATION_PER_TENSOR, RankedTensorType};
use super::handle::ok;
use super::{ElementType, Quantization, TensorSpec};
use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

/// Edgecam runs a model's first signature.
pub const SIGNATURE: usize = 0;

/// Room for the inputs or outputs of any model edgecam can run.
const MOST: usize = 64;

/// A tensor's type as the runtime has it, and its description.
pub type Tensor = (RankedTensorType, TensorSpec);

/// What a model's first signature takes and gives.
pub struct Tensors {
    pub inputs: Vec<Tensor>,
    /// Their shapes are not known before the model is compiled.
    pub outputs: Vec<Tensor>,
}

impl Tensors {
    pub fn of(api: &Api, model: Handle) -> Result<Self, String> {
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
        if inputs == 0 || outputs == 0 || inputs.max(outputs) > MOST {
            return Err(takes(inputs, outputs));
        }
        let input = |index| {
            let (kind, mut spec) = tensor(api, |out| {
                // SAFETY: a live signature, an index below the number of inputs, a place for the result.
                unsafe { (api.signature_input)(signature, index, out) }
            })?;
            spec.shape =
                shape(&kind.layout).ok_or_else(|| format!("its input {} has no fixed shape", spec.name))?;
            Ok((kind, spec))
        };
        let output = |index| {
            tensor(api, |out| {
                // SAFETY: a live signature, an index below the number of outputs, a place for the result.
                unsafe { (api.signature_output)(signature, index, out) }
            })
        };
        Ok(Self {
            inputs: (0..inputs).map(input).collect::<Result<_, String>>()?,
            outputs: (0..outputs).map(output).collect::<Result<_, String>>()?,
        })
    }
}

/// Why a model with so many tensors is of no use.
pub fn takes(inputs: usize, outputs: usize) -> String {
    format!("it has {inputs} inputs and {outputs} outputs; edgecam runs models that take one picture")
}

/// A tensor's type and all of its description but the shape.
fn tensor(api: &Api, get: impl FnOnce(*mut Handle) -> c_int) -> Result<Tensor, String> {
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
        let mut per_tensor = PerTensorQuantization::default();
        // SAFETY: a live tensor that is quantised as a whole, and a place for the result.
        ok(unsafe { (api.per_tensor_quantization)(tensor, &raw mut per_tensor) }).map_err(unreadable)?;
        (per_tensor.scale > 0.0)
            .then_some(Quantization { scale: per_tensor.scale, zero_point: per_tensor.zero_point })
    } else {
        None
    };
    Ok((kind, TensorSpec { name, element, shape: Vec::new(), quantization }))
}

/// The dimensions, or `None` when one is not known.
pub fn shape(layout: &Layout) -> Option<Vec<usize>> {
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
