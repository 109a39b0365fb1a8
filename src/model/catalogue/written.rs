//! The catalogue as it is written: read, and every entry checked, since names become file names.

use super::{Accelerator, Download, Entry, Hash, LabelSource, MAX_BYTES, Task};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    labels: BTreeMap<String, Labels>,
    #[serde(default)]
    model: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    url: Option<String>,
    sha256: Option<String>,
    git_blob: Option<String>,
    size: Option<u64>,
    names: Option<Vec<String>>,
    licence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    description: String,
    task: Task,
    input: [u32; 2],
    #[serde(default)]
    accelerator: Accelerator,
    cpu: Option<String>,
    url: String,
    sha256: Option<String>,
    git_blob: Option<String>,
    size: Option<u64>,
    licence: String,
    labels: Option<String>,
}

/// The models of a catalogue's text, by name.
pub fn read(text: &str) -> Result<Vec<Entry>, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    let mut labels = BTreeMap::new();
    for (name, written) in file.labels {
        let source = label_source(written).map_err(|e| format!("labels {name}: {e}"))?;
        labels.insert(name, source);
    }
    let mut entries = Vec::new();
    for (name, written) in file.model {
        entries.push(entry(&name, written, &labels).map_err(|e| format!("model {name}: {e}"))?);
    }
    for entry in &entries {
        let Some(cpu) = &entry.cpu else { continue };
        let twin = entries.iter().find(|other| other.name == *cpu);
        if twin.is_none_or(|twin| twin.accelerator != Accelerator::Cpu) {
            return Err(format!("model {}: cpu: there is no model {cpu} for the CPU", entry.name));
        }
    }
    one_content_a_name(&entries, labels.values())?;
    Ok(entries)
}

fn label_source(written: Labels) -> Result<LabelSource, String> {
    licence(&written.licence)?;
    match (written.url, written.names) {
        (Some(url), None) => {
            Ok(LabelSource::File(download(url, written.sha256, written.git_blob, written.size)?))
        }
        (None, Some(names)) => {
            if names.is_empty() || names.iter().any(|name| name.trim().is_empty() || name.contains('\n')) {
                return Err("names: a label is a line of text".to_owned());
            }
            Ok(LabelSource::Names(names))
        }
        _ => Err("give a url, or names".to_owned()),
    }
}

fn entry(name: &str, m: Model, labels: &BTreeMap<String, LabelSource>) -> Result<Entry, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = name.len() <= 64 && name.chars().all(|c| plain(c) || "._-".contains(c));
    if !good || !name.starts_with(plain) {
        return Err(
            "a name is 1 to 64 of a-z, 0-9, \".\", \"_\" and \"-\", a letter or digit first".to_owned()
        );
    }
    if m.description.trim().is_empty() || m.description.contains('\n') {
        return Err("description: it is one line".to_owned());
    }
    if m.input.contains(&0) {
        return Err("input: width and height in pixels".to_owned());
    }
    licence(&m.licence)?;
    let source = |key: &String| {
        labels
            .get(key)
            .cloned()
            .ok_or_else(|| format!("labels: there are no [labels.{key}] in the catalogue"))
    };
    Ok(Entry {
        name: name.to_owned(),
        description: m.description,
        task: m.task,
        input: m.input,
        accelerator: m.accelerator,
        cpu: m.cpu,
        licence: m.licence,
        file: download(m.url, m.sha256, m.git_blob, m.size)?,
        labels: m.labels.as_ref().map(source).transpose()?,
    })
}

fn licence(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("licence: say which".to_owned()) } else { Ok(()) }
}

fn download(
    url: String,
    sha256: Option<String>,
    git_blob: Option<String>,
    size: Option<u64>,
) -> Result<Download, String> {
    let hash = match (sha256, git_blob) {
        (Some(hash), None) => Hash::Sha256(hexadecimal(hash, 64).map_err(|e| format!("sha256: {e}"))?),
        (None, Some(hash)) => Hash::GitBlob(hexadecimal(hash, 40).map_err(|e| format!("git_blob: {e}"))?),
        _ => return Err("give one checksum: sha256 or git_blob".to_owned()),
    };
    if size.is_some_and(|size| size == 0 || size > MAX_BYTES) {
        return Err(format!("size: 1 to {MAX_BYTES} bytes"));
    }
    let download = Download { url, size, hash };
    let web = ["https://", "http://"].iter().any(|scheme| download.url.starts_with(scheme));
    if !web || matches!(download.file_name(), "" | "." | "..") || download.url.contains(char::is_whitespace) {
        return Err(format!("url: {} is no web address of a file", download.url));
    }
    Ok(download)
}

fn hexadecimal(text: String, digits: usize) -> Result<String, String> {
    let good = text.len() == digits && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if good { Ok(text) } else { Err(format!("it has {digits} digits of 0-9 and a-f")) }
}

/// A mirror has files by name: a name must not stand for two contents.
fn one_content_a_name<'a>(
    entries: &'a [Entry],
    labels: impl Iterator<Item = &'a LabelSource>,
) -> Result<(), String> {
    let files = labels.filter_map(|source| match source {
        LabelSource::File(download) => Some(download),
        LabelSource::Names(_) => None,
    });
    let mut known: HashMap<&str, &Hash> = HashMap::new();
    for download in entries.iter().map(|entry| &entry.file).chain(files) {
        let name = download.file_name();
        if known.insert(name, &download.hash).is_some_and(|hash| *hash != download.hash) {
            return Err(format!("two different files are named {name}"));
        }
    }
    Ok(())
}
