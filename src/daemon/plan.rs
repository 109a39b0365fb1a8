//! What a config asks for, tried as far as can be without touching what runs: models loaded, and found to
//! go with their cameras.

use super::fit::{misfits, second_misfit};
use super::shares::shares;
use crate::config::{self, Config};
use crate::model::{Model, ModelError, ModelFiles, ModelInfo, Stamp};
use std::collections::BTreeMap;

/// A camera's second model, and all that it depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    camera: config::Camera,
    /// The detector and the classifier.
    pub models: [config::Model; 2],
    stamps: [Stamp; 2],
}

/// The models that run, as far as a plan needs to know them.
#[derive(Debug)]
pub struct Running {
    /// By name: config, files as they were loaded, what it is.
    pub models: BTreeMap<String, (config::Model, Option<Stamp>, ModelInfo)>,
    /// Second models by camera.
    pub seconds: BTreeMap<String, Second>,
}

/// A config that was tried as far as can be without touching what runs.
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub struct Plan {
    /// The cameras.
    pub cameras: Vec<config::Camera>,
    /// The models that cameras show their frames to.
    pub models: Vec<config::Model>,
    /// Models that must be loaded anew, loaded.
    pub loaded: BTreeMap<String, Model>,
    /// The state of every model's files.
    pub stamps: BTreeMap<String, Stamp>,
    /// Second models by camera.
    pub seconds: BTreeMap<String, Second>,
    /// Those of them that are new, loaded.
    pub loaded_seconds: BTreeMap<String, Model>,
}

/// What a config says of a model, for loading it.
#[must_use]
pub fn files(model: &config::Model) -> ModelFiles {
    ModelFiles {
        name: model.key(),
        path: model.path.clone(),
        labels: model.labels.clone(),
        manifest: model.manifest.clone(),
        threads: model.threads,
        accelerator: model.accelerator.clone(),
        waits: false,
    }
}

impl Running {
    /// Loads what is new in `config`, or was replaced on disk, by `load`, and checks that cameras and models
    /// go together; all problems at once. That takes as long as `load` does.
    pub fn plan(
        &self,
        config: &Config,
        load: &dyn Fn(&ModelFiles) -> Result<Model, ModelError>,
    ) -> Result<Plan, Vec<String>> {
        let used = |model: &&config::Model| config.cameras.iter().any(|c| c.model == model.name);
        let models = shares(config.models.iter().filter(used).cloned().collect(), &config.cameras);
        let (mut loaded, mut stamps, mut problems) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for model in &models {
            let files = files(model);
            let stamp = Stamp::of_model(&files);
            let same = self.models.get(&model.key()).is_some_and(|(config, loaded, _)| {
                config == model && loaded.as_ref().is_some_and(|loaded| *loaded == stamp)
            });
            stamps.insert(model.key(), stamp);
            if same {
                continue;
            }
            match load(&files) {
                Ok(ready) => {
                    loaded.insert(model.key(), ready);
                }
                Err(e) => problems.push(config.places.of_model(&model.name, &e.to_string())),
            }
        }
        let info = |name: &str| -> Option<&ModelInfo> {
            loaded
                .get(name)
                .map(|model| &model.info)
                .or_else(|| self.models.get(name).map(|(_, _, info)| info))
        };
        for camera in &config.cameras {
            if let Some(info) = info(&camera.model) {
                problems.extend(misfits(config, camera, info));
            }
        }
        let (mut seconds, mut loaded_seconds) = (BTreeMap::new(), BTreeMap::new());
        for camera in &config.cameras {
            let (Some(second), Some(info)) = (second(config, camera), info(&camera.model)) else { continue };
            if self.seconds.get(&camera.name) != Some(&second) {
                match load(&files(&second.models[1])) {
                    Ok(model) => {
                        problems.extend(second_misfit(config, camera, info, &model.info));
                        loaded_seconds.insert(camera.name.clone(), model);
                    }
                    Err(e) => problems.push(config.places.of_model(&second.models[1].name, &e.to_string())),
                }
            }
            seconds.insert(camera.name.clone(), second);
        }
        if problems.is_empty() {
            let cameras = config.cameras.clone();
            Ok(Plan { cameras, models, loaded, stamps, seconds, loaded_seconds })
        } else {
            Err(problems)
        }
    }
}

/// The second model of a camera, if it has one.
fn second(config: &Config, camera: &config::Camera) -> Option<Second> {
    let named = |name: &String| config.models.iter().find(|model| model.name == *name).cloned();
    let models = [named(&camera.model)?, named(&camera.classify.as_ref()?.model)?];
    let stamps = [&models[0], &models[1]].map(|model| Stamp::of_model(&files(model)));
    Some(Second { camera: camera.clone(), models, stamps })
}
