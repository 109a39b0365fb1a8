//! A person at a terminal.

use super::ask::{Ask, Unanswered};
use super::put_back::PutBack;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Write, stdin, stdout};

/// Asks on stdout, hears on stdin.
#[derive(Debug)]
pub struct Terminal {
    put_back: PutBack,
}

impl Terminal {
    /// One whose echo is put back by `put_back` if a signal ends the program; `None` where nobody sits.
    #[must_use]
    pub fn new(put_back: PutBack) -> Option<Self> {
        (stdin().is_terminal() && stdout().is_terminal()).then_some(Self { put_back })
    }

    /// Writes; that the terminal is gone shows at the next question.
    fn write(text: &str) {
        let mut out = stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A line without its end.
    fn line() -> Result<String, Unanswered> {
        let mut line = String::new();
        match stdin().read_line(&mut line) {
            Ok(0) => {
                Self::write("\n");
                Err(Unanswered(String::new()))
            }
            Ok(_) => {
                let line = line.strip_suffix('\n').unwrap_or(&line);
                Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
            }
            Err(e) => Err(Unanswered(format!(" ({e})"))),
        }
    }
}

impl Ask for Terminal {
    fn ask(&mut self, question: &str, default: &str) -> Result<String, Unanswered> {
        let offer = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        Self::write(&format!("{question}{offer}: "));
        let line = Self::line()?;
        let answer = line.trim();
        Ok(if answer.is_empty() { default } else { answer }.to_owned())
    }

    fn secret(&mut self, question: &str) -> Result<String, Unanswered> {
        let gone = |e: rustix::io::Errno| Unanswered(format!(" ({e})"));
        let before = tcgetattr(stdin()).map_err(gone)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        self.put_back.note_terminal(before);
        let told = tcsetattr(stdin(), OptionalActions::Flush, &unseen).map_err(gone);
        Self::write(&format!("{question}: "));
        let line = told.and_then(|()| Self::line());
        self.put_back.terminal();
        Self::write("\n");
        line
    }

    fn say(&mut self, text: &str) {
        Self::write(&format!("{text}\n"));
    }
}
