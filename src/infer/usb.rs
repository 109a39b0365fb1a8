//! Resetting a USB device, as if it had been plugged out and in again.
#![expect(unsafe_code, reason = "an ioctl")]

use rustix::fs::{Mode, OFlags, open};
use rustix::ioctl::{NoArg, ioctl, opcode};
use std::io;
use std::path::Path;

/// `USBDEVFS_RESET` of `linux/usbdevice_fs.h`: `_IO('U', 20)`.
const RESET: rustix::ioctl::Opcode = opcode::none(b'U', 20);

/// Resets the device whose node, `/dev/bus/usb/BBB/DDD`, may be written by this process.
pub fn reset(node: &Path) -> io::Result<()> {
    let device = open(node, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    // SAFETY: the request takes no argument, and is refused by what is no USB device.
    unsafe { ioctl(&device, NoArg::<RESET>::new()) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_usb_device_is_not_reset() {
        let refused = reset(Path::new("/dev/null")).expect_err("it is none");
        assert_eq!(refused.raw_os_error(), Some(libc::ENOTTY));
        assert!(reset(Path::new("/dev/bus/usb/999/999")).is_err());
    }
}
