//! Finding and loading OpenVINO's C library. The process loads one, once; later calls give the same.
//!
//! The crate panics on a function that the library lacks, so all that engines need are looked for first.

use crate::infer::{InferError, elf};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The oldest version whose C interface the crate can call, as year and number.
const OLDEST: (u32, u32) = (2022, 3);

/// The first version that gives reasons for its errors.
const GIVES_REASONS: (u32, u32) = (2024, 0);

/// The first version without the element type `undefined`, whose number the others moved up to.
const WITHOUT_UNDEFINED: (u32, u32) = (2025, 1);

/// What Debian's and Intel's packages, and an archive's installation, bring the library to.
const FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib",
    "/usr/lib64",
    "/opt/intel/openvino/runtime/lib/intel64",
    "/opt/intel/openvino/runtime/lib/aarch64",
];

/// The library's file name, which a version may follow.
const NAME: &str = "libopenvino_c.so";

/// The functions behind what engines call of the crate.
const FUNCTIONS: [&str; 36] = [
    "ov_get_openvino_version",
    "ov_version_free",
    "ov_core_create_with_config",
    "ov_core_free",
    "ov_core_get_available_devices",
    "ov_available_devices_free",
    "ov_core_set_property",
    "ov_core_read_model",
    "ov_core_compile_model",
    "ov_model_free",
    "ov_model_inputs_size",
    "ov_model_outputs_size",
    "ov_model_const_input_by_index",
    "ov_model_const_output_by_index",
    "ov_model_reshape_single_input",
    "ov_port_get_any_name",
    "ov_port_get_element_type",
    "ov_port_get_partial_shape",
    "ov_const_port_get_shape",
    "ov_shape_free",
    "ov_partial_shape_create_static",
    "ov_partial_shape_free",
    "ov_compiled_model_free",
    "ov_compiled_model_inputs_size",
    "ov_compiled_model_outputs_size",
    "ov_compiled_model_create_infer_request",
    "ov_infer_request_free",
    "ov_infer_request_get_input_tensor",
    "ov_infer_request_get_input_tensor_by_index",
    "ov_infer_request_get_output_tensor_by_index",
    "ov_infer_request_set_input_tensor",
    "ov_infer_request_infer",
    "ov_tensor_free",
    "ov_tensor_data",
    "ov_tensor_get_byte_size",
    "ov_tensor_get_element_type",
];

/// The library that the process has loaded.
#[derive(Clone, Debug)]
pub struct Library {
    path: PathBuf,
    /// As `2026.4.1`.
    pub version: String,
    /// Year and number of the version.
    release: (u32, u32),
}

static LOADED: Mutex<Option<Library>> = Mutex::new(None);

impl Library {
    /// Loads the library: `configured`, a file or its folder; else `EDGECAM_OPENVINO`, likewise; else an
    /// installed one; else that in `../openvino` beside the program's folder.
    pub fn load(configured: Option<&Path>) -> Result<Self, InferError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*loaded {
            return match configured.map(|path| given(path, "library")).transpose()? {
                Some(path) if path != library.path => Err(InferError::Library(format!(
                    "load OpenVINO from {}: {} is loaded already, and a process can hold but one; name the same for all models",
                    path.display(),
                    library.path.display()
                ))),
                _ => Ok(library.clone()),
            };
        }
        let path = find(configured)?;
        let library = open(&path).map_err(|why| {
            let name = path.display().to_string();
            // The loader's own messages begin with the file's name.
            let why = why.rsplit_once(&format!("{name}: ")).map_or(why.as_str(), |(_, why)| why);
            InferError::Library(format!("load OpenVINO from {name}: {why}"))
        })?;
        Ok(loaded.insert(library).clone())
    }

    /// The number that the library's `ov_element_type_e` has for what is `number` since 2025.1.
    #[must_use]
    pub fn number_since_2025_1(&self, number: u32) -> Option<u32> {
        if self.release >= WITHOUT_UNDEFINED { Some(number) } else { number.checked_sub(1) }
    }
}

/// The library that would be loaded.
pub fn find(configured: Option<&Path>) -> Result<PathBuf, InferError> {
    if let Some(path) = configured {
        return given(path, "library");
    }
    if let Some(path) = std::env::var_os("EDGECAM_OPENVINO") {
        return given(Path::new(&path), "EDGECAM_OPENVINO");
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.join("openvino")));
    let folders = FOLDERS.iter().map(PathBuf::from).chain(beside);
    folders.into_iter().find_map(|folder| newest(&folder)).ok_or_else(|| {
        InferError::Library(format!(
            "find OpenVINO's {NAME}: it is not installed; name it, or its folder, as accelerator = {{ openvino = \"CPU\", library = \"…\" }} or in EDGECAM_OPENVINO"
        ))
    })
}

fn given(path: &Path, by: &str) -> Result<PathBuf, InferError> {
    let file = if path.is_dir() { newest(path) } else { path.is_file().then(|| path.to_owned()) };
    file.ok_or_else(|| {
        let what =
            if path.is_dir() { format!("there is no {NAME} in it") } else { "no such file".to_owned() };
        InferError::Library(format!("find OpenVINO at {}, given by {by}: {what}", path.display()))
    })
}

/// The library in a folder, of several the one with the highest version in its name.
fn newest(folder: &Path) -> Option<PathBuf> {
    let names =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let versions = names.filter_map(|name| {
        let version = name.strip_prefix(NAME)?;
        let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
        (version.is_empty() || version.starts_with('.')).then_some((numbers, name))
    });
    versions.max().map(|(_, name)| folder.join(name))
}

fn open(path: &Path) -> Result<Library, String> {
    elf::whole(path).map_err(|e| e.to_string())?;
    let missing = |function: &&&str| !elf::exports(path, function).unwrap_or(false);
    if let Some(function) = FUNCTIONS.iter().find(missing) {
        return Err(format!(
            "no function {function}, so it is not the C library of OpenVINO 2022.3 or later"
        ));
    }
    openvino_sys::load_from(path.to_owned())?;
    let build = openvino::version().build_number;
    let version = build.split('-').next().unwrap_or_default().to_owned();
    let release = release(&version).ok_or_else(|| format!("its version {build} can't be read"))?;
    if release < OLDEST {
        return Err(format!("it is version {version}, and edgecam runs 2022.3 or later"));
    }
    if release >= GIVES_REASONS && missing(&&"ov_get_last_err_msg") {
        return Err("no function ov_get_last_err_msg, so it is not OpenVINO's C library".to_owned());
    }
    Ok(Library { path: path.to_owned(), version, release })
}

/// Year and number of `2026.4.1`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_in_a_folder_is_the_newest() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(newest(folder.path()), None);
        for name in
            ["libopenvino_c.so", "libopenvino_c.so.2460", "libopenvino_c.so.2641", "libopenvino_cx.so.9"]
        {
            std::fs::write(folder.path().join(name), "").expect("the folder is ours");
        }
        assert_eq!(newest(folder.path()), Some(folder.path().join("libopenvino_c.so.2641")));
        assert_eq!(
            given(folder.path(), "a test").expect("it is there"),
            folder.path().join("libopenvino_c.so.2641")
        );
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(release("2026.4.1"), Some((2026, 4)));
        assert!(release("2025.10.0") > release("2025.9.0"));
        assert_eq!(release("custom"), None);
    }

    #[test]
    fn a_library_that_is_something_else_is_not_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        std::fs::write(&path, "no library at all").expect("the folder is ours");
        let why = open(&path).expect_err("it is a text");
        assert!(why.starts_with("no function ov_get_openvino_version"), "{why}");
        let gone = given(Path::new("/nowhere/libopenvino_c.so"), "library").expect_err("it is not there");
        assert_eq!(
            gone.to_string(),
            "find OpenVINO at /nowhere/libopenvino_c.so, given by library: no such file"
        );
    }
}
