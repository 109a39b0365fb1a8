//! `edgecam model verify`: installed models and labels against the catalogue's checksums.

use crate::cli::Exit;
use crate::model::catalogue::{Catalogue, Entry, LabelSource, folders, label_file, model_file};
use crate::model::pull::lines;
use anyhow::anyhow;
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Check installed models against the catalogue
#[derive(Args, Debug)]
pub(in crate::cli) struct Verify {
    /// Look in this folder only
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// The models [default: all that are installed]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Verify {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let catalogue = Catalogue::load().map_err(|e| anyhow!(e))?;
        let found: Result<Vec<&Entry>, String> = self.names.iter().map(|name| catalogue.find(name)).collect();
        let mut entries = found.map_err(|e| anyhow!(e))?;
        if self.names.is_empty() {
            entries.extend(catalogue.models());
        }
        let folders = self.into.as_ref().map_or_else(folders, |folder| vec![folder.clone()]);
        let (mut exit, mut looked) = (Exit::Fine, false);
        for entry in entries {
            let mut there = false;
            for folder in folders.iter().filter(|folder| model_file(folder, entry).is_file()) {
                there = true;
                if !verify(out, entry, folder)? {
                    exit = Exit::Failure;
                }
            }
            if !there && !self.names.is_empty() {
                eprintln!("edgecam: {0} is not installed; run \"edgecam model pull {0}\"", entry.name);
                exit = Exit::Failure;
            }
            looked |= there;
        }
        if !looked && self.names.is_empty() {
            eprintln!("edgecam: no model of the catalogue is installed");
        }
        Ok(exit)
    }
}

/// Whether the files of a model in `folder` are the catalogue's; says of each.
fn verify(out: &mut dyn Write, entry: &Entry, folder: &Path) -> io::Result<bool> {
    let model = model_file(folder, entry);
    let mut good = say(out, &model, entry.file.hash.is_of(&model))?;
    let labels = label_file(folder, entry);
    let result = match &entry.labels {
        None => return Ok(good),
        Some(LabelSource::File(download)) => download.hash.is_of(&labels),
        Some(LabelSource::Names(names)) => std::fs::read(&labels).map(|is| is == lines(names).as_bytes()),
    };
    good &= say(out, &labels, result)?;
    Ok(good)
}

fn say(out: &mut dyn Write, path: &Path, result: io::Result<bool>) -> io::Result<bool> {
    let path = path.display();
    match &result {
        Ok(true) => writeln!(out, "good   {path}")?,
        Ok(false) => writeln!(out, "wrong  {path}: not the catalogue's content")?,
        Err(e) => writeln!(out, "wrong  {path}: {e}")?,
    }
    Ok(result.unwrap_or(false))
}
