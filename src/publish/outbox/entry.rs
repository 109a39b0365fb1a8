//! What goes in, what comes out, and how much there may be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the queue may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Payloads and pictures together, in bytes; the oldest are dropped first, ends of events last.
    pub max_bytes: u64,
    /// Older entries are dropped.
    pub max_age: Duration,
    /// The most a power cut may take; 0: each entry is on the disk before it is handed out.
    pub sync_interval: Duration,
}

/// Makes an event's payload, given its number.
pub type Write = Box<dyn FnOnce(u64) -> Vec<u8> + Send>;

/// One thing to publish, once.
pub enum Entry {
    /// Of an event.
    Event {
        /// The event's own id.
        id: String,
        /// The camera's name.
        camera: String,
        /// Below the prefix.
        topic: String,
        /// Makes the payload; called once, on the outbox's thread. The number grows from entry to entry, over
        /// restarts too.
        write: Write,
        /// Whether the event goes on; `false`: this is its end.
        open: bool,
    },
    /// A picture, retained. One that was not handed out yet gives way to a newer one of its topic.
    Picture {
        /// Below the prefix.
        topic: String,
        /// The file.
        jpeg: Vec<u8>,
    },
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { id, open, .. } => {
                f.debug_struct("Event").field("id", id).field("open", open).finish_non_exhaustive()
            }
            Self::Picture { topic, jpeg } => {
                f.debug_struct("Picture").field("topic", topic).field("bytes", &jpeg.len()).finish()
            }
        }
    }
}

/// An entry on its way to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// To acknowledge it by.
    pub number: u64,
    /// Below the prefix.
    pub topic: Arc<str>,
    /// What to publish.
    pub payload: Arc<[u8]>,
    /// Whether the broker retains it: pictures.
    pub retain: bool,
}

/// How full the queue is, and what was lost since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Entries that were not acknowledged.
    pub depth: u64,
    /// Their payloads, in bytes.
    pub bytes: u64,
    /// Entries dropped because they were too old.
    pub dropped_old: u64,
    /// Entries dropped because the queue was full.
    pub dropped_full: u64,
    /// Entries dropped because they came faster than the disk takes them, or after the end.
    pub dropped_overrun: u64,
    /// Pictures that were gone or cut short after a power cut.
    pub dropped_broken: u64,
    /// Bytes this run wrote to the disk: pages, their log and pictures.
    pub bytes_written: u64,
    /// Times this run asked the disk to make the log last.
    pub syncs: u64,
    /// Whether entries are held in memory because the folder can't be used.
    pub in_memory: bool,
}

impl Figures {
    /// Entries lost, for whatever reason.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped_old + self.dropped_full + self.dropped_overrun + self.dropped_broken
    }
}

/// What an entry is, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An event that goes on.
    Event = 0,
    /// The end of one.
    End = 1,
    /// A picture, in a file of its own.
    Picture = 2,
}

impl Kind {
    /// From the disk.
    pub const fn of(code: i64) -> Self {
        match code {
            2 => Self::Picture,
            1 => Self::End,
            _ => Self::Event,
        }
    }
}

/// An entry with its number.
#[derive(Clone, Debug)]
pub struct Row {
    pub number: u64,
    pub kind: Kind,
    pub topic: Arc<str>,
    pub payload: Arc<[u8]>,
    /// Seconds since boot.
    pub up: u64,
}

impl Row {
    pub fn bytes(&self) -> u64 {
        self.payload.len() as u64
    }

    pub fn parcel(&self) -> Parcel {
        Parcel {
            number: self.number,
            topic: Arc::clone(&self.topic),
            payload: Arc::clone(&self.payload),
            retain: self.kind == Kind::Picture,
        }
    }
}

/// An event that goes on, for its end after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub camera: String,
    pub topic: Arc<str>,
    /// Its last one.
    pub payload: Arc<[u8]>,
}
