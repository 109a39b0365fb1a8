//! What tests share: where the data and the runtime library are, and how the program is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the shared test data; `None`, with a message, where the data is absent.
pub fn data(file: &str) -> Option<PathBuf> {
    let path = project().join("../shared/data").join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no test data at ../shared/data/{file}");
    None
}

/// The runtime library that `make setup` fetched.
pub fn library() -> PathBuf {
    std::env::var_os("EDGECAM_LITERT")
        .map_or_else(|| project().join("target/litert/libLiteRt.so"), PathBuf::from)
}

/// The program, with the runtime library.
pub fn edgecam() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgecam"));
    command.env("EDGECAM_LITERT", library()).env_remove("RUST_LOG");
    command
}

/// Exit code, stdout and stderr of a run.
pub fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
