//! Tries an unknown model in a child process first, so that one that crashes the runtime is a sentence
//! and not a crash.

use super::{Exit, ModelArgs};
use crate::model::{Model, ModelFiles};
use anyhow::{Context, bail};
use clap::Args;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any model takes to load and run once on a Pi.
const PATIENCE: Duration = Duration::from_secs(120);

/// The child's side.
#[derive(Args, Debug)]
pub(super) struct TryModel {
    #[command(flatten)]
    model: ModelArgs,
    #[arg(long)]
    library: Option<std::path::PathBuf>,
}

impl TryModel {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let runtime = crate::infer::Runtime::load(self.library.as_deref())?;
        let mut model = Model::load(&runtime, &self.model.files())?;
        let mut input = model.engine.new_input()?;
        model.engine.invoke(input.as_mut())?;
        Ok(Exit::Fine)
    }
}

/// Loads the model in a child process and runs it once on zeros; `library` when the runtime is not the
/// usual one. The error is what the child said, or how it died.
pub fn try_model(files: &ModelFiles, library: Option<&std::path::Path>) -> anyhow::Result<()> {
    let name = files.path.display();
    let program = std::env::current_exe().context("find edgecam's own program")?;
    let mut command = Command::new(program);
    command.arg("try-model").arg("--model").arg(&files.path);
    command.arg("--threads").arg(files.threads.to_string());
    for (flag, path) in [("--labels", files.labels.as_deref()), ("--library", library)] {
        if let Some(path) = path {
            command.arg(flag).arg(path);
        }
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("load model {name}: start a process to try it in"))?;
    let mut said = String::new();
    let mut stderr = child.stderr.take();
    let listener = std::thread::spawn(move || {
        if let Some(stderr) = &mut stderr {
            let _ = stderr.read_to_string(&mut said);
        }
        said
    });
    let Some(status) = wait(&mut child)? else {
        bail!("load model {name}: the runtime hangs on it");
    };
    let said = listener.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    if let Some(signal) = status.signal() {
        bail!(
            "load model {name}: it crashes the runtime (signal {signal}); the file is damaged or was made for another one"
        );
    }
    let last = said.lines().rev().find_map(|line| line.strip_prefix("edgecam: "));
    bail!("{}", last.map_or_else(|| format!("load model {name}: {status}"), str::to_owned))
}

/// The child's exit, or `None` after it was killed for taking too long.
fn wait(child: &mut Child) -> anyhow::Result<Option<std::process::ExitStatus>> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
