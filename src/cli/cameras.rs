//! `edgecam cameras`: what cameras there are, and what they can do.

use super::Exit;
use crate::source::listing;
use clap::Args;
use std::io::Write;

/// List the cameras of this machine with their modes
#[derive(Args, Debug)]
pub(super) struct Cameras {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Cameras {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let cameras = listing::cameras();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&cameras)?)?;
        } else if cameras.is_empty() {
            eprintln!(
                "edgecam: no camera found; plug one in, or look whether you may read /dev/video* (group video)"
            );
        } else {
            write!(out, "{}", listing::table(&cameras))?;
        }
        Ok(Exit::Fine)
    }
}
