//! Descriptors that a process has from who started it.
#![expect(unsafe_code, reason = "descriptors of nobody here")]

/// Closes all but stdin, stdout and stderr: cameras that the libraries of others open without a thought for
/// children stay taken as long as one child has them. For a process that has opened nothing yet.
pub fn close_inherited() {
    // SAFETY: nothing in this process owns a descriptor yet but the three that are left out.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}
