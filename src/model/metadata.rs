//! What a model says about itself: TFLite metadata with packed label files, and the description that
//! Ultralytics packs in, has as properties of an ONNX file, or writes to `metadata.yaml` beside the model.
//! Schema: `metadata_schema.fbs` of tensorflow/tflite-support.

use super::flatbuffer::{Read, Table};
use super::labels::Labels;
use super::onnx;
use saphyr::{LoadableYamlNode, Yaml};
use std::io::{Cursor, Read as _};
use std::path::Path;

/// Larger packed files are no labels, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// More files are no model's.
const MAX_FILES: usize = 64;

/// Names under which Ultralytics packs its description.
const DESCRIPTIONS: [&str; 3] = ["metadata.json", "temp_meta.txt", "metadata.txt"];

/// What a model says about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Names of its classes, and where they stand.
    pub labels: Option<(Labels, String)>,
    /// What it is for, in the exporter's word: `detect`, `classify`, `pose`.
    pub task: Option<String>,
    /// Mean and deviation of the input, one or three of each.
    pub normalization: Option<[[f32; 3]; 2]>,
}

/// Field numbers of the schema's tables, and values of its enums.
mod field {
    pub const MODEL_SUBGRAPHS: usize = 2;
    pub const GRAPH_INPUTS: usize = 2;
    pub const GRAPH_OUTPUTS: usize = 3;
    pub const TENSOR_PROCESS: usize = 4;
    pub const TENSOR_FILES: usize = 6;
    pub const FILE_NAME: usize = 0;
    pub const FILE_TYPE: usize = 2;
    pub const UNIT_TYPE: usize = 0;
    pub const UNIT: usize = 1;
    pub const NORMALIZATION_MEAN: usize = 0;
    pub const NORMALIZATION_STD: usize = 1;
    /// `TENSOR_AXIS_LABELS` and `TENSOR_VALUE_LABELS`.
    pub const LABEL_TYPES: [i8; 2] = [2, 3];
    /// `NormalizationOptions` in the union of process units.
    pub const NORMALIZATION: i8 = 1;
}

impl Metadata {
    /// Reads what is packed into the model `file`, whose TFLite metadata are at `place`, and what lies
    /// beside `path`. What can't be read is left out.
    #[must_use]
    pub fn of(file: &[u8], place: Option<std::ops::Range<usize>>, path: &Path) -> Self {
        let packed = place.and_then(|place| file.get(place));
        let (mut found, label_file) = packed.and_then(|m| read(m).ok()).unwrap_or_default();
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).ok();
        if let Some(archive) = archive.as_mut().filter(|archive| archive.len() <= MAX_FILES) {
            found.read_archive(archive, label_file);
        }
        if found.labels.is_none() && found.task.is_none() {
            let beside = path.with_file_name("metadata.yaml");
            if let Some(text) = small(&beside) {
                found.read_description(&text, "metadata.yaml beside it");
            }
        }
        found
    }

    /// Reads the properties of the ONNX model `file`, and what lies beside `path`.
    #[must_use]
    pub fn of_onnx(file: &[u8], path: &Path) -> Self {
        let properties = ["task", "names"].map(|name| {
            onnx::property(file, name).map(|value| format!("{name}: {value}\n")).unwrap_or_default()
        });
        let mut found = Self::default();
        found.read_description(&properties.concat(), "the properties of the file");
        if found == Self::default() { Self::of(&[], None, path) } else { found }
    }

    fn read_archive(&mut self, archive: &mut zip::ZipArchive<Cursor<&[u8]>>, label_file: Option<String>) {
        let names: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
        if let Some(name) = names.iter().find(|name| DESCRIPTIONS.contains(&name.as_str()))
            && let Some(text) = unpack(archive, name)
        {
            self.read_description(&text, &format!("{name} packed into it"));
        }
        let label_file = label_file.or_else(|| names.into_iter().find(|name| name.contains("label")));
        if let Some(name) = label_file
            && let Some(labels) = unpack(archive, &name).and_then(|text| Labels::parse(&text).ok())
        {
            self.labels = Some((labels, format!("{name} packed into it")));
        }
    }

    /// Ultralytics' description: YAML, JSON, or a Python dictionary, which reads as YAML too.
    fn read_description(&mut self, text: &str, place: &str) {
        let Some(document) = Yaml::load_from_str(text).ok().and_then(|all| all.into_iter().next()) else {
            return;
        };
        self.task = document.as_mapping_get("task").and_then(Yaml::as_str).map(str::to_owned);
        if let Some(labels) = document.as_mapping_get("names").and_then(names) {
            self.labels = Some((labels, place.to_owned()));
        }
    }
}

/// `names` of a data set: a list, or a map from class number to name.
fn names(yaml: &Yaml<'_>) -> Option<Labels> {
    if let Some(list) = yaml.as_sequence() {
        return Labels::new(list.iter().enumerate().map(|(i, name)| (i, scalar(name)))).ok();
    }
    let map = yaml.as_mapping()?;
    let entry = |(key, name): (&Yaml<'_>, &Yaml<'_>)| {
        let id = key.as_integer().or_else(|| key.as_str()?.parse().ok())?;
        Some((usize::try_from(id).ok()?, scalar(name)))
    };
    Labels::new(map.iter().map(entry).collect::<Option<Vec<_>>>()?.into_iter()).ok()
}

/// A name that may look like a number.
fn scalar(yaml: &Yaml<'_>) -> String {
    yaml.as_str().map(str::to_owned).or_else(|| yaml.as_integer().map(|n| n.to_string())).unwrap_or_default()
}

/// The text of a packed file of reasonable size.
fn unpack(archive: &mut zip::ZipArchive<Cursor<&[u8]>>, name: &str) -> Option<String> {
    let file = archive.by_name(name).ok()?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MAX_BYTES).then_some(text)
}

fn small(path: &Path) -> Option<String> {
    let meta = std::fs::metadata(path).ok()?;
    (meta.is_file() && meta.len() <= MAX_BYTES).then(|| std::fs::read_to_string(path).ok())?
}

/// The TFLite metadata themselves, and the name of the packed label file.
fn read(bytes: &[u8]) -> Read<(Metadata, Option<String>)> {
    let mut found = Metadata::default();
    let model = Table::root(bytes)?;
    let mut label_file = None;
    let Some(graph) = model.vector(field::MODEL_SUBGRAPHS, 4)?.tables().next() else {
        return Ok((found, label_file));
    };
    let graph = graph?;
    if let Some(input) = graph.vector(field::GRAPH_INPUTS, 4)?.tables().next() {
        found.normalization = normalization(&input?)?;
    }
    for output in graph.vector(field::GRAPH_OUTPUTS, 4)?.tables() {
        for file in output?.vector(field::TENSOR_FILES, 4)?.tables() {
            let file = file?;
            if field::LABEL_TYPES.contains(&file.i8(field::FILE_TYPE, 0)?) && label_file.is_none() {
                label_file = Some(file.string(field::FILE_NAME)?);
            }
        }
    }
    Ok((found, label_file))
}

/// Mean and deviation of an input's `NormalizationOptions`.
fn normalization(tensor: &Table<'_>) -> Read<Option<[[f32; 3]; 2]>> {
    for unit in tensor.vector(field::TENSOR_PROCESS, 4)?.tables() {
        let unit = unit?;
        if unit.i8(field::UNIT_TYPE, 0)? != field::NORMALIZATION {
            continue;
        }
        let Some(options) = unit.table(field::UNIT)? else { continue };
        let three = |n| {
            let values: Vec<f32> = options.vector(n, 4)?.f32s().collect();
            Ok(match *values.as_slice() {
                [v] => Some([v; 3]),
                [r, g, b] => Some([r, g, b]),
                _ => None,
            })
        };
        let (mean, std) = (three(field::NORMALIZATION_MEAN)?, three(field::NORMALIZATION_STD)?);
        if let (Some(mean), Some(std)) = (mean, std)
            && mean.iter().chain(&std).all(|v| v.is_finite())
            && std.iter().all(|&v| v != 0.0)
        {
            return Ok(Some([mean, std]));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(text: &str) -> Metadata {
        let mut found = Metadata::default();
        found.read_description(text, "a test");
        found
    }

    fn labels(found: &Metadata) -> Vec<String> {
        found.labels.as_ref().map(|l| l.0.names().to_vec()).unwrap_or_default()
    }

    #[test]
    fn the_three_forms_of_an_ultralytics_description() {
        for text in [
            "{'task': 'detect', 'stride': 32, 'names': {0: 'person', 1: \"bear's cub\"}}",
            r#"{"task": "detect", "names": {"0": "person", "1": "bear's cub"}}"#,
            "task: detect\nnames:\n  0: person\n  1: bear's cub\n",
            "task: detect\nnames: [person, bear's cub]\n",
        ] {
            let found = described(text);
            assert_eq!(
                (found.task.as_deref(), labels(&found)),
                (Some("detect"), vec!["person".to_owned(), "bear's cub".to_owned()]),
                "{text}"
            );
        }
    }

    #[test]
    fn nonsense_tells_nothing() {
        for text in ["", "- 1\n- 2", "names: 3", "names: {a: b}", "names: {999999999: b}", "{\"", "\u{0}"] {
            assert!(described(text).labels.is_none(), "{text}");
        }
        assert!(read(b"short").is_err());
        assert_eq!(
            Metadata::of(b"no model", Some(2..100), Path::new("/nowhere/model.tflite")),
            Metadata::default()
        );
    }
}
