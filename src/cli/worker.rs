//! `edgecam worker`: the process of an accelerator, see [`crate::accelerator::worker`].

use super::Exit;
use crate::accelerator::worker::serve;
use anyhow::Context;
use std::io;
use std::os::fd::AsFd;

pub(super) fn run() -> anyhow::Result<Exit> {
    let stdin = io::stdin().as_fd().try_clone_to_owned().context("serve stdin")?;
    serve(stdin).context("serve stdin: `edgecam run` starts this command, with a socket there")?;
    Ok(Exit::Fine)
}
