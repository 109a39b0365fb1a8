//! Whether a camera's config goes with its model: the labels, their topics, the input.

use crate::config::{self, Config};
use crate::model::{DecoderKind, ModelInfo};
use crate::pipeline::{Filter, fits};
use crate::preprocess::Preprocessor;
use crate::publish::message::{RESERVED, clashes, topic_part};

/// What in a camera's config does not go with its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The index in `camera.labels` that it is about; else it is about the model.
    label: Option<usize>,
    why: String,
}

/// The way of a camera's frames into a model and of the answers out of it; the error is everything in the
/// camera's config that doesn't go with the model.
pub fn fit(camera: &config::Camera, model: &ModelInfo) -> Result<(Preprocessor, Filter), Vec<Misfit>> {
    let mut misfits = label_misfits(camera, model);
    misfits.extend(place_misfits(camera, model));
    let preprocessor = Preprocessor::of(model, camera.region);
    match (preprocessor, Filter::new(model, camera.threshold, camera.labels.as_deref())) {
        (Ok(preprocessor), Ok(filter)) if misfits.is_empty() => return Ok((preprocessor, filter)),
        (Err(why), _) => misfits.push(Misfit { label: None, why: format!("model {}: {why}", camera.model) }),
        (_, Err(why)) if misfits.is_empty() => misfits.push(Misfit { label: None, why }),
        _ => {}
    }
    Err(misfits)
}

/// The same as lines with their places in the file of `config`; none where all is well.
#[must_use]
pub fn misfits(config: &Config, camera: &config::Camera, model: &ModelInfo) -> Vec<String> {
    let told = |misfit: &Misfit| config.places.of_camera(&camera.name, misfit.label, &misfit.why);
    fit(camera, model).err().iter().flatten().map(told).collect()
}

/// What does not go together of a camera's two models, as a line with its place.
#[must_use]
pub fn second_misfit(
    config: &Config,
    camera: &config::Camera,
    detector: &ModelInfo,
    classifier: &ModelInfo,
) -> Option<String> {
    let classify = camera.classify.as_ref()?;
    let unreported = |label: &&String| camera.labels.as_ref().is_some_and(|labels| !labels.contains(label));
    let why = match classify.of.iter().find(unreported) {
        Some(label) => format!("of: {label} is not among camera.labels, and so is never looked at"),
        None => fits(classifier, detector, &classify.of).err()?,
    };
    Some(config.places.of_camera(&camera.name, None, &format!("classify: {why}")))
}

/// Labels of filters and zones that the model has not, and zones that would share a topic with a label.
fn place_misfits(camera: &config::Camera, model: &ModelInfo) -> Vec<Misfit> {
    let labels = &*model.labels;
    let of_filters = camera.filters.keys().filter(|label| *label != "all").map(|label| ("filter", label));
    let of_zones =
        camera.zones.iter().flat_map(|zone| zone.labels.iter().flatten()).map(|label| ("zone", label));
    let unknown = of_filters.chain(of_zones).filter(|(_, label)| !labels.contains(label));
    let unknown = unknown.map(|(of, label)| format!("{of}: the model {} has no label {label}", camera.model));
    let reported = camera.labels.as_deref().unwrap_or(labels);
    let shared = camera.zones.iter().filter_map(|zone| {
        let label = reported.iter().find(|label| topic_part(labels, label) == zone.name)?;
        Some(format!("zone {}: the label {label} has the topic {0}; give the zone another name", zone.name))
    });
    unknown.chain(shared).map(|why| Misfit { label: None, why }).collect()
}

fn label_misfits(camera: &config::Camera, model: &ModelInfo) -> Vec<Misfit> {
    let (labels, has_counts) = (&*model.labels, model.decoder.kind() != DecoderKind::Classify);
    let reserved = |label: &str| has_counts && RESERVED.contains(&topic_part(labels, label).as_str());
    let Some(reported) = &camera.labels else {
        let of_model = labels.iter().filter(|label| reserved(label));
        let why = |label| {
            format!(
                "model {}: its label {label} is a topic of its own; name the labels to report in camera.labels, without it",
                camera.model
            )
        };
        return of_model.map(|label| Misfit { label: None, why: why(label) }).collect();
    };
    let clashes = if has_counts { clashes(labels, reported) } else { Vec::new() };
    let of_label = |(index, label): (usize, &String)| {
        let why = if labels.is_empty() {
            format!("labels: {label}: the model {} has no labels; name its label file", camera.model)
        } else if !labels.contains(label) {
            format!("labels: the model {} has no label {label}", camera.model)
        } else if reserved(label) {
            format!("labels: {label} is a topic of its own; leave it out")
        } else {
            let (other, _) = clashes.iter().find(|(_, second)| second == label)?;
            let part = topic_part(labels, label);
            format!("labels: {label} and {other} would share the topic {}/{part}; leave one out", camera.name)
        };
        Some(Misfit { label: Some(index), why })
    };
    reported.iter().enumerate().filter_map(of_label).collect()
}
