//! Answers as a config: checked before it is written, and what is there looked at.

use crate::cli::Exit;
use crate::cli::run::{probe, tell};
use crate::config::{self, Config};
use crate::setup::answers::{Answers, Broker, Camera, Model, Source};
use crate::setup::text::{PASSWORD_FILE, password_file, text};
use crate::setup::write::{self, Before};
use anyhow::Context;
use std::io::Write;
use std::path::Path;

/// Answers for a config that is only to be looked at.
pub fn trial(model: Model, broker: Option<&Broker>) -> Answers {
    let camera = Camera { name: "camera".to_owned(), source: Source::Test, card: None };
    let broker = broker.cloned();
    Answers { cameras: vec![camera], broker, home_assistant: false, model, labels: None, motion: true }
}

/// The config that answers make. The password's file, which may not be there yet, is left out.
pub fn parsed(answers: &Answers, path: &Path) -> Result<Config, Vec<String>> {
    let broker = answers.broker.clone().map(|broker| Broker { password: None, ..broker });
    let text = text(&Answers { broker, ..answers.clone() }, &password_file(path));
    config::parse(&text, path).map_err(|problems| problems.lines())
}

/// The text that answers make, if `edgecam check` finds nothing wrong with it.
pub fn checked(answers: &Answers, path: &Path) -> Result<String, Vec<String>> {
    let problems = probe::models(&parsed(answers, path)?);
    if problems.is_empty() { Ok(text(answers, &password_file(path))) } else { Err(problems) }
}

/// Tells what is wrong with a config that is written nowhere, so that places in it say nothing.
pub fn wrong(problems: &[String]) -> Exit {
    eprintln!("edgecam: what was asked for makes no good config; nothing was written");
    let plain = |line: &String| {
        let mut parts = line.splitn(4, ':');
        let place = parts.by_ref().skip(1).take(2).all(|part| part.parse::<u32>().is_ok());
        parts.next().filter(|_| place).map_or_else(|| line.clone(), |text| text.trim_start().to_owned())
    };
    tell(&problems.iter().map(plain).collect::<Vec<_>>())
}

/// Puts the config in place, and the password; false when another config stays.
pub fn put(
    answers: &Answers,
    text: &str,
    path: &Path,
    replace: bool,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let name = path.display();
    let before = write::before(path, text).with_context(|| format!("read {name}"))?;
    if before == Before::Edited && !replace {
        eprintln!("edgecam: {name} was changed by hand and is kept as it is; --force replaces it");
        return Ok(false);
    }
    let password = answers.broker.as_ref().and_then(|broker| broker.password.as_ref());
    if let Some(password) = password {
        let file = path.with_file_name(PASSWORD_FILE);
        write::password(&file, password).with_context(|| format!("write {}", file.display()))?;
        writeln!(out, "wrote {}", file.display())?;
    }
    if before == Before::Same {
        writeln!(out, "{name} is as it should be")?;
        return Ok(true);
    }
    if before != Before::Absent {
        let saved = write::save(path).with_context(|| format!("save {name}"))?;
        writeln!(out, "saved the config of before as {}", saved.display())?;
    }
    write::config(path, text).with_context(|| format!("write {name}"))?;
    writeln!(out, "wrote {name}")?;
    Ok(true)
}
