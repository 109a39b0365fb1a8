//! The thread that keeps an accelerator going: it ends a process that does not do what it should, resets the
//! device, starts another one, and gives it the models.

use super::device::{Desk, Device};
use super::entry::Entry;
use super::host::{Fault, Host};
use super::state::Condition;
use super::turns::Turn;
use crate::back_off::{BackOff, Delays};
use crate::infer::usb;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Between two looks at a process that has nothing to do, and at whether a device is plugged in.
const TICK: Duration = Duration::from_millis(500);
/// The waits between attempts: a device that is well again is in use within five seconds.
const ATTEMPTS: BackOff = BackOff { first: Duration::from_millis(200), cap: Duration::from_secs(2) };
/// After so long without success an attempt is made at this interval only.
const GIVES_UP_AFTER: Duration = Duration::from_secs(600);
const SELDOM: Duration = Duration::from_secs(15);
/// What works for so long has recovered.
const RECOVERED_AFTER: Duration = Duration::from_secs(30);
/// For a model to load and run for the first time: a Coral gets its firmware first. Later it may take as long as it
/// took, so many times over, and at least the second; but one attempt in ten is patient.
const LOADS_WITHIN: Duration = Duration::from_secs(20);
const LOADS_AT_LEAST: Duration = Duration::from_secs(2);
const LOAD_TIMES: u32 = 3;
const PATIENT: u32 = 10;

/// Wakes the thread.
#[derive(Debug, Default)]
pub struct Alarm {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Alarm {
    /// There is something to do.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    fn wait(&self, time: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(rung, time, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// The thread; it ends when nobody has the device any more.
pub fn look_after(device: &Weak<Device>, alarm: &Alarm) {
    let mut care = Care::default();
    loop {
        alarm.wait(care.rest());
        let Some(device) = device.upgrade() else { return };
        device.tend(&mut care);
    }
}

impl Device {
    /// Does what has to be done now.
    fn tend(&self, care: &mut Care) {
        let (wanted, changes) = self.wanted();
        if wanted.iter().any(|entry| entry.waits()) {
            // Whoever has a frame does not wait for what may take long.
            self.close();
        }
        let mut desk = self.desk.take();
        if let Some(fault) = desk.host.as_mut().and_then(Host::died) {
            self.give_up(&mut desk, fault);
        }
        if desk.broken.is_some() {
            return self.bury(desk, care);
        }
        if wanted.is_empty() || (desk.host.is_none() && !care.is_time()) {
            return;
        }
        if desk.host.is_none()
            && let Err((condition, why)) = self.start_host(&mut desk)
        {
            self.tell(condition, Some(why));
            return care.failed(condition);
        }
        if let Err(fault) = load(&mut desk, &wanted, care) {
            self.give_up(&mut desk, fault);
            return self.bury(desk, care);
        }
        let refused = wanted.iter().find_map(|entry| entry.refused());
        if !wanted.iter().any(|entry| entry.serves()) {
            self.give_up(&mut desk, Fault::Refused(refused.unwrap_or_default()));
            return self.bury(desk, care);
        }
        self.open(changes);
        care.works();
        match wanted.iter().find_map(|entry| entry.slow(self.report().condition)) {
            Some(how) => self.tell(Condition::Slow, Some(how)),
            None => self.tell(Condition::Ready, refused),
        }
    }

    /// Ends a process that is broken, and resets its device.
    fn bury(&self, mut desk: Turn<'_, Desk>, care: &mut Care) {
        let Some((mut host, fault)) = desk.broken.take() else { return };
        let in_order = matches!(fault, Fault::Refused(_));
        let gone = if in_order { host.leave() } else { host.kill() };
        let stuck = if gone { "" } else { "; its process hangs in the kernel, unplug the device" };
        self.tell(Condition::Failed, Some(format!("{fault}{stuck}")));
        care.failed(Condition::Failed);
        if !gone {
            desk.broken = Some((host, fault));
            return;
        }
        drop(desk);
        let place = self.place().filter(|place| !in_order && (self.spec.usable)(place).is_ok());
        if let Some(node) = place.and_then(|place| (self.spec.node)(&place)) {
            // The first time is news, those of later attempts are not.
            let level = if care.attempts == 1 { log::Level::Info } else { log::Level::Debug };
            self.reset(&node, level);
        }
    }

    /// Plugs a device at USB out and in again, where that is permitted, and says so at `level`.
    fn reset(&self, node: &Path, level: log::Level) {
        let name = self.name();
        match usb::reset(node) {
            Ok(()) => log::log!(level, accelerator = name; "accelerator {name}: reset at {}", node.display()),
            Err(e) => {
                log::log!(level, accelerator = name; "accelerator {name}: not reset at {}: {e}", node.display());
            }
        }
    }
}

/// Gives the process the models it has not, and takes those that nobody wants; those that it refuses know why. The
/// error is why the process is of no use any more.
fn load(desk: &mut Desk, wanted: &[Arc<Entry>], care: &mut Care) -> Result<(), Fault> {
    let Desk { host: Some(host), loaded, .. } = desk else { return Ok(()) };
    let gone: Vec<u32> =
        loaded.iter().copied().filter(|id| !wanted.iter().any(|entry| entry.load.id == *id)).collect();
    for id in gone {
        host.unload(id)?;
        loaded.remove(&id);
    }
    for entry in wanted.iter().filter(|entry| entry.waits()) {
        let started = Instant::now();
        match entry.hand_to(host, care.patience()) {
            Ok(()) => {
                loaded.insert(entry.load.id);
                care.loaded(started.elapsed());
            }
            Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// When the next attempt is due, and how long it may take.
struct Care {
    delays: Delays,
    next: Instant,
    working_since: Option<Instant>,
    failing_since: Option<Instant>,
    attempts: u32,
    /// The longest that a model took to load.
    load: Option<Duration>,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            delays: ATTEMPTS.delays(),
            next: Instant::now(),
            working_since: None,
            failing_since: None,
            attempts: 0,
            load: None,
        }
    }
}

impl Care {
    fn is_time(&self) -> bool {
        Instant::now() >= self.next
    }

    fn failed(&mut self, condition: Condition) {
        let now = Instant::now();
        self.working_since = None;
        if condition == Condition::Absent {
            // A look costs nothing, and what is plugged in is new.
            *self = Self { load: self.load, ..Self::default() };
            return;
        }
        self.attempts += 1;
        let since = *self.failing_since.get_or_insert(now);
        let seldom = now - since >= GIVES_UP_AFTER;
        self.next = now + if seldom { SELDOM } else { self.delays.next_delay() };
    }

    fn works(&mut self) {
        self.attempts = 0;
        let since = *self.working_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= RECOVERED_AFTER {
            self.failing_since = None;
            self.delays = ATTEMPTS.delays();
        }
    }

    fn loaded(&mut self, time: Duration) {
        self.load = self.load.max(Some(time));
    }

    /// How long a model may take to load.
    fn patience(&self) -> Duration {
        match self.load {
            Some(load) if !(self.attempts + 1).is_multiple_of(PATIENT) => {
                (load * LOAD_TIMES).clamp(LOADS_AT_LEAST, LOADS_WITHIN)
            }
            _ => LOADS_WITHIN,
        }
    }

    /// How long nothing is to be done.
    fn rest(&self) -> Duration {
        let due = self.next.saturating_duration_since(Instant::now());
        if due.is_zero() { TICK } else { due.min(TICK) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spaced_and_one_in_ten_is_patient() {
        let mut care = Care::default();
        assert!(care.is_time());
        assert_eq!(care.patience(), LOADS_WITHIN, "nobody knows yet");
        care.loaded(Duration::from_millis(30));
        let patient: Vec<bool> = (0..20)
            .map(|_| {
                let patience = care.patience();
                care.failed(Condition::Failed);
                assert!(!care.is_time() && care.next <= Instant::now() + ATTEMPTS.cap);
                patience == LOADS_WITHIN
            })
            .collect();
        let places: Vec<usize> = (0..20).filter(|&n| patient[n]).collect();
        assert_eq!(places, [9, 19]);
        care.failing_since = Instant::now().checked_sub(GIVES_UP_AFTER);
        care.failed(Condition::Failed);
        assert!(care.next > Instant::now() + ATTEMPTS.cap);
        care.failed(Condition::Absent);
        assert!(care.is_time());
        care.works();
        assert_eq!((care.attempts, care.patience()), (0, LOADS_AT_LEAST));
        care.loaded(Duration::from_secs(4));
        assert_eq!(care.patience(), Duration::from_secs(12));
    }
}
