//! `edgecam setup`: from an installed program to one that watches.

mod flags;
mod trials;
mod written;

use super::Exit;
use super::run::{load, tell};
use crate::daemon::files;
use crate::model::shipped::{DETECTOR, shipped};
use crate::publish::mqtt;
use crate::setup::answers::{Answers, Broker, Camera, Model};
use crate::setup::ask::{Ask, Unanswered, yes};
use crate::setup::dialogue::dialogue;
use crate::setup::find::Found;
use crate::setup::put_back::PutBack;
use crate::setup::terminal::Terminal;
use crate::setup::write::{self, Before};
use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use written::{checked, parsed, put, trial, wrong};

/// For the broker's answer.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(super) struct Setup {
    /// Ask nothing, and have the service run with the new config
    #[arg(long, short)]
    yes: bool,
    /// A camera: its name, and auto, /dev/video0, rpicam:0, rtsp://… or test [default: all that are found]
    #[arg(long, value_name = "NAME=SOURCE", value_parser = flags::camera)]
    camera: Vec<Camera>,
    /// The broker: host[:port], a URL, or none [default: one that answers at localhost or homeassistant.local]
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Who edgecam is at the broker
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// A file with the password; - for stdin
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// Announce the cameras to Home Assistant [default: where there is a broker]
    #[arg(long, overrides_with = "no_home_assistant")]
    home_assistant: bool,
    /// Don't
    #[arg(long)]
    no_home_assistant: bool,
    /// The labels to report, with commas [default: all]
    #[arg(long, value_name = "A,B")]
    labels: Option<String>,
    /// Have the model look at every frame, not only when something moves
    #[arg(long)]
    no_motion: bool,
    /// A .tflite file, or a name of the catalogue [default: edgecam's own detector]
    #[arg(long, value_name = "FILE|NAME")]
    model: Option<String>,
    /// Where the config goes
    #[arg(long, value_name = "FILE", default_value = "/etc/edgecam/edgecam.toml")]
    config: PathBuf,
    /// Replace a config that was changed by hand; it is saved as FILE.bak
    #[arg(long)]
    force: bool,
    /// Don't try the cameras and the broker
    #[arg(long)]
    no_test: bool,
    /// Print the config and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The folder for the cameras' pictures
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pictures: PathBuf,
}

impl Setup {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let path = write::target(&self.config);
        if !self.dry_run && !write::writable(&path) && !rustix::process::geteuid().is_root() {
            eprintln!("edgecam: {} can't be written by you: sudo edgecam setup", path.display());
            return Ok(Exit::Failure);
        }
        let put_back = PutBack::default();
        put_back.on_signals().context("listen for signals")?;
        let mut terminal = if self.asks_nothing() { None } else { Terminal::new(put_back.clone()) };
        let mut ask = terminal.as_mut().map(|terminal| terminal as &mut dyn Ask);
        let answers = match ask.as_deref_mut().map(|ask| self.asked(ask, &path)) {
            None => self.given(),
            Some(Ok(Some(answers))) => answers,
            Some(Ok(None)) => return Ok(Exit::Fine),
            Some(Err(e)) => {
                // The terminal may be gone.
                let _ = writeln!(std::io::stderr(), "edgecam: {e}");
                return Ok(Exit::Failure);
            }
        };
        let answers = match answers {
            Ok(answers) => answers,
            Err(exit) => return Ok(exit),
        };
        let text = match checked(&answers, &path) {
            Ok(text) => text,
            Err(problems) => return Ok(wrong(&problems)),
        };
        if self.dry_run {
            out.write_all(text.as_bytes())?;
            return Ok(Exit::Fine);
        }
        // Who sits at a terminal has agreed to it.
        if !put(&answers, &text, &path, self.force || ask.is_some(), out)? {
            return Ok(Exit::Failure);
        }
        let config = match load(&path) {
            Ok(config) => config,
            Err(problems) => return Ok(tell(&problems)),
        };
        self.try_out(&config, &path, ask, &put_back, out)
    }

    /// What a person answers; `None` when all is to stay as it is. The inner error has been told.
    fn asked(&self, ask: &mut dyn Ask, path: &Path) -> Result<Option<Result<Answers, Exit>>, Unanswered> {
        ask.say("edgecam setup: a few questions; Enter takes what stands in brackets, Ctrl-C ends it.");
        let edited = matches!(write::before(path, ""), Ok(Before::Edited));
        if edited && !self.force && !self.dry_run {
            let question =
                format!("{} was changed by hand. Replace it, and save it as .bak?", path.display());
            if !yes(ask, &question, false)? {
                ask.say("It is kept as it is.");
                return Ok(None);
            }
        }
        let model = self.model();
        let plain = trial(model.clone(), None);
        let config = match parsed(&plain, path) {
            Ok(config) => config,
            Err(problems) => return Ok(Some(Err(wrong(&problems)))),
        };
        let known = config.models.first().map(|model| files(model).class_names());
        let known = known.and_then(Result::ok).unwrap_or_default();
        ask.say("Looking for cameras and a broker …");
        let found = Found::look(true, true);
        let mut accepts = |broker: &Broker| {
            let config = parsed(&trial(model.clone(), Some(broker)), path);
            let config = config.map_err(|problems| problems.join("; "))?;
            let mqtt = config.mqtt.ok_or("there is none")?;
            mqtt::try_password(&mqtt, broker.password.as_deref(), BROKER_TIMEOUT)
        };
        dialogue(&found, model.clone(), &known, ask, &mut accepts).map(|answers| Some(Ok(answers)))
    }

    /// What the arguments answer, and what was found; the error has been told.
    fn given(&self) -> Result<Answers, Exit> {
        let found = Found::look(self.camera.is_empty(), self.broker.is_none());
        let answers = self.answers(&found).map_err(|why| {
            eprintln!("edgecam: {why}");
            Exit::Usage
        })?;
        if found.coral.is_some() {
            eprintln!("edgecam: {}", found.accelerator());
        }
        if answers.broker.is_none() && self.broker.is_none() {
            eprintln!("edgecam: no broker found: answers go to the journal only; --broker names one");
        }
        Ok(answers)
    }

    fn model(&self) -> Model {
        self.model.as_deref().map_or_else(|| Model::File(shipped(DETECTOR)), Model::of)
    }
}
