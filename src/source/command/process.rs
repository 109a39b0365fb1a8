//! The child process: its group, its pipes, its end.

use super::super::{SLICE, SourceError};
use super::stderr::LineLog;
use crate::shutdown::Shutdown;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A program has this long to end after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);

/// What [`Process::read`] found.
pub enum Read {
    /// So many bytes, at least one.
    Bytes(usize),
    /// The program closed its stdout.
    End,
    /// The deadline passed.
    Late,
    /// The shutdown ended the wait.
    Stopped,
    /// The pipe broke.
    Failed(io::Error),
}

/// A running program.
pub struct Process {
    program: String,
    child: Child,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    log: LineLog,
}

impl Process {
    /// Starts `argv` without a shell. `frame_bytes` of a raw stream size its pipe.
    pub fn start(argv: &[String], camera: &str, frame_bytes: Option<usize>) -> Result<Self, SourceError> {
        let program = program(argv).to_owned();
        let failed = |e: &io::Error| SourceError::Open(format!("start {program}: {}", reason(e, &program)));
        let mut command = Command::new(&program);
        command.args(argv.get(1..).unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        super::dies_with_us(&mut command);
        let mut child = command.spawn().map_err(|e| failed(&e))?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let (stdout, stderr) = pipes.ok_or_else(|| failed(&ErrorKind::BrokenPipe.into()))?;
        let log = LineLog::new(camera, &program);
        let process = Self { program, child, stdout, stderr: Some(stderr), log };
        process
            .prepare_pipes(frame_bytes)
            .map_err(|e| SourceError::Open(format!("start {}: set up its pipes: {e}", process.program)))?;
        Ok(process)
    }

    /// The program, for messages.
    pub fn name(&self) -> &str {
        &self.program
    }

    /// Waits for bytes on stdout and reads them into `room`; what stderr says meanwhile is logged.
    pub fn read(&mut self, room: &mut [u8], deadline: Instant, shutdown: &Shutdown) -> Read {
        loop {
            if shutdown.is_triggered() {
                return Read::Stopped;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Read::Late;
            }
            match self.wait(left.min(SLICE)) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(e) => return Read::Failed(e),
            }
            match self.stdout.read(room) {
                Ok(0) => return Read::End,
                Ok(n) => return Read::Bytes(n),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(e) => return Read::Failed(e),
            }
        }
    }

    /// How the program ended, in one sentence with its last words; for after [`Read::End`].
    pub fn epitaph(&mut self, shutdown: &Shutdown) -> String {
        let status = self.exited_within(GRACE, shutdown);
        self.drain_stderr();
        self.log.finish();
        let end = match status {
            Some(status) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => format!("ended with exit status {code}"),
                (_, Some(signal)) => format!("was ended by signal {signal}"),
                _ => "ended".to_owned(),
            },
            None => "closed its output".to_owned(),
        };
        let last = self.log.last();
        let last = if last.is_empty() { String::new() } else { format!(": {last}") };
        format!("{} {end}{last}", self.program)
    }

    fn prepare_pipes(&self, frame_bytes: Option<usize>) -> io::Result<()> {
        rustix::io::ioctl_fionbio(&self.stdout, true)?;
        if let Some(stderr) = &self.stderr {
            rustix::io::ioctl_fionbio(stderr, true)?;
        }
        if let Some(bytes) = frame_bytes {
            // Fewer turns a frame; a system that grants less is as good.
            let _ = rustix::pipe::fcntl_setpipe_size(&self.stdout, bytes.clamp(64 << 10, 1 << 20));
        }
        Ok(())
    }

    /// Waits for stdout to be readable (true) for up to `timeout`; takes care of stderr.
    fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let out = PollFd::new(&self.stdout, PollFlags::IN);
        let (readable, said) = if let Some(stderr) = &self.stderr {
            let mut fds = [out, PollFd::new(stderr, PollFlags::IN)];
            polled(poll(&mut fds, Some(&timeout)))?;
            (!fds[0].revents().is_empty(), !fds[1].revents().is_empty())
        } else {
            let mut fds = [out];
            polled(poll(&mut fds, Some(&timeout)))?;
            (!fds[0].revents().is_empty(), false)
        };
        if said {
            self.drain_stderr();
        }
        Ok(readable)
    }

    fn drain_stderr(&mut self) {
        let Some(stderr) = &mut self.stderr else { return };
        let mut bytes = [0; 4096];
        // Bounded, so that a program that never stops talking does not keep us from its frames.
        for _ in 0..16 {
            match stderr.read(&mut bytes) {
                Ok(0) => {
                    self.stderr = None;
                    return;
                }
                Ok(n) => self.log.push(&bytes[..n]),
                Err(_) => return,
            }
        }
    }

    /// The exit status once there is one, left unreaped so that its process group keeps its number.
    fn exited(&self) -> Option<WaitIdStatus> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), options).ok().flatten()
    }

    fn exited_within(&self, time: Duration, shutdown: &Shutdown) -> Option<WaitIdStatus> {
        let deadline = Instant::now() + time;
        loop {
            let status = self.exited();
            let over = Instant::now() >= deadline || shutdown.is_triggered();
            if status.is_some() || over {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    /// Ends the whole group: SIGTERM, [`GRACE`] for the program, SIGKILL for whoever is left.
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::TERM);
        let _ = self.exited_within(GRACE, &Shutdown::new());
        let _ = kill_process_group(group, Signal::KILL);
        if let Err(e) = self.child.wait() {
            log::warn!("end {}: {e}", self.program);
        }
        self.drain_stderr();
        self.log.finish();
    }
}

/// The program of `argv`, for messages.
pub fn program(argv: &[String]) -> &str {
    argv.first().map_or("", String::as_str)
}

fn polled(result: rustix::io::Result<usize>) -> io::Result<()> {
    match result {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn reason(e: &io::Error, program: &str) -> String {
    match e.kind() {
        ErrorKind::NotFound if program.contains('/') => "no such file".to_owned(),
        ErrorKind::NotFound => "no such program in PATH; is it installed?".to_owned(),
        ErrorKind::PermissionDenied => "not allowed; is it executable?".to_owned(),
        _ => e.to_string(),
    }
}
