//! The program: arguments and exit code; everything else is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: edgecam::allocations::Counting = edgecam::allocations::Counting;

fn main() -> ExitCode {
    edgecam::cli::main(std::env::args_os()).into()
}
