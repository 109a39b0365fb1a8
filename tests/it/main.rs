//! The integration tests, one binary.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod control;
mod detect;
mod source;
mod support;
mod unit;
