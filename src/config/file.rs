//! The config as the user writes it. Everything is optional here: what must be there, and what may stand
//! for what is left out, is for `validate` to say.

use crate::array::Array;
use crate::geometry::Fit;
use crate::model::{
    Activation, Anchors, Background, Channels, Column, Coordinates, DecoderKind, NmsKeys, Task,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// A value with its place in the file.
pub type Value<T> = Option<Spanned<T>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub mqtt: Option<Spanned<Mqtt>>,
    pub outbox: Option<Outbox>,
    pub homeassistant: Option<HomeAssistant>,
    pub stats: Option<Stats>,
    pub thermal: Option<Thermal>,
    pub runtime: Option<Runtime>,
    pub collect: Option<Collect>,
    #[serde(default)]
    pub model: BTreeMap<Spanned<String>, Spanned<Model>>,
    #[serde(default)]
    pub camera: Vec<Spanned<Camera>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    pub url: Value<String>,
    pub prefix: Value<String>,
    pub client_id: Value<String>,
    pub username: Value<String>,
    pub password_file: Value<String>,
    pub ca_file: Value<String>,
    pub cert_file: Value<String>,
    pub key_file: Value<String>,
    pub keep_alive: Value<String>,
    pub max_back_off: Value<String>,
    pub embedded: Value<bool>,
    pub listen: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    pub max_bytes: Value<String>,
    pub max_age: Value<String>,
    pub sync_interval: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeAssistant {
    pub enabled: Option<bool>,
    pub discovery_prefix: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    pub interval: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thermal {
    pub enabled: Option<bool>,
    pub limit: Value<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    pub path: Value<String>,
    pub max_bytes: Value<String>,
    pub interval: Value<String>,
    pub uncertain: Value<Array<f32, 2>>,
    pub negatives: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    pub library: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub path: Value<String>,
    pub catalogue: Value<String>,
    pub labels: Value<String>,
    pub threads: Value<i64>,
    pub accelerator: Value<Accelerator>,
    pub task: Option<Task>,
    pub decoder: Option<DecoderKind>,
    pub fit: Option<Fit>,
    pub mean: Option<Array<f32, 3>>,
    pub std: Option<Array<f32, 3>>,
    pub channels: Option<Channels>,
    pub coordinates: Option<Coordinates>,
    pub objectness: Option<bool>,
    pub activation: Option<Activation>,
    pub background: Option<Background>,
    pub anchors: Option<Anchors>,
    pub columns: Option<Vec<Column>>,
    pub nms: Option<NmsKeys>,
    pub cpu: Value<String>,
}

/// A word, or a table that says more.
#[derive(Debug)]
pub enum Accelerator {
    Word(String),
    Table(AcceleratorTable),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceleratorTable {
    pub edgetpu: Option<toml::Value>,
    pub performance: Option<String>,
    pub library: Option<String>,
    pub plugin: Option<String>,
    pub options: Option<BTreeMap<String, toml::Value>>,
    pub openvino: Option<String>,
}

impl<'de> Deserialize<'de> for Accelerator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Accelerator;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word such as \"auto\", or a table")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Accelerator, E> {
                Ok(Accelerator::Word(word.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Accelerator, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Accelerator::Table)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    pub name: Value<String>,
    pub source: Option<Spanned<Source>>,
    pub stall_timeout: Value<String>,
    pub model: Value<String>,
    pub region: Value<Array<f32, 4>>,
    pub fps: Value<f64>,
    pub threshold: Value<f64>,
    pub labels: Value<Vec<Spanned<String>>>,
    pub classify: Option<Spanned<Classify>>,
    pub motion: Option<Motion>,
    pub mask: Option<Vec<Corners>>,
    pub snapshot: Option<Snapshot>,
    pub track: Option<Track>,
    #[serde(default)]
    pub filter: BTreeMap<Spanned<String>, Spanned<Filter>>,
    #[serde(default)]
    pub zone: BTreeMap<Spanned<String>, Spanned<Zone>>,
}

/// A polygon as written: its corners.
pub type Corners = Spanned<Vec<Array<f32, 2>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Motion {
    pub enabled: Option<bool>,
    pub keep_alive: Value<String>,
    pub threshold: Value<f64>,
    pub min_area: Value<f64>,
    pub hold: Value<String>,
    pub mask: Option<Vec<Corners>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub enabled: Option<bool>,
    pub quality: Value<i64>,
    pub max_bytes: Value<String>,
    pub max_height: Value<i64>,
    pub crop: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    pub min_hits: Value<i64>,
    pub max_lost: Value<String>,
    pub stationary_after: Value<String>,
    pub stationary_max_lost: Value<String>,
    pub remember: Value<String>,
    pub update_interval: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    pub min_score: Value<f64>,
    pub max_score: Value<f64>,
    pub min_area: Value<f64>,
    pub max_area: Value<f64>,
    pub min_ratio: Value<f64>,
    pub max_ratio: Value<f64>,
    pub include: Option<Vec<Corners>>,
    pub exclude: Option<Vec<Corners>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub polygon: Option<Corners>,
    pub labels: Value<Vec<Spanned<String>>>,
    pub loiter: Value<String>,
    pub inertia: Value<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classify {
    pub model: Value<String>,
    pub of: Value<Vec<Spanned<String>>>,
    pub threshold: Value<f64>,
}

/// Exactly one of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub v4l2: Option<Spanned<V4l2>>,
    pub rpicam: Option<Spanned<Rpicam>>,
    pub command: Option<Spanned<Command>>,
    pub files: Option<Spanned<Files>>,
    pub test_pattern: Option<Spanned<TestPattern>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V4l2 {
    pub device: Value<toml::Value>,
    pub size: Value<Array<i64, 2>>,
    pub fps: Value<f64>,
    pub format: Value<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rpicam {
    pub camera: Value<i64>,
    pub size: Value<Array<i64, 2>>,
    pub fps: Value<f64>,
    pub rotation: Value<i64>,
    pub format: Value<String>,
    pub args: Value<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub argv: Value<Vec<String>>,
    pub format: Value<String>,
    pub size: Value<Array<i64, 2>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    pub path: Value<String>,
    pub fps: Value<f64>,
    pub r#loop: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestPattern {
    pub size: Value<Array<i64, 2>>,
    pub fps: Value<f64>,
    pub seed: Value<i64>,
}
