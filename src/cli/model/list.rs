//! `edgecam model list`: what the catalogue has, and what of it is here.

use crate::cli::Exit;
use crate::model::catalogue::{Accelerator, Catalogue, Entry, Hash, LabelSource, Task, installed};
use anyhow::anyhow;
use clap::Args;
use indicatif::DecimalBytes;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// List the models of the catalogue
#[derive(Args, Debug)]
pub(in crate::cli) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A model as JSON.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    description: &'a str,
    task: Task,
    input: [u32; 2],
    accelerator: Accelerator,
    cpu: Option<&'a str>,
    size: Option<u64>,
    licence: &'a str,
    url: &'a str,
    sha256: Option<&'a str>,
    git_blob: Option<&'a str>,
    labels_url: Option<&'a str>,
    installed: Option<PathBuf>,
}

impl<'a> From<&'a Entry> for Row<'a> {
    fn from(entry: &'a Entry) -> Self {
        let (sha256, git_blob) = match &entry.file.hash {
            Hash::Sha256(hash) => (Some(hash.as_str()), None),
            Hash::GitBlob(hash) => (None, Some(hash.as_str())),
        };
        Self {
            name: &entry.name,
            description: &entry.description,
            task: entry.task,
            input: entry.input,
            accelerator: entry.accelerator,
            cpu: entry.cpu.as_deref(),
            size: entry.file.size,
            licence: &entry.licence,
            url: &entry.file.url,
            sha256,
            git_blob,
            labels_url: match &entry.labels {
                Some(LabelSource::File(labels)) => Some(&labels.url),
                _ => None,
            },
            installed: installed(entry),
        }
    }
}

impl List {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let catalogue = Catalogue::load().map_err(|e| anyhow!(e))?;
        let rows: Vec<Row> = catalogue.models().iter().map(Row::from).collect();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&rows)?)?;
        } else {
            print(out, &rows)?;
        }
        Ok(Exit::Fine)
    }
}

fn print(out: &mut dyn Write, rows: &[Row]) -> std::io::Result<()> {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
    writeln!(
        out,
        "{:<width$}  {:<8}  {:<7}  {:<7}  {:>8}  {:<10}  installed",
        "name", "task", "input", "runs on", "size", "licence"
    )?;
    for row in rows {
        let task = match row.task {
            Task::Detect => "detect",
            Task::Classify => "classify",
        };
        let runs_on = match row.accelerator {
            Accelerator::Cpu => "CPU",
            Accelerator::Edgetpu => "Coral",
        };
        let [w, h] = row.input;
        let size = row.size.map_or_else(|| "?".to_owned(), |size| DecimalBytes(size).to_string());
        let installed = row.installed.as_ref().map_or("no".into(), |path| path.display().to_string());
        writeln!(
            out,
            "{:<width$}  {task:<8}  {:<7}  {runs_on:<7}  {size:>8}  {:<10}  {installed}",
            row.name,
            format!("{w}x{h}"),
            row.licence
        )?;
    }
    Ok(())
}
