//! What a camera's model makes of one picture, and the picture with it drawn in.

use super::write;
use crate::config::{self, Camera, Config};
use crate::daemon;
use crate::decode::Answer;
use crate::frame::Frame;
use crate::infer::Runtime;
use crate::model::{Model, try_model};
use crate::pipeline::{Line, Stopwatch, step};
use crate::publish::label_of;
use crate::snapshot::Studio;
use std::path::Path;
use std::sync::Arc;

/// What a model said, and what its classes are called.
#[derive(Debug, Default)]
pub struct Seen {
    answer: Answer,
    labels: Arc<[String]>,
}

/// Shows a frame to the model of `camera`.
pub fn look(config: &Config, camera: &Camera, frame: &Frame) -> Result<Seen, String> {
    let model = config.models.iter().find(|model| model.name == camera.model).ok_or("it has no model")?;
    let (files, library) = (daemon::files(model), config.runtime_library.as_deref());
    try_model(&files, library).map_err(|e| e.to_string())?;
    let runtime = Runtime::load(library).map_err(|e| e.to_string())?;
    let model = Model::load(&runtime, &files).map_err(|e| e.to_string())?;
    let labels = Arc::clone(&model.info.labels);
    let mut line = Line::new(model, camera.region, camera.threshold, camera.labels.as_deref())?;
    line.preprocessor = line.preprocessor.with_mask(Arc::clone(&camera.mask));
    let mut answer = Answer::default();
    step(&mut line, frame, &mut answer, &mut Stopwatch::start(frame)).map_err(|e| e.to_string())?;
    Ok(Seen { answer, labels })
}

/// Writes a frame as a picture, with what was seen drawn in.
pub fn save(camera: &Camera, frame: &Frame, seen: &Seen, path: &Path) -> Result<(), String> {
    let usual = config::Snapshot::default();
    let Seen { answer, labels } = seen;
    let jpeg = Studio::default().jpeg(frame, None, usual, &camera.mask, &answer.detections, labels)?;
    write::picture(path, &jpeg).map_err(|e| format!("write {}: {e}", path.display()))
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { answer, labels } = self;
        let detections = answer.detections.iter().map(|d| (d.class, d.score));
        let classes = answer.classes.iter().take(1).map(|c| (c.class, c.score));
        let one = |(class, score): (usize, f32)| format!("{} {:.0}%", label_of(labels, class), score * 100.0);
        let all: Vec<String> = detections.chain(classes).map(one).collect();
        if all.is_empty() { f.write_str("nothing it reports") } else { f.write_str(&all.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Detection;
    use crate::frame::{PixelFormat, Size};
    use crate::geometry::NormBox;
    use crate::source::test_pattern::draw;

    #[test]
    fn what_was_seen_is_told_and_drawn() {
        let labels: Arc<[String]> = Arc::from(["person".to_owned()]);
        let whole = NormBox::new(0.1, 0.1, 0.9, 0.9);
        let detection = |class, score| Detection::new(class, score, whole);
        let answer = Answer { detections: vec![detection(0, 0.831), detection(7, 0.5)], classes: Vec::new() };
        let seen = Seen { answer, labels };
        assert_eq!(seen.to_string(), "person 83%, class 7 50%");
        assert_eq!(Seen::default().to_string(), "nothing it reports");

        let folder = tempfile::tempdir().expect("a folder");
        let (with, without) = (folder.path().join("with.jpg"), folder.path().join("without.jpg"));
        let mut frame = Frame::empty();
        (frame.size, frame.format) = (Size::new(320, 240), PixelFormat::Rgb24);
        draw(3, frame.size, 5, &mut frame.data);
        let camera =
            Camera::new("a", config::Source::Files { path: String::new(), fps: None, repeat: false }, "m");
        save(&camera, &frame, &seen, &with).expect("written");
        save(&camera, &frame, &Seen::default(), &without).expect("written");
        let read = |path| image::open(path).expect("a picture").into_rgb8();
        assert_eq!(read(&with).dimensions(), (320, 240));
        assert_ne!(read(&with), read(&without));
        assert!(save(&camera, &frame, &seen, Path::new("/proc/no/such.jpg")).is_err());
    }
}
