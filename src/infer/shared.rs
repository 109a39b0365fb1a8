//! Memory that two processes see: tensors go from one to the other without a copy. It is handed out in parts
//! that don't overlap, each with one owner; that the other process leaves a part alone while its owner here
//! works on it is for the two to agree on.
#![expect(unsafe_code, reason = "mapped memory")]

use super::InputMemory;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::any::Any;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// Where a part begins; as the runtime wants its tensors (`LITERT_HOST_MEMORY_BUFFER_ALIGNMENT`).
const ALIGNMENT: usize = 64;
/// Behind each part: kernels of XNNPACK read a little further than their tensor.
const SLACK: usize = 64;
/// No tensor is larger.
const MAX_BYTES: usize = 1 << 30;

/// One mapping of the memory.
#[derive(Debug)]
struct Mapping {
    memory: NonNull<u8>,
    bytes: usize,
    file: OwnedFd,
}

// SAFETY: the memory is reached through `Region`s only, each with one owner.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: OwnedFd, bytes: usize) -> io::Result<Self> {
        let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address that the kernel chooses.
        let memory = unsafe { mmap(null_mut(), bytes, rights, flags, &file, 0) }?;
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { memory, bytes, file })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and no region is left.
        let _ = unsafe { munmap(self.memory.as_ptr().cast(), self.bytes) };
    }
}

/// A part of the memory.
#[derive(Debug)]
pub struct Region {
    mapping: Arc<Mapping>,
    at: usize,
    bytes: usize,
}

/// Makes memory for parts of these numbers of bytes, filled with zeros.
pub fn create(parts: &[usize]) -> io::Result<Vec<Region>> {
    let bytes = total(parts)?;
    let file = memfd_create(c"edgecam tensors", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, bytes as u64)?;
    // The other side can't take away what is mapped here.
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(split(Mapping::new(file, bytes)?, parts))
}

/// The same parts of memory that another process made, which sent `file`.
pub fn open(file: OwnedFd, parts: &[usize]) -> io::Result<Vec<Region>> {
    let bytes = total(parts)?;
    let held = fstat(&file)?.st_size;
    if held != bytes as i64 || !fcntl_get_seals(&file)?.contains(SealFlags::SHRINK) {
        return Err(io::Error::other(format!("{held} bytes of shared memory, not {bytes}")));
    }
    Ok(split(Mapping::new(file, bytes)?, parts))
}

fn total(parts: &[usize]) -> io::Result<usize> {
    if parts.is_empty() || parts.iter().any(|&bytes| bytes == 0 || bytes > MAX_BYTES) {
        return Err(io::Error::other("a tensor without, or of too many bytes"));
    }
    Ok(parts.iter().map(|&bytes| room(bytes)).sum())
}

const fn room(bytes: usize) -> usize {
    (bytes + SLACK).next_multiple_of(ALIGNMENT)
}

fn split(mapping: Mapping, parts: &[usize]) -> Vec<Region> {
    let (mapping, mut next) = (Arc::new(mapping), 0);
    let part = |&bytes: &usize| {
        let at = next;
        next += room(bytes);
        Region { mapping: Arc::clone(&mapping), at, bytes }
    };
    parts.iter().map(part).collect()
}

impl Region {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: inside the mapping, initialised by the kernel, apart from all other regions of this process; what
        // is read is bytes, and the other process, if it ran on, could but change their values.
        unsafe { std::slice::from_raw_parts(self.start(), self.bytes) }
    }

    /// The file behind it, for another process.
    #[must_use]
    pub fn file(&self) -> BorrowedFd<'_> {
        self.mapping.file.as_fd()
    }

    /// Where it begins; valid as long as the region.
    pub(super) fn start(&self) -> *mut u8 {
        // SAFETY: `at` lies inside the mapping.
        unsafe { self.mapping.memory.as_ptr().add(self.at) }
    }
}

impl InputMemory for Region {
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.bytes) }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let parts = [10, 100, 1];
        let mut ours = create(&parts).expect("memory");
        let file = ours[0].file().try_clone_to_owned().expect("a descriptor");
        let mut theirs = open(file, &parts).expect("the same memory");
        for (index, region) in ours.iter_mut().enumerate() {
            assert_eq!(region.start().align_offset(ALIGNMENT), 0);
            assert_eq!(region.bytes_mut().len(), parts[index]);
            region.bytes_mut().fill(index as u8 + 1);
        }
        assert_eq!(theirs[1].bytes(), [2; 100]);
        theirs[2].bytes_mut()[0] = 9;
        assert_eq!([ours[0].bytes()[9], ours[1].bytes()[99], ours[2].bytes()[0]], [1, 2, 9]);
    }

    #[test]
    fn memory_of_another_size_is_refused() {
        let ours = create(&[64]).expect("memory");
        let file = || ours[0].file().try_clone_to_owned().expect("a descriptor");
        assert!(open(file(), &[1 << 20]).is_err());
        assert!(ftruncate(file(), 0).is_err(), "it is sealed");
        assert!(create(&[]).is_err() && create(&[0]).is_err());
    }
}
