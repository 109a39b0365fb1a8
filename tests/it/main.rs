//! The integration tests, one binary.

mod detect;
mod support;
