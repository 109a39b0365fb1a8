//! The commands. Data goes to stdout, everything else to stderr; the exit code says how it went.
#![expect(clippy::print_stderr, reason = "what a command has to say")]

mod bench;
mod cameras;
mod collect;
mod detect;
mod doctor;
mod eval;
mod model;
mod replay;
mod run;
mod scenes;
mod selftest;
mod setup;
mod try_model;
mod worker;

use crate::accelerator::{Accelerator, stood_in};
use crate::infer::{Runtime, find, version_of};
use crate::model::ModelFiles;
use crate::model::shipped::{DETECTOR, shipped};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Fine,
    /// 1: a failure while running.
    Failure,
    /// 2: wrong usage.
    Usage,
    /// 78: wrong config (`EX_CONFIG` of `sysexits.h`).
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Config => 78,
        })
    }
}

#[derive(Debug, Parser)]
#[command(name = "edgecam", about, disable_version_flag = true, arg_required_else_help = true)]
struct Cli {
    /// Print the versions of edgecam and of the inference runtime
    #[arg(short = 'V', long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the cameras of a config and publish what is seen
    Run(run::Run),
    /// Find cameras and a broker, write the config, and try each part
    ///
    /// Asks at a terminal. With --yes, or an answer among the arguments, it asks nothing: what is not given is
    /// what was found, or the default. Exit code 1 if the config is kept as it was or a part does not work.
    Setup(setup::Setup),
    /// Check a config and its models without touching hardware
    Check(run::Check),
    /// Have the running daemon read its config again
    Reload,
    /// List the cameras of this machine with their modes
    Cameras(cameras::Cameras),
    /// Say what is right and wrong with this machine, and what to do
    ///
    /// Looks at the board, the cameras, the runtime, the config with its models, the broker and the service; run it
    /// as root to have all of it seen. Exit code 1 if something fails, 78 if the config is wrong.
    Doctor(doctor::Doctor),
    /// Run a model on pictures
    Detect(detect::Detect),
    /// What models are and where to get them
    #[command(subcommand)]
    Model(model::Model),
    /// Measure how well a detector does on pictures whose objects are known
    Eval(eval::Eval),
    /// Tell the events of recorded frames, to try filters and zones on
    ///
    /// Takes the frames of a camera's source as fast as they come, as if they had been taken at --fps, and writes
    /// its events as lines of JSON. The same frames and config give the same lines.
    Replay(replay::Replay),
    /// Measure what a frame costs, beside the bare runtime
    Bench(bench::Bench),
    /// Write pictures whose objects are known exactly
    ///
    /// They are frames of the test pattern, each of another scene, to train and measure the self-test model:
    /// `OUT/images/NNNNNN.png`, what they show as `OUT/labels/NNNNNN.txt` (YOLO), and the names of the classes
    /// as `OUT/config.yaml`. A shape of which less than a fifth can be seen counts as not there. The same
    /// options write the same pictures; another seed gives others.
    Scenes(scenes::Scenes),
    /// Save frames worth labelling, to train a model with
    ///
    /// Runs the cameras of a config without publishing anything, and saves frames with uncertain scores, of
    /// new scenes, and now and then one without a detection, until Ctrl-C. The service does the same beside
    /// its work with a [collect] in its config.
    Collect(collect::Collect),
    /// Check that models compute here what they should
    ///
    /// Two tiny models that come with edgecam look at scenes of the test pattern, on every engine there is;
    /// their answers are compared with recorded ones. Exit code 1 if one differs.
    #[command(name = "selftest")]
    SelfTest(selftest::SelfTest),
    /// Load a model and run it once
    #[command(hide = true)]
    TryModel(try_model::TryModel),
    /// Run models for the program that has the other end of stdin
    #[command(hide = true)]
    Worker,
}

/// A model, as commands take it.
#[derive(Args, Clone, Debug)]
struct ModelArgs {
    /// The .tflite, .onnx or .xml file [default: edgecam's own detector]
    #[arg(long, value_name = "FILE", default_value_os_t = shipped(DETECTOR), hide_default_value = true)]
    model: PathBuf,
    /// The label file [default: NAME.txt or labels.txt beside the model]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Threads of the runtime
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// What it runs on: auto, cpu, edgetpu, edgetpu:usb:0, openvino, openvino:GPU, or a delegate: libx.so,option=value
    #[arg(long, value_name = "WHAT", default_value = "auto")]
    accelerator: Accelerator,
}

impl ModelArgs {
    fn files(&self) -> ModelFiles {
        ModelFiles {
            labels: self.labels.clone(),
            threads: usize::from(self.threads),
            accelerator: self.accelerator.clone(),
            ..ModelFiles::new(self.model.clone())
        }
    }
}

/// What the program takes, for its manual.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program with its arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage } else { Exit::Fine };
        }
    };
    if cli.version {
        return say_version();
    }
    let runs = matches!(cli.command, Some(Command::Run(_)));
    let result = match cli.command {
        Some(Command::Run(run)) => Ok(run.run()),
        Some(Command::Setup(setup)) => setup.run(&mut io::stdout()),
        Some(Command::Check(check)) => check.run(&mut io::stdout().lock()),
        Some(Command::Reload) => run::reload(&mut io::stdout().lock()),
        Some(Command::Cameras(cameras)) => cameras.run(&mut io::stdout().lock()),
        Some(Command::Doctor(doctor)) => doctor.run(&mut io::stdout().lock()),
        Some(Command::Detect(detect)) => detect.run(&mut io::stdout().lock()),
        Some(Command::Model(model)) => model.run(&mut io::stdout().lock()),
        Some(Command::Eval(eval)) => eval.run(&mut io::stdout().lock()),
        Some(Command::Replay(replay)) => replay.run(&mut io::stdout().lock()),
        Some(Command::Bench(bench)) => bench.run(&mut io::stdout().lock()),
        Some(Command::Collect(collect)) => collect.run(),
        Some(Command::Scenes(scenes)) => scenes.run(&mut io::stdout().lock()),
        Some(Command::SelfTest(selftest)) => selftest.run(&mut io::stdout().lock()),
        Some(Command::TryModel(try_model)) => try_model.run(),
        Some(Command::Worker) => worker::run(),
        None => Ok(Exit::Usage),
    };
    if let Some((frames, why)) = stood_in().filter(|_| !runs) {
        eprintln!("edgecam: the processor answered {frames} of the accelerator's frames: {why}");
    }
    result.unwrap_or_else(|e| {
        if e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            return Exit::Fine;
        }
        eprintln!("edgecam: {e:#}");
        Exit::Failure
    })
}

fn say_version() -> Exit {
    let runtime = match find(None) {
        Ok(path) => format!("LiteRT {} ({})", version_of(&path), path.display()),
        Err(e) => e.to_string(),
    };
    let text = format!("edgecam {}\n{runtime}\n", env!("CARGO_PKG_VERSION"));
    match io::Write::write_all(&mut io::stdout().lock(), text.as_bytes()) {
        Ok(()) => Exit::Fine,
        Err(_) => Exit::Failure,
    }
}

/// The runtime library, by `EDGECAM_LITERT` or from where it is installed.
fn runtime() -> anyhow::Result<std::sync::Arc<Runtime>> {
    Ok(Runtime::load(None)?)
}
