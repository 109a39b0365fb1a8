//! All cameras and engines of a config, and the change from one config to the next.

use super::camera::{Camera, Context};
use super::engine::{self, Engine, Lane};
use super::fit::fit;
use super::plan::{Plan, Running, Second, files};
use super::state_directory::state_directory;
use crate::collect::Collector;
use crate::config;
use crate::event::{Follower, Parked};
use crate::frame::Timestamp;
use crate::infer::Runtime;
use crate::model::{DecoderKind, Finding, Model, ModelInfo, Stamp};
use crate::pipeline::{Cascade, Entrance, Gate, Reader, Reporter, Subject, Watcher};
use crate::publish::{Publication, Watch};
use crate::slot::{Outlet, Slots};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A capture ends within a second, unless its device or file system hangs.
const CAPTURE_ENDS_WITHIN: Duration = Duration::from_secs(3);

/// What runs.
#[derive(Debug, Default)]
pub struct Fleet {
    /// By name.
    pub cameras: BTreeMap<String, Camera>,
    /// By the model's key.
    pub engines: BTreeMap<String, Engine>,
    /// The files of their models as they were loaded.
    stamps: BTreeMap<String, Stamp>,
    /// Second models by camera.
    seconds: BTreeMap<String, Second>,
}

impl Fleet {
    /// The models that look at other models' crops.
    pub fn second_models(&self) -> impl Iterator<Item = &config::Model> {
        self.seconds.values().map(|second| &second.models[1])
    }

    /// What runs, for a plan that is made elsewhere.
    pub fn running(&self) -> Running {
        let known = |(name, engine): (&String, &Engine)| {
            let stamp = self.stamps.get(name).cloned();
            (name.clone(), (engine.config.clone(), stamp, engine.info.clone()))
        };
        Running { models: self.engines.iter().map(known).collect(), seconds: self.seconds.clone() }
    }

    /// Brings what runs in line with `plan`; returns what changed, a line each. Cameras whose capture is
    /// the same are not touched; engines get new slots and keep their model where it is the same. A thread
    /// that does not end is left behind. Dropped halfway, it leaves threads that end.
    pub async fn apply(
        &mut self,
        mut plan: Plan,
        runtime: &Arc<Runtime>,
        context: &Context,
        parked: &dyn Fn(&str) -> Vec<Parked>,
    ) -> anyhow::Result<Vec<String>> {
        let mut changes = Vec::new();
        let slots: BTreeMap<String, Arc<Slots>> = plan
            .models
            .iter()
            .map(|m| (m.key(), Arc::new(Slots::new(m.cameras(&plan.cameras).count()))))
            .collect();
        self.stop_cameras(&plan, &mut changes).await;
        let unchanged = self.same_engines(&plan);
        for model in plan.models.iter().filter(|m| !unchanged.contains(&m.key())) {
            for (place, camera) in model.cameras(&plan.cameras).enumerate() {
                if let Some(running) = self.cameras.get(&camera.name) {
                    running.outlet.connect(Arc::clone(&slots[&model.key()]), place);
                }
            }
        }
        let retired: Vec<String> =
            self.engines.keys().filter(|name| !unchanged.contains(name)).cloned().collect();
        let mut spare = self.retire(retired).await;
        self.tell_cameras(&plan, &spare, context);
        self.stamps = std::mem::take(&mut plan.stamps);
        self.seconds = std::mem::take(&mut plan.seconds);
        self.start_cameras(&plan, &slots, &unchanged, context, &mut changes)?;
        for config in plan.models.into_iter().filter(|m| !unchanged.contains(&m.key())) {
            let key = config.key();
            let model = match plan.loaded.remove(&key) {
                Some(model) => {
                    changes.push(format!("model {key}: loaded"));
                    introduce(&key, &model.info);
                    model
                }
                None => match spare.remove(&key) {
                    Some(model) => model,
                    None => Model::load(runtime, &files(&config))?,
                },
            };
            let lanes: Vec<Lane> = config
                .cameras(&plan.cameras)
                .map(|camera| {
                    let second = plan.loaded_seconds.remove(&camera.name);
                    let cascade = self.cascade(camera, &model.info, second, runtime)?;
                    self.lane(camera, &model.info, cascade, context, parked)
                })
                .collect::<anyhow::Result<_>>()?;
            let engine = Engine::start(config.clone(), model, lanes, Arc::clone(&slots[&key]), context)?;
            self.engines.insert(key, engine);
        }
        Ok(changes)
    }

    /// The way of a camera's frames through its model, and of what is seen on them.
    fn lane(
        &self,
        camera: &config::Camera,
        model: &ModelInfo,
        cascade: Option<Cascade>,
        context: &Context,
        parked: &dyn Fn(&str) -> Vec<Parked>,
    ) -> anyhow::Result<Lane> {
        let (preprocessor, filter) = fit(camera, model)
            .map_err(|_| anyhow::anyhow!("camera {} does not go with its model", camera.name))?;
        let Camera { known, switches, .. } = &self.cameras[&camera.name];
        let collector = collector(camera, model)?;
        let kind = model.decoder.kind();
        let subject = || Subject {
            camera: camera.name.as_str().into(),
            labels: Arc::clone(&model.labels),
            mask: Arc::clone(&camera.mask),
            snapshot: camera.snapshot.unwrap_or_default(),
        };
        let reporter = || {
            let reports = context.reports.as_ref()?;
            Some(Reporter::new(subject(), reports.clone(), Arc::clone(&context.lost)))
        };
        let watcher = reporter().filter(|_| kind != DecoderKind::Classify).map(|reporter| {
            let sub_labels = cascade.as_ref().map_or_else(|| Arc::from([]), Cascade::labels);
            let mut follower = Follower::new(camera, &model.labels, &sub_labels, &context.seed);
            follower.remember(&parked(&camera.name), Timestamp::now().unix_seconds());
            Watcher { follower, reporter, switches: Arc::clone(switches) }
        });
        let floors = [
            collector.as_ref().map(Collector::floor),
            watcher.as_ref().map(|_| Follower::floor(camera.threshold)),
        ];
        let floor = floors.into_iter().flatten().fold(camera.threshold, f32::min);
        // FOMO joins cells over the threshold: another one makes other boxes.
        let filter = if kind == DecoderKind::Fomo { filter } else { filter.reading_from(floor) };
        let reader = Reader { filter, cascade, collector, watcher };
        let gate = camera.motion.as_ref().map(|motion| Gate::new(motion, &camera.mask)).transpose();
        let gate = gate.map_err(anyhow::Error::msg)?;
        let entrance = Entrance {
            preprocessor: preprocessor.with_mask(Arc::clone(&camera.mask)),
            keeps_frames: reader.wants_frames(),
            leaves_none_out: matches!(camera.source, config::Source::Files { .. }),
            gate,
            switches: Arc::clone(switches),
            reporter: reporter(),
        };
        Ok(Lane { name: camera.name.clone(), known: Arc::clone(known), entrance, reader })
    }

    /// The second model of a camera, which may be loaded already.
    fn cascade(
        &self,
        camera: &config::Camera,
        detector: &ModelInfo,
        loaded: Option<Model>,
        runtime: &Arc<Runtime>,
    ) -> anyhow::Result<Option<Cascade>> {
        let (Some(classify), Some(second)) = (&camera.classify, self.seconds.get(&camera.name)) else {
            return Ok(None);
        };
        let config = &second.models[1];
        let model = match loaded {
            Some(model) => {
                introduce(&config.name, &model.info);
                model
            }
            None => Model::load(runtime, &files(config))?,
        };
        let cascade = Cascade::new(model, detector, &classify.of, classify.threshold);
        let cascade = cascade.map(|cascade| cascade.with_mask(Arc::clone(&camera.mask)));
        cascade.map(Some).map_err(|why| anyhow::anyhow!("camera {}: classify: {why}", camera.name))
    }

    /// Tells the sinks which model looks at which camera from now on; the old ones have ended, the new
    /// ones not begun.
    fn tell_cameras(&self, plan: &Plan, spare: &BTreeMap<String, Model>, context: &Context) {
        let info = |camera: &config::Camera| {
            let has = |model: &&config::Model| model.cameras(&plan.cameras).any(|c| c.name == camera.name);
            let key = plan.models.iter().find(has)?.key();
            let idle = plan.loaded.get(&key).or_else(|| spare.get(&key));
            idle.map(|model| &model.info).or_else(|| self.engines.get(&key).map(|engine| &engine.info))
        };
        let looked_at = plan.cameras.iter().filter_map(|camera| Some((camera, info(camera)?)));
        let watches: Vec<Watch<'_>> = looked_at
            .map(|(camera, info)| {
                // What commands changed lasts while the camera runs, a threshold until another one is configured.
                let running = self.cameras.get(&camera.name);
                let detect = running.is_none_or(|running| running.switches.detects());
                let same = running.filter(|running| running.config == *camera);
                let threshold = same.map_or(camera.threshold, |running| running.switches.threshold());
                Watch { camera, kind: info.decoder.kind(), detect, threshold, labels: &info.labels }
            })
            .collect();
        context.sink.publish(&Publication::Cameras(&watches));
    }

    /// Ends engines; returns the models of those that did end.
    async fn retire(&mut self, names: Vec<String>) -> BTreeMap<String, Model> {
        let engines = || names.iter().filter_map(|name| self.engines.get(name));
        engines().for_each(Engine::stop);
        let all_ended = ended(engine::DEADLINE, || engines().all(Engine::is_stopped)).await;
        if !all_ended {
            log::error!("a model does not end and is left behind");
        }
        let models = names.into_iter().filter_map(|name| {
            let engine = self.engines.remove(&name).filter(Engine::is_stopped)?;
            Some((name, engine.join()?))
        });
        models.collect()
    }

    /// Ends the captures that are gone or changed.
    async fn stop_cameras(&mut self, plan: &Plan, changes: &mut Vec<String>) {
        let wanted = |name: &str| plan.cameras.iter().find(|c| c.name == name);
        let names: Vec<String> = self
            .cameras
            .iter()
            .filter(|(name, camera)| wanted(name).is_none_or(|config| camera.must_reopen(config)))
            .map(|(name, _)| name.clone())
            .collect();
        let cameras = || names.iter().filter_map(|name| self.cameras.get(name));
        cameras().for_each(Camera::stop);
        ended(CAPTURE_ENDS_WITHIN, || cameras().all(Camera::is_stopped)).await;
        for name in names {
            if self.cameras.remove(&name).is_some_and(|camera| !camera.is_stopped()) {
                log::error!(camera = name.as_str(); "its capture hangs and is left behind");
            }
            if wanted(&name).is_none() {
                changes.push(format!("camera {name}: removed"));
            }
        }
    }

    /// Names of engines that keep both their model and their cameras as they are.
    fn same_engines(&self, plan: &Plan) -> Vec<String> {
        let same = |m: &&config::Model| {
            let engine = self.engines.get(&m.key()).filter(|engine| engine.config == **m);
            let now = engine.iter().flat_map(|engine| &engine.cameras);
            let now = now.filter_map(|name| self.cameras.get(name)).map(|c| &c.config);
            let wanted: BTreeMap<&str, _> = m.cameras(&plan.cameras).map(|c| (c.name.as_str(), c)).collect();
            let before: BTreeMap<&str, _> = now.map(|c| (c.name.as_str(), c)).collect();
            let seconds_stay = wanted.keys().all(|camera| !plan.loaded_seconds.contains_key(*camera));
            engine.is_some() && !plan.loaded.contains_key(&m.key()) && seconds_stay && wanted == before
        };
        plan.models.iter().filter(same).map(config::Model::key).collect()
    }

    fn start_cameras(
        &mut self,
        plan: &Plan,
        slots: &BTreeMap<String, Arc<Slots>>,
        unchanged: &[String],
        context: &Context,
        changes: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        for model in plan.models.iter().filter(|m| !unchanged.contains(&m.key())) {
            for (place, config) in model.cameras(&plan.cameras).enumerate() {
                if let Some(running) = self.cameras.get_mut(&config.name) {
                    if running.config != *config {
                        running.switches.set_threshold(config.threshold);
                        running.config = config.clone();
                        changes.push(format!("camera {}: changed", config.name));
                    }
                    continue;
                }
                let outlet = Arc::new(Outlet::new(Arc::clone(&slots[&model.key()]), place));
                let camera = Camera::start(config.clone(), outlet, context)?;
                self.cameras.insert(config.name.clone(), camera);
                changes.push(format!("camera {}: opened", config.name));
            }
        }
        Ok(())
    }

    /// Has every thread end, at once.
    pub fn stop(&self) {
        self.engines.values().for_each(Engine::note_stop);
        self.cameras.values().for_each(Camera::stop);
        self.engines.values().for_each(Engine::stop);
    }

    /// Lets the models of threads that have ended go, and so accelerators, in order.
    pub fn let_go(&mut self) {
        let ended = std::mem::take(&mut self.engines).into_values().filter(Engine::is_stopped);
        ended.for_each(|engine| drop(engine.join()));
    }

    /// Has every thread end after the frames that are under way.
    pub fn finish(&self) {
        self.engines.values().for_each(Engine::note_stop);
        self.engines.values().for_each(Engine::finish);
    }

    /// Whether no model looks any more.
    pub fn is_blind(&self) -> bool {
        self.engines.values().all(Engine::is_stopped)
    }

    /// Whether every thread has ended.
    pub fn is_stopped(&self) -> bool {
        self.cameras.values().all(Camera::is_stopped) && self.engines.values().all(Engine::is_stopped)
    }
}

/// What saves a camera's frames worth labelling, where the config asks for it.
fn collector(camera: &config::Camera, model: &ModelInfo) -> anyhow::Result<Option<Collector>> {
    let Some(collect) = &camera.collect else { return Ok(None) };
    let folder = collect.path.clone().or_else(|| state_directory().map(|folder| folder.join("collect")));
    let folder =
        folder.ok_or_else(|| anyhow::anyhow!("collect: there is no state directory; name a path"))?;
    let collector = Collector::start(collect, &camera.name, &model.labels, &camera.mask, folder);
    collector.map(Some).map_err(|why| anyhow::anyhow!("camera {}: collect: {why}", camera.name))
}

/// Logs what a model was found to be, and what of it is only assumed.
fn introduce(name: &str, model: &ModelInfo) {
    let found = |key: &str| model.findings.iter().find(|f| f.key == key).map_or("", |f| f.value.as_str());
    log::info!(model = name; "loaded: {}, input {}, labels {}", found("decoder"), found("input"), found("labels"));
    for Finding { key, value, because, .. } in model.findings.iter().filter(|finding| finding.assumed) {
        log::warn!(model = name; "its {key}, {value}, is {because}");
    }
}

/// Waits until `all` says so, which is asked time and again; false when it did not `within` the time.
pub async fn ended(within: Duration, all: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + within;
    while !all() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(5)).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_capture_that_hangs_is_left_behind() {
        let source = config::Source::Files { path: "/mnt/*.jpg".to_owned(), fps: None, repeat: true };
        let camera = config::Camera::new("nas", source, "coco");
        let mut fleet = Fleet::default();
        fleet.cameras.insert(camera.name.clone(), Camera::hung(camera));
        let plan = Plan::default();
        let mut changes = Vec::new();
        fleet.stop_cameras(&plan, &mut changes).await;
        assert!(fleet.cameras.is_empty());
        assert_eq!(changes, ["camera nas: removed"]);
    }
}
