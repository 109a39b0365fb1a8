//! What the daemon and an accelerator's process say to each other. Orders and answers are JSON, a packet each,
//! over a socket that the process has as its stdin; descriptors go with them. A frame is no packet but a number
//! in an eventfd: which model is to look at which of its pictures, and how that went.

use super::Plugin;
use crate::infer::TensorSpec;
use crate::telemetry::machine;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{read, write};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, recvmsg, sendmsg,
    socket_with, socketpair,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// No packet is longer.
const MAX_PACKET: usize = 64 << 10;
/// Descriptors with a packet at most.
const MOST_DESCRIPTORS: usize = 2;

/// What the daemon wants.
#[derive(Debug, Deserialize, Serialize)]
pub enum Order {
    /// The first one: begin. With it come the eventfds of frames and of answers.
    Start {
        /// LiteRT.
        library: PathBuf,
        /// What runs the models; none: the processor.
        plugin: Option<Plugin>,
        /// The place of the Coral it is for.
        coral: Option<String>,
    },
    /// Load a model.
    Load {
        /// Its number from now on.
        id: u32,
        /// Its file, or its segments'.
        files: Vec<PathBuf>,
        /// Threads for what the accelerator leaves.
        threads: usize,
    },
    /// Put the tensors of the model that was loaded last into the memory whose descriptor comes along, and try it.
    Bind,
    /// Forget a model.
    Unload {
        /// Its number.
        id: u32,
    },
}

/// What comes of it.
#[derive(Debug, Deserialize, Serialize)]
pub enum Answer {
    /// To [`Order::Start`]: the delegate is there.
    Started {
        /// What it says of its version.
        version: Option<String>,
    },
    /// To [`Order::Load`].
    Loaded {
        /// The picture it takes.
        input: TensorSpec,
        /// What it answers.
        outputs: Vec<TensorSpec>,
    },
    /// To [`Order::Bind`]: it ran once.
    Bound {
        /// How long that took.
        took_us: u64,
    },
    /// To [`Order::Unload`].
    Unloaded,
    /// To any, and to a frame: why not.
    Failed(String),
}

/// One end of the socket.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Both ends.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), theirs))
    }

    /// The end that a process was given.
    #[must_use]
    pub const fn of(end: OwnedFd) -> Self {
        Self(end)
    }

    /// Sends a packet with descriptors.
    pub fn send<T: Serialize>(&self, packet: &T, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = serde_json::to_vec(packet)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(ErrorKind::InvalidInput.into());
        }
        sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next packet and its descriptors; `UnexpectedEof` when the other end is closed.
    pub fn receive<T: DeserializeOwned>(&self) -> io::Result<(T, Vec<OwnedFd>)> {
        let mut bytes = vec![0; MAX_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let length = recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)?.bytes;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let rights = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        Ok((serde_json::from_slice(&bytes[..length])?, rights.flatten().collect()))
    }

    /// The same, unless nothing comes in time: `TimedOut`.
    pub fn receive_within<T: DeserializeOwned>(&self, time: Duration) -> io::Result<(T, Vec<OwnedFd>)> {
        match wait(&[self.0.as_fd()], time)? {
            Some(_) => self.receive(),
            None => Err(ErrorKind::TimedOut.into()),
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Claims a device by its place, against every other edgecam on this machine: a name that sockets have once, and
/// that the kernel forgets with who has it (abstract sockets, unix(7)).
pub fn claim(place: &str) -> Result<OwnedFd, String> {
    let claimed = || -> io::Result<OwnedFd> {
        let name = format!("edgecam{}", machine::root().join(place).display());
        let name = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&socket, &name)?;
        Ok(socket)
    };
    claimed().map_err(|e| match e.kind() {
        ErrorKind::AddrInUse => "another edgecam uses it".to_owned(),
        _ => format!("claim it: {e}"),
    })
}

/// A number that one process leaves for the other (eventfd(2)).
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// One that nobody has rung.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC)?))
    }

    /// One that another process made.
    #[must_use]
    pub const fn of(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Leaves a number over 0.
    pub fn ring(&self, number: u64) -> io::Result<()> {
        write(&self.0, &number.to_ne_bytes())?;
        Ok(())
    }

    /// Takes the number; waits for one.
    pub fn heard(&self) -> io::Result<u64> {
        let mut number = [0; 8];
        read(&self.0, &mut number)?;
        Ok(u64::from_ne_bytes(number))
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A frame in an eventfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The model's number.
    pub id: u32,
    /// Which of its pictures.
    pub slot: u32,
}

impl Frame {
    /// As the number that is left.
    #[must_use]
    pub const fn number(self) -> u64 {
        1 + ((self.id as u64) << 8 | self.slot as u64)
    }

    /// Of the number that was left.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        let frame = number.saturating_sub(1);
        Self { id: (frame >> 8) as u32, slot: (frame & 0xff) as u32 }
    }
}

/// The answer to a frame: it is there, or the reason is in the socket.
pub const DONE: u64 = 1;
/// See [`DONE`].
pub const FAILED: u64 = 2;

/// Which of `descriptors` has something to read, or whose other end is gone; the first of them. `None` after
/// `time`.
pub fn wait(descriptors: &[BorrowedFd<'_>], time: Duration) -> io::Result<Option<usize>> {
    let deadline = Instant::now() + time;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let mut fds: [PollFd<'_>; 2] = std::array::from_fn(|i| {
            let fd = descriptors.get(i).unwrap_or(&descriptors[0]);
            PollFd::from_borrowed_fd(*fd, PollFlags::IN)
        });
        let fds = &mut fds[..descriptors.len().min(2)];
        match poll(fds, Some(&timeout)) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(fds.iter().position(|fd| !fd.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_numbers_over_zero() {
        for (id, slot) in [(0, 0), (0, 1), (7, 1), (u32::MAX, 255)] {
            let frame = Frame { id, slot };
            assert!(frame.number() > 0);
            assert_eq!(Frame::of(frame.number()), frame);
        }
    }

    #[test]
    fn a_device_is_claimed_once() {
        let place = format!("test {}", std::process::id());
        let first = claim(&place).expect("nobody has it");
        assert_eq!(claim(&place).expect_err("it is taken"), "another edgecam uses it");
        drop(first);
        claim(&place).expect("it is free again");
    }

    #[test]
    fn a_packet_arrives_whole_with_its_descriptors() {
        let (ours, theirs) = Channel::pair().expect("a pair");
        let theirs = Channel::of(theirs);
        let bell = Bell::new().expect("an eventfd");
        let order = Order::Load { id: 3, files: vec!["a.tflite".into()], threads: 2 };
        ours.send(&order, &[bell.as_fd()]).expect("sent");
        let (got, mut descriptors) = theirs.receive::<Order>().expect("received");
        assert!(matches!(got, Order::Load { id: 3, threads: 2, .. }));
        Bell::of(descriptors.pop().expect("a descriptor")).ring(5).expect("rung");
        assert_eq!(bell.heard().expect("heard"), 5);
        let nothing = theirs.receive_within::<Order>(Duration::from_millis(1)).expect_err("nothing came");
        assert_eq!(nothing.kind(), ErrorKind::TimedOut);
        drop(ours);
        assert_eq!(theirs.receive::<Order>().expect_err("closed").kind(), ErrorKind::UnexpectedEof);
    }
}
