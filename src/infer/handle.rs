//! Handles of the C library as owned objects, and the memory of its tensors.
#![expect(unsafe_code, reason = "calls into a C library, whose handles this module owns")]

use super::InputMemory;
use super::api::{Api, Handle, RankedTensorType};
use super::library::Runtime;
use super::shared::Region;
use std::any::Any;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// A handle, destroyed when dropped; keeps the library loaded.
pub struct Owned {
    pub handle: Handle,
    destroy: unsafe extern "C" fn(Handle),
    pub runtime: Arc<Runtime>,
}

// SAFETY: LiteRT's objects are not tied to a thread; this one is used by its owner only.
unsafe impl Send for Owned {}

impl Owned {
    /// Calls `create` with a place for the handle; `Err` is its status.
    pub fn create(
        runtime: &Arc<Runtime>,
        destroy: unsafe extern "C" fn(Handle),
        create: impl FnOnce(&Api, *mut Handle) -> c_int,
    ) -> Result<Self, c_int> {
        let mut handle = null_mut();
        match create(&runtime.api, &raw mut handle) {
            0 if !handle.is_null() => Ok(Self { handle, destroy, runtime: Arc::clone(runtime) }),
            status => Err(status),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the handle came from the matching create function and is destroyed once.
        unsafe { (self.destroy)(self.handle) }
    }
}

/// A tensor's memory in the runtime.
pub struct Buffer {
    pub owned: Owned,
    memory: *mut u8,
    bytes: usize,
    /// Where the memory is not the runtime's own; dropped last.
    _region: Option<Region>,
}

// SAFETY: `memory` belongs to `owned`, which may change threads.
unsafe impl Send for Buffer {}

impl Buffer {
    /// Memory for a tensor of type `kind` by the compiled model's requirements, filled with zeros.
    pub fn new(runtime: &Arc<Runtime>, kind: &RankedTensorType, requirements: Handle) -> Result<Self, c_int> {
        let owned = Owned::create(runtime, runtime.api.destroy_tensor_buffer, |api, out| {
            // SAFETY: both descriptions outlive the call, which copies them.
            unsafe { (api.create_tensor_buffer)(runtime.environment, kind, requirements, out) }
        })?;
        let (mut memory, mut bytes) = (null_mut::<c_void>(), 0);
        // SAFETY: a live buffer and places for the results.
        let status = unsafe {
            match (runtime.api.host_memory)(owned.handle, &raw mut memory) {
                0 => (runtime.api.packed_size)(owned.handle, &raw mut bytes),
                status => status,
            }
        };
        if status != 0 || memory.is_null() {
            return Err(status);
        }
        // SAFETY: the runtime allocated at least `bytes` bytes at `memory`.
        unsafe { memory.cast::<u8>().write_bytes(0, bytes) };
        Ok(Self { owned, memory: memory.cast(), bytes, _region: None })
    }

    /// The tensor lies in `region`, which has its bytes.
    pub fn at(runtime: &Arc<Runtime>, kind: &RankedTensorType, region: Region) -> Result<Self, c_int> {
        let (memory, bytes) = (region.start(), region.bytes().len());
        let owned = Owned::create(runtime, runtime.api.destroy_tensor_buffer, |api, out| {
            // SAFETY: aligned memory of so many bytes that outlives the handle; nothing frees it but the region.
            unsafe { (api.tensor_buffer_at)(kind, memory.cast(), bytes, None, out) }
        })?;
        Ok(Self { owned, memory, bytes, _region: Some(region) })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `bytes` initialised bytes that live as long as `owned`; the runtime writes them only
        // during a run, which needs the engine exclusively.
        unsafe { std::slice::from_raw_parts(self.memory, self.bytes) }
    }
}

impl InputMemory for Buffer {
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.memory, self.bytes) }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The status of a call as a result.
pub fn ok(status: c_int) -> Result<(), c_int> {
    if status == 0 { Ok(()) } else { Err(status) }
}
