//! What the test wants played.
//!
//! The control file has one command a line, and is read anew whenever the delegate is created or invoked:
//!
//! ```text
//! COMMAND [ARGUMENT] [on DEVICE] [after ANSWERS] [once NAME]
//! ```
//!
//! The first command that fits the call acts; where none does, or without the file, all is well. `after`
//! counts the events `answer` of the trace, and `once` looks for an event `once-NAME`, which the command leaves
//! there when it acts.

use crate::trace;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is played.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// `ok`.
    Good,
    /// `fail-create REASON`; the reason ends the line.
    FailCreate(String),
    /// `vanish`: neither created nor invoked.
    Vanish,
    /// `error`: an invocation fails.
    Fail,
    /// `short`: only the first half of each output is written.
    Short,
    /// `nan`: every float output is NaN; others are as recorded.
    Nan,
    /// `wrong-size`: each output gets twice its length.
    WrongSize,
    /// `hang`: for ever, whatever SIGTERM says.
    Hang,
    /// `segfault`.
    Segfault,
    /// `abort`.
    Abort,
    /// `slow MS`: the answer is right, and late.
    Slow(Duration),
}

impl Command {
    /// Whether it acts when a delegate is created; all others act when it is invoked.
    fn at_creation(&self) -> bool {
        matches!(self, Self::FailCreate(_) | Self::Vanish)
    }

    fn at_invocation(&self) -> bool {
        !matches!(self, Self::FailCreate(_))
    }
}

/// When something is to be played.
#[derive(Clone, Copy, PartialEq)]
pub enum Moment {
    /// The delegate is created.
    Creation,
    /// The delegate is invoked.
    Invocation,
}

/// A control file, as one device sees it; without a path, all is well and nothing is traced.
pub struct Control {
    path: Option<PathBuf>,
    device: String,
}

impl Control {
    /// For the delegate of `device`.
    pub fn new(path: Option<PathBuf>, device: String) -> Self {
        Self { path, device }
    }

    /// What to play now; a fault is traced before it is played. An unreadable command is an error.
    pub fn command(&self, moment: Moment) -> Result<Command, String> {
        let Some(path) = &self.path else { return Ok(Command::Good) };
        let Ok(text) = std::fs::read_to_string(path) else { return Ok(Command::Good) };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let line = Line::parse(line).ok_or_else(|| format!("unknown command: {line}"))?;
            let at_moment = match moment {
                Moment::Creation => line.command.at_creation(),
                Moment::Invocation => line.command.at_invocation(),
            };
            if at_moment && line.fits(&self.device, path) {
                if line.command != Command::Good {
                    self.trace("fault");
                }
                if let Some(event) = &line.once {
                    self.trace(event);
                }
                return Ok(line.command);
            }
        }
        Ok(Command::Good)
    }

    /// Adds an event to the trace; the test misses what can't be written.
    pub fn trace(&self, event: &str) {
        if let Some(path) = &self.path {
            drop(trace::append(path, event, &self.device));
        }
    }
}

/// A command and its conditions.
struct Line {
    command: Command,
    device: Option<String>,
    after: usize,
    /// The event that tells that it has acted.
    once: Option<String>,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut parsed = Self { command: Command::Good, device: None, after: 0, once: None };
        let mut words: Vec<&str> = line.split_whitespace().collect();
        while let [rest @ .., name, value] = words.as_slice() {
            match (rest, *name) {
                ([_, ..], "on") => parsed.device = Some((*value).to_owned()),
                ([_, ..], "after") => parsed.after = value.parse().ok()?,
                ([_, ..], "once") => parsed.once = Some(format!("once-{value}")),
                _ => break,
            }
            words.truncate(rest.len());
        }
        parsed.command = match words.as_slice() {
            ["ok"] => Command::Good,
            ["fail-create", reason @ ..] => Command::FailCreate(reason.join(" ")),
            ["vanish"] => Command::Vanish,
            ["error"] => Command::Fail,
            ["short"] => Command::Short,
            ["nan"] => Command::Nan,
            ["wrong-size"] => Command::WrongSize,
            ["hang"] => Command::Hang,
            ["segfault"] => Command::Segfault,
            ["abort"] => Command::Abort,
            ["slow", ms] => Command::Slow(Duration::from_millis(ms.parse().ok()?)),
            _ => return None,
        };
        Some(parsed)
    }

    fn fits(&self, device: &str, control: &Path) -> bool {
        self.device.as_ref().is_none_or(|only| only == device)
            && (self.after == 0 || trace::count(control, "answer") >= self.after)
            && self.once.as_ref().is_none_or(|event| trace::count(control, event) == 0)
    }
}
