//! Which operators of a model run on XNNPACK, and which are left to the runtime's own, slower kernels.
//!
//! `LiteRtCompiledModelIsFullyAccelerated` is true on the CPU when nothing but the XNNPACK delegate is in the
//! execution plan; which operators are left is seen by profiling a run. Verified with LiteRT 2.2.0 on 31
//! models (int8, float, float16, with custom operators): both agree on each, and every name and index is that
//! of the file's operator.
#![expect(unsafe_code, reason = "calls into a C library on live handles")]

use super::api::{Api, EVENT_OPERATOR, Handle, ProfiledEvent};
use super::handle::ok;
use super::library::Runtime;
use super::litert::{Compiled, LiteRt};
use super::quiet::quietly;
use super::{Engine, InferError};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int};
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// How much of a model XNNPACK runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Whether every operator runs on it.
    pub whole: bool,
    /// How many operators of the first graph it leaves to other kernels, by name.
    pub left: BTreeMap<String, usize>,
}

impl Delegation {
    /// Loads the model anew and runs it once on zeros. `file` was verified, `name` says in messages whose
    /// it is.
    pub fn of(runtime: &Arc<Runtime>, file: Arc<[u8]>, name: &str) -> Result<Self, InferError> {
        let mut engine = quietly(|| LiteRt::new(Compiled::new(runtime, file, name, 1, true)?))?;
        let failed = |status: c_int| InferError::Run(format!("profile model {name}: status {status}"));
        let (api, compiled) = (&runtime.api, engine.compiled.handle.handle);
        let (mut whole, mut profiler) = (false, null_mut());
        // SAFETY: a live compiled model and places for the results; it owns the profiler.
        unsafe {
            ok((api.is_fully_accelerated)(compiled, &raw mut whole)).map_err(failed)?;
            ok((api.profiler)(compiled, &raw mut profiler)).map_err(failed)?;
            ok((api.start_profiler)(profiler)).map_err(failed)?;
        }
        let mut input = engine.new_input()?;
        engine.invoke(input.as_mut())?;
        Ok(Self { whole, left: left(api, profiler).map_err(failed)? })
    }
}

/// The operators of the first graph that the profiler saw in the runtime's own kernels.
fn left(api: &Api, profiler: Handle) -> Result<BTreeMap<String, usize>, c_int> {
    const NOTHING: ProfiledEvent = ProfiledEvent {
        tag: null(),
        kind: 0,
        started_us: 0,
        elapsed_us: 0,
        memory: [[0; 3]; 2],
        metadata: [0; 2],
        source: 0,
    };
    let mut count = 0;
    // SAFETY: a live profiler and a place for the result.
    ok(unsafe { (api.profiler_event_count)(profiler, &raw mut count) })?;
    let mut events = vec![NOTHING; usize::try_from(count).unwrap_or(0)];
    // SAFETY: a live profiler, and room for as many events as the count says.
    ok(unsafe { (api.profiler_events)(profiler, count, events.as_mut_ptr()) })?;
    let own = events.iter().filter(|event| event.kind == EVENT_OPERATOR && !event.tag.is_null());
    // An operator of a loop runs more than once.
    let operators: BTreeMap<u64, String> = own
        .filter(|event| event.metadata[1] == 0)
        .map(|event| {
            // SAFETY: a NUL-terminated string that lives as long as the profiler.
            let tag = unsafe { CStr::from_ptr(event.tag) };
            (event.metadata[0], tag.to_string_lossy().into_owned())
        })
        .collect();
    let mut left = BTreeMap::new();
    for name in operators.into_values() {
        *left.entry(name).or_default() += 1;
    }
    Ok(left)
}
