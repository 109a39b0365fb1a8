//! The C structs between TensorFlow Lite and a delegate, as far as this one needs them.
//!
//! Source: `tflite/core/c/common.h` of LiteRT 2.2 (the same since TensorFlow Lite 2.17), 64 bit.

use std::ffi::{c_char, c_int, c_void};

/// `TfLiteStatus`.
pub type Status = c_int;
/// `kTfLiteOk`.
pub const OK: Status = 0;
/// `kTfLiteError`.
pub const ERROR: Status = 1;
/// `kTfLiteDelegateFlagsAllowDynamicTensors`: the graph is not prepared before the delegate sees it.
pub const ALLOW_DYNAMIC_TENSORS: i64 = 1;
/// `kTfLiteBuiltinCustom`.
pub const CUSTOM: i32 = 32;
/// `kTfLiteMmapRo`: a constant of the file.
pub const CONSTANT: c_int = 1;
/// `kTfLiteDynamic`: memory of the heap, which resizing allocates anew.
pub const DYNAMIC: c_int = 4;
/// `kTfLiteFloat32`.
pub const FLOAT32: c_int = 1;
/// `kTfLiteFloat16`.
pub const FLOAT16: c_int = 10;

/// `TfLiteIntArray`: `size` integers follow, as many of them as are declared here.
#[repr(C)]
pub struct IntArray<const N: usize = 0> {
    pub size: c_int,
    pub data: [c_int; N],
}

/// `TfLiteTensor`.
#[repr(C)]
pub struct Tensor {
    pub kind: c_int,
    pub data: *mut u8,
    pub dims: *mut IntArray,
    pub params: [u32; 2],
    pub allocation_type: c_int,
    pub bytes: usize,
    pub allocation: *const c_void,
    pub name: *const c_char,
    pub delegate: *mut Delegate,
    pub buffer_handle: c_int,
    pub data_is_stale: bool,
    pub is_variable: bool,
    pub quantization: Quantization,
    pub sparsity: *mut c_void,
    pub dims_signature: *const IntArray,
}

/// `TfLiteQuantization`.
#[repr(C)]
pub struct Quantization {
    pub kind: c_int,
    pub params: *mut c_void,
}

/// `TfLiteNode`.
#[repr(C)]
pub struct Node {
    pub inputs: *mut IntArray,
    pub outputs: *mut IntArray,
    pub intermediates: *mut IntArray,
    pub temporaries: *mut IntArray,
    pub user_data: *mut c_void,
    pub builtin_data: *mut c_void,
    pub custom_initial_data: *const c_void,
    pub custom_initial_data_size: c_int,
    pub delegate: *mut Delegate,
    pub might_have_side_effect: bool,
}

/// `TfLiteContext`. What this delegate does not call has no type.
#[repr(C)]
pub struct Context {
    pub tensors_size: usize,
    pub get_execution_plan: unsafe extern "C" fn(*mut Context, *mut *mut IntArray) -> Status,
    pub tensors: *mut Tensor,
    pub implementation: *mut c_void,
    pub resize_tensor: unsafe extern "C" fn(*mut Context, *mut Tensor, *mut IntArray) -> Status,
    pub report_error: unsafe extern "C" fn(*mut Context, *const c_char, ...),
    pub add_tensors: *const c_void,
    pub get_node_and_registration:
        unsafe extern "C" fn(*mut Context, c_int, *mut *mut Node, *mut *mut Registration) -> Status,
    pub replace_node_subsets:
        unsafe extern "C" fn(*mut Context, Registration, *const IntArray, *mut Delegate) -> Status,
    pub recommended_num_threads: c_int,
    pub external_contexts: [*const c_void; 2],
    pub allow_fp32_relax_to_fp16: bool,
    pub profiler: *mut c_void,
    pub buffers: [*const c_void; 4],
    pub unused: [*const c_void; 7],
}

/// `TfLiteRegistration`.
#[repr(C)]
pub struct Registration {
    pub init: Option<unsafe extern "C" fn(*mut Context, *const c_char, usize) -> *mut c_void>,
    pub free: Option<unsafe extern "C" fn(*mut Context, *mut c_void)>,
    pub prepare: Option<unsafe extern "C" fn(*mut Context, *mut Node) -> Status>,
    pub invoke: Option<unsafe extern "C" fn(*mut Context, *mut Node) -> Status>,
    pub profiling_string: *const c_void,
    pub builtin_code: i32,
    pub custom_name: *const c_char,
    pub version: c_int,
    pub external: *mut c_void,
    pub async_kernel: *const c_void,
    pub inplace_operator: u64,
}

/// `TfLiteDelegate`.
#[repr(C)]
pub struct Delegate {
    pub data: *mut c_void,
    pub prepare: Option<unsafe extern "C" fn(*mut Context, *mut Delegate) -> Status>,
    pub buffer_handles: [*const c_void; 3],
    pub flags: i64,
    pub opaque_delegate_builder: *mut c_void,
}

const _: () = assert!(size_of::<IntArray>() == 4);
const _: () = assert!(size_of::<Tensor>() == 112);
const _: () = assert!(size_of::<Node>() == 80);
const _: () = assert!(size_of::<Context>() == 200);
const _: () = assert!(size_of::<Registration>() == 88);
const _: () = assert!(size_of::<Delegate>() == 56);
