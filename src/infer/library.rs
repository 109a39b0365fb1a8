//! Finding and loading `libLiteRt.so`, and the one environment that all engines share.

use super::InferError;
use super::api::{
    ANY_INT, AnyInt, Api, EnvironmentOption, Handle, OPTION_AUTO_REGISTER, OPTION_MIN_LOG_SEVERITY,
    SEVERITY_SILENT,
};
use super::elf;
use super::plugin::{Changing, Delegates};
use crate::accelerator::Plugin;
use crate::checksum::sha256;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The version edgecam is made for; its C interface differs from the ones before and after.
pub const VERSION: &str = "2.2.0";

/// Where the package puts the library.
const INSTALLED: &str = "/usr/lib/edgecam/libLiteRt.so";

/// SHA-256 of the library in the wheels of version 2.2.0, for x86-64 and aarch64.
const KNOWN: [&str; 2] = [
    "0eb5067e9fc86a622953fd3fb077db95b1010e5e5fd4dc5d31ec52bcd045c9fd",
    "fb21752e51cb9def7e154ccc65c7a12460d2c3c3116a50b4bb42e24dbc96128c",
];

/// The loaded library with its environment, shared by engines.
#[derive(Debug)]
pub struct Runtime {
    pub(super) api: Api,
    pub(super) environment: Handle,
    /// What makes delegates for every model of this runtime.
    pub(super) delegates: Option<Arc<Delegates>>,
    path: PathBuf,
}

#[expect(unsafe_code, reason = "a handle of a C library")]
// SAFETY: LiteRT's environment is only read after its creation, by calls that take it as a constant.
unsafe impl Send for Runtime {}
#[expect(unsafe_code, reason = "a handle of a C library")]
// SAFETY: as for `Send`.
unsafe impl Sync for Runtime {}

impl Runtime {
    /// Loads the library: `configured`, else `EDGECAM_LITERT`, else the installed one, else
    /// `../litert/libLiteRt.so` beside the program's folder.
    pub fn load(configured: Option<&Path>) -> Result<Arc<Self>, InferError> {
        Self::load_with(configured, None, None)
    }

    /// The same, with a delegate for each model, beside XNNPACK for what it leaves. What a delegate does, it does
    /// to this process: the daemon has another one for that.
    /// `changing` is an option of it that is asked for anew for each model.
    pub fn load_with(
        configured: Option<&Path>,
        plugin: Option<&Plugin>,
        changing: Option<Changing>,
    ) -> Result<Arc<Self>, InferError> {
        let path = find(configured)?;
        let name = path.display().to_string();
        let api = elf::whole(&path).map_err(|e| e.to_string()).and_then(|()| open(&path));
        let api = api.map_err(|why| {
            // The loader's own messages begin with the file's name.
            let why = why.strip_prefix(&format!("{name}: ")).unwrap_or(&why);
            InferError::Library(format!(
                "load the runtime library {name}: {why}; `make setup` fetches the right one"
            ))
        })?;
        let api = Api::resolve(api).map_err(|symbol| {
            InferError::Library(format!(
                "load the runtime library {name}: no function {symbol}, so it is not LiteRT {VERSION}; `make setup` fetches it"
            ))
        })?;
        // A plugin comes before the processor's own delegate, where the runtime lets that be registered later.
        let cpu = plugin.and_then(|_| api.cpu_accelerator());
        let environment = create_environment(&api, cpu.is_some()).map_err(|status| {
            InferError::Library(format!("start the runtime library {name}: status {status}"))
        })?;
        let delegates = plugin.map(|plugin| Delegates::load(plugin, changing)).transpose()?;
        if delegates.is_some() {
            Delegates::register(&api, environment, cpu).map_err(|status| {
                InferError::Library(format!(
                    "have the runtime library {name} take a delegate: status {status}"
                ))
            })?;
        }
        Ok(Arc::new(Self { api, environment, delegates, path }))
    }

    /// What the delegate says of its version: libedgetpu's does.
    #[must_use]
    pub fn delegate_version(&self) -> Option<&str> {
        self.delegates.as_ref()?.version()
    }

    /// The Edge TPU runtime's version, of libedgetpu; a model that is compiled for one says the least it needs.
    #[must_use]
    pub fn edgetpu_version(&self) -> Option<u32> {
        self.delegates.as_ref()?.runtime_version()
    }

    /// The file it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version if it is a known build, by its SHA-256: `2.2.0`, or `unknown (sha256 …)`.
    #[must_use]
    pub fn version(&self) -> String {
        version_of(&self.path)
    }
}

impl Drop for Runtime {
    #[expect(unsafe_code, reason = "a call into a C library")]
    fn drop(&mut self) {
        // SAFETY: engines hold this object, so none is left that uses the environment.
        unsafe { (self.api.destroy_environment)(self.environment) }
    }
}

/// The version of a library file without loading it.
#[must_use]
pub fn version_of(path: &Path) -> String {
    let Ok(sum) = sha256(path) else { return "unreadable".to_owned() };
    if KNOWN.contains(&sum.as_str()) { VERSION.to_owned() } else { format!("unknown (sha256 {sum})") }
}

/// The library that would be loaded.
pub fn find(configured: Option<&Path>) -> Result<PathBuf, InferError> {
    if let Some(path) = configured {
        return given(path, "runtime.library");
    }
    if let Some(path) = std::env::var_os("EDGECAM_LITERT") {
        return given(Path::new(&path), "EDGECAM_LITERT");
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.join("litert/libLiteRt.so")));
    let mut tried = vec![PathBuf::from(INSTALLED)];
    tried.extend(beside);
    tried.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let places: Vec<_> = tried.iter().map(|path| path.display().to_string()).collect();
        InferError::Library(format!(
            "find the runtime library libLiteRt.so: not at {}; `make setup` fetches it, or name it in EDGECAM_LITERT",
            places.join(" nor ")
        ))
    })
}

fn given(path: &Path, by: &str) -> Result<PathBuf, InferError> {
    if path.is_file() {
        Ok(path.to_owned())
    } else {
        Err(InferError::Library(format!(
            "find the runtime library {}, given by {by}: no such file",
            path.display()
        )))
    }
}

/// Loads every symbol now, so that a library for another system fails here and not at its first call;
/// for good, since the library leaves exit handlers behind.
#[expect(unsafe_code, reason = "loading a library runs its constructors")]
pub(super) fn open(path: &Path) -> Result<libloading::Library, String> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    use std::error::Error;
    // SAFETY: the file was named by the user or put there by the package; LiteRT's constructors have
    // no precondition.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE) };
    library.map(Into::into).map_err(|e| e.source().map_or_else(|| e.to_string(), ToString::to_string))
}

/// An environment that logs nothing; `bare`: without the processor's accelerator.
#[expect(unsafe_code, reason = "a call into a C library")]
fn create_environment(api: &Api, bare: bool) -> Result<Handle, i32> {
    let option = |tag, value| EnvironmentOption { tag, value: AnyInt { kind: ANY_INT, value } };
    let options = [option(OPTION_MIN_LOG_SEVERITY, SEVERITY_SILENT), option(OPTION_AUTO_REGISTER, 0)];
    let options = if bare { &options[..] } else { &options[..1] };
    let mut environment = std::ptr::null_mut();
    // SAFETY: options of the documented layout, which are copied, and a place for the handle.
    let status =
        unsafe { (api.create_environment)(options.len() as i32, options.as_ptr(), &raw mut environment) };
    if status == 0 { Ok(environment) } else { Err(status) }
}
