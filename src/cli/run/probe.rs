//! `edgecam check --probe`: what only trying shows. Each part is tried, whatever came of the others.

use super::super::Exit;
use crate::config::Config;
use crate::daemon;
use crate::frame::Frame;
use crate::infer::{Runtime, find};
use crate::model::{Model, ModelFiles, try_model};
use crate::publish::mqtt;
use crate::shutdown::Shutdown;
use crate::source::{SourceError, opener};
use std::io::Write;
use std::time::{Duration, Instant};

/// For the broker's answer.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// What is wrong with the models of a config, a line each. Without the runtime library they can't be
/// tried, which is told and is no problem of the config.
pub fn models(config: &Config) -> Vec<String> {
    if let Err(e) = find(config.runtime_library.as_deref()) {
        eprintln!("edgecam: the models are not tried: {e}");
        return Vec::new();
    }
    let of_models = config.models.iter().filter_map(|model| model_result(config, model, false).err());
    let mut problems: Vec<String> =
        of_models.flat_map(|lines| lines.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    if problems.is_empty() {
        problems.extend(seconds(config));
    }
    problems
}

/// What does not go together of cameras' two models; a model that can't be loaded has been told about.
fn seconds(config: &Config) -> Vec<String> {
    let Ok(runtime) = Runtime::load(config.runtime_library.as_deref()) else { return Vec::new() };
    let info = |name: &String| {
        let model = config.models.iter().find(|model| model.name == *name)?;
        let mut files = daemon::files(model);
        files.accelerator = files.accelerator.on_the_processor();
        Model::load(&runtime, &files).ok().map(|model| model.info)
    };
    let misfit = |camera: &crate::config::Camera| {
        let classify = camera.classify.as_ref()?;
        daemon::second_misfit(config, camera, &info(&camera.model)?, &info(&classify.model)?)
    };
    config.cameras.iter().filter_map(misfit).collect()
}

/// Tries every model, camera and the broker of a config; a line each.
pub fn probe(config: &Config, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    let mut tell = |out: &mut dyn Write, what: String, result: Result<String, String>| {
        if result.is_err() {
            exit = Exit::Failure;
        }
        let text = result.unwrap_or_else(|why| format!("failed: {why}"));
        writeln!(out, "{what}: {text}")
    };
    for model in &config.models {
        tell(out, format!("model {}", model.name), model_result(config, model, true))?;
    }
    for why in seconds(config) {
        tell(out, "two models".to_owned(), Err(why))?;
    }
    for camera in &config.cameras {
        tell(out, format!("camera {}", camera.name), camera_result(camera))?;
    }
    // An embedded one is there once the daemon runs.
    if let Some(broker) = config.mqtt.as_ref().filter(|mqtt| mqtt.embedded.is_none()) {
        let result = mqtt::try_connect(broker, BROKER_TIMEOUT).map(|()| "accepts us".to_owned());
        tell(out, format!("broker {}:{}", broker.host, broker.port), result)?;
    }
    Ok(exit)
}

/// What a model is, or what is wrong with it, a line each; an accelerator is tried where one may `touch` it, else
/// what can do without.
fn model_result(config: &Config, model: &crate::config::Model, touch: bool) -> Result<String, String> {
    let mut files = ModelFiles { waits: true, ..daemon::files(model) };
    if !touch {
        if files.run_on_the_processor() == Ok(false) {
            return Ok("not tried: it runs on an accelerator only".to_owned());
        }
        files.accelerator = files.accelerator.on_the_processor();
    }
    let library = config.runtime_library.as_deref();
    let told = |why: String| config.places.of_model(&model.name, &why);
    try_model(&files, library).map_err(|e| told(e.to_string()))?;
    let runtime = Runtime::load(library).map_err(|e| e.to_string())?;
    let loaded = Model::load(&runtime, &files).map_err(|e| told(e.to_string()))?;
    let cameras = config.cameras.iter().filter(|camera| camera.model == model.name);
    let misfits: Vec<String> =
        cameras.flat_map(|camera| daemon::misfits(config, camera, &loaded.info)).collect();
    if !misfits.is_empty() {
        return Err(misfits.join("\n"));
    }
    let (shape, labels) = (&loaded.info.input.shape, loaded.info.labels.len());
    Ok(format!("runs; input {shape:?}, {:?}, {labels} labels", loaded.info.decoder.kind()))
}

/// Opens a camera and takes one good frame, which must come within its `stall_timeout`.
fn camera_result(camera: &crate::config::Camera) -> Result<String, String> {
    let (frame, name) = first_frame(camera)?;
    Ok(format!("delivers {} {} from {name}", frame.size, frame.format))
}

/// The first good frame of a camera, and what it came from.
pub fn first_frame(camera: &crate::config::Camera) -> Result<(Frame, String), String> {
    let mut opener = opener(camera);
    let mut source = opener.open(&Shutdown::new()).map_err(|e| e.to_string())?;
    let (mut frame, start) = (Frame::empty(), Instant::now());
    loop {
        match source.next_frame(&mut frame) {
            Ok(()) => return Ok((frame, opener.name())),
            Err(SourceError::BadFrame(why)) if start.elapsed() > camera.stall_timeout => {
                let seconds = camera.stall_timeout.as_secs_f64();
                return Err(format!("no good frame for {seconds:.1} s: {why}"));
            }
            Err(SourceError::BadFrame(_)) => {}
            Err(e) => return Err(e.to_string()),
        }
    }
}
