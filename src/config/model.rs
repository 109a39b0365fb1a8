//! A model, and which cameras' frames it sees.

use super::Camera;
use crate::accelerator::Accelerator;
use crate::model::Manifest;
use std::path::PathBuf;

/// A model and how to run it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name in the config.
    pub name: String,
    /// The `.tflite` file.
    pub path: PathBuf,
    /// The label file; absent: looked for beside the model.
    pub labels: Option<PathBuf>,
    /// Threads of the runtime, 1 to 64.
    pub threads: usize,
    /// What the user says about the model, over what is inferred from it.
    pub manifest: Manifest,
    /// What it is to run on.
    pub accelerator: Accelerator,
    /// Which of its cameras.
    pub share: Share,
}

/// A part of a model's cameras: with several accelerators each part has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which part, from 0 on.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// All cameras.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

impl Model {
    /// The name, and of a further share its number.
    #[must_use]
    pub fn key(&self) -> String {
        match self.share.index {
            0 => self.name.clone(),
            index => format!("{}#{}", self.name, index + 1),
        }
    }

    /// Its cameras, or its share of them, in the order of the config.
    pub fn cameras<'a>(&'a self, all: &'a [Camera]) -> impl Iterator<Item = &'a Camera> {
        let Share { index, of } = self.share;
        all.iter().filter(|camera| camera.model == self.name).skip(index).step_by(of)
    }
}
