//! Answers as the text of a config, in the manner of the packaged one.

use super::answers::{Answers, Broker, Camera, Model, Source};
use super::name;
use crate::config::{CREDENTIALS, SERVICE_FOLDER};
use crate::model::shipped::DETECTOR;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The name of the password's file, which lies beside the config.
pub const PASSWORD_FILE: &str = "mqtt-password";

const HEAD: &str = "\
# The config of edgecam, written by `edgecam setup`. All keys: docs/config.md.
# After a change: `edgecam check` says what is wrong, `systemctl reload edgecam` applies it.
";

/// What can be added to each camera.
const MORE: &str = "\
# mask = [[[0.0, 0.0], [0.3, 0.0], [0.3, 0.2]]]     # black before the model and in every picture
# [camera.filter.person]
# min_score = 0.6
# [camera.zone.steps]                   # a place whose comings and goings are told
# polygon = [[0.4, 0.5], [0.6, 0.5], [0.6, 1.0], [0.4, 1.0]]
# loiter = \"5s\"
";

/// The text of a config with these answers. `password_file` is where it says that the broker's password is.
#[must_use]
pub fn text(answers: &Answers, password_file: &Path) -> String {
    let mut text = HEAD.to_owned();
    let model = model_name(&answers.model);
    // Writing to a text can't fail.
    let _ = broker(&mut text, answers.broker.as_ref(), password_file);
    let _ = writeln!(
        text,
        "\n[homeassistant]\nenabled = {:<28}# true: cameras are devices in Home Assistant",
        answers.home_assistant
    );
    let _ = self::model(&mut text, &answers.model, &model);
    for camera in &answers.cameras {
        let _ = self::camera(&mut text, camera, &model, answers);
    }
    text.push_str("# `edgecam check --preview CAMERA out.png` shows masks and zones on a frame.\n");
    text.push_str(MORE);
    text
}

/// Where the config `path` says that the password is: the service gets it from systemd.
#[must_use]
pub fn password_file(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder == Path::new(SERVICE_FOLDER) => Path::new(CREDENTIALS).join(PASSWORD_FILE),
        folder => folder.unwrap_or(Path::new("")).join(PASSWORD_FILE),
    }
}

fn broker(text: &mut String, broker: Option<&Broker>, password_file: &Path) -> std::fmt::Result {
    let Some(broker) = broker else {
        return writeln!(
            text,
            "\n# Without [mqtt] answers go to the journal only.\n# [mqtt]\n# url = \"mqtt://localhost:1883\""
        );
    };
    writeln!(text, "\n[mqtt]\nurl = {}", quoted(&broker.url))?;
    if let Some(username) = &broker.username {
        writeln!(text, "username = {}", quoted(username))?;
    }
    if broker.password.is_some() {
        let from = if password_file.starts_with(CREDENTIALS) {
            format!("    # from {SERVICE_FOLDER}/{PASSWORD_FILE}")
        } else {
            String::new()
        };
        writeln!(text, "password_file = {}{from}", quoted(&password_file.to_string_lossy()))?;
    }
    Ok(())
}

fn model(text: &mut String, model: &Model, name: &str) -> std::fmt::Result {
    let (key, value) = match model {
        Model::File(path) => ("path", path.to_string_lossy()),
        Model::Catalogue(name) => ("catalogue", name.into()),
    };
    writeln!(text, "\n[model.{name}]\n{key} = {}", quoted(&value))
}

fn camera(text: &mut String, camera: &Camera, model: &str, answers: &Answers) -> std::fmt::Result {
    text.push('\n');
    if let Some(card) = &camera.card {
        let line: String = card.chars().filter(|c| !c.is_control()).collect();
        writeln!(text, "# {line}")?;
    }
    writeln!(text, "[[camera]]\nname = {}", quoted(&camera.name))?;
    if camera.source == Source::Auto {
        text.push_str(
            "# The first USB camera, now or whenever one is plugged in. `edgecam cameras` lists them.\n",
        );
    }
    writeln!(text, "source = {}", source(&camera.source))?;
    writeln!(text, "model = \"{model}\"\nfps = 5\nthreshold = 0.5")?;
    match &answers.labels {
        Some(labels) => writeln!(text, "labels = {}", list(labels.iter().map(String::as_str)))?,
        None => text.push_str("# labels = [\"person\", \"dog\"]          # absent: all\n"),
    }
    let motion = if answers.motion { "motion = {}" } else { "# motion = {}" };
    writeln!(text, "{motion:<38}# the model looks only when something moves")
}

fn source(source: &Source) -> String {
    match source {
        Source::Auto => "{ v4l2 = { device = \"auto\" } }".to_owned(),
        Source::V4l2(path) => format!("{{ v4l2 = {{ device = {} }} }}", quoted(&path.to_string_lossy())),
        Source::Rpicam(number) => {
            format!("{{ rpicam = {{ camera = {number}, size = [1280, 720], fps = 10 }} }}")
        }
        Source::Rtsp(url) => {
            let before = ["ffmpeg", "-loglevel", "error", "-rtsp_transport", "tcp", "-i"];
            let after = ["-f", "mjpeg", "-q:v", "5", "-"];
            let argv = list(before.into_iter().chain([url.as_str()]).chain(after));
            format!("{{ command = {{ argv = {argv}, format = \"mjpeg\" }} }}")
        }
        Source::Test => "{ test_pattern = {} }".to_owned(),
    }
}

/// What the config calls a model.
fn model_name(model: &Model) -> String {
    let name = match model {
        Model::File(path) if path.ends_with(DETECTOR) => return "home".to_owned(),
        Model::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        Model::Catalogue(name) => name.clone(),
    };
    let name = name::plain(&name, 64);
    if name.is_empty() { "model".to_owned() } else { name }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A basic string of TOML 1.0.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
