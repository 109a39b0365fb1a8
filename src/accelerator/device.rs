//! One accelerator that models and cameras share: its process is started, watched over and started again by a
//! thread of its own, so that whoever has a frame never waits for more than the frames of others.

use super::host::{Fault, Host, Load};
use super::state::{Condition, Kind, Report};
use super::turns::{Turn, Turns};
use super::wire::Frame;
use super::{Plugin, changed};
use crate::back_off::{BackOff, Delays};
use crate::frame::Timestamp;
use crate::infer::TensorSpec;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Between two looks at a process that has nothing to do, and at whether a device is plugged in.
const TICK: Duration = Duration::from_millis(500);
/// The waits between attempts: a device that is back is in use again within five seconds.
const ATTEMPTS: BackOff = BackOff { first: Duration::from_millis(200), cap: Duration::from_secs(3) };
/// Who works for so long has recovered.
const RECOVERED_AFTER: Duration = Duration::from_secs(30);
/// A frame may take this much, or a model's usual time so many times over.
const DEADLINE: Duration = Duration::from_secs(1);
const USUAL_TIMES: u32 = 5;
/// A model that takes so much longer than at first, and at least so long, is slow; and is not any more below the
/// second.
const SLOW_TIMES: [u64; 2] = [4, 3];
const SLOW_AT_LEAST: Duration = Duration::from_millis(20);

/// Which plugin runs models now, none being the processor; the error is why the device is not there, as far as can
/// be told without touching it.
pub type Found = Box<dyn Fn() -> Result<Option<Plugin>, String> + Send + Sync>;

/// Which accelerator.
pub struct Spec {
    /// For people: `usb:0`, or a plugin's file name.
    pub name: String,
    /// What kind.
    pub kind: Kind,
    /// LiteRT.
    pub library: PathBuf,
    /// Looks for it before each start of its process.
    pub find: Found,
    /// Where it is reset, at USB.
    pub node: Option<Box<dyn Fn() -> Option<PathBuf> + Send + Sync>>,
}

/// The accelerator.
pub struct Device {
    spec: Spec,
    desk: Turns<Desk>,
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
struct Desk {
    host: Option<Host>,
    /// Did not do what it should.
    broken: Option<(Host, Fault)>,
    models: BTreeMap<u32, Arc<Entry>>,
}

/// A model on the accelerator.
#[derive(Debug)]
pub struct Entry {
    load: Load,
    /// For people.
    name: String,
    tensors: Tensors,
    /// The process has it.
    serves: AtomicBool,
    /// How long a run took at first, and takes now, in µs.
    usual_us: AtomicU64,
    recent_us: AtomicU64,
}

/// What a model's tensors must be like, and where they lie.
#[derive(Debug)]
pub struct Tensors {
    /// The picture.
    pub input: TensorSpec,
    /// The answer.
    pub outputs: Vec<TensorSpec>,
    /// The memory.
    pub memory: OwnedFd,
}

/// Wakes the thread that looks after the device.
#[derive(Debug, Default)]
struct Alarm {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Alarm {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    fn wait(&self, time: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(rung, time, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

impl Device {
    /// Begins to look after it. The thread ends when nobody has the device any more.
    pub fn start(spec: Spec) -> std::io::Result<Arc<Self>> {
        let alarm = Arc::<Alarm>::default();
        let report = Mutex::new(Report::new(&spec.name, spec.kind));
        let device = Arc::new(Self {
            desk: Turns::default(),
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

    /// For people.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Has the device run a model from now on, as soon as it can.
    pub fn add(&self, name: &str, files: Vec<PathBuf>, threads: usize, tensors: Tensors) -> Arc<Entry> {
        let id = self.numbers.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry {
            load: Load { id, files, threads },
            name: name.to_owned(),
            tensors,
            serves: AtomicBool::new(false),
            usual_us: AtomicU64::new(0),
            recent_us: AtomicU64::new(0),
        });
        self.ready.store(false, Ordering::Release);
        self.desk.take().models.insert(id, Arc::clone(&entry));
        self.alarm.ring();
        entry
    }

    /// Has it forget a model.
    pub fn remove(&self, entry: &Entry) {
        let mut desk = self.desk.take();
        desk.models.remove(&entry.load.id);
        if entry.serves.load(Ordering::Relaxed)
            && let Some(Err(fault)) = desk.host.as_mut().map(|host| host.unload(entry.load.id))
        {
            self.give_up(&mut desk, fault);
        }
    }

    /// What the tensors of a model are that runs on this device and nowhere else.
    pub fn probe(&self, files: Vec<PathBuf>, threads: usize) -> Result<(TensorSpec, Vec<TensorSpec>), Fault> {
        let load = Load { id: self.numbers.fetch_add(1, Ordering::Relaxed), files, threads };
        let mut desk = self.desk.take();
        let mut host = match desk.host.take() {
            Some(host) => host,
            None => self.start_host((self.spec.find)().map_err(Fault::Refused)?.as_ref())?,
        };
        let found = host.load(&load);
        if matches!(found, Ok(_) | Err(Fault::Refused(_))) {
            desk.host = Some(host);
        }
        found
    }

    /// Waits until the process has the model; the error is why it has not.
    pub fn wait(&self, entry: &Entry, time: Duration) -> Result<(), String> {
        let deadline = Instant::now() + time;
        while !entry.serves.load(Ordering::Acquire) {
            let report = self.report();
            if report.attempts > 0 || Instant::now() >= deadline {
                return Err(report.reason.unwrap_or_else(|| format!("it is not ready after {time:?}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Has the model look at the picture in `slot`. The error is why it did not: at once where the device is busy
    /// with something else, or not there.
    pub fn look(&self, entry: &Entry, slot: u32) -> Result<(), Fault> {
        let looked = self.try_to_look(entry, slot);
        self.frames[usize::from(looked.is_err())].fetch_add(1, Ordering::Relaxed);
        looked
    }

    fn try_to_look(&self, entry: &Entry, slot: u32) -> Result<(), Fault> {
        let away = || Err(Fault::Refused("it is not ready".to_owned()));
        if !(self.ready.load(Ordering::Acquire) && entry.serves.load(Ordering::Acquire)) {
            return away();
        }
        let mut desk = self.desk.take();
        let Some(host) = desk.host.as_mut().filter(|_| self.ready.load(Ordering::Acquire)) else {
            return away();
        };
        let started = Instant::now();
        let usual = Duration::from_micros(entry.usual_us.load(Ordering::Relaxed));
        match host.run(Frame { id: entry.load.id, slot }, DEADLINE.max(usual * USUAL_TIMES)) {
            Ok(()) => {
                entry.took(started.elapsed());
                Ok(())
            }
            Err(fault) => {
                self.give_up(&mut desk, fault.clone());
                Err(fault)
            }
        }
    }

    /// What an answer of it was found to be no use for.
    pub fn distrust(&self, why: String) {
        self.give_up(&mut self.desk.take(), Fault::Refused(why));
    }

    /// How it is.
    pub fn report(&self) -> Report {
        let frames = self.frames.each_ref().map(|count| count.load(Ordering::Relaxed));
        Report { frames, ..self.lock().clone() }
    }

    /// Leaves the process to the thread that looks after it.
    fn give_up(&self, desk: &mut Turn<'_, Desk>, fault: Fault) {
        self.ready.store(false, Ordering::Release);
        desk.models.values().for_each(|entry| entry.serves.store(false, Ordering::Release));
        if let Some(host) = desk.host.take() {
            desk.broken = Some((host, fault));
        }
        self.alarm.ring();
    }

    fn start_host(&self, plugin: Option<&Plugin>) -> Result<Host, Fault> {
        let host = Host::start(&self.spec.name, &self.spec.library, plugin)?;
        self.lock().version.clone_from(&host.version);
        Ok(host)
    }

    fn tell(&self, condition: Condition, reason: Option<String>) {
        let mut report = self.lock();
        if !report.turn(condition, reason, Timestamp::now().unix_seconds()) {
            return;
        }
        let (name, models) = (report.name.as_str(), report.models.join(", "));
        let reason = report.reason.as_deref().unwrap_or_default();
        match condition {
            Condition::Starting => log::debug!(accelerator = name; "accelerator {name}: starting"),
            Condition::Ready => log::info!(accelerator = name; "accelerator {name}: ready, runs {models}"),
            Condition::Slow => log::warn!(accelerator = name; "accelerator {name}: slow: {reason}"),
            Condition::Failed => {
                log::warn!(accelerator = name; "accelerator {name}: {reason}; it is tried again, and meanwhile the processor runs {models}");
            }
            Condition::Absent => {
                log::warn!(accelerator = name; "accelerator {name}: {reason}; the processor runs {models} until it is there");
            }
        }
        drop(report);
        changed().notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be done now: end a process that is broken, start one, give it the models it has not.
    fn tend(&self, care: &mut Care) {
        let mut desk = self.desk.take();
        self.lock().models = desk.models.values().map(|entry| entry.name.clone()).collect();
        if let Some(fault) = desk.host.as_mut().and_then(Host::died) {
            self.give_up(&mut desk, fault);
        }
        if let Some((mut host, fault)) = desk.broken.take() {
            let gone = host.kill();
            let stuck = if gone { "" } else { "; its process hangs in the kernel, unplug the device" };
            self.tell(Condition::Failed, Some(format!("{fault}{stuck}")));
            if !gone {
                desk.broken = Some((host, fault));
                return;
            }
            drop(desk);
            care.failed();
            self.reset(&fault);
            return;
        }
        if desk.models.is_empty() || (desk.host.is_none() && !care.is_time()) {
            return;
        }
        if desk.host.is_none() {
            let plugin = match (self.spec.find)() {
                Ok(plugin) => plugin,
                Err(why) => {
                    self.tell(Condition::Absent, Some(why));
                    self.lock().attempts += 1;
                    return;
                }
            };
            self.tell(Condition::Starting, None);
            match self.start_host(plugin.as_ref()) {
                Ok(host) => desk.host = Some(host),
                Err(fault) => return self.fail(care, &fault),
            }
        }
        let mut refused = None;
        let waiting: Vec<_> = desk.models.values().filter(|entry| !entry.serves()).cloned().collect();
        for entry in &waiting {
            let Some(host) = desk.host.as_mut() else { return };
            match entry.hand_to(host) {
                Ok(()) => {}
                Err(Fault::Refused(why)) => refused = Some(Fault::Refused(why)),
                Err(fault) => {
                    desk.host = None;
                    self.give_up(&mut desk, fault.clone());
                    return self.fail(care, &fault);
                }
            }
        }
        if let Some(fault) = refused.take_if(|_| !desk.models.values().any(|entry| entry.serves())) {
            desk.host = None;
            return self.fail(care, &fault);
        }
        if !self.ready.swap(true, Ordering::AcqRel) || !waiting.is_empty() {
            care.works();
        }
        let slow = desk.models.values().find_map(|entry| entry.slow(self.lock().condition));
        match (slow, refused) {
            (Some(how), _) => self.tell(Condition::Slow, Some(how)),
            (None, refused) => self.tell(Condition::Ready, refused.map(|fault| fault.to_string())),
        }
        care.goes_on();
    }

    fn fail(&self, care: &mut Care, fault: &Fault) {
        self.lock().attempts += 1;
        self.tell(Condition::Failed, Some(fault.to_string()));
        care.failed();
    }

    /// Plugs a device at USB out and in again, where that is permitted.
    fn reset(&self, fault: &Fault) {
        let Some(node) = self.spec.node.as_ref().and_then(|node| node()) else { return };
        if matches!(fault, Fault::Refused(_)) {
            return;
        }
        let name = self.name();
        match crate::infer::usb::reset(&node) {
            Ok(()) => log::info!(accelerator = name; "accelerator {name}: reset at {}", node.display()),
            Err(e) => {
                log::info!(accelerator = name; "accelerator {name}: not reset at {}: {e}", node.display())
            }
        }
    }
}

impl Entry {
    fn serves(&self) -> bool {
        self.serves.load(Ordering::Acquire)
    }

    /// Loads the model into a process that has it not.
    fn hand_to(&self, host: &mut Host) -> Result<(), Fault> {
        let (input, outputs) = host.load(&self.load)?;
        if let Some(why) = self.tensors.misfit(&input, &outputs) {
            return Err(Fault::Refused(format!("model {}: {why}", self.name)));
        }
        let took = host.bind(self.tensors.memory.as_fd())?;
        let took = took.as_micros() as u64;
        self.usual_us.store(took, Ordering::Relaxed);
        self.recent_us.store(took, Ordering::Relaxed);
        self.serves.store(true, Ordering::Release);
        Ok(())
    }

    /// A mean of the last runs, the newest of them counting an eighth.
    fn took(&self, time: Duration) {
        let before = self.recent_us.load(Ordering::Relaxed);
        let now = (before * 7 + time.as_micros() as u64) / 8;
        self.recent_us.store(now, Ordering::Relaxed);
    }

    /// How slow it is, if it is.
    fn slow(&self, before: Condition) -> Option<String> {
        let (usual, recent) = (self.usual_us.load(Ordering::Relaxed), self.recent_us.load(Ordering::Relaxed));
        let times = SLOW_TIMES[usize::from(before == Condition::Slow)];
        let slow = recent > usual * times && recent > SLOW_AT_LEAST.as_micros() as u64;
        let ms = |us: u64| us as f64 / 1000.0;
        slow.then(|| {
            format!(
                "model {} takes {:.0} ms a frame, {:.1} ms at first; it may be hot, or at a slow port",
                self.name,
                ms(recent),
                ms(usual)
            )
        })
    }
}

impl Tensors {
    /// Why a model with other tensors can't stand in for the one these are of.
    fn misfit(&self, input: &TensorSpec, outputs: &[TensorSpec]) -> Option<String> {
        let alike = |a: &TensorSpec, b: &TensorSpec| {
            (a.element, &a.shape, a.quantization) == (b.element, &b.shape, b.quantization)
        };
        let describe =
            |spec: &TensorSpec| format!("{:?} {:?} {:?}", spec.element, spec.shape, spec.quantization);
        if self.outputs.len() != outputs.len() {
            return Some(format!("it has {} outputs, its CPU twin {}", outputs.len(), self.outputs.len()));
        }
        let ours = std::iter::once(&self.input).chain(&self.outputs);
        let differs = ours.zip(std::iter::once(input).chain(outputs)).find(|(a, b)| !alike(a, b))?;
        let (twin, model) = differs;
        Some(format!(
            "its tensor {} is {}, its CPU twin's {}; the twin is another model",
            model.name,
            describe(model),
            describe(twin)
        ))
    }
}

/// When the next attempt is due.
struct Care {
    delays: Delays,
    next: Instant,
    working_since: Option<Instant>,
}

impl Default for Care {
    fn default() -> Self {
        Self { delays: ATTEMPTS.delays(), next: Instant::now(), working_since: None }
    }
}

impl Care {
    fn is_time(&self) -> bool {
        Instant::now() >= self.next
    }

    fn failed(&mut self) {
        self.working_since = None;
        self.next = Instant::now() + self.delays.next_delay();
    }

    fn works(&mut self) {
        self.working_since = Some(Instant::now());
    }

    fn goes_on(&mut self) {
        if self.working_since.is_some_and(|since| since.elapsed() >= RECOVERED_AFTER) {
            *self = Self::default();
        }
    }

    /// How long nothing is to be done.
    fn rest(&self) -> Duration {
        let due = self.next.saturating_duration_since(Instant::now());
        if due.is_zero() { TICK } else { due.min(TICK) }
    }
}

/// The thread of a device.
fn look_after(device: &Weak<Device>, alarm: &Alarm) {
    let mut care = Care::default();
    loop {
        alarm.wait(care.rest());
        let Some(device) = device.upgrade() else { return };
        device.tend(&mut care);
    }
}

/// The devices of this process, by what makes each another one.
static DEVICES: Mutex<Vec<(String, Weak<Device>)>> = Mutex::new(Vec::new());

/// The device that is known as `key`: the one that others have, or a new one of `spec`.
pub fn shared(key: &str, spec: Spec) -> std::io::Result<Arc<Device>> {
    let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    devices.retain(|(_, device)| device.strong_count() > 0);
    if let Some(device) = devices.iter().find(|(k, _)| k == key).and_then(|(_, device)| device.upgrade()) {
        return Ok(device);
    }
    let device = Device::start(spec)?;
    devices.push((key.to_owned(), Arc::downgrade(&device)));
    Ok(device)
}

/// All that are in use, by name.
pub fn reports() -> Vec<Report> {
    let devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut reports: Vec<_> =
        devices.iter().filter_map(|(_, device)| device.upgrade()).map(|device| device.report()).collect();
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    reports
}
