//! What is said about a model beside its file: in the config, or in `MODEL.toml` beside it. Every key is
//! optional and replaces what is inferred from the model.

use crate::array::Array;
use crate::geometry::Fit;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Larger files are no manifests.
const MAX_BYTES: u64 = 4 << 20;

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// What is in the picture.
    Classify,
    /// What is where in it.
    Detect,
}

/// How outputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DecoderKind {
    /// One score a class.
    Classify,
    /// Boxes, classes, scores and a count, as `TFLite_Detection_PostProcess` gives them.
    Ssd,
    /// Scores and box encodings relative to anchors: raw SSD heads, EfficientDet, faces.
    Anchors,
    /// Rows of box and scores (YOLOv5, YOLOv8, YOLO11), decoded in the graph.
    Yolo,
    /// The same, relative to the cells of grids.
    Yolox,
    /// One grid with anchors, `[1, h, w, anchors * (5 + classes)]`.
    Yolov2,
    /// A row a detection, NMS done.
    Rows,
    /// Boxes of a set of queries, with logits a class.
    Detr,
    /// A heat map a class.
    Fomo,
}

impl DecoderKind {
    /// What a model with such outputs is for.
    #[must_use]
    pub const fn task(self) -> Task {
        match self {
            Self::Classify => Task::Classify,
            _ => Task::Detect,
        }
    }
}

/// The order of the colours in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV reads pictures.
    Bgr,
}

/// The unit of boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinates {
    /// Fractions of the input.
    Normalized,
    /// Pixels of the input.
    Pixels,
}

/// What turns an output into scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Nothing: they are scores.
    None,
    /// Each on its own.
    Sigmoid,
    /// All classes together.
    Softmax,
}

/// The class that stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    /// There is none.
    None,
    /// The first; labels start at the second.
    First,
    /// The last.
    Last,
}

/// Where anchors come from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Anchors {
    /// A known scheme: `ssd`, `fpn`, `efficientdet`, `efficientdet-lite`, `blazeface`, `retinaface`,
    /// `cells`.
    Scheme(String),
    /// Width and height of each of a cell's anchors, in cells.
    Sizes(Vec<Array<f32, 2>>),
    /// Centre x, y, width and height of each, in fractions of the input.
    Boxes(Vec<Array<f32, 4>>),
}

/// A column of a row output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Left edge.
    XMin,
    /// Top edge.
    YMin,
    /// Right edge.
    XMax,
    /// Bottom edge.
    YMax,
    /// The score.
    Score,
    /// The class.
    Class,
    /// Of no account.
    Skip,
}

/// Non-maximum suppression: of boxes that overlap, the best stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NmsKeys {
    /// Boxes that overlap by more (intersection over union) are one, 0..1.
    pub iou: Option<f32>,
    /// Whether boxes of different classes are one too.
    pub agnostic: Option<bool>,
    /// The most detections of a frame.
    pub limit: Option<usize>,
}

/// What is said about a model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What the model is for.
    pub task: Option<Task>,
    /// How outputs are read.
    pub decoder: Option<DecoderKind>,
    /// How a frame is brought to the input size.
    pub fit: Option<Fit>,
    /// Subtracted from each of R, G and B (0..255) before dividing by `std`.
    pub mean: Option<Array<f32, 3>>,
    /// What each of R, G and B is divided by.
    pub std: Option<Array<f32, 3>>,
    /// Order of the colours.
    pub channels: Option<Channels>,
    /// Unit of the boxes.
    pub coordinates: Option<Coordinates>,
    /// Whether rows of YOLO have a score for being an object, to be multiplied with the classes'.
    pub objectness: Option<bool>,
    /// What turns outputs into scores.
    pub activation: Option<Activation>,
    /// The class that stands for nothing.
    pub background: Option<Background>,
    /// Where anchors come from.
    pub anchors: Option<Anchors>,
    /// The columns of `decoder = "rows"`, in order.
    pub columns: Option<Vec<Column>>,
    /// Which of overlapping boxes stay.
    pub nms: Option<NmsKeys>,
    /// The same model for the CPU, where this one is compiled for an accelerator.
    pub cpu: Option<PathBuf>,
}

impl Manifest {
    /// The manifest in `MODEL.toml` beside `MODEL.tflite`; empty where there is none. The path in it is relative to
    /// its folder.
    pub fn beside(model: &Path) -> Result<Self, String> {
        let path = model.with_extension("toml");
        match std::fs::metadata(&path) {
            Ok(meta) if !meta.is_file() || meta.len() > MAX_BYTES => {
                return Err(format!("read manifest {}: it is no manifest", path.display()));
            }
            _ => {}
        }
        match std::fs::read_to_string(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(format!("read manifest {}: {e}", path.display())),
            Ok(text) => {
                let said =
                    Self::parse(&text).map_err(|e| format!("read manifest {}: {e}", path.display()))?;
                let cpu = said.cpu.as_ref().map(|cpu| path.parent().unwrap_or(Path::new("")).join(cpu));
                Ok(Self { cpu, ..said })
            }
        }
    }

    /// A manifest's text, its values checked.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        manifest.check().map(|()| manifest)
    }

    /// Whether its numbers make sense.
    pub fn check(&self) -> Result<(), String> {
        if self.std.is_some_and(|std| std.0.contains(&0.0)) {
            return Err("std: a deviation of 0".to_owned());
        }
        let numbers = self.mean.iter().chain(&self.std).flat_map(|three| three.0);
        if numbers.into_iter().any(|v: f32| !v.is_finite()) {
            return Err("mean and std are finite numbers".to_owned());
        }
        let finite = |list: &[f32]| list.iter().all(|v| v.is_finite());
        let anchors_are_finite = match &self.anchors {
            Some(Anchors::Sizes(sizes)) => {
                sizes.iter().all(|size| finite(&size.0) && size.0.iter().all(|&v| v > 0.0))
            }
            Some(Anchors::Boxes(boxes)) => {
                boxes.iter().all(|anchor| finite(&anchor.0) && anchor.0[2..].iter().all(|&v| v > 0.0))
            }
            _ => true,
        };
        if !anchors_are_finite {
            return Err("anchors are finite numbers, widths and heights above 0".to_owned());
        }
        let nms = self.nms.unwrap_or_default();
        if nms.iou.is_some_and(|iou| !(0.0..=1.0).contains(&iou)) {
            return Err("nms.iou is a number from 0 to 1".to_owned());
        }
        if nms.limit.is_some_and(|limit| !(1..=1000).contains(&limit)) {
            return Err("nms.limit is a number from 1 to 1000".to_owned());
        }
        match (self.task, self.decoder) {
            (Some(task), Some(decoder)) if decoder.task() != task => {
                Err("task and decoder contradict each other; leave one out".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// `self` where it says something, else `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (own, others) = (self.nms.unwrap_or_default(), other.nms.unwrap_or_default());
        Self {
            task: self.task.or(other.task),
            decoder: self.decoder.or(other.decoder),
            fit: self.fit.or(other.fit),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
            channels: self.channels.or(other.channels),
            coordinates: self.coordinates.or(other.coordinates),
            objectness: self.objectness.or(other.objectness),
            activation: self.activation.or(other.activation),
            background: self.background.or(other.background),
            anchors: self.anchors.or(other.anchors),
            columns: self.columns.or(other.columns),
            nms: (self.nms.is_some() || other.nms.is_some()).then_some(NmsKeys {
                iou: own.iou.or(others.iou),
                agnostic: own.agnostic.or(others.agnostic),
                limit: own.limit.or(others.limit),
            }),
            cpu: self.cpu.or(other.cpu),
        }
    }
}
