//! The integration tests, one binary.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod broker;
mod cascade;
mod collect;
mod config;
mod control;
mod daemon;
mod demo;
mod detect;
#[cfg(feature = "broker")]
mod embedded;
mod eval;
mod events;
mod faults;
mod home;
mod info;
mod outbox;
mod publish;
mod pull;
mod scenes;
mod selftest;
mod source;
mod support;
mod thermal;
mod unit;
mod web;
