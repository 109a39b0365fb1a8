//! `edgecam doctor`: what is right and wrong with this machine.

use super::Exit;
use super::run::models;
use crate::config::Config;
use crate::daemon::state_directory;
use crate::doctor::{Board, Finding, Level, Report, Space, broker, config, examine, runtime};
use crate::source::listing;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};

const CONFIG: &str = "/etc/edgecam/edgecam.toml";
/// Of the service.
const STATE: &str = "/var/lib/edgecam";

/// Say what is right and wrong with this machine
#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// The config [default: /etc/edgecam/edgecam.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let path = self.config.as_deref().unwrap_or(Path::new(CONFIG));
        let read = config::read(path, self.config.is_some());
        let config = read.config.as_ref();
        let state = state();
        let mut findings = read.findings;
        findings.extend(examine(&Board::here(), config, &listing::cameras(), (&state, Space::of(&state))));
        let runtime = runtime::findings(config);
        let loads = runtime.iter().all(|finding| finding.level < Level::Fail);
        findings.extend(runtime);
        if let Some(config) = config {
            findings.extend(loads.then(|| tried(config)).into_iter().flatten());
            findings.extend(broker::findings(config));
        }
        let report = Report::from(findings);
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            write!(out, "{report}")?;
        }
        Ok(match report.worst {
            _ if read.wrong => Exit::Config,
            Level::Fail => Exit::Failure,
            _ => Exit::Fine,
        })
    }
}

/// The service's state directory where there is one, else that of who asks.
fn state() -> PathBuf {
    let given = std::env::var_os("STATE_DIRECTORY").is_some();
    let own = state_directory().unwrap_or_else(|| STATE.into());
    if given || !Path::new(STATE).exists() { own } else { STATE.into() }
}

/// Each model of the config, loaded and run once.
fn tried(config: &Config) -> Vec<Finding> {
    let problems = models(config);
    if problems.is_empty() {
        let names: Vec<_> = config.models.iter().map(|model| model.name.as_str()).collect();
        return vec![Finding::ok("model", format!("{} loads and runs", names.join(", ")))];
    }
    let fix = "`edgecam model info FILE` says what a model is; docs/models.md";
    problems.into_iter().map(|problem| Finding::fail("model", problem, fix)).collect()
}
