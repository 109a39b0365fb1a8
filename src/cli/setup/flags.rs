//! Answers given by arguments, and what stands for those that are not.

use super::Setup;
use crate::setup::answers::{Answers, Broker, Camera, Source, broker_url, labels};
use crate::setup::find::{Found, lasting, source};
use crate::setup::name::from_card;
use std::io::Read;
use std::path::Path;

/// Longer passwords MQTT does not take (MQTT 3.1.1, 1.5.3).
const MAX_PASSWORD: usize = 65_535;

/// `NAME=SOURCE`.
pub fn camera(text: &str) -> Result<Camera, String> {
    let (name, source) = text.split_once('=').ok_or("write NAME=SOURCE, such as porch=/dev/video0")?;
    Ok(Camera { name: name.to_owned(), source: Source::parse(source)?, card: None })
}

impl Setup {
    /// Whether an answer is among the arguments, or nobody is to be asked.
    pub fn asks_nothing(&self) -> bool {
        self.yes
            || !self.camera.is_empty()
            || self.no_motion
            || self.home_assistant
            || self.no_home_assistant
            || [&self.broker, &self.username, &self.labels, &self.model].into_iter().any(Option::is_some)
    }

    /// The answers; the error is wrong usage.
    pub fn answers(&self, found: &Found) -> Result<Answers, String> {
        let broker = match &self.broker {
            Some(broker) => broker_url(broker),
            None => found.brokers.first().map(|at| format!("mqtt://{at}")),
        };
        let asked = if self.username.is_some() { Some("--username") } else { None };
        let asked = asked.or(self.home_assistant.then_some("--home-assistant"));
        if let (None, Some(option)) = (&broker, asked) {
            return Err(format!("{option} needs a broker; name it with --broker"));
        }
        let password = self.password_file.as_deref().map(password).transpose()?;
        let password = password.filter(|password| !password.is_empty());
        let username = self.username.clone();
        let broker = broker.map(|url| Broker { url, username, password });
        let home_assistant = broker.is_some() && !self.no_home_assistant;
        Ok(Answers {
            cameras: self.cameras(found),
            broker,
            home_assistant,
            model: self.model(),
            labels: self.labels.as_deref().and_then(labels),
            motion: !self.no_motion,
        })
    }

    /// The cameras named, else those found, else whichever comes.
    fn cameras(&self, found: &Found) -> Vec<Camera> {
        if !self.camera.is_empty() {
            let lasting =
                |camera: &Camera| Camera { source: lasting(camera.source.clone()), ..camera.clone() };
            return self.camera.iter().map(lasting).collect();
        }
        let mut cameras: Vec<Camera> = Vec::new();
        for camera in &found.cameras {
            let taken: Vec<String> = cameras.iter().map(|camera| camera.name.clone()).collect();
            let name = from_card(&camera.card, &taken);
            cameras.push(Camera { name, source: source(camera), card: Some(camera.card.clone()) });
        }
        if cameras.is_empty() {
            cameras.push(Camera { name: from_card("", &[]), source: Source::Auto, card: None });
        }
        cameras
    }
}

/// The password in a file, or on stdin for `-`, without the newline at its end.
fn password(file: &Path) -> Result<String, String> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|e| format!("read password file {}: {e}", file.display()))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.len() > MAX_PASSWORD {
        return Err(format!(
            "read password file {}: MQTT takes {MAX_PASSWORD} bytes at most",
            file.display()
        ));
    }
    Ok(password.to_owned())
}
