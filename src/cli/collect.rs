//! `edgecam collect`: the cameras of a config, to save frames worth labelling and for nothing else.

use super::Exit;
use super::run::{load, serve, wrong};
use crate::config::{self, value};
use crate::shutdown::Shutdown;
use crate::telemetry;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[derive(Args, Clone, Debug)]
pub(super) struct Collect {
    /// The config
    #[arg(long, value_name = "FILE", default_value = "/etc/edgecam/edgecam.toml")]
    config: PathBuf,
    /// This camera only
    #[arg(long, value_name = "NAME")]
    camera: Option<String>,
    /// The folder to save to
    #[arg(long, value_name = "DIR", default_value = "collect")]
    into: PathBuf,
    /// Stop after this long, such as 1h
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    r#for: Option<Duration>,
    /// The oldest pictures go over this size
    #[arg(long, value_name = "SIZE", value_parser = value::bytes)]
    max_bytes: Option<u64>,
}

impl Collect {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        telemetry::init();
        let config = match self.load() {
            Ok(config) => config,
            Err(problems) => return Ok(wrong(&problems)),
        };
        let (shutdown, before) = (Shutdown::new(), pictures(&self.into));
        if let Some(time) = self.r#for {
            let shutdown = shutdown.clone();
            std::thread::spawn(move || {
                std::thread::sleep(time);
                shutdown.trigger();
            });
        }
        let me = self.clone();
        let exit = serve(config, Arc::new(move || me.load()), &shutdown);
        let now = pictures(&self.into);
        // Not locked before: the daemon prints what it sees.
        writeln!(
            std::io::stdout(),
            "{} pictures in {}, {} of them new",
            now,
            self.into.display(),
            now.saturating_sub(before)
        )?;
        Ok(exit)
    }

    /// The config, with nothing to publish to and everything to save.
    fn load(&self) -> Result<config::Config, Vec<String>> {
        let mut config = load(&self.config)?;
        config.mqtt = None;
        if let Some(name) = &self.camera {
            config.cameras.retain(|camera| camera.name == *name);
            if config.cameras.is_empty() {
                return Err(vec![format!("{}: there is no camera {name}", self.config.display())]);
            }
        }
        for camera in &mut config.cameras {
            let mut collect = camera.collect.take().unwrap_or_default();
            collect.path = Some(self.into.clone());
            collect.max_bytes = self.max_bytes.unwrap_or(collect.max_bytes);
            camera.collect = Some(collect);
            // A scene in which nothing moves is worth a picture, too.
            camera.motion = None;
        }
        Ok(config)
    }
}

/// How many pictures a folder of collected ones has.
fn pictures(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder.join("images"));
    entries.map_or(0, |entries| {
        entries.flatten().filter(|e| e.path().extension().is_some_and(|x| x == "jpg")).count()
    })
}
