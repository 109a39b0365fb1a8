//! The first run: what this machine has, what a person wants of it, the config that follows from both, and
//! whether each part of it works. Answers become a text by a pure function; the rest is I/O around it.

pub mod answers;
pub mod ask;
pub mod dialogue;
pub mod find;
pub mod name;
pub mod put_back;
pub mod service;
pub mod terminal;
pub mod text;
pub mod try_out;
pub mod write;
