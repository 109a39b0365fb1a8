//! The integration tests, one binary.

mod control;
mod unit;
