//! Between the callers and the thread of the disk: one lock, held for moments only.

use super::entry::{Entry, Figures, Limits, Parcel};
use super::window::Window;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Entries that wait for the disk; ends of events may take twice the place.
const MAX_WAITING: usize = 1024;
/// Bytes of pictures that wait for the disk.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// So many acknowledgements are written at once, or what came within the interval.
const ACKNOWLEDGED: usize = 64;
/// The interval of acknowledgements where each entry is synced.
const LAZY: Duration = Duration::from_secs(1);
/// Between two complaints.
const COMPLAIN: Duration = Duration::from_secs(60);

pub struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Tells of the thread's first attempt to open the folder, and of its end.
    told: Condvar,
    ready: Notify,
}

/// How far the thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    Running,
    Stopping,
    Ended,
}

/// What the lock guards.
pub struct State {
    waiting: VecDeque<Entry>,
    waiting_bytes: usize,
    limits: Limits,
    new_limits: Option<Limits>,
    pub window: Window,
    /// Whether there is more to read after the window.
    pub more: bool,
    /// Numbers and bytes.
    acknowledged: Vec<(u64, u64)>,
    kept: BTreeMap<String, Vec<u8>>,
    changed: BTreeSet<String>,
    /// When acknowledgements and kept values are written at the latest.
    soon: Option<Instant>,
    pub figures: Figures,
    opened: bool,
    life: Life,
    complained: Option<Instant>,
}

/// What the thread has to do.
pub struct Work {
    pub entries: VecDeque<Entry>,
    pub acknowledged: Vec<u64>,
    /// Empty values are removed.
    pub kept: Vec<(String, Vec<u8>)>,
    pub limits: Limits,
    pub stop: bool,
}

impl Shared {
    pub fn new(limits: Limits) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            limits,
            new_limits: None,
            window: Window::default(),
            more: false,
            acknowledged: Vec::new(),
            kept: BTreeMap::new(),
            changed: BTreeSet::new(),
            soon: None,
            figures: Figures::default(),
            opened: false,
            life: Life::Running,
            complained: None,
        };
        Self { state: Mutex::new(state), work: Condvar::new(), told: Condvar::new(), ready: Notify::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn record(&self, entry: Entry) {
        let complaint = {
            let mut state = self.lock();
            if state.take_in(entry) { None } else { state.overrun() }
        };
        self.work.notify_one();
        if let Some(dropped) = complaint {
            log::warn!("the outbox's disk can't keep up, or is closed: {dropped} entries dropped so far");
        }
    }

    pub fn next(&self) -> Option<Parcel> {
        self.lock().window.next()
    }

    pub fn rewind(&self) {
        self.lock().window.rewind();
        self.ready.notify_one();
    }

    pub async fn ready(&self) {
        loop {
            let notified = self.ready.notified();
            let mut notified = std::pin::pin!(notified);
            notified.as_mut().enable();
            if self.lock().window.has_next() {
                return;
            }
            notified.await;
        }
    }

    /// Says that the window may have something to give.
    pub fn tell_ready(&self) {
        self.ready.notify_one();
    }

    pub fn acknowledge(&self, number: u64) {
        let mut state = self.lock();
        let Some(row) = state.window.remove(number) else { return };
        state.acknowledged.push((number, row.bytes()));
        state.figures.depth = state.figures.depth.saturating_sub(1);
        state.figures.bytes = state.figures.bytes.saturating_sub(row.bytes());
        let wake = state.due_soon() || state.is_pressing();
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    pub fn figures(&self) -> Figures {
        self.lock().figures
    }

    pub fn keep(&self, key: &str, value: Vec<u8>) {
        let mut state = self.lock();
        if state.kept.get(key).map_or(&[][..], Vec::as_slice) == value {
            return;
        }
        state.kept.insert(key.to_owned(), value);
        state.changed.insert(key.to_owned());
        if state.due_soon() {
            self.work.notify_one();
        }
    }

    pub fn kept(&self, key: &str, patience: Duration) -> Option<Vec<u8>> {
        let unopened = |state: &mut State| !state.opened && state.life != Life::Ended;
        let waited = self.told.wait_timeout_while(self.lock(), patience, unopened);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.kept.get(key).filter(|value| !value.is_empty()).cloned()
    }

    pub fn set_limits(&self, limits: Limits) {
        let mut state = self.lock();
        state.new_limits = Some(limits);
        self.work.notify_one();
    }

    /// Tells the thread to end; whether it did in time.
    pub fn stop(&self, patience: Duration) -> bool {
        let mut state = self.lock();
        state.life = state.life.max(Life::Stopping);
        self.work.notify_one();
        let waited = self.told.wait_timeout_while(state, patience, |state| state.life != Life::Ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.life == Life::Ended
    }

    /// The folder was opened, or can't be; what it keeps gives way to what was kept since.
    pub fn opened(&self, kept: BTreeMap<String, Vec<u8>>) {
        let mut state = self.lock();
        for (key, value) in kept {
            state.kept.entry(key).or_insert(value);
        }
        state.opened = true;
        self.told.notify_all();
    }

    /// The thread is at its end.
    pub fn end(&self) {
        let mut state = self.lock();
        state.life = Life::Ended;
        self.told.notify_all();
    }

    /// Waits for something to do, until `deadline` at most.
    pub fn work(&self, deadline: Option<Instant>) -> Work {
        let mut state = self.lock();
        while !state.is_pressing() {
            let due = [deadline, state.soon].into_iter().flatten().min();
            let Some(due) = due else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.hand_over()
    }
}

impl State {
    /// Queues an entry for the disk; false when there is no room.
    fn take_in(&mut self, entry: Entry) -> bool {
        let most =
            if matches!(entry, Entry::Event { open: false, .. }) { 2 * MAX_WAITING } else { MAX_WAITING };
        if let Entry::Picture { topic, jpeg } = &entry {
            let older =
                |waiting: &Entry| matches!(waiting, Entry::Picture { topic: other, .. } if other == topic);
            if let Some(Entry::Picture { jpeg, .. }) =
                self.waiting.iter().position(older).and_then(|at| self.waiting.remove(at))
            {
                self.waiting_bytes -= jpeg.len();
            }
            if self.waiting_bytes + jpeg.len() > MAX_WAITING_BYTES {
                return false;
            }
        }
        if self.life != Life::Running || self.waiting.len() >= most {
            return false;
        }
        if let Entry::Picture { jpeg, .. } = &entry {
            self.waiting_bytes += jpeg.len();
        }
        self.waiting.push_back(entry);
        true
    }

    /// Counts a dropped entry; now and then it is to be told.
    fn overrun(&mut self) -> Option<u64> {
        self.figures.dropped_overrun += 1;
        let now = Instant::now();
        if self.complained.is_some_and(|then| now < then + COMPLAIN) {
            return None;
        }
        self.complained = Some(now);
        Some(self.figures.dropped_overrun)
    }

    /// Has acknowledgements and kept values written within the interval; whether the thread has to be told.
    fn due_soon(&mut self) -> bool {
        let interval = self.limits.sync_interval;
        let interval = if interval.is_zero() { LAZY } else { interval };
        let unset = self.soon.is_none();
        self.soon.get_or_insert_with(|| Instant::now() + interval);
        unset
    }

    fn is_pressing(&self) -> bool {
        self.life != Life::Running
            || self.new_limits.is_some()
            || !self.waiting.is_empty()
            || self.acknowledged.len() >= ACKNOWLEDGED
            || (self.more && self.window.is_hungry())
    }

    fn hand_over(&mut self) -> Work {
        self.soon = None;
        self.waiting_bytes = 0;
        self.limits = self.new_limits.take().unwrap_or(self.limits);
        Work {
            entries: std::mem::take(&mut self.waiting),
            acknowledged: self.take_acknowledged(),
            kept: self.take_changed(),
            limits: self.limits,
            stop: self.life != Life::Running,
        }
    }

    pub fn take_acknowledged(&mut self) -> Vec<u64> {
        self.acknowledged.drain(..).map(|(number, _)| number).collect()
    }

    fn take_changed(&mut self) -> Vec<(String, Vec<u8>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|key| Some((key.clone(), self.kept.get(&key)?.clone()))).collect()
    }

    /// All that is kept.
    pub fn all_kept(&self) -> Vec<(String, Vec<u8>)> {
        self.kept.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether an entry that is still on the disk was acknowledged.
    pub fn is_acknowledged(&self, number: u64) -> bool {
        self.acknowledged.iter().any(|(other, _)| *other == number)
    }

    /// Entries came.
    pub fn count_in(&mut self, entries: u64, bytes: u64) {
        self.figures.depth += entries;
        self.figures.bytes += bytes;
    }

    /// Entries went, but for acknowledgements.
    pub fn count_out(&mut self, entries: u64, bytes: u64) {
        self.figures.depth = self.figures.depth.saturating_sub(entries);
        self.figures.bytes = self.figures.bytes.saturating_sub(bytes);
    }

    /// What the disk holds, less what was acknowledged since it was counted.
    pub fn count_anew(&mut self, entries: u64, bytes: u64) {
        let acknowledged: u64 = self.acknowledged.iter().map(|(_, bytes)| bytes).sum();
        self.figures.depth = entries.saturating_sub(self.acknowledged.len() as u64);
        self.figures.bytes = bytes.saturating_sub(acknowledged);
    }
}
