//! The C functions of LiteRT 2.2 that edgecam calls, resolved when the library is loaded.
//!
//! Signatures are those of the C headers of LiteRT 2.2.0 (`litert/c/*.h`, Apache-2.0). Every function
//! returns a status, 0 for success, unless it returns nothing.

use std::ffi::{c_char, c_int, c_void};

/// An opaque LiteRT handle.
pub type Handle = *mut c_void;

/// `kLiteRtElementType…` and the shape; `litert_model_types.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RankedTensorType {
    pub element_type: c_int,
    pub layout: Layout,
}

/// 68 bytes: the rank in the low 7 bits and 'has strides' in bit 7, dimensions, strides;
/// `litert_layout.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    pub rank_and_flags: u32,
    pub dimensions: [i32; 8],
    pub strides: [u32; 8],
}

/// `litert_model_types.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PerTensorQuantization {
    pub scale: f32,
    pub zero_point: i64,
}

/// A `LiteRtAny` that holds an integer; `litert_any.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AnyInt {
    pub kind: c_int,
    pub value: i64,
}

/// `litert_environment_options.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentOption {
    pub tag: c_int,
    pub value: AnyInt,
}

/// `ProfiledEventData` of `litert_profiler_event.h`; the tag belongs to the profiler.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ProfiledEvent {
    pub tag: *const c_char,
    pub kind: c_int,
    pub started_us: u64,
    pub elapsed_us: u64,
    pub memory: [[usize; 3]; 2],
    /// Of an operator: its index in the graph, and the graph's in the file.
    pub metadata: [u64; 2],
    pub source: c_int,
}

/// The runtime's own accelerator for the processor, as far as it is read here (`LiteRtAcceleratorDef` of
/// `litert_accelerator_def.h`).
#[repr(C)]
#[derive(Debug)]
pub struct CpuAccelerator {
    /// Bytes of the whole, and its version in the upper half.
    pub header: u32,
    pub name: unsafe extern "C" fn(Handle, *mut *const c_char) -> c_int,
    pub version: unsafe extern "C" fn(Handle, *mut c_void) -> c_int,
    pub hardware: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    pub compiles: unsafe extern "C" fn(Handle, *mut bool) -> c_int,
    pub create: CreateDelegate,
}

/// [`CpuAccelerator::header`] of LiteRT 2.2.0.
pub const CPU_ACCELERATOR_HEADER: u32 = 0x0001_00c8;

/// Makes a delegate for a model that is being compiled: runtime context, environment, accelerator, options, and
/// the place for the wrapper.
pub type CreateDelegate = unsafe extern "C" fn(*mut c_void, Handle, Handle, Handle, *mut Handle) -> c_int;

/// `OPERATOR_INVOKE_EVENT`: the runtime's own kernel for an operator. What a delegate runs is of other kinds.
pub const EVENT_OPERATOR: c_int = 2;
/// `kLiteRtEnvOptionTagMinLoggerSeverity`.
pub const OPTION_MIN_LOG_SEVERITY: c_int = 25;
/// `kLiteRtEnvOptionTagAutoRegisterAccelerators`: bits of those that the runtime registers by itself.
pub const OPTION_AUTO_REGISTER: c_int = 24;
/// `kLiteRtAnyTypeInt`.
pub const ANY_INT: c_int = 2;
/// Nothing is logged.
pub const SEVERITY_SILENT: i64 = 4;
/// `kLiteRtHwAcceleratorCpu`.
pub const ACCELERATOR_CPU: c_int = 1;
/// `kLiteRtHwAcceleratorNpu`: what a plugin is registered as.
pub const ACCELERATOR_NPU: c_int = 4;
/// `kLiteRtStatusErrorRuntimeFailure`.
pub const FAILED: c_int = 3;
/// `kLiteRtQuantizationPerTensor`.
pub const QUANTIZATION_PER_TENSOR: c_int = 1;

const _: () = assert!(size_of::<Layout>() == 68);
const _: () = assert!(size_of::<PerTensorQuantization>() == 16);
const _: () = assert!(size_of::<EnvironmentOption>() == 24);
const _: () = assert!(size_of::<ProfiledEvent>() == 104);

macro_rules! api {
    ($($field:ident = $symbol:ident($($arg:ty),* $(,)?) $(-> $ret:ty)?;)*) => {
        /// Every function edgecam calls, and the library that holds them.
        #[derive(Debug)]
        pub struct Api {
            $(pub $field: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
            library: libloading::Library,
        }

        impl Api {
            /// The runtime's own accelerator for the processor, where it is of the layout that is known here.
            #[expect(unsafe_code, reason = "a symbol of a C library has no type")]
            pub fn cpu_accelerator(&self) -> Option<&CpuAccelerator> {
                // SAFETY: the symbol is a pointer to a constant of the library, which stays loaded.
                let definition = unsafe {
                    let symbol = self.library.get::<*const *const CpuAccelerator>("LiteRtStaticLinkedAcceleratorCpuDef");
                    (**symbol.ok()?).as_ref()?
                };
                (definition.header == CPU_ACCELERATOR_HEADER).then_some(definition)
            }

            /// Resolves every function, or names the first that is missing.
            #[expect(unsafe_code, reason = "symbols of a C library have no type")]
            pub fn resolve(library: libloading::Library) -> Result<Self, &'static str> {
                $(
                    // SAFETY: the signature is the one of the pinned version's header.
                    let $field = unsafe {
                        *library
                            .get::<unsafe extern "C" fn($($arg),*) $(-> $ret)?>(stringify!($symbol))
                            .map_err(|_| stringify!($symbol))?
                    };
                )*
                Ok(Self { $($field,)* library })
            }
        }
    };
}

api! {
    create_environment = LiteRtCreateEnvironment(c_int, *const EnvironmentOption, *mut Handle) -> c_int;
    destroy_environment = LiteRtDestroyEnvironment(Handle);
    create_model_from_buffer = LiteRtCreateModelFromBuffer(Handle, *const c_void, usize, *mut Handle) -> c_int;
    destroy_model = LiteRtDestroyModel(Handle);
    model_signatures = LiteRtGetNumModelSignatures(Handle, *mut usize) -> c_int;
    model_signature = LiteRtGetModelSignature(Handle, usize, *mut Handle) -> c_int;
    signature_inputs = LiteRtGetNumSignatureInputs(Handle, *mut usize) -> c_int;
    signature_outputs = LiteRtGetNumSignatureOutputs(Handle, *mut usize) -> c_int;
    signature_input = LiteRtGetSignatureInputTensorByIndex(Handle, usize, *mut Handle) -> c_int;
    signature_output = LiteRtGetSignatureOutputTensorByIndex(Handle, usize, *mut Handle) -> c_int;
    tensor_name = LiteRtGetTensorName(Handle, *mut *const c_char) -> c_int;
    ranked_tensor_type = LiteRtGetRankedTensorType(Handle, *mut RankedTensorType) -> c_int;
    quantization_type = LiteRtGetQuantizationTypeId(Handle, *mut c_int) -> c_int;
    per_tensor_quantization = LiteRtGetPerTensorQuantization(Handle, *mut PerTensorQuantization) -> c_int;
    create_options = LiteRtCreateOptions(*mut Handle) -> c_int;
    destroy_options = LiteRtDestroyOptions(Handle);
    set_hardware_accelerators = LiteRtSetOptionsHardwareAccelerators(Handle, c_int) -> c_int;
    create_opaque_options = LiteRtCreateOpaqueOptions(
        *const c_char, *mut c_void, Option<unsafe extern "C" fn(*mut c_void)>, *mut Handle) -> c_int;
    add_opaque_options = LiteRtAddOpaqueOptions(Handle, Handle) -> c_int;
    create_compiled_model = LiteRtCreateCompiledModel(Handle, Handle, Handle, *mut Handle) -> c_int;
    destroy_compiled_model = LiteRtDestroyCompiledModel(Handle);
    input_requirements = LiteRtGetCompiledModelInputBufferRequirements(Handle, usize, usize, *mut Handle) -> c_int;
    output_requirements = LiteRtGetCompiledModelOutputBufferRequirements(Handle, usize, usize, *mut Handle) -> c_int;
    output_layouts = LiteRtGetCompiledModelOutputTensorLayouts(Handle, usize, usize, *mut Layout, bool) -> c_int;
    error_messages = LiteRtCompiledModelGetErrorMessages(Handle, *mut *mut c_char) -> c_int;
    create_tensor_buffer = LiteRtCreateManagedTensorBufferFromRequirements(
        Handle, *const RankedTensorType, Handle, *mut Handle) -> c_int;
    destroy_tensor_buffer = LiteRtDestroyTensorBuffer(Handle);
    host_memory = LiteRtGetTensorBufferHostMemory(Handle, *mut *mut c_void) -> c_int;
    packed_size = LiteRtGetTensorBufferPackedSize(Handle, *mut usize) -> c_int;
    tensor_buffer_at = LiteRtCreateTensorBufferFromHostMemory(
        *const RankedTensorType, *mut c_void, usize, Option<unsafe extern "C" fn(*mut c_void)>, *mut Handle) -> c_int;
    run = LiteRtRunCompiledModel(Handle, usize, usize, *mut Handle, usize, *mut Handle) -> c_int;
    is_fully_accelerated = LiteRtCompiledModelIsFullyAccelerated(Handle, *mut bool) -> c_int;
    profiler = LiteRtCompiledModelGetProfiler(Handle, *mut Handle) -> c_int;
    start_profiler = LiteRtStartProfiler(Handle) -> c_int;
    profiler_event_count = LiteRtGetNumProfilerEvents(Handle, *mut c_int) -> c_int;
    profiler_events = LiteRtGetProfilerEvents(Handle, c_int, *mut ProfiledEvent) -> c_int;
    create_accelerator = LiteRtCreateAccelerator(*mut Handle) -> c_int;
    set_accelerator_name = LiteRtSetAcceleratorGetName(
        Handle, unsafe extern "C" fn(Handle, *mut *const c_char) -> c_int) -> c_int;
    set_accelerator_version = LiteRtSetAcceleratorGetVersion(
        Handle, unsafe extern "C" fn(Handle, *mut c_void) -> c_int) -> c_int;
    set_accelerator_hardware = LiteRtSetAcceleratorGetHardwareSupport(
        Handle, unsafe extern "C" fn(Handle, *mut c_int) -> c_int) -> c_int;
    set_accelerator_compiles = LiteRtSetIsAcceleratorDelegateResponsibleForJitCompilation(
        Handle, unsafe extern "C" fn(Handle, *mut bool) -> c_int) -> c_int;
    set_delegate_function = LiteRtSetDelegateFunction(Handle, CreateDelegate) -> c_int;
    register_accelerator = LiteRtRegisterAccelerator(
        Handle, Handle, *mut c_void, Option<unsafe extern "C" fn(*mut c_void)>) -> c_int;
    wrap_delegate = LiteRtWrapDelegate(*mut c_void, unsafe extern "C" fn(*mut c_void), *mut Handle) -> c_int;
}
