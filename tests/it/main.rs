//! The integration tests, one binary.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod aarch64;
mod accelerator;
mod broker;
mod cascade;
mod collect;
mod config;
mod control;
mod coral;
mod daemon;
mod delegate;
mod demo;
mod detect;
mod doctor;
mod edgetpu;
#[cfg(feature = "broker")]
mod embedded;
mod eval;
mod events;
mod faults;
mod home;
mod info;
mod openvino;
mod outbox;
mod publish;
mod pull;
mod scenes;
mod selftest;
mod setup;
mod source;
mod support;
#[cfg(feature = "tflitec")]
mod tflitec;
mod thermal;
mod unit;
mod web;
