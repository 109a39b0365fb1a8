//! A model's twin on the processor: loaded when the accelerator fails for the first time, and let go when that
//! has worked for a while.

use crate::infer::{Engine, InferError, InputMemory, Runtime, TensorSpec, litert};
use crate::model::read_verified;
use crate::telemetry::process::resident_bytes;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A twin that was not needed for so long is let go.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Frames of this process that twins answered, and why the first of them was theirs.
static STOOD_IN: Mutex<Option<(u64, String)>> = Mutex::new(None);

/// How many frames twins answered in this process, and why the first of them was theirs; `None` where none did.
#[must_use]
pub fn stood_in() -> Option<(u64, String)> {
    STOOD_IN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The twin.
pub struct Twin {
    runtime: Arc<Runtime>,
    path: PathBuf,
    threads: usize,
    /// The picture it takes, and what it answers.
    tensors: (TensorSpec, Vec<TensorSpec>),
    loaded: Option<Loaded>,
}

struct Loaded {
    engine: Box<dyn Engine>,
    input: Box<dyn InputMemory>,
    needed: Instant,
}

impl Twin {
    /// The model at `path`, which `engine` runs already, if there is one; `tensors` are its input and outputs.
    pub fn new(
        runtime: Arc<Runtime>,
        path: PathBuf,
        threads: usize,
        tensors: (TensorSpec, Vec<TensorSpec>),
        engine: Option<Box<dyn Engine>>,
    ) -> Result<Self, InferError> {
        let loaded = engine.map(Loaded::new).transpose()?;
        Ok(Self { runtime, path, threads, tensors, loaded })
    }

    /// Looks at a picture that is its own for the reason `why`; returns whether it had to be loaded first, and what
    /// that took of memory, in bytes.
    pub fn look(&mut self, picture: &[u8], why: &dyn Display) -> Result<Option<u64>, InferError> {
        STOOD_IN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| (0, why.to_string()))
            .0 += 1;
        let (loaded, news) = match &mut self.loaded {
            Some(loaded) => (loaded, None),
            none => {
                let before = resident_bytes().unwrap_or(0);
                let file = read_verified(&self.path).map_err(|e| InferError::Model(e.to_string()))?;
                let name = self.path.display().to_string();
                let model = litert::load(&self.runtime, file, &name, self.threads)?;
                if (&model.input, &model.outputs) != (&self.tensors.0, &self.tensors.1) {
                    return Err(InferError::Model(format!(
                        "load model {name}: it is another model than at the start; `edgecam reload` takes it"
                    )));
                }
                let loaded = none.insert(Loaded::new(model.engine)?);
                (loaded, Some(before))
            }
        };
        loaded.needed = Instant::now();
        loaded.input.bytes_mut().copy_from_slice(picture);
        loaded.engine.invoke(loaded.input.as_mut())?;
        Ok(news.map(|before| resident_bytes().unwrap_or(0).saturating_sub(before)))
    }

    /// The accelerator works: what was not needed for long is let go. True when that happens.
    pub fn rest(&mut self) -> bool {
        self.loaded.take_if(|loaded| loaded.needed.elapsed() >= KEPT_FOR).is_some()
    }

    /// Its last answer.
    #[must_use]
    pub fn output(&self, index: usize) -> &[u8] {
        self.loaded.as_ref().map_or(&[], |loaded| loaded.engine.output(index))
    }
}

impl Loaded {
    fn new(mut engine: Box<dyn Engine>) -> Result<Self, InferError> {
        let input = engine.new_input()?;
        Ok(Self { engine, input, needed: Instant::now() })
    }
}
