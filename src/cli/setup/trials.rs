//! Each part of the config tried, and the service brought to it.

use super::{BROKER_TIMEOUT, Setup};
use crate::cli::Exit;
use crate::cli::run::probe::first_frame;
use crate::config::{Camera, Config, Mqtt, SERVICE_FOLDER};
use crate::publish::mqtt;
use crate::setup::ask::{Ask, yes};
use crate::setup::put_back::PutBack;
use crate::setup::service::Service;
use crate::setup::try_out::{Seen, look, save};
use std::io::Write;
use std::path::Path;

/// Where the message goes, below the prefix.
const TOPIC: &str = "setup/test";

const MESSAGE: &str = "edgecam setup was here";

impl Setup {
    /// Takes a picture with each camera and sends the broker a message, with the service out of the way, which
    /// then gets the new config.
    pub fn try_out(
        &self,
        config: &Config,
        path: &Path,
        ask: Option<&mut dyn Ask>,
        put_back: &PutBack,
        out: &mut dyn Write,
    ) -> anyhow::Result<Exit> {
        let service = Service::find();
        let mut fine = true;
        let mut tried = Ok(true);
        if !self.no_test {
            if let Some(service) = service.as_ref().filter(|service| service.runs()) {
                writeln!(out, "the service is stopped while its cameras are tried")?;
                put_back.note_service(service.clone());
                fine &= told(service.call(&["stop"]));
            }
            tried = self.try_parts(config, out);
        }
        let stopped = put_back.stopped();
        let applied = match service {
            Some(service) if path.parent() == Some(Path::new(SERVICE_FOLDER)) => {
                self.apply(&service, stopped.is_some(), ask, out)
            }
            _ => stopped.map_or(Ok(true), |service| again(&service, out)),
        };
        put_back.started();
        fine &= tried? && applied?;
        Ok(if fine { Exit::Fine } else { Exit::Failure })
    }

    fn try_parts(&self, config: &Config, out: &mut dyn Write) -> anyhow::Result<bool> {
        let mut fine = true;
        for camera in &config.cameras {
            match self.try_camera(config, camera) {
                Ok(line) => writeln!(out, "camera {}: {line}", camera.name)?,
                Err(why) => {
                    fine = false;
                    writeln!(out, "camera {}: failed: {why}", camera.name)?;
                }
            }
        }
        if let Some(broker) = &config.mqtt {
            let at = format!("broker {}:{}", broker.host, broker.port);
            match mqtt::try_message(broker, TOPIC, MESSAGE, BROKER_TIMEOUT) {
                Ok(()) => {
                    writeln!(out, "{at}: has our message on {}/{TOPIC}", broker.prefix)?;
                    writeln!(out, "to listen: {}", subscription(broker))?;
                }
                Err(why) => {
                    fine = false;
                    writeln!(out, "{at}: failed: {why}")?;
                }
            }
        }
        Ok(fine)
    }

    /// A picture of the camera, and what its model makes of it.
    fn try_camera(&self, config: &Config, camera: &Camera) -> Result<String, String> {
        let (frame, _) = first_frame(camera).map_err(hinted)?;
        let path = self.pictures.join(format!("edgecam-setup-{}.jpg", camera.name));
        let (seen, why) = match look(config, camera, &frame) {
            Ok(seen) => (seen, None),
            Err(why) => (Seen::default(), Some(why)),
        };
        save(camera, &frame, &seen, &path)?;
        let (size, format, path) = (frame.size, frame.format, path.display());
        match why {
            None => Ok(format!("{size} {format}; sees {seen}; picture in {path}")),
            Some(why) => Err(format!("{size} {format}, picture in {path}, but {why}")),
        }
    }

    /// Has the service run with the new config, if that is wanted.
    fn apply(
        &self,
        service: &Service,
        stopped: bool,
        ask: Option<&mut dyn Ask>,
        out: &mut dyn Write,
    ) -> anyhow::Result<bool> {
        let runs = stopped || service.runs();
        let wanted = match ask {
            _ if stopped => true,
            Some(ask) => yes(ask, "Have the service run with this config now?", true)?,
            None => self.yes,
        };
        // A restart, not a reload: the service gets its password when it starts.
        let arguments: &[&str] = if runs { &["restart"] } else { &["enable", "--now"] };
        if !wanted {
            writeln!(out, "to have it run: sudo systemctl {} edgecam", arguments.join(" "))?;
            return Ok(true);
        }
        if !told(service.call(arguments)) {
            return Ok(false);
        }
        writeln!(out, "the service runs with the new config; its log: journalctl -u edgecam -f")?;
        Ok(true)
    }
}

/// With what to do about a camera that the service may have.
fn hinted(why: String) -> String {
    if why.contains("in use by") && !rustix::process::geteuid().is_root() {
        format!("{why}; if that is the service, sudo edgecam setup stops it meanwhile")
    } else {
        why
    }
}

/// Starts the service that was stopped.
fn again(service: &Service, out: &mut dyn Write) -> anyhow::Result<bool> {
    let started = told(service.call(&["start"]));
    if started {
        writeln!(out, "the service is started again")?;
    }
    Ok(started)
}

/// Whether it went well; else it is told.
fn told(result: Result<(), String>) -> bool {
    result.map_err(|why| eprintln!("edgecam: {why}")).is_ok()
}

/// The command that shows what edgecam publishes.
fn subscription(broker: &Mqtt) -> String {
    let port = if broker.port == 1883 { String::new() } else { format!(" -p {}", broker.port) };
    let username = broker.username.as_ref().map(|name| format!(" -u '{name}' -P '…'")).unwrap_or_default();
    format!("mosquitto_sub -v -h {}{port}{username} -t '{}/#'", broker.host, broker.prefix)
}
