//! The config: valid, wrong, or not there.

use super::Finding;
use crate::config::{self, Config};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// What a config file came to.
#[derive(Debug)]
pub struct Read {
    /// When it is valid.
    pub config: Option<Config>,
    /// What to tell.
    pub findings: Vec<Finding>,
    /// Whether what is in it is wrong.
    pub wrong: bool,
}

/// Reads it. Where it is `asked` for by name, it has to be there.
#[must_use]
pub fn read(path: &Path, asked: bool) -> Read {
    let name = path.display();
    let passing = |finding| Read { config: None, findings: vec![finding], wrong: false };
    match File::open(path).map_err(|e| e.kind()) {
        Err(ErrorKind::NotFound) if !asked => {
            return passing(
                Finding::note("config", format!("{name} is not there")).or("\"Configure\" in the README"),
            );
        }
        Err(ErrorKind::PermissionDenied) => {
            return passing(
                Finding::note("config", format!("{name} may not be read")).or("run `sudo edgecam doctor`"),
            );
        }
        _ => {}
    }
    match config::load(path) {
        Ok(config) => {
            let (cameras, models) = (config.cameras.len(), config.models.len());
            let found = format!("{name} is valid: {cameras} camera(s), {models} model(s)");
            Read { config: Some(config), findings: vec![Finding::ok("config", found)], wrong: false }
        }
        Err(problems) => {
            const FIX: &str = "mend it; docs/config.md has every key";
            let findings =
                problems.lines().into_iter().map(|line| Finding::fail("config", line, FIX)).collect();
            Read { config: None, findings, wrong: true }
        }
    }
}
