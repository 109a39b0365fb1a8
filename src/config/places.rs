//! Where things of a valid config stand in its file, for the problems that show only beside a model.

use super::file::File;
use super::problem::place;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

/// Line and column, both from 1.
type Place = (usize, usize);

/// Places of models and of what cameras want of them. Those of a default config are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    file: String,
    /// By the model's name.
    models: BTreeMap<String, Place>,
    /// By the camera's name: its model, and its labels in their order.
    cameras: BTreeMap<String, (Option<Place>, Vec<Place>)>,
}

impl Places {
    /// Places in `text`, which is what `path` holds and `file` was read from.
    pub(super) fn of(file: &File, path: &Path, text: &str) -> Self {
        let at = |byte: usize| place(text, byte);
        let models = file.model.keys().map(|name| (name.get_ref().clone(), at(name.span().start)));
        let camera = |k: &super::file::Camera| {
            let labels = k.labels.iter().flat_map(Spanned::get_ref);
            let labels = labels.map(|label| at(label.span().start)).collect();
            let model = k.model.as_ref().map(|model| at(model.span().start));
            Some((k.name.as_ref()?.get_ref().clone(), (model, labels)))
        };
        Self {
            file: path.display().to_string(),
            models: models.collect(),
            cameras: file.camera.iter().filter_map(|table| camera(table.get_ref())).collect(),
        }
    }

    /// A line about a model.
    #[must_use]
    pub fn of_model(&self, model: &str, why: &str) -> String {
        self.line(self.models.get(model).copied(), &format!("model {model}: {why}"))
    }

    /// A line about a camera: about its label of that index, or about its model.
    #[must_use]
    pub fn of_camera(&self, camera: &str, label: Option<usize>, why: &str) -> String {
        let place = self.cameras.get(camera).and_then(|(model, labels)| match label {
            Some(index) => labels.get(index).copied(),
            None => *model,
        });
        self.line(place, &format!("camera {camera}: {why}"))
    }

    fn line(&self, place: Option<Place>, text: &str) -> String {
        match place {
            Some((line, column)) => format!("{}:{line}:{column}: {text}", self.file),
            None => format!("{}: {text}", self.file),
        }
    }
}
