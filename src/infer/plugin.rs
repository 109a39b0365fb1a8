//! Delegates in shared libraries, libedgetpu's among them: the library is looked at before it is loaded, and
//! what it makes before it is used, so that one that does not fit is a sentence and not a crash.
//!
//! ABI: `tflite_plugin_create_delegate` of `tensorflow/lite/delegates/external/external_delegate.cc`, and
//! `TfLiteDelegate` of `tensorflow/lite/core/c/common.h`, as they are since TensorFlow 2.10; what a delegate hands the
//! runtime later (`TfLiteRegistration`) has been the same since 2.17.
#![expect(unsafe_code, reason = "functions of a C library and the object it makes")]

use super::InferError;
use super::api::{ACCELERATOR_NPU, Api, CpuAccelerator, FAILED, Handle};
use super::elf;
use super::handle::ok;
use super::library::open;
use crate::accelerator::Plugin;
use crate::coral;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;

const CREATE: &str = "tflite_plugin_create_delegate";
const DESTROY: &str = "tflite_plugin_destroy_delegate";
/// Of libedgetpu only.
const VERSION: &str = "edgetpu_version";

/// `kTfLiteDelegateFlags…`: all that there are.
const KNOWN_FLAGS: i64 = 0b1111;

/// `TfLiteDelegate`.
#[repr(C)]
struct TfLiteDelegate {
    data: *mut c_void,
    prepare: *const c_void,
    copy_from_buffer: *const c_void,
    copy_to_buffer: *const c_void,
    free_buffer: *const c_void,
    flags: i64,
    opaque_builder: *const c_void,
}

const _: () = assert!(size_of::<TfLiteDelegate>() == 56);

/// `LiteRtApiVersion`.
#[repr(C)]
struct ApiVersion {
    major: c_int,
    minor: c_int,
    patch: c_int,
}

type Report = unsafe extern "C" fn(*const c_char);
type Create = unsafe extern "C" fn(*mut *mut c_char, *mut *mut c_char, usize, Report) -> *mut TfLiteDelegate;
pub type Destroy = unsafe extern "C" fn(*mut c_void);

/// Gives an option that is another one from delegate to delegate, by its name and value; the error is why there is
/// none now.
pub type Changing = Box<dyn Fn() -> Result<(String, String), String> + Send + Sync>;

/// A loaded plugin, ready to make a delegate for each model.
pub struct Delegates {
    name: String,
    options: Vec<[CString; 2]>,
    changing: Option<Changing>,
    create: Create,
    destroy: Destroy,
    version: Option<String>,
}

/// `LiteRtWrapDelegate`.
pub type Wrap = unsafe extern "C" fn(*mut c_void, Destroy, *mut Handle) -> c_int;

/// For whom LiteRT asks for a delegate, and what goes wrong with it.
struct Compiling {
    delegates: Arc<Delegates>,
    wrap: Wrap,
    said: String,
}

thread_local! {
    static COMPILING: RefCell<Option<Compiling>> = const { RefCell::new(None) };
}

impl fmt::Debug for Delegates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegates").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Delegates {
    /// Loads the library, after a look at what it is and has.
    pub fn load(plugin: &Plugin, changing: Option<Changing>) -> Result<Arc<Self>, InferError> {
        let name = plugin.path.display().to_string();
        let refuse = |why: String| InferError::Library(format!("load the delegate {name}: {why}"));
        fits(&plugin.path).map_err(&refuse)?;
        let options = plugin.options.iter().map(|(key, value)| option(key, value));
        let options = options.collect::<Result<_, _>>().map_err(&refuse)?;
        let library = open(&plugin.path)
            .map_err(|why| refuse(why.strip_prefix(&format!("{name}: ")).unwrap_or(&why).to_owned()))?;
        // SAFETY: the signatures are those of the ABI named above; the library stays loaded for good.
        let (create, destroy, version) = unsafe {
            (
                library.get::<Create>(CREATE).map(|f| *f),
                library.get::<Destroy>(DESTROY).map(|f| *f),
                library.get::<unsafe extern "C" fn() -> *const c_char>(VERSION).map(|f| f()),
            )
        };
        let (Ok(create), Ok(destroy)) = (create, destroy) else {
            return Err(refuse(format!("no function {CREATE} or {DESTROY}")));
        };
        let version = version.ok().filter(|version| !version.is_null()).map(|version| {
            // SAFETY: `edgetpu_version` gives a NUL-terminated string that lives for good.
            unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned()
        });
        if let Some(why) = version.as_deref().and_then(|version| coral::unfit(version.as_bytes())) {
            return Err(refuse(format!("{why}; {}", coral::INSTALL)));
        }
        Ok(Arc::new(Self { name, options, changing, create, destroy, version }))
    }

    /// What libedgetpu says of itself, such as `BuildLabel(…), RuntimeVersion(14)`.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The Edge TPU runtime's version; a model says the least it needs.
    pub fn runtime_version(&self) -> Option<u32> {
        let (_, rest) = self.version.as_ref()?.split_once("RuntimeVersion(")?;
        rest.split(')').next()?.parse().ok()
    }

    /// Has models of `environment` that are compiled for an NPU ask [`Delegates::during`] for a delegate. What is
    /// registered first is asked first: with `cpu`, which the environment must not have yet, XNNPACK gets what the
    /// plugin leaves.
    pub fn register(api: &Api, environment: Handle, cpu: Option<&CpuAccelerator>) -> Result<(), c_int> {
        let own = CpuAccelerator {
            header: 0,
            name: accelerator_name,
            version: accelerator_version,
            hardware: accelerator_hardware,
            compiles: accelerator_compiles,
            create: create_delegate,
        };
        for accelerator in std::iter::once(&own).chain(cpu) {
            let mut handle = null_mut();
            // SAFETY: a place for the handle; functions of the declared types that live for good; the environment
            // takes the accelerator over.
            unsafe {
                ok((api.create_accelerator)(&raw mut handle))?;
                ok((api.set_accelerator_name)(handle, accelerator.name))?;
                ok((api.set_accelerator_version)(handle, accelerator.version))?;
                ok((api.set_accelerator_hardware)(handle, accelerator.hardware))?;
                ok((api.set_accelerator_compiles)(handle, accelerator.compiles))?;
                ok((api.set_delegate_function)(handle, accelerator.create))?;
                ok((api.register_accelerator)(environment, handle, null_mut(), None))?;
            }
        }
        Ok(())
    }

    /// Runs `work`, in which LiteRT may ask this thread for a delegate; the error adds the plugin's reason.
    pub fn during<T>(
        self: &Arc<Self>,
        api: &Api,
        work: impl FnOnce() -> Result<T, InferError>,
    ) -> Result<T, InferError> {
        let compiling =
            Compiling { delegates: Arc::clone(self), wrap: api.wrap_delegate, said: String::new() };
        COMPILING.set(Some(compiling));
        let result = work();
        let said = COMPILING.take().map(|compiling| compiling.said).unwrap_or_default();
        result.map_err(|e| match said.as_str() {
            "" => e,
            said => InferError::Model(format!("{e}; the delegate {}: {said}", self.name)),
        })
    }

    /// A delegate as the plugin makes it, or why there is none.
    fn delegate(&self) -> Result<*mut TfLiteDelegate, String> {
        let changing = self.changing.as_ref().map(|changing| changing()).transpose()?;
        let changing = changing.map(|(key, value)| option(&key, &value)).transpose()?;
        let options = self.options.iter().chain(&changing);
        let (mut keys, mut values): (Vec<_>, Vec<_>) =
            options.map(|[key, value]| (key.as_ptr().cast_mut(), value.as_ptr().cast_mut())).unzip();
        // SAFETY: as many keys and values as the count says, NUL-terminated, read during the call only.
        let delegate = unsafe { (self.create)(keys.as_mut_ptr(), values.as_mut_ptr(), keys.len(), report) };
        if delegate.is_null() {
            return Err("it gives no delegate: its device is not there, in use by another program, or may not be opened".to_owned());
        }
        // SAFETY: not null, and every plugin of this ABI gives an object of at least this size.
        let made = unsafe { &*delegate };
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        match sound(made, &maps) {
            Ok(()) => Ok(delegate),
            // It is left alone: to destroy it would be to call into what does not fit.
            Err(why) => Err(format!("{why}; it was built for another TensorFlow Lite than this program's")),
        }
    }
}

/// An option as a plugin takes it.
fn option(key: &str, value: &str) -> Result<[CString; 2], String> {
    match (CString::new(key), CString::new(value)) {
        (Ok(key), Ok(value)) => Ok([key, value]),
        _ => Err("an option has a NUL in it".to_owned()),
    }
}

/// What of a library can be told without running a line of it.
fn fits(path: &Path) -> Result<(), String> {
    let arch = std::env::consts::ARCH;
    match elf::architecture(path).map_err(|e| e.to_string())? {
        Some(other) if other != arch => return Err(format!("it is for {other}, not {arch}")),
        Some(_) => {}
        None => return Err("it is no shared library of a processor that edgecam knows".to_owned()),
    }
    elf::whole(path).map_err(|e| e.to_string())?;
    for function in [CREATE, DESTROY] {
        if !elf::exports(path, function).map_err(|e| e.to_string())? {
            return Err(format!("it has no function {function}, so it is no delegate for TFLite"));
        }
    }
    Ok(())
}

/// Whether an object looks like a delegate: its functions are code, its flags known ones.
fn sound(delegate: &TfLiteDelegate, maps: &str) -> Result<(), String> {
    // One without the function has a builder, whose layout is not relied on here.
    if delegate.prepare.is_null() && delegate.opaque_builder.is_null() {
        return Err("its delegate can't prepare a model".to_owned());
    }
    let optional = [delegate.copy_from_buffer, delegate.copy_to_buffer, delegate.free_buffer];
    let functions = optional.into_iter().chain([delegate.prepare]).filter(|f| !f.is_null());
    if functions.into_iter().any(|f| !executable(maps, f as usize)) {
        return Err("a function of its delegate is no code".to_owned());
    }
    if delegate.flags & !KNOWN_FLAGS != 0 {
        return Err(format!("its delegate has unknown flags ({:#x})", delegate.flags));
    }
    Ok(())
}

/// Whether `maps`, as `/proc/self/maps` has it (proc_pid_maps(5)), allows to run what is at `address`.
fn executable(maps: &str, address: usize) -> bool {
    maps.lines().any(|line| {
        let mut fields = line.split_whitespace();
        let (Some((from, to)), Some(rights)) =
            (fields.next().and_then(|range| range.split_once('-')), fields.next())
        else {
            return false;
        };
        let bound = |text| usize::from_str_radix(text, 16).unwrap_or(0);
        rights.contains('x') && (bound(from)..bound(to)).contains(&address)
    })
}

fn note(why: &str) {
    COMPILING.with_borrow_mut(|compiling| {
        if let Some(Compiling { said, .. }) = compiling {
            if !said.is_empty() {
                said.push_str("; ");
            }
            said.extend(why.split_whitespace().flat_map(|word| [word, " "]));
            said.truncate(said.trim_end().len());
        }
    });
}

unsafe extern "C" fn report(text: *const c_char) {
    if !text.is_null() {
        // SAFETY: the plugin gives a NUL-terminated string.
        note(&unsafe { CStr::from_ptr(text) }.to_string_lossy());
    }
}

unsafe extern "C" fn create_delegate(
    _context: *mut c_void,
    _environment: Handle,
    _accelerator: Handle,
    _options: Handle,
    wrapper: *mut Handle,
) -> c_int {
    let now = COMPILING.with_borrow(|now| now.as_ref().map(|now| (Arc::clone(&now.delegates), now.wrap)));
    let Some((delegates, wrap)) = now else { return FAILED };
    match delegates.delegate() {
        // SAFETY: a live delegate, the function that destroys it, and a place for the wrapper.
        Ok(delegate) => unsafe { wrap(delegate.cast(), delegates.destroy, wrapper) },
        Err(why) => {
            note(&why);
            FAILED
        }
    }
}

unsafe extern "C" fn accelerator_name(_: Handle, name: *mut *const c_char) -> c_int {
    // SAFETY: a place for a string that lives for good.
    unsafe { name.write(c"edgecam plugin".as_ptr()) };
    0
}

unsafe extern "C" fn accelerator_version(_: Handle, version: *mut c_void) -> c_int {
    // SAFETY: a place for a `LiteRtApiVersion`.
    unsafe { version.cast::<ApiVersion>().write(ApiVersion { major: 1, minor: 0, patch: 0 }) };
    0
}

unsafe extern "C" fn accelerator_hardware(_: Handle, hardware: *mut c_int) -> c_int {
    // SAFETY: a place for a set of bits.
    unsafe { hardware.write(ACCELERATOR_NPU) };
    0
}

unsafe extern "C" fn accelerator_compiles(_: Handle, compiles: *mut bool) -> c_int {
    // SAFETY: a place for the answer.
    unsafe { compiles.write(false) };
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        let plugin = Plugin { path: path.to_owned(), options: [].into() };
        Delegates::load(&plugin, None).expect_err("it is no delegate").to_string()
    }

    #[test]
    fn a_library_that_is_no_delegate_is_told_before_it_is_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("libx.so");
        assert!(refused(&path).contains("No such file"));
        std::fs::write(&path, "no library").expect("the folder is ours");
        assert!(refused(&path).ends_with("no shared library of a processor that edgecam knows"));
        let this = std::fs::read(std::env::current_exe().expect("this test")).expect("readable");
        std::fs::write(&path, &this).expect("the folder is ours");
        assert!(refused(&path).contains("no function tflite_plugin_create_delegate"), "{}", refused(&path));
        std::fs::write(&path, &this[..this.len() / 2]).expect("the folder is ours");
        assert!(refused(&path).contains("cut short"), "{}", refused(&path));
        let mut other = this;
        // The processor: 32-bit ARM.
        other[18] = 40;
        std::fs::write(&path, &other).expect("the folder is ours");
        let why = refused(&path);
        assert!(why.contains("it is for arm, not "), "{why}");
    }

    #[test]
    fn an_object_that_is_no_delegate_is_told_before_it_is_used() {
        let maps = "1000-2000 r-xp 0 00:00 0 /lib/x.so\n2000-3000 rw-p 0 00:00 0 \n";
        let code = |address: usize| address as *const c_void;
        let delegate = |prepare: usize, copy: usize, flags: i64| TfLiteDelegate {
            data: null_mut(),
            prepare: code(prepare),
            copy_from_buffer: code(copy),
            copy_to_buffer: code(0),
            free_buffer: code(0),
            flags,
            opaque_builder: code(0),
        };
        assert_eq!(sound(&delegate(0x1000, 0, 1), maps), Ok(()));
        assert_eq!(sound(&delegate(0x1fff, 0x1234, 0), maps), Ok(()));
        for wrong in [
            delegate(0, 0, 1),
            delegate(0x2000, 0, 1),
            delegate(0x1000, 0x2abc, 1),
            delegate(0x1000, 0, 0x5555_0000),
        ] {
            assert!(sound(&wrong, maps).is_err());
        }
    }

    #[test]
    fn the_version_of_libedgetpu_is_read() {
        unsafe extern "C" fn create(
            _: *mut *mut c_char,
            _: *mut *mut c_char,
            _: usize,
            _: Report,
        ) -> *mut TfLiteDelegate {
            null_mut()
        }
        unsafe extern "C" fn destroy(_: *mut c_void) {}
        let version = |text: &str| {
            let version = Some(text.to_owned());
            let (name, options, changing) = (String::new(), Vec::new(), None);
            Delegates { name, options, changing, create, destroy, version }.runtime_version()
        };
        assert_eq!(
            version("BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted), RuntimeVersion(14)"),
            Some(14)
        );
        assert_eq!(version("BuildLabel(x)"), None);
    }
}
