//! The thread that owns the disk: takes in what was recorded, commits it, and puts it before the callers.

use super::clock::Clock;
use super::disk::{Change, Disk, Opens};
use super::entry::{Entry, Kind, Limits, Open, Row};
use super::memory::Memory;
use super::numbers::MAX_UNSYNCED;
use super::schema::Trouble;
use super::shared::{Shared, Work};
use super::window::Standing;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Makes the end of an event from its last payload and the end's number.
pub type Close = Box<dyn Fn(&[u8], u64) -> Vec<u8> + Send>;

/// Between two looks for entries that are too old: reading only.
const LOOK_FOR_OLD: Duration = Duration::from_secs(60);

pub struct Keeper {
    pub shared: Arc<Shared>,
    pub folder: PathBuf,
    pub limits: Limits,
    pub retry: Duration,
    pub clock: Clock,
    pub close: Close,
    /// Open for reading at least.
    pub disk: Option<Disk>,
    /// Whether it can be written; else entries go to `memory`.
    pub healthy: bool,
    /// Whether the folder was ever opened.
    pub known: bool,
    /// What came while the disk could not be written.
    pub memory: Memory,
    /// The last number that was on the disk.
    pub stored: u64,
    /// The number before the first, as long as nothing is known of the folder.
    pub base: u64,
    /// The last number given.
    pub last: u64,
    /// Events that go on.
    pub open: BTreeMap<String, Open>,
    /// The newest picture of each topic that may still wait, and its bytes.
    pub pictures: BTreeMap<Arc<str>, (u64, u64)>,
    /// Entries to remove from the disk.
    pub owed: BTreeSet<u64>,
    /// The last entry that was put into the window.
    pub cursor: u64,
    /// Whether the disk has entries after it.
    pub unread: bool,
    unsynced: u64,
    sync_at: Option<Instant>,
    pub retry_at: Option<Instant>,
    /// The trouble that was told.
    pub told: Option<String>,
    /// Bytes written by disks that were closed.
    pub written: u64,
    look_at: Instant,
}

/// What was recorded, made ready for the disk.
#[derive(Default)]
pub struct Batch {
    pub rows: Vec<Row>,
    pub open: Vec<(String, Option<Open>)>,
    pub kept: Vec<(String, Vec<u8>)>,
}

impl Keeper {
    pub fn new(
        shared: Arc<Shared>,
        folder: PathBuf,
        limits: Limits,
        retry: Duration,
        clock: Clock,
        close: Close,
    ) -> Self {
        Self {
            shared,
            folder,
            limits,
            retry,
            clock,
            close,
            disk: None,
            healthy: false,
            known: false,
            memory: Memory::default(),
            stored: 0,
            base: 0,
            last: 0,
            open: BTreeMap::new(),
            pictures: BTreeMap::new(),
            owed: BTreeSet::new(),
            cursor: 0,
            unread: false,
            unsynced: 0,
            sync_at: None,
            retry_at: None,
            told: None,
            written: 0,
            look_at: Instant::now(),
        }
    }

    /// Until the outbox is stopped.
    pub fn run(mut self) {
        self.begin();
        loop {
            self.refill();
            let work = self.shared.work(self.deadline());
            let stop = work.stop;
            if stop || self.retry_at.is_some_and(|at| at <= Instant::now()) {
                self.mend();
            }
            self.step(work);
            if stop {
                break;
            }
        }
        self.finish();
    }

    fn deadline(&self) -> Option<Instant> {
        let depth = self.shared.lock().figures.depth;
        let look = (depth > 0).then_some(self.look_at);
        [self.sync_at, self.retry_at, look].into_iter().flatten().min()
    }

    fn step(&mut self, work: Work) {
        self.limits = work.limits;
        self.settle(work.acknowledged);
        let mut batch = Batch { kept: work.kept, ..Batch::default() };
        for entry in work.entries {
            self.prepare(entry, &mut batch);
        }
        if self.look_at <= Instant::now() {
            self.look_at = Instant::now() + LOOK_FOR_OLD;
            self.drop_old();
        }
        self.make_room(&mut batch);
        self.store(&batch);
        if self.sync_at.is_some_and(|at| at <= Instant::now()) {
            self.sync();
        }
    }

    /// Gives an entry its number and its payload.
    fn prepare(&mut self, entry: Entry, batch: &mut Batch) {
        let up = self.clock.now().up;
        self.last += 1;
        let number = self.last;
        match entry {
            Entry::Event { id, camera, topic, write, open } => {
                let topic: Arc<str> = topic.into();
                let payload: Arc<[u8]> = write(number).into();
                let goes_on =
                    open.then(|| Open { camera, topic: Arc::clone(&topic), payload: Arc::clone(&payload) });
                match &goes_on {
                    Some(open) => self.open.insert(id.clone(), open.clone()),
                    None => self.open.remove(&id),
                };
                batch.open.push((id, goes_on));
                let kind = if open { Kind::Event } else { Kind::End };
                batch.rows.push(Row { number, kind, topic, payload, up });
            }
            Entry::Picture { topic, jpeg } => {
                let topic: Arc<str> = topic.into();
                let bytes = jpeg.len() as u64;
                if let Some((older, bytes)) = self.pictures.insert(Arc::clone(&topic), (number, bytes)) {
                    self.withdraw(older, bytes);
                }
                batch.rows.push(Row { number, kind: Kind::Picture, topic, payload: jpeg.into(), up });
            }
        }
    }

    /// Takes back a picture that was not handed out.
    fn withdraw(&mut self, number: u64, bytes: u64) {
        let mut state = self.shared.lock();
        let waits = match state.window.standing(number) {
            Standing::Given => false,
            Standing::Waiting => state.window.remove(number).is_some(),
            // Beyond the window, or acknowledged, or dropped.
            Standing::Absent => {
                number > self.cursor && !self.owed.contains(&number) && !state.is_acknowledged(number)
            }
        };
        if waits {
            state.count_out(1, bytes);
            drop(state);
            self.discard(number);
        }
    }

    /// Entries were acknowledged.
    pub fn settle(&mut self, numbers: Vec<u64>) {
        for number in numbers {
            self.pictures.retain(|_, (picture, _)| *picture != number);
            self.discard(number);
        }
    }

    /// Takes an entry out of memory, and off the disk with the next change.
    pub fn discard(&mut self, number: u64) {
        self.memory.remove(number);
        if number <= self.stored {
            self.owed.insert(number);
        }
    }

    /// Commits a batch, or holds it in memory.
    fn store(&mut self, batch: &Batch) {
        let idle = batch.rows.is_empty() && batch.open.is_empty() && batch.kept.is_empty();
        if idle && (self.owed.is_empty() || !self.healthy) {
            return;
        }
        // A database that was damaged may have given way to a new one.
        for _ in 0..2 {
            if !self.healthy {
                break;
            }
            match self.commit(batch) {
                Ok(()) => {
                    self.offer(&batch.rows);
                    if !idle {
                        self.sync_later(batch.rows.len() as u64);
                    }
                    return self.tend();
                }
                Err(why) => self.degrade(why),
            }
        }
        self.hold(&batch.rows);
    }

    fn tend(&mut self) {
        let tended = self.disk.as_mut().map_or(Ok(()), Disk::tend);
        self.count_written();
        if let Err(why) = tended {
            self.degrade(why);
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let now = self.clock.now();
        let Some(disk) = &mut self.disk else { return Err(Trouble::Other("it is closed".to_owned())) };
        let (last, open) = (self.last, Opens::Some(&batch.open));
        disk.apply(&Change { add: &batch.rows, remove: &self.owed, open, kept: &batch.kept, last, now })?;
        self.owed.clear();
        self.stored = self.last;
        if self.limits.sync_interval.is_zero() && !batch.rows.is_empty() {
            disk.sync()?;
            self.shared.lock().figures.syncs += 1;
        }
        Ok(())
    }

    /// Puts entries in memory.
    fn hold(&mut self, rows: &[Row]) {
        for row in rows {
            self.memory.insert(row.clone());
        }
        self.offer(rows);
        self.shrink_memory();
    }

    pub fn close_disk(&mut self) {
        if let Some(disk) = self.disk.take() {
            self.written += disk.written;
        }
    }

    fn sync_later(&mut self, rows: u64) {
        self.unsynced += rows;
        if self.limits.sync_interval.is_zero() {
            self.unsynced = 0;
        } else if self.unsynced >= MAX_UNSYNCED {
            self.sync();
        } else {
            self.sync_at.get_or_insert_with(|| Instant::now() + self.limits.sync_interval);
        }
    }

    pub fn sync(&mut self) {
        self.sync_at = None;
        self.unsynced = 0;
        if !self.healthy {
            return;
        }
        match self.disk.as_mut().map_or(Ok(()), Disk::sync) {
            Ok(()) => self.shared.lock().figures.syncs += 1,
            Err(why) => self.degrade(why),
        }
    }

    pub fn count_written(&self) {
        let written = self.written + self.disk.as_ref().map_or(0, |disk| disk.written);
        self.shared.lock().figures.bytes_written = written;
    }

    fn finish(mut self) {
        if !self.memory.is_empty() {
            log::warn!("{} events and pictures were only in memory, and are lost", self.memory.len());
        }
        if let Some(disk) = self.disk.take().filter(|_| self.healthy) {
            self.written += disk.close();
            self.count_written();
        }
        self.shared.end();
    }
}
