//! The program: arguments and exit code; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    edgecam::cli::main(std::env::args_os()).into()
}
