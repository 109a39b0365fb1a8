//! The daemon's side of an accelerator's process: starts it, gives it orders and frames, waits no longer than
//! it should, and ends it.

use super::Plugin;
use super::wire::{Answer, Bell, Channel, DONE, Frame, Order, wait};
use crate::infer::TensorSpec;
use rustix::net::{Shutdown, shutdown};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// This very program, even where its file was replaced since.
const PROGRAM: &str = "/proc/self/exe";
/// For the library and its delegate to load.
const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// For a model to be forgotten.
const UNLOADS_WITHIN: Duration = Duration::from_secs(2);
/// For a process to end in order, before it is killed.
const LEAVES_WITHIN: Duration = Duration::from_millis(700);
/// For a process that was killed to be gone, and for a reason that is under way.
const ENDS_WITHIN: Duration = Duration::from_millis(500);
/// Of what the process writes to stderr, lines that are kept for the reason of its end, and that are logged.
const KEPT_LINES: usize = 4;
const MOST_LOGGED: usize = 20;

/// Stands before what the process said last, in how it died.
pub const SAID: &str = "; it said: ";
/// No line of it is longer, in bytes.
const MAX_LINE: usize = 300;

/// Why the process is of no use any more, or a model in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It did not answer in time.
    Hung(Duration),
    /// It is gone: how.
    Died(String),
    /// It says why not.
    Refused(String),
    /// It is not there, or busy with something else than frames; said of every frame meanwhile.
    Away,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hung(after) => write!(f, "it gave no answer within {after:?}"),
            Self::Died(how) => write!(f, "its process {how}"),
            Self::Refused(why) => f.write_str(why),
            Self::Away => f.write_str("it is not ready"),
        }
    }
}

/// The process.
#[derive(Debug)]
pub struct Host {
    /// There until the drop.
    child: Option<Child>,
    /// What nobody else may have meanwhile.
    _claim: Option<OwnedFd>,
    channel: Channel,
    frames: Bell,
    answers: Bell,
    said: Arc<Mutex<VecDeque<String>>>,
    /// What the delegate says of its version.
    pub version: Option<String>,
}

/// A model as the process is told of it.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its number.
    pub id: u32,
    /// Its file, or its segments'.
    pub files: Vec<PathBuf>,
    /// Threads for what the accelerator leaves.
    pub threads: usize,
}

impl Host {
    /// Starts the process for an accelerator called `name` in the log, the Coral at a place or another one, of
    /// which `claim` is kept as long as the process lives.
    pub fn start(
        name: &str,
        library: &Path,
        plugin: Option<&Plugin>,
        coral: Option<&str>,
        claim: Option<OwnedFd>,
    ) -> Result<Self, Fault> {
        bury();
        let failed = |e: io::Error| Fault::Refused(format!("start a process for it: {e}"));
        let (channel, theirs) = Channel::pair().map_err(failed)?;
        let (frames, answers) = (Bell::new().map_err(failed)?, Bell::new().map_err(failed)?);
        let mut command = Command::new(PROGRAM);
        // In a group of its own: a Ctrl-C that is for us would look like a crash of the accelerator.
        command.arg0("edgecam").arg("worker").process_group(0);
        command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        // The child's end of the socket is its own only: it is seen to close.
        drop(command);
        let said = Arc::<Mutex<VecDeque<String>>>::default();
        if let Some(stderr) = child.stderr.take() {
            let (said, name) = (Arc::clone(&said), name.to_owned());
            let listen = move || listen(BufReader::new(stderr), &said, &name);
            std::thread::Builder::new().name("worker log".to_owned()).spawn(listen).map_err(failed)?;
        }
        let child = Some(child);
        let mut host = Self { child, _claim: claim, channel, frames, answers, said, version: None };
        let order = Order::Start {
            library: library.to_owned(),
            plugin: plugin.cloned(),
            coral: coral.map(str::to_owned),
        };
        let bells = [host.frames.as_fd(), host.answers.as_fd()];
        let sent = host.channel.send(&order, &bells);
        match sent.map_err(|e| e.to_string()).map(|()| host.answer(STARTS_WITHIN)) {
            Ok(Ok(Answer::Started { version })) => {
                host.version = version;
                Ok(host)
            }
            Ok(Ok(Answer::Failed(why))) => Err(Fault::Refused(why)),
            Ok(Ok(_)) => Err(Fault::Refused("its process answers something else".to_owned())),
            Ok(Err(fault)) => Err(fault),
            Err(why) => Err(Fault::Refused(format!("start a process for it: {why}"))),
        }
    }

    /// Loads a model; returns the picture it takes, and what it answers.
    pub fn load(&mut self, model: &Load, within: Duration) -> Result<(TensorSpec, Vec<TensorSpec>), Fault> {
        let Load { id, files, threads } = model.clone();
        match self.ask(&Order::Load { id, files, threads }, &[], within)? {
            Answer::Loaded { input, outputs } => Ok((input, outputs)),
            other => Err(refusal(other)),
        }
    }

    /// Puts the tensors of the model that was loaded last into `memory`; returns how long a run takes.
    pub fn bind(&mut self, memory: BorrowedFd<'_>, within: Duration) -> Result<Duration, Fault> {
        match self.ask(&Order::Bind, &[memory], within)? {
            Answer::Bound { took_us } => Ok(Duration::from_micros(took_us)),
            other => Err(refusal(other)),
        }
    }

    /// Has the process forget a model.
    pub fn unload(&mut self, id: u32) -> Result<(), Fault> {
        match self.ask(&Order::Unload { id }, &[], UNLOADS_WITHIN)? {
            Answer::Unloaded => Ok(()),
            other => Err(refusal(other)),
        }
    }

    /// Has a model look at a picture.
    pub fn run(&mut self, frame: Frame, deadline: Duration) -> Result<(), Fault> {
        let io = |e: io::Error| Fault::Refused(format!("hand it a frame: {e}"));
        self.frames.ring(frame.number()).map_err(io)?;
        match wait(&[self.answers.as_fd(), self.channel.as_fd()], deadline).map_err(io)? {
            None => Err(Fault::Hung(deadline)),
            Some(0) if self.answers.heard().map_err(io)? == DONE => Ok(()),
            Some(0) => Err(self.answer(ENDS_WITHIN).map_or_else(|fault| fault, refusal)),
            Some(_) => Err(self.answer(ENDS_WITHIN).map_or_else(
                |fault| fault,
                |answer| {
                    // The number follows on its reason.
                    if matches!(wait(&[self.answers.as_fd()], ENDS_WITHIN), Ok(Some(_))) {
                        let _ = self.answers.heard();
                    }
                    refusal(answer)
                },
            )),
        }
    }

    /// Whether it ended without being told to; `None` while it lives.
    pub fn died(&mut self) -> Option<Fault> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        Some(Fault::Died(self.how(status)))
    }

    /// Lets the process end in order, as a Coral whose user is killed may hang, or kills it; false while it is not
    /// gone.
    pub fn leave(&mut self) -> bool {
        let _ = shutdown(&self.channel, Shutdown::Both);
        self.exit(LEAVES_WITHIN).is_some() || self.kill()
    }

    /// Kills the process; false while it is not gone, as one that hangs in the kernel.
    pub fn kill(&mut self) -> bool {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
        }
        self.exit(ENDS_WITHIN).is_some()
    }

    fn ask(
        &mut self,
        order: &Order,
        descriptors: &[BorrowedFd<'_>],
        within: Duration,
    ) -> Result<Answer, Fault> {
        match self.channel.send(order, descriptors) {
            // It is gone, which the answer tells.
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
            Err(e) => return Err(Fault::Refused(format!("tell its process: {e}"))),
        }
        self.answer(within)
    }

    fn answer(&mut self, within: Duration) -> Result<Answer, Fault> {
        match self.channel.receive_within::<Answer>(within) {
            Ok((answer, _)) => Ok(answer),
            Err(e) if e.kind() == ErrorKind::TimedOut => Err(Fault::Hung(within)),
            Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                let status = self.exit(ENDS_WITHIN);
                Err(Fault::Died(status.map_or_else(|| "closed its socket".to_owned(), |s| self.how(s))))
            }
            Err(e) => Err(Fault::Refused(format!("hear its process: {e}"))),
        }
    }

    fn exit(&mut self, within: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            match self.child.as_mut()?.try_wait() {
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// How it ended, and what it said last.
    fn how(&self, status: ExitStatus) -> String {
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("crashed (signal {signal})"),
            (_, code) => format!("ended by itself (exit code {})", code.unwrap_or_default()),
        };
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            how
        } else {
            format!("{how}{SAID}{}", said.iter().map(String::as_str).collect::<Vec<_>>().join("; "))
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if !self.leave()
            && let Some(child) = self.child.take()
        {
            UNBURIED.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        }
    }
}

fn refusal(answer: Answer) -> Fault {
    Fault::Refused(match answer {
        Answer::Failed(why) => why,
        _ => "its process answers something else".to_owned(),
    })
}

/// Logs what the process writes to stderr, and keeps the last of it.
fn listen(stderr: impl BufRead, said: &Mutex<VecDeque<String>>, name: &str) {
    let (mut line, mut number) = (Vec::new(), 0);
    for byte in stderr.bytes().map_while(Result::ok) {
        if byte != b'\n' {
            if line.len() < MAX_LINE {
                line.push(byte);
            }
            continue;
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        line.clear();
        if text.is_empty() || text.starts_with("INFO: ") {
            continue;
        }
        number += 1;
        if number <= MOST_LOGGED {
            log::info!(accelerator = name; "accelerator {name}: its process says: {text}");
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == KEPT_LINES {
            said.pop_front();
        }
        said.push_back(text);
    }
}

/// Processes that were not gone when they were given up: each is waited for, so that none stays a zombie.
static UNBURIED: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Waits for those that are gone by now.
fn bury() {
    let mut unburied = UNBURIED.lock().unwrap_or_else(PoisonError::into_inner);
    unburied.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}
