//! `edgecam run`, `check` and `reload`: the commands around a config.

mod preview;
pub(super) mod probe;

use super::Exit;
use crate::config::{self, Config};
use crate::control;
use crate::daemon::{self, DaemonError, End};
use crate::shutdown::Shutdown;
use crate::telemetry;
use clap::Args;
pub(super) use probe::models;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Watch the cameras of a config and publish what is seen
#[derive(Args, Debug)]
pub(super) struct Run {
    /// The config
    #[arg(long, value_name = "FILE", default_value = "/etc/edgecam/edgecam.toml")]
    config: PathBuf,
}

/// Check a config and its models without touching hardware
#[derive(Args, Debug)]
pub(super) struct Check {
    /// The config
    #[arg(long, value_name = "FILE", default_value = "/etc/edgecam/edgecam.toml")]
    config: PathBuf,
    /// Also open the cameras and connect to the broker
    #[arg(long)]
    probe: bool,
    /// Also write a picture of this camera with its zones and masks drawn in
    #[arg(long, num_args = 2, value_names = ["CAMERA", "FILE.png"])]
    preview: Option<Vec<String>>,
}

/// The config of a file, or its problems.
pub(super) fn load(path: &Path) -> Result<Config, Vec<String>> {
    config::load(path).map_err(|problems| problems.lines())
}

impl Run {
    pub(super) fn run(&self) -> Exit {
        telemetry::init();
        let config = match load(&self.config) {
            Ok(config) => config,
            Err(problems) => return wrong(&problems),
        };
        let path = self.config.clone();
        serve(config, Arc::new(move || load(&path)), &Shutdown::new())
    }
}

/// Runs the daemon to its end.
pub(super) fn serve(config: Config, load: daemon::Load, shutdown: &Shutdown) -> Exit {
    match daemon::run(config, load, shutdown) {
        Ok(End::Restart) => {
            // Under the same process id, so that whoever started it need not know.
            let e = std::process::Command::new(program()).args(std::env::args_os().skip(1)).exec();
            log::error!("start again: {e}");
            Exit::Failure
        }
        Ok(_) => Exit::Fine,
        Err(DaemonError::Config(problems)) => wrong(&problems),
        Err(e) => {
            log::error!("{e}");
            Exit::Failure
        }
    }
}

/// This program, or the one that an upgrade put in its place: the kernel marks the old one (proc_pid_exe(5)).
fn program() -> PathBuf {
    let me = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    match me.to_str().and_then(|path| path.strip_suffix(" (deleted)")) {
        Some(replaced) => replaced.into(),
        None => me,
    }
}

/// Tells the problems of a config to who started a command.
pub(super) fn tell(problems: &[String]) -> Exit {
    for problem in problems {
        eprintln!("edgecam: {problem}");
    }
    Exit::Config
}

/// Tells the problems of a config to the log.
pub(super) fn wrong(problems: &[String]) -> Exit {
    for problem in problems {
        log::error!("{problem}");
    }
    Exit::Config
}

impl Check {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let config = match load(&self.config) {
            Ok(config) => config,
            Err(problems) => return Ok(tell(&problems)),
        };
        if self.probe {
            return probe::probe(&config, out);
        }
        let problems = models(&config);
        if !problems.is_empty() {
            return Ok(tell(&problems));
        }
        if let Some([camera, file]) = self.preview.as_deref() {
            preview::preview(&config, camera, Path::new(file))?;
            writeln!(out, "{file}: a frame of camera {camera}, its zones and masks")?;
            return Ok(Exit::Fine);
        }
        let broker =
            config.mqtt.as_ref().map_or("no broker".to_owned(), |m| format!("broker {}:{}", m.host, m.port));
        let (cameras, models) = (config.cameras.len(), config.models.len());
        writeln!(out, "{}: good: {cameras} camera(s), {models} model(s), {broker}", self.config.display())?;
        Ok(Exit::Fine)
    }
}

pub(super) fn reload(out: &mut dyn Write) -> anyhow::Result<Exit> {
    let verdict = control::request(&control::ask_path())?;
    writeln!(out, "{verdict}")?;
    Ok(if verdict.exit_code() == 0 { Exit::Fine } else { Exit::Config })
}
