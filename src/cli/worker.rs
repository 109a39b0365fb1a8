//! `edgecam worker`: the process of an accelerator, see [`crate::accelerator::worker`].

use super::Exit;
use crate::accelerator::worker::serve;
use crate::infer::inherited::close_inherited;
use anyhow::Context;
use rustix::thread::set_name;
use std::io;
use std::os::fd::AsFd;

pub(super) fn run() -> anyhow::Result<Exit> {
    // Else it would go by the name of the link it is started from.
    let _ = set_name(c"edgecam worker");
    close_inherited();
    let stdin = io::stdin().as_fd().try_clone_to_owned().context("serve stdin")?;
    serve(stdin).context("serve stdin: `edgecam run` starts this command, with a socket there")?;
    Ok(Exit::Fine)
}
