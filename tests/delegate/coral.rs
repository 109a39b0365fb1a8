//! A delegate that plays a Coral: it claims what the Edge TPU's compiler made, and answers from a recording
//! or as badly as a control file says. For tests; never shipped.
//!
//! Options: `device` (`usb:0`), `recording` (files, separated by `:`), `control` (a file, see `control.rs`);
//! where an option is absent, the environment's `CORAL_DEVICE`, `CORAL_RECORDING`, `CORAL_CONTROL`. `Performance`
//! is traced; others are accepted, as by libedgetpu. `CORAL_RUNTIME_VERSION` and `CORAL_COMPILER` are what
//! `edgetpu_version` reports, and `CORAL_FIRMWARE_OF` a machine whose Corals get firmware, see `firmware.rs`.
#![expect(unsafe_code, reason = "a plugin is called through C, with C's structs")]

mod abi;
mod control;
mod firmware;
#[expect(dead_code, reason = "a recording is written by the tests")]
mod recording;
mod trace;

use abi::{Context, Delegate, IntArray, Node, Registration, Status, Tensor};
use control::{Command, Control, Moment};
use recording::Recording;
use std::collections::HashMap;
use std::env;
use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::slice;
use std::sync::OnceLock;
use std::time::Duration;

/// The custom operator that stands for what runs on an Edge TPU.
const OPERATOR: &CStr = c"edgetpu-custom-op";

/// What a delegate of this library has in its `data`.
struct Coral {
    control: Control,
    recording: Recording,
}

/// A delegate, or null and a reason told to `report_error`.
///
/// # Safety
/// As the plugin interface says: `count` keys and values, each a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tflite_plugin_create_delegate(
    keys: *const *const c_char,
    values: *const *const c_char,
    count: usize,
    report_error: Option<unsafe extern "C" fn(*const c_char)>,
) -> *mut Delegate {
    // SAFETY: the caller gives `count` C strings each.
    let options = unsafe { options(keys, values, count) };
    match create(&options) {
        Ok(coral) => Box::into_raw(Box::new(Delegate {
            data: Box::into_raw(Box::new(coral)).cast(),
            prepare: Some(prepare),
            buffer_handles: [null(); 3],
            flags: abi::ALLOW_DYNAMIC_TENSORS,
            opaque_delegate_builder: null_mut(),
        })),
        Err(reason) => {
            if let (Some(report), Ok(reason)) = (report_error, CString::new(reason)) {
                // SAFETY: a C string that lives through the call.
                unsafe { report(reason.as_ptr()) };
            }
            null_mut()
        }
    }
}

/// Frees a delegate.
///
/// # Safety
/// `delegate` came from this library and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tflite_plugin_destroy_delegate(delegate: *mut Delegate) {
    if delegate.is_null() {
        return;
    }
    // SAFETY: both boxes were made at creation.
    let coral = unsafe { Box::from_raw(Box::from_raw(delegate).data.cast::<Coral>()) };
    coral.control.trace("destroy");
}

/// The version as libedgetpu tells it.
#[unsafe(no_mangle)]
pub extern "C" fn edgetpu_version() -> *const c_char {
    static VERSION: OnceLock<CString> = OnceLock::new();
    let version = VERSION.get_or_init(|| {
        let number = env::var("CORAL_RUNTIME_VERSION").unwrap_or_else(|_| "14".to_owned());
        let compiler = env::var("CORAL_COMPILER").unwrap_or_else(|_| "12.2.0".to_owned());
        let text =
            format!("BuildLabel(COMPILER={compiler},DATE=redacted,TIME=redacted), RuntimeVersion({number})");
        CString::new(text).unwrap_or_default()
    });
    version.as_ptr()
}

fn create(options: &HashMap<String, String>) -> Result<Coral, String> {
    let option = |name: &str| {
        let variable = || env::var(format!("CORAL_{}", name.to_uppercase())).ok();
        options.get(name).cloned().or_else(variable)
    };
    let device = option("device").unwrap_or_else(|| "any".to_owned());
    let control = Control::new(option("control").map(Into::into), device.clone());
    control.trace("create");
    if let Some(machine) = env::var_os("CORAL_FIRMWARE_OF") {
        let place = firmware::load(Path::new(&machine), &device).ok_or("device not found")?;
        control.trace(&format!("open-{place}"));
    }
    if let Some(performance) = options.get("Performance") {
        control.trace(&format!("performance-{performance}"));
    }
    match control.command(Moment::Creation)? {
        Command::FailCreate(reason) => return Err(reason),
        Command::Vanish => return Err("device not found".to_owned()),
        _ => {}
    }
    let mut recording = Recording::default();
    for file in option("recording").iter().flat_map(|files| files.split(':')) {
        recording.read(Path::new(file)).map_err(|e| format!("read recording {file}: {e}"))?;
    }
    Ok(Coral { control, recording })
}

/// Claims the graph's nodes of the Edge TPU.
unsafe extern "C" fn prepare(context: *mut Context, delegate: *mut Delegate) -> Status {
    // SAFETY: the runtime passes a live context; plan, nodes and registrations are its own and live on.
    unsafe {
        let mut plan = null_mut();
        if ((*context).get_execution_plan)(context, &raw mut plan) != abi::OK {
            return abi::ERROR;
        }
        // `TfLiteIntArray`: the size, then the numbers.
        let mut claimed: Vec<c_int> = vec![0];
        for &index in integers(plan) {
            let (mut node, mut registration) = (null_mut(), null_mut());
            let get = (*context).get_node_and_registration;
            if get(context, index, &raw mut node, &raw mut registration) != abi::OK {
                return abi::ERROR;
            }
            let (code, name) = ((*registration).builtin_code, (*registration).custom_name);
            if code == abi::CUSTOM && !name.is_null() && CStr::from_ptr(name) == OPERATOR {
                claimed.push(index);
            }
        }
        claimed[0] = claimed.len() as c_int - 1;
        ((*context).replace_node_subsets)(context, kernel(), claimed.as_ptr().cast(), delegate)
    }
}

fn kernel() -> Registration {
    Registration {
        init: None,
        free: None,
        prepare: None,
        invoke: Some(invoke),
        profiling_string: null(),
        builtin_code: 0,
        custom_name: c"coral".as_ptr(),
        version: 1,
        external: null_mut(),
        async_kernel: null(),
        inplace_operator: 0,
    }
}

unsafe extern "C" fn invoke(context: *mut Context, node: *mut Node) -> Status {
    // SAFETY: the runtime passes a live context and a node of this delegate, whose tensors are its indices.
    let answered = unsafe {
        let coral = &*(*(*node).delegate).data.cast::<Coral>();
        answer(coral, context, &*node)
    };
    let Err(reason) = answered else { return abi::OK };
    let reason = CString::new(reason).unwrap_or_default();
    // SAFETY: a format for one C string, and that.
    unsafe { ((*context).report_error)(context, c"%s".as_ptr(), reason.as_ptr()) };
    abi::ERROR
}

/// Plays the command of the moment, or writes the recorded outputs.
///
/// # Safety
/// The context is live and the node is its own.
unsafe fn answer(coral: &Coral, context: *mut Context, node: &Node) -> Result<(), String> {
    let command = coral.control.command(Moment::Invocation)?;
    match command {
        Command::Fail => return Err("the accelerator failed as told".to_owned()),
        Command::Vanish => return Err("device not found".to_owned()),
        Command::Hang => hang(),
        // SAFETY: not sound, as ordered: a write to null.
        Command::Segfault => unsafe {
            libc::memset(std::hint::black_box(null_mut()), 1, 1);
        },
        Command::Abort => std::process::abort(),
        Command::Slow(late) => std::thread::sleep(late),
        _ => {}
    }
    // SAFETY: the indices of a node are below the context's number of tensors.
    let tensors = |indices: *const IntArray| unsafe {
        integers(indices).iter().filter_map(move |&i| Some((*context).tensors.add(usize::try_from(i).ok()?)))
    };
    let inputs: Vec<&[u8]> = tensors(node.inputs)
        // SAFETY: allocated tensors, which nobody writes meanwhile.
        .map(|tensor| unsafe { &*tensor })
        .filter(|tensor| tensor.allocation_type != abi::CONSTANT && !tensor.data.is_null())
        // SAFETY: as above.
        .map(|tensor| unsafe { slice::from_raw_parts(tensor.data, tensor.bytes) })
        .collect();
    // SAFETY: tensors of the context.
    let sizes: Vec<usize> = tensors(node.outputs).map(|tensor| unsafe { (*tensor).bytes }).collect();
    let answer = coral.recording.find(&inputs, &sizes).ok_or_else(|| {
        let bytes = inputs.iter().map(|input| input.len()).sum::<usize>();
        format!("no recording has {bytes} bytes of input and outputs of {sizes:?} bytes")
    })?;
    for (tensor, recorded) in tensors(node.outputs).zip(answer.outputs) {
        // SAFETY: an output of the node, as many bytes as `find` looked for.
        unsafe { give(context, tensor, recorded, &command)? };
    }
    match command {
        Command::Good | Command::Slow(_) if answer.known => coral.control.trace("answer"),
        Command::Good | Command::Slow(_) => coral.control.trace("unknown"),
        _ => {}
    }
    Ok(())
}

/// Writes an output, or less or more or other than that.
///
/// # Safety
/// `tensor` is one of the context's and has as many bytes as were recorded.
unsafe fn give(
    context: *mut Context,
    tensor: *mut Tensor,
    recorded: &[u8],
    command: &Command,
) -> Result<(), String> {
    // SAFETY: see above; a shape of one dimension for the resizing, which copies it.
    unsafe {
        if *command == Command::WrongSize {
            resize(context, tensor, 2 * recorded.len())?;
        }
        if (*tensor).data.is_null() {
            return Err("an output has no memory".to_owned());
        }
        let memory = slice::from_raw_parts_mut((*tensor).data, recorded.len().min((*tensor).bytes));
        let written = if *command == Command::Short { memory.len() / 2 } else { memory.len() };
        memory[..written].copy_from_slice(&recorded[..written]);
        if *command == Command::Nan && matches!((*tensor).kind, abi::FLOAT32 | abi::FLOAT16) {
            memory.fill(0xff);
        }
    }
    Ok(())
}

/// Gives a tensor `bytes` bytes of memory of its own, in a shape of one dimension.
///
/// # Safety
/// `tensor` is one of the context's, of single bytes.
unsafe fn resize(context: *mut Context, tensor: *mut Tensor, bytes: usize) -> Result<(), String> {
    // SAFETY: see above; the runtime frees the shape with `free`.
    unsafe {
        let shape = libc::malloc(size_of::<IntArray<1>>()).cast::<IntArray<1>>();
        if shape.is_null() {
            return Err("no memory".to_owned());
        }
        shape.write(IntArray { size: 1, data: [c_int::try_from(bytes).unwrap_or(c_int::MAX)] });
        // Else the runtime keeps the old, smaller memory.
        (*tensor).allocation_type = abi::DYNAMIC;
        (*tensor).data = null_mut();
        match ((*context).resize_tensor)(context, tensor, shape.cast()) {
            abi::OK => Ok(()),
            status => Err(format!("the runtime refuses another size (status {status})")),
        }
    }
}

fn hang() -> ! {
    // SAFETY: ignoring a signal has no precondition.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// # Safety
/// `array` is a live `TfLiteIntArray`.
unsafe fn integers<'a>(array: *const IntArray) -> &'a [c_int] {
    // SAFETY: `size` numbers follow the size.
    unsafe { slice::from_raw_parts((&raw const (*array).data).cast(), (*array).size.max(0) as usize) }
}

/// # Safety
/// `count` keys and values, each a C string.
unsafe fn options(
    keys: *const *const c_char,
    values: *const *const c_char,
    count: usize,
) -> HashMap<String, String> {
    // SAFETY: see above.
    let text = |strings: *const *const c_char, index: usize| unsafe {
        CStr::from_ptr(*strings.add(index)).to_string_lossy().into_owned()
    };
    (0..count).map(|index| (text(keys, index), text(values, index))).collect()
}
