//! Tries a model in a child process, so that one that crashes the runtime is a sentence and not a crash.
//! The child is `edgecam try-model`.

use super::{ModelError, ModelFiles};
use crate::accelerator::Accelerator;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than a model a Pi can use takes to load and run once; shorter than who waits for it.
const PATIENCE: Duration = Duration::from_secs(40);

/// This very program, even where its file was replaced since.
const PROGRAM: &str = "/proc/self/exe";

/// Loads the model, or its twin on the processor, in a child process and runs it once; `library` when the runtime is not the usual one.
/// The error is what the child said, or how it died. Blocks for as long as that takes.
pub fn try_model(files: &ModelFiles, library: Option<&Path>) -> Result<(), ModelError> {
    // What is wrong with the file, the child says.
    if files.run_on_the_processor() == Ok(false) {
        // An accelerator has a process of its own.
        return Ok(());
    }
    let name = files.path.display();
    let failed = |why: &str| ModelError(format!("load model {name}: {why}"));
    let untried = |e: io::Error| failed(&format!("start a process to try it in: {e}"));
    let manifest = serde_json::to_string(&files.manifest).map_err(|e| untried(e.into()))?;
    let mut command = Command::new(PROGRAM);
    command.arg0("edgecam").arg("try-model").arg("--model").arg(&files.path);
    command.arg("--threads").arg(files.threads.to_string()).arg("--manifest").arg(manifest);
    for (flag, path) in [("--labels", files.labels.as_deref()), ("--library", library)] {
        if let Some(path) = path {
            command.arg(flag).arg(path);
        }
    }
    command.arg("--accelerator");
    match &files.accelerator {
        Accelerator::OpenVino(choice) => {
            command.arg(format!("openvino:{}", choice.device));
            command.envs(choice.library.iter().map(|path| ("EDGECAM_OPENVINO", path)));
        }
        Accelerator::TfLiteC => drop(command.arg("tflitec")),
        _ => drop(command.arg("cpu")),
    }
    // In a group of its own: a Ctrl-C that is for us would look like a crash of the model.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(untried)?;
    let mut said = String::new();
    let mut stderr = child.stderr.take();
    let listener = std::thread::spawn(move || {
        if let Some(stderr) = &mut stderr {
            let _ = stderr.read_to_string(&mut said);
        }
        said
    });
    let Some(status) = wait(&mut child).map_err(untried)? else {
        return Err(failed("the runtime hangs on it"));
    };
    let said = listener.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    if let Some(signal) = status.signal() {
        return Err(failed(&format!(
            "it crashes the runtime (signal {signal}); the file is damaged or was made for another one"
        )));
    }
    let last = said.lines().rev().find_map(|line| line.strip_prefix("edgecam: "));
    Err(last.map_or_else(|| failed(&status.to_string()), |last| ModelError(last.to_owned())))
}

/// The child's exit, or `None` after it was killed for taking too long.
fn wait(child: &mut Child) -> io::Result<Option<ExitStatus>> {
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
