//! `edgecam worker`: the process in which an accelerator's delegate runs models, so that one that hangs or
//! crashes takes nothing else along. It does as it is told over its stdin, and ends with who tells it.

use super::find::number;
use super::wire::{Answer, Bell, Channel, DONE, FAILED, Frame, Order, wait};
use crate::infer::segments::{Bound, Segments, parts};
use crate::infer::shared;
use crate::infer::{Changing, Runtime};
use crate::model::{Compiled, read_verified};
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at nothing.
const PATIENCE: Duration = Duration::from_secs(3600);

/// For an end in order.
const GRACE: Duration = Duration::from_millis(500);

/// Serves until the other end of `stdin` is closed.
pub fn serve(stdin: OwnedFd) -> io::Result<()> {
    end_with(&stdin)?;
    let channel = Channel::of(stdin);
    let (order, descriptors) = channel.receive::<Order>()?;
    let (Order::Start { library, plugin, coral }, Ok([frames, answers])) =
        (order, <[OwnedFd; 2]>::try_from(descriptors))
    else {
        return Err(io::Error::other("the first order is another one"));
    };
    let number = coral.map(|place| -> Changing { Box::new(move || number(&place)) });
    let runtime = match Runtime::load_with(Some(&library), plugin.as_ref(), number) {
        Ok(runtime) => runtime,
        Err(e) => return channel.send(&Answer::Failed(e.to_string()), &[]),
    };
    let version = runtime.delegate_version().map(str::to_owned);
    channel.send(&Answer::Started { version }, &[])?;
    let (frames, answers) = (Bell::of(frames), Bell::of(answers));
    let mut worker = Worker { runtime, models: BTreeMap::new(), loaded: None };
    loop {
        match wait(&[frames.as_fd(), channel.as_fd()], PATIENCE)? {
            Some(0) => {
                let Frame { id, slot } = Frame::of(frames.heard()?);
                let outcome = match worker.models.get_mut(&id) {
                    Some(model) => model.run(slot as usize).map_err(|e| e.to_string()),
                    None => Err(format!("run model {id}: it was not loaded")),
                };
                if let Err(why) = &outcome {
                    channel.send(&Answer::Failed(why.clone()), &[])?;
                }
                answers.ring(if outcome.is_ok() { DONE } else { FAILED })?;
            }
            Some(_) => {
                let (order, descriptors) = match channel.receive::<Order>() {
                    Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                    received => received?,
                };
                let answer = worker.obey(order, descriptors).unwrap_or_else(Answer::Failed);
                channel.send(&answer, &[])?;
            }
            None => {}
        }
    }
}

/// Ends this process when the other end of `stdin` is closed, whatever hangs here meanwhile.
fn end_with(stdin: &OwnedFd) -> io::Result<()> {
    let stdin = stdin.try_clone()?;
    let watch = move || {
        let mut fds = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::RDHUP)];
        while matches!(poll(&mut fds, None), Err(rustix::io::Errno::INTR)) {}
        // What does not end in order by now hangs.
        std::thread::sleep(GRACE);
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    };
    std::thread::Builder::new().name("orphan".to_owned()).spawn(watch)?;
    Ok(())
}

struct Worker {
    runtime: Arc<Runtime>,
    models: BTreeMap<u32, Bound>,
    /// Waits for its memory.
    loaded: Option<(u32, Segments)>,
}

impl Worker {
    fn obey(&mut self, order: Order, mut descriptors: Vec<OwnedFd>) -> Result<Answer, String> {
        match order {
            Order::Start { .. } => Err("start once only".to_owned()),
            Order::Load { id, files, threads } => {
                let segments = load(&self.runtime, &files, threads)?;
                let (input, outputs) = (segments.input().clone(), segments.outputs());
                self.loaded = Some((id, segments));
                Ok(Answer::Loaded { input, outputs })
            }
            Order::Bind => {
                let (Some((id, segments)), Some(memory)) = (self.loaded.take(), descriptors.pop()) else {
                    return Err("there is nothing to bind".to_owned());
                };
                let regions = shared::open(memory, &parts(segments.input(), &segments.outputs()))
                    .map_err(|e| format!("open the memory of a model: {e}"))?;
                let mut model = segments.bind(regions).map_err(|e| e.to_string())?;
                // The first run also fills caches, of the accelerator too.
                model.run(0).map_err(|e| e.to_string())?;
                let started = Instant::now();
                model.run(0).map_err(|e| e.to_string())?;
                self.models.insert(id, model);
                Ok(Answer::Bound { took_us: started.elapsed().as_micros() as u64 })
            }
            Order::Unload { id } => {
                self.models.remove(&id);
                self.loaded.take_if(|(loaded, _)| *loaded == id);
                Ok(Answer::Unloaded)
            }
        }
    }
}

/// A model from its file, or its segments'.
fn load(runtime: &Arc<Runtime>, files: &[PathBuf], threads: usize) -> Result<Segments, String> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let file = read_verified(path).map_err(|e| e.to_string())?;
        let needed = Compiled::of(&file).and_then(|compiled| compiled.min_runtime);
        match (needed, runtime.edgetpu_version()) {
            (Some(needed), Some(there)) if needed > there => Err(format!(
                "load model {name}: it needs an Edge TPU runtime of version {needed}, and the library's is {there}; install a newer libedgetpu"
            )),
            _ => Ok((file, name)),
        }
    };
    let files = files.iter().map(read).collect::<Result<_, String>>()?;
    Segments::load(runtime, files, threads).map_err(|e| e.to_string())
}
