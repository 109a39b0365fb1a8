//! `edgecam model info`: what a model is, and how that was found out.

use super::super::{Exit, runtime};
use super::compiled::describe;
use crate::accelerator::Accelerator;
use crate::checksum::sha256;
use crate::coral;
use crate::infer::TensorSpec;
use crate::infer::delegation::Delegation;
use crate::model::{Compiled, Finding, Format, Model, ModelFiles, advice, try_model, twin};
use crate::telemetry::machine;
use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Values longer than this put the reason on a line of its own.
const VALUE_WIDTH: usize = 34;

/// Tell what a model is, and how that was found out
#[derive(Args, Debug)]
pub(in crate::cli) struct Info {
    /// The .tflite, .onnx or .xml file
    #[arg(value_name = "FILE")]
    model: PathBuf,
    /// The label file [default: packed in, else NAME.txt or labels.txt beside the model]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    file: String,
    bytes: usize,
    sha256: String,
    input: Tensor<'a>,
    outputs: Vec<Tensor<'a>>,
    findings: &'a [Finding],
    labels: &'a [String],
    operators: &'a BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated: Option<Delegated>,
}

/// What XNNPACK runs.
#[derive(Serialize)]
struct Delegated {
    whole: bool,
    operators: usize,
    of: usize,
    left: BTreeMap<String, usize>,
}

impl Delegated {
    fn new(Delegation { whole, left }: Delegation, operators: &BTreeMap<String, usize>) -> Self {
        let of = operators.values().sum::<usize>();
        Self { whole, operators: of.saturating_sub(left.values().sum()), of, left }
    }

    fn in_words(&self) -> String {
        if self.whole {
            return "every operator runs on XNNPACK".to_owned();
        }
        if self.left.is_empty() {
            return "not every operator runs on XNNPACK".to_owned();
        }
        let name = |(name, count): (&String, &usize)| match count {
            1 => name.clone(),
            _ => format!("{name} ({count})"),
        };
        let left: Vec<String> = self.left.iter().map(name).collect();
        format!("{} of {} operators run on XNNPACK; not: {}", self.operators, self.of, left.join(", "))
    }
}

#[derive(Serialize)]
pub(super) struct Tensor<'a> {
    name: &'a str,
    r#type: String,
    shape: &'a [usize],
    scale: Option<f32>,
    zero_point: Option<i64>,
}

impl<'a> From<&'a TensorSpec> for Tensor<'a> {
    fn from(spec: &'a TensorSpec) -> Self {
        Self {
            name: &spec.name,
            r#type: format!("{:?}", spec.element).to_lowercase(),
            shape: &spec.shape,
            scale: spec.quantization.map(|q| q.scale),
            zero_point: spec.quantization.map(|q| q.zero_point),
        }
    }
}

impl Tensor<'_> {
    pub(super) fn in_words(&self) -> String {
        let quantization = match (self.scale, self.zero_point) {
            (Some(scale), Some(zero)) => format!(", scale {scale}, zero point {zero}"),
            _ => String::new(),
        };
        format!("{} {} {:?}{quantization}", self.name, self.r#type, self.shape)
    }
}

impl Info {
    pub(in crate::cli) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let files = ModelFiles {
            labels: self.labels.clone(),
            accelerator: Accelerator::Cpu,
            ..ModelFiles::new(self.model.clone())
        };
        let bytes = files.content()?;
        if let Some(compiled) = Compiled::of(&bytes) {
            let twin = twin(&self.model, &files.said()?).map_err(|e| anyhow!(e))?;
            describe(out, &self.model, &bytes, &compiled, twin.as_deref(), self.json)?;
            return match coral::missing(&machine::root()) {
                Some(missing) => {
                    let advice = advice(&self.model, &compiled, &missing, twin.as_deref());
                    Err(anyhow!("load model {}: {advice}", self.model.display()))
                }
                None => Ok(Exit::Fine),
            };
        }
        try_model(&files, None)?;
        let runtime = runtime()?;
        let model = Model::load(&runtime, &files)?.info;
        let file = self.model.display().to_string();
        let (length, is_tflite) = (bytes.len(), Format::of(&self.model) == Format::TfLite);
        let delegation = is_tflite.then(|| Delegation::of(&runtime, bytes, &file)).transpose()?;
        let delegated = delegation.map(|found| Delegated::new(found, &model.graph.operators));
        let report = Report {
            bytes: length,
            sha256: sha256(&self.model).with_context(|| format!("read {file}"))?,
            input: Tensor::from(&model.input),
            outputs: model.outputs.iter().map(Tensor::from).collect(),
            findings: &model.findings,
            labels: &model.labels,
            operators: &model.graph.operators,
            delegated,
            file,
        };
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            table(out, &report)?;
        }
        Ok(Exit::Fine)
    }
}

fn table(out: &mut dyn Write, report: &Report<'_>) -> std::io::Result<()> {
    writeln!(out, "{} ({:.1} MB, sha256 {})", report.file, report.bytes as f64 / 1e6, report.sha256)?;
    writeln!(out)?;
    for Finding { key, value, because, .. } in report.findings {
        if value.chars().count() > VALUE_WIDTH {
            writeln!(out, "  {key:<13} {value}")?;
            writeln!(out, "  {:<13} {:<VALUE_WIDTH$} {because}", "", "")?;
        } else {
            writeln!(out, "  {key:<13} {value:<VALUE_WIDTH$} {because}")?;
        }
    }
    writeln!(out)?;
    writeln!(out, "  {:<13} {}", "input", report.input.in_words())?;
    for output in &report.outputs {
        writeln!(out, "  {:<13} {}", "output", output.in_words())?;
    }
    let Some(delegated) = &report.delegated else { return Ok(()) };
    let mut operators: Vec<_> = report.operators.iter().collect();
    operators.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let words: Vec<String> = operators.iter().map(|(name, count)| format!("{count} {name}")).collect();
    writeln!(out, "  {:<13} {}", "operators", words.join(", "))?;
    writeln!(out, "  {:<13} {}", "delegated", delegated.in_words())
}
