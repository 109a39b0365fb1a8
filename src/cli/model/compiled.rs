//! `edgecam model info` of a model that is compiled for an Edge TPU: what is known without running it.

use super::info::Tensor;
use crate::checksum::sha256;
use crate::model::{Compiled, segments, tensors};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Report<'a> {
    file: String,
    bytes: usize,
    sha256: String,
    edgetpu: &'a Compiled,
    inputs: Vec<Tensor<'a>>,
    outputs: Vec<Tensor<'a>>,
    segments: Option<Vec<PathBuf>>,
    cpu: Option<&'a Path>,
}

/// Tells what a compiled model is, `file` being what its file has and `cpu` its twin.
pub(super) fn describe(
    out: &mut dyn Write,
    path: &Path,
    file: &[u8],
    edgetpu: &Compiled,
    cpu: Option<&Path>,
    json: bool,
) -> io::Result<()> {
    let (inputs, outputs) = tensors(file).unwrap_or_default();
    let report = Report {
        file: path.display().to_string(),
        bytes: file.len(),
        sha256: sha256(path)?,
        edgetpu,
        inputs: inputs.iter().map(Tensor::from).collect(),
        outputs: outputs.iter().map(Tensor::from).collect(),
        segments: segments(path).unwrap_or_default(),
        cpu,
    };
    if json { writeln!(out, "{}", serde_json::to_string(&report)?) } else { table(out, &report) }
}

fn table(out: &mut dyn Write, report: &Report<'_>) -> io::Result<()> {
    writeln!(out, "{} ({:.1} MB, sha256 {})", report.file, report.bytes as f64 / 1e6, report.sha256)?;
    writeln!(out)?;
    let Compiled { min_runtime, compiler, cache, streamed } = report.edgetpu;
    let mut line = |key: &str, value: &str| writeln!(out, "  {key:<13} {value}");
    line("compiled for", "Coral Edge TPU")?;
    line(
        "runtime",
        &min_runtime.map_or("not told".to_owned(), |version| format!("version {version} or later")),
    )?;
    line("compiler", compiler.as_deref().unwrap_or("not told"))?;
    let kept = cache.map_or(0, |cache| cache.bytes);
    line(
        "parameters",
        &format!(
            "{:.1} KiB stay on the device, {:.1} KiB are sent anew each time",
            kib(kept),
            kib(*streamed)
        ),
    )?;
    if let Some(cache) = cache {
        line("token", &format!("{:016x}; models of one token stay there together", cache.token))?;
    }
    for (n, path) in report.segments.iter().flatten().enumerate() {
        line("segment", &format!("{n}: {}", path.display()))?;
    }
    line("CPU twin", &report.cpu.map_or("none beside it".to_owned(), |path| path.display().to_string()))?;
    writeln!(out)?;
    let tensors = report.inputs.iter().map(|input| ("input", input));
    for (key, tensor) in tensors.chain(report.outputs.iter().map(|output| ("output", output))) {
        writeln!(out, "  {key:<13} {}", tensor.in_words())?;
    }
    Ok(())
}

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}
