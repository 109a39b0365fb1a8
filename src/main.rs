//! The program: arguments, logging, exit code; everything else is in the library.

fn main() {}
