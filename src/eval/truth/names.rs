//! What YOLO's class numbers are called: the `names` of a `data.yaml`, a list or a map from numbers, or a
//! label file.

use super::problem::{Problems, Reading, text};
use crate::model::Labels;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use std::path::Path;

/// More classes are no detector's.
const MOST: usize = 100_000;

/// Names by class number; empty for a number without a name.
pub fn read(path: &Path) -> Result<Vec<String>, Problems> {
    let is_yaml =
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
    if !is_yaml {
        // The label reader's sentence begins with the file already.
        let labels = text(path).and_then(|text| Labels::parse(&text));
        let labels = labels.map_err(|e| Problems::of_file(path, &e))?;
        return Ok(labels.names().to_vec());
    }
    let text = text(path).map_err(|e| Problems::of_file(path, &e))?;
    let mut r = Reading::default();
    let names = parse(&text).unwrap_or_else(|(line, what)| {
        r.error((path, line), &what);
        Vec::new()
    });
    r.check()?;
    Ok(names)
}

/// The names, or the line of the trouble (0: the whole file) and what it is.
fn parse(text: &str) -> Result<Vec<String>, (usize, String)> {
    let documents = MarkedYaml::load_from_str(text)
        .map_err(|e| (e.marker().line(), format!("it is no YAML: {}", e.info())))?;
    let names = documents.first().and_then(|document| document.data.as_mapping_get("names"));
    let names = names.ok_or_else(|| (0, "it has no names".to_owned()))?;
    let wrong = |node: &MarkedYaml<'_>, what: &str| (node.span.start.line(), what.to_owned());
    match &names.data {
        YamlData::Sequence(list) => {
            list.iter().map(|node| name(node).ok_or_else(|| wrong(node, "it is no class name"))).collect()
        }
        YamlData::Mapping(map) => {
            let mut list = Vec::new();
            for (key, node) in map {
                let number = match key.data {
                    YamlData::Value(Scalar::Integer(n)) => usize::try_from(n).ok().filter(|&n| n < MOST),
                    _ => None,
                };
                let number = number.ok_or_else(|| wrong(key, "it is no class number"))?;
                if list.len() <= number {
                    list.resize(number + 1, String::new());
                }
                list[number] = name(node).ok_or_else(|| wrong(node, "it is no class name"))?;
            }
            Ok(list)
        }
        _ => Err(wrong(names, "the names are neither a list nor a map from numbers")),
    }
}

/// A name; what YAML takes for a number is one too.
fn name(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => Some(text.trim().to_owned()),
        YamlData::Value(Scalar::Integer(n)) => Some(n.to_string()),
        YamlData::Value(Scalar::Boolean(b)) => Some(b.to_string()),
        _ => None,
    }
}
