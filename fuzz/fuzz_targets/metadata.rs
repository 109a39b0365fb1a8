//! Models' files: the check gives an answer to any bytes, and what passes it, or does not, has its graph,
//! its TFLite metadata and its packed files read without a crash.
#![no_main]

use edgecam::model::{Graph, Metadata, verify};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|file: &[u8]| {
    let _ = verify(file);
    let graph = Graph::of(file);
    let nowhere = Path::new("/nowhere/model.tflite");
    let _ = Metadata::of(file, graph.metadata, nowhere);
    // As metadata themselves, and as a packed archive.
    let _ = Metadata::of(file, Some(0..file.len()), nowhere);
});
