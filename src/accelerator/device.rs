//! One accelerator that models and cameras share. Its process is kept going by a thread of its own (`tend`), so
//! that whoever has a frame never waits for more than the frames of others.

use super::entry::{Entry, Tensors};
use super::host::{Fault, Host, Load};
use super::state::{Condition, Kind, Report};
use super::tend::{Alarm, look_after};
use super::turns::Turns;
use super::wire::{Frame, claim};
use super::{Plugin, changed};
use crate::frame::Timestamp;
use crate::infer::TensorSpec;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For a model that only this device can tell of.
const PROBES_WITHIN: Duration = Duration::from_secs(20);

/// A device that is there.
#[derive(Clone, Debug)]
pub struct Found {
    /// What runs models; none: the processor.
    pub plugin: Option<Plugin>,
    /// Where it is, if it is a Coral: one program has it at a time.
    pub place: Option<String>,
}

/// Looks for the device, without touching it; the error is why it is not there.
pub type Find = Box<dyn Fn() -> Result<Found, String> + Send + Sync>;

/// Which accelerator.
pub struct Spec {
    /// For people: `coral 2-1`, or a plugin's file name.
    pub name: String,
    /// What kind.
    pub kind: Kind,
    /// LiteRT.
    pub library: PathBuf,
    /// Looks for it before each start of its process.
    pub find: Find,
    /// Whether the one at a place can be used now; the error is why not.
    pub usable: fn(&str) -> Result<(), String>,
    /// What is to be reset for a device that is at a place: a USB device's node.
    pub node: fn(&str) -> Option<PathBuf>,
}

/// The accelerator.
pub struct Device {
    pub(super) spec: Spec,
    pub(super) desk: Turns<Desk>,
    /// Where it is, or was last.
    place: Mutex<Option<String>>,
    /// Those that engines have, by number.
    models: Mutex<BTreeMap<u32, Arc<Entry>>>,
    /// Counts the changes of those.
    changes: AtomicU64,
    /// A process is there, and not busy with other things than frames.
    ready: AtomicBool,
    report: Mutex<Report>,
    alarm: Arc<Alarm>,
    numbers: AtomicU32,
    /// See [`Report::frames`].
    frames: [AtomicU64; 2],
}

/// What only who has the turn may touch.
#[derive(Default)]
pub(super) struct Desk {
    pub host: Option<Host>,
    /// Counts the processes.
    generation: u64,
    /// Numbers of the models that the process has.
    pub loaded: BTreeSet<u32>,
    /// Did not do what it should.
    pub broken: Option<(Host, Fault)>,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        changed().notify_one();
    }
}

impl Device {
    /// Begins to look after it. The thread ends when nobody has the device any more.
    pub fn start(spec: Spec) -> std::io::Result<Arc<Self>> {
        let alarm = Arc::<Alarm>::default();
        let report = Mutex::new(Report::new(&spec.name, spec.kind));
        let device = Arc::new(Self {
            desk: Turns::default(),
            place: Mutex::default(),
            models: Mutex::default(),
            changes: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            report,
            alarm: Arc::clone(&alarm),
            numbers: AtomicU32::new(0),
            frames: Default::default(),
            spec,
        });
        let (weak, name) = (Arc::downgrade(&device), format!("accelerator {}", device.spec.name));
        std::thread::Builder::new().name(name).spawn(move || look_after(&weak, &alarm))?;
        Ok(device)
    }

    /// Where it is, or was when it was last there, if it is a Coral.
    pub fn place(&self) -> Option<String> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For people.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Has the device run a model from now on, as soon as it can.
    pub fn add(
        &self,
        name: &str,
        files: Vec<PathBuf>,
        threads: usize,
        tensors: Tensors,
        has_twin: bool,
    ) -> Arc<Entry> {
        let id = self.numbers.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry::new(name, Load { id, files, threads }, tensors, has_twin));
        self.change(|models| drop(models.insert(id, Arc::clone(&entry))));
        entry
    }

    /// Has it forget a model.
    pub fn remove(&self, entry: &Entry) {
        self.change(|models| drop(models.remove(&entry.load.id)));
    }

    /// Has the thread see to what changed. Frames are not answered until it has.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<u32, Arc<Entry>>)) {
        let mut models = self.models();
        change(&mut models);
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.close();
        let entries: Vec<_> = models.values().cloned().collect();
        drop(models);
        // With more models or fewer, frames take another time.
        for entry in &entries {
            entry.measure_anew();
        }
        self.lock().of(&entries);
        self.alarm.ring();
    }

    fn models(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Entry>>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The models that engines have, and how often that changed.
    pub(super) fn wanted(&self) -> (Vec<Arc<Entry>>, u64) {
        let models = self.models();
        (models.values().cloned().collect(), self.changes.load(Ordering::Relaxed))
    }

    /// What the tensors of a model are that runs on this device and nowhere else.
    pub fn probe(&self, files: Vec<PathBuf>, threads: usize) -> Result<(TensorSpec, Vec<TensorSpec>), Fault> {
        let load = Load { id: self.numbers.fetch_add(1, Ordering::Relaxed), files, threads };
        self.close();
        let mut desk = self.desk.take();
        if desk.broken.is_some() {
            return Err(Fault::Refused("it is being started again".to_owned()));
        }
        if desk.host.is_none() {
            self.start_host(&mut desk).map_err(|(_, why)| Fault::Refused(why))?;
        }
        let Some(host) = desk.host.as_mut() else { return Err(Fault::Refused("it is gone".to_owned())) };
        let found = host.load(&load, PROBES_WITHIN);
        self.alarm.ring();
        if let Err(fault) = &found
            && !matches!(fault, Fault::Refused(_))
        {
            self.give_up(&mut desk, fault.clone());
        }
        found
    }

    /// Waits until the process has the model; the error is why it has not.
    pub fn wait(&self, entry: &Entry, time: Duration) -> Result<(), String> {
        let (deadline, before) = (Instant::now() + time, self.report().attempts);
        while !(self.ready.load(Ordering::Acquire) && entry.serves()) {
            let report = self.report();
            if report.attempts > before || Instant::now() >= deadline {
                return Err(report.reason.unwrap_or_else(|| format!("it is not ready after {time:?}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Has the model look at the picture in `slot`; returns which process did. The error is why none did: at once
    /// where the device is busy with something else, or not there.
    pub fn look(&self, entry: &Entry, slot: u32) -> Result<u64, Fault> {
        let looked = self.try_to_look(entry, slot);
        self.frames[usize::from(looked.is_err())].fetch_add(1, Ordering::Relaxed);
        looked
    }

    fn try_to_look(&self, entry: &Entry, slot: u32) -> Result<u64, Fault> {
        if !self.runs(entry) {
            return Err(Fault::Away);
        }
        let mut desk = self.desk.take();
        let generation = desk.generation;
        let Some(host) = desk.host.as_mut().filter(|_| self.runs(entry)) else { return Err(Fault::Away) };
        let started = Instant::now();
        match host.run(Frame { id: entry.load.id, slot }, entry.deadline()) {
            Ok(()) => {
                entry.took(started.elapsed());
                Ok(generation)
            }
            Err(fault) => {
                self.give_up(&mut desk, fault.clone());
                Err(fault)
            }
        }
    }

    fn runs(&self, entry: &Entry) -> bool {
        self.ready.load(Ordering::Acquire) && entry.serves()
    }

    /// The answer of a process was found to be no use.
    pub fn distrust(&self, generation: u64, why: String) {
        let mut desk = self.desk.take();
        if desk.generation == generation {
            self.give_up(&mut desk, Fault::Refused(why));
        }
    }

    /// How it is.
    pub fn report(&self) -> Report {
        let frames = self.frames.each_ref().map(|count| count.load(Ordering::Relaxed));
        Report { frames, ..self.lock().clone() }
    }

    /// Leaves the process to the thread that looks after it.
    pub(super) fn give_up(&self, desk: &mut Desk, fault: Fault) {
        self.close();
        self.wanted().0.iter().for_each(|entry| entry.lose());
        desk.generation += 1;
        desk.loaded.clear();
        if let Some(host) = desk.host.take() {
            desk.broken = Some((host, fault));
        }
        self.alarm.ring();
    }

    /// Frames are welcome, unless the models changed again since they had changed `changes` times.
    pub(super) fn open(&self, changes: u64) {
        let _models = self.models();
        self.ready.store(self.changes.load(Ordering::Relaxed) == changes, Ordering::Release);
    }

    /// Frames are not welcome.
    pub(super) fn close(&self) {
        self.ready.store(false, Ordering::Release);
    }

    /// Starts a process; else how the device is, and why.
    pub(super) fn start_host(&self, desk: &mut Desk) -> Result<(), (Condition, String)> {
        let Found { plugin, place } = (self.spec.find)().map_err(|why| (Condition::Absent, why))?;
        self.tell(Condition::Starting, None);
        let failed = |why: String| (Condition::Failed, why);
        let claim = place.as_deref().map(claim).transpose().map_err(failed)?;
        if let Some(place) = &place {
            (self.spec.usable)(place).map_err(failed)?;
        }
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&place);
        let host = Host::start(&self.spec.name, &self.spec.library, plugin.as_ref(), place.as_deref(), claim)
            .map_err(|fault| failed(fault.to_string()))?;
        self.lock().version.clone_from(&host.version);
        desk.host = Some(host);
        Ok(())
    }

    /// Takes down how the device is, and says so where that is news.
    pub(super) fn tell(&self, condition: Condition, reason: Option<String>) {
        let mut report = self.lock();
        if !report.turn(condition, reason, Timestamp::now().unix_seconds()) {
            return;
        }
        let (name, reason) = (report.name.as_str(), report.reason.as_deref().unwrap_or_default());
        let (models, meanwhile) = (report.models.join(", "), report.meanwhile());
        match condition {
            Condition::Starting => log::debug!(accelerator = name; "accelerator {name}: starting"),
            Condition::Ready if reason.is_empty() => {
                log::info!(accelerator = name; "accelerator {name}: ready, runs {models}");
            }
            Condition::Ready => {
                log::warn!(accelerator = name; "accelerator {name}: ready, but not for all: {reason}");
            }
            Condition::Slow => log::warn!(accelerator = name; "accelerator {name}: slow: {reason}"),
            Condition::Failed => {
                log::warn!(accelerator = name; "accelerator {name}: {reason}; it is tried again, and meanwhile {meanwhile}");
            }
            Condition::Absent => {
                log::warn!(accelerator = name; "accelerator {name}: {reason}; until it is there {meanwhile}");
            }
        }
        drop(report);
        changed().notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
