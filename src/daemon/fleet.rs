//! All cameras and engines of a config, and the change from one config to the next.

use super::camera::{Camera, Context};
use super::engine::{Engine, Lane};
use super::fit::{fit, misfits};
use crate::config::{self, Config};
use crate::infer::Runtime;
use crate::model::{Model, ModelFiles, ModelInfo};
use crate::publish::{Publication, Watch};
use crate::slot::{Outlet, Slots};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What runs.
#[derive(Debug, Default)]
pub struct Fleet {
    /// By name.
    pub cameras: BTreeMap<String, Camera>,
    /// By the model's name.
    pub engines: BTreeMap<String, Engine>,
}

/// A config that was tried as far as can be without touching what runs.
#[derive(Debug)]
pub struct Plan {
    cameras: Vec<config::Camera>,
    models: Vec<config::Model>,
    /// Models that must be loaded anew, loaded.
    loaded: BTreeMap<String, Model>,
}

/// What a config says of a model, for loading it.
#[must_use]
pub fn files(model: &config::Model) -> ModelFiles {
    ModelFiles {
        path: model.path.clone(),
        labels: model.labels.clone(),
        manifest: model.manifest.clone(),
        threads: model.threads,
    }
}

impl Fleet {
    /// Loads what is new in `config` and checks that cameras and models go together; all problems at once.
    pub fn plan(&self, config: &Config, runtime: &Arc<Runtime>) -> Result<Plan, Vec<String>> {
        let used = |model: &&config::Model| config.cameras.iter().any(|c| c.model == model.name);
        let models: Vec<config::Model> = config.models.iter().filter(used).cloned().collect();
        let (mut loaded, mut problems) = (BTreeMap::new(), Vec::new());
        for model in &models {
            if self.engines.get(&model.name).is_some_and(|engine| engine.config == *model) {
                continue;
            }
            match Model::load(runtime, &files(model)) {
                Ok(ready) => {
                    loaded.insert(model.name.clone(), ready);
                }
                Err(e) => problems.push(config.places.of_model(&model.name, &e.to_string())),
            }
        }
        let info = |name: &str| -> Option<&ModelInfo> {
            loaded
                .get(name)
                .map(|model| &model.info)
                .or_else(|| self.engines.get(name).map(|engine| &engine.info))
        };
        for camera in &config.cameras {
            if let Some(info) = info(&camera.model) {
                problems.extend(misfits(config, camera, info));
            }
        }
        if problems.is_empty() {
            Ok(Plan { cameras: config.cameras.clone(), models, loaded })
        } else {
            Err(problems)
        }
    }

    /// Brings what runs in line with `plan`; returns what changed, a line each. Cameras whose capture is
    /// the same are not touched; engines get new slots and keep their model where it is the same.
    pub fn apply(&mut self, mut plan: Plan, context: &Context) -> anyhow::Result<Vec<String>> {
        let mut changes = Vec::new();
        let slots: BTreeMap<String, Arc<Slots>> = plan
            .models
            .iter()
            .map(|m| (m.name.clone(), Arc::new(Slots::new(lanes(&plan.cameras, &m.name).count()))))
            .collect();
        self.stop_cameras(&plan, &mut changes);
        let unchanged = self.same_engines(&plan);
        for model in plan.models.iter().filter(|m| !unchanged.contains(&m.name)) {
            for (place, camera) in lanes(&plan.cameras, &model.name).enumerate() {
                if let Some(running) = self.cameras.get(&camera.name) {
                    running.outlet.connect(Arc::clone(&slots[&model.name]), place);
                }
            }
        }
        let retired: Vec<String> =
            self.engines.keys().filter(|name| !unchanged.contains(name)).cloned().collect();
        let mut spare = BTreeMap::new();
        for name in retired {
            if let Some(model) = self.engines.remove(&name).and_then(Engine::join) {
                spare.insert(name, model);
            }
        }
        self.tell_cameras(&plan, &spare, context);
        self.start_cameras(&plan, &slots, &unchanged, context, &mut changes)?;
        for config in plan.models.into_iter().filter(|m| !unchanged.contains(&m.name)) {
            let model = match plan.loaded.remove(&config.name) {
                Some(model) => {
                    changes.push(format!("model {}: loaded", config.name));
                    model
                }
                None => spare.remove(&config.name).ok_or_else(|| {
                    anyhow::anyhow!("model {} was lost in a crash of its thread", config.name)
                })?,
            };
            let lanes: Vec<Lane> = lanes(&plan.cameras, &config.name)
                .map(|camera| {
                    let (preprocessor, filter) = fit(camera, &model.info)
                        .map_err(|_| anyhow::anyhow!("camera {} does not go with its model", camera.name))?;
                    let known = Arc::clone(&self.cameras[&camera.name].known);
                    Ok(Lane { name: camera.name.clone(), known, preprocessor, filter })
                })
                .collect::<anyhow::Result<_>>()?;
            let engine =
                Engine::start(config.clone(), model, lanes, Arc::clone(&slots[&config.name]), context)?;
            self.engines.insert(config.name, engine);
        }
        Ok(changes)
    }

    /// Tells the sinks which model looks at which camera from now on; the old ones have ended, the new
    /// ones not begun.
    fn tell_cameras(&self, plan: &Plan, spare: &BTreeMap<String, Model>, context: &Context) {
        let info = |name: &String| {
            let idle = plan.loaded.get(name).or_else(|| spare.get(name));
            idle.map(|model| &model.info).or_else(|| self.engines.get(name).map(|engine| &engine.info))
        };
        let looked_at = plan.cameras.iter().filter_map(|camera| Some((camera, info(&camera.model)?)));
        let watches: Vec<Watch<'_>> = looked_at
            .map(|(camera, info)| Watch { camera, kind: info.decoder.kind(), labels: &info.labels })
            .collect();
        context.sink.publish(&Publication::Cameras(&watches));
    }

    /// Ends the captures that are gone or changed.
    fn stop_cameras(&mut self, plan: &Plan, changes: &mut Vec<String>) {
        let wanted = |name: &str| plan.cameras.iter().find(|c| c.name == name);
        let ended: Vec<String> = self
            .cameras
            .iter()
            .filter(|(name, camera)| wanted(name).is_none_or(|config| camera.must_reopen(config)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &ended {
            if let Some(camera) = self.cameras.get(name) {
                camera.stop();
            }
        }
        for name in ended {
            if let Some(camera) = self.cameras.remove(&name) {
                camera.join();
            }
            if wanted(&name).is_none() {
                changes.push(format!("camera {name}: removed"));
            }
        }
    }

    /// Names of engines that keep both their model and their cameras as they are.
    fn same_engines(&self, plan: &Plan) -> Vec<String> {
        let same = |m: &&config::Model| {
            let runs = self.engines.get(&m.name).is_some_and(|engine| engine.config == **m);
            let now = self.cameras.values().filter(|c| c.config.model == m.name).map(|c| &c.config);
            let wanted: BTreeMap<&str, _> =
                lanes(&plan.cameras, &m.name).map(|c| (c.name.as_str(), c)).collect();
            let before: BTreeMap<&str, _> = now.map(|c| (c.name.as_str(), c)).collect();
            runs && wanted == before
        };
        plan.models.iter().filter(same).map(|m| m.name.clone()).collect()
    }

    fn start_cameras(
        &mut self,
        plan: &Plan,
        slots: &BTreeMap<String, Arc<Slots>>,
        unchanged: &[String],
        context: &Context,
        changes: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        for model in plan.models.iter().filter(|m| !unchanged.contains(&m.name)) {
            for (place, config) in lanes(&plan.cameras, &model.name).enumerate() {
                if let Some(running) = self.cameras.get_mut(&config.name) {
                    if running.config != *config {
                        running.config = config.clone();
                        changes.push(format!("camera {}: changed", config.name));
                    }
                    continue;
                }
                let outlet = Arc::new(Outlet::new(Arc::clone(&slots[&model.name]), place));
                let camera = Camera::start(config.clone(), outlet, context)?;
                self.cameras.insert(config.name.clone(), camera);
                changes.push(format!("camera {}: opened", config.name));
            }
        }
        Ok(())
    }

    /// Has every thread end, at once.
    pub fn stop(&self) {
        self.cameras.values().for_each(Camera::stop);
        self.engines.values().for_each(Engine::stop);
    }

    /// Has every thread end after the frames that are under way.
    pub fn finish(&self) {
        self.engines.values().for_each(Engine::finish);
    }

    /// Whether every thread has ended.
    pub fn is_stopped(&self) -> bool {
        self.cameras.values().all(Camera::is_stopped) && self.engines.values().all(Engine::is_stopped)
    }
}

/// The cameras of a model, in the order of the config: their places in its slots.
fn lanes<'a>(cameras: &'a [config::Camera], model: &'a str) -> impl Iterator<Item = &'a config::Camera> {
    cameras.iter().filter(move |camera| camera.model == model)
}
