//! A model on an accelerator: what its process is told of it, whether it has it, and how long it takes.

use super::host::{Fault, Host, Load};
use super::state::Condition;
use crate::infer::TensorSpec;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A frame may take this much, or a model's usual time so many times over.
const DEADLINE: Duration = Duration::from_secs(1);
const USUAL_TIMES: u32 = 5;
/// But no more: whoever has a frame is watched over, too.
const MOST: Duration = Duration::from_secs(10);
/// The usual time is the mean of so many.
const FIRST: u64 = 32;
/// What a process refused is not tried again before, and not before the second when it refused it again: an attempt
/// takes the accelerator from the other models.
const REFUSED_FOR: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(600)];
/// A model that takes so much longer than at first, and at least so long, is slow; and is not any more below the
/// second.
const SLOW_TIMES: [u64; 2] = [4, 3];
const SLOW_AT_LEAST_US: u64 = 20_000;

/// The model.
#[derive(Debug)]
pub struct Entry {
    /// As the process is told.
    pub load: Load,
    /// For people.
    pub name: String,
    /// Whether a twin stands in for it.
    pub has_twin: bool,
    tensors: Tensors,
    /// The process has it.
    serves: AtomicBool,
    /// Why the process refused it, and until when that holds.
    refused: Mutex<Option<(Instant, String)>>,
    /// How long a run took at first, and takes now, in µs.
    usual_us: AtomicU64,
    recent_us: AtomicU64,
    /// The frames that count for the first of the two.
    first: AtomicU64,
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

impl Entry {
    /// A model that no process has yet.
    pub fn new(name: &str, load: Load, tensors: Tensors, has_twin: bool) -> Self {
        Self {
            load,
            name: name.to_owned(),
            has_twin,
            tensors,
            serves: AtomicBool::new(false),
            refused: Mutex::new(None),
            usual_us: AtomicU64::new(0),
            recent_us: AtomicU64::new(0),
            first: AtomicU64::new(0),
        }
    }

    /// Whether the process has it.
    pub fn serves(&self) -> bool {
        self.serves.load(Ordering::Acquire)
    }

    /// The process is gone.
    pub fn lose(&self) {
        self.serves.store(false, Ordering::Release);
        *self.refusal() = None;
    }

    /// Why the process refused it, not long ago.
    pub fn refused(&self) -> Option<String> {
        let refused = self.refusal();
        refused.as_ref().filter(|(until, _)| Instant::now() < *until).map(|(_, why)| why.clone())
    }

    /// Whether it is to be loaded.
    pub fn waits(&self) -> bool {
        !self.serves() && self.refused().is_none()
    }

    fn refusal(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the model into a process that has it not.
    pub fn hand_to(&self, host: &mut Host, within: Duration) -> Result<(), Fault> {
        let handed = self.try_to_hand_to(host, within);
        if let Err(Fault::Refused(why)) = &handed {
            self.refuse(why);
        }
        handed
    }

    fn refuse(&self, why: &str) {
        let mut refused = self.refusal();
        let time = REFUSED_FOR[usize::from(refused.is_some())];
        *refused = Some((Instant::now() + time, why.to_owned()));
    }

    fn try_to_hand_to(&self, host: &mut Host, within: Duration) -> Result<(), Fault> {
        let (input, outputs) = host.load(&self.load, within)?;
        if let Some(why) = self.tensors.misfit(&input, &outputs) {
            host.unload(self.load.id)?;
            return Err(Fault::Refused(format!("model {}: {why}", self.name)));
        }
        let took = host.bind(self.tensors.memory.as_fd(), within)?;
        let took = took.as_micros() as u64;
        self.usual_us.store(took, Ordering::Relaxed);
        self.recent_us.store(took, Ordering::Relaxed);
        self.first.store(1, Ordering::Relaxed);
        self.serves.store(true, Ordering::Release);
        Ok(())
    }

    /// Has the next frames tell its usual time.
    pub fn measure_anew(&self) {
        self.first.store(0, Ordering::Relaxed);
    }

    /// How long a frame may take.
    pub fn deadline(&self) -> Duration {
        let usual = Duration::from_micros(self.usual_us.load(Ordering::Relaxed));
        (usual * USUAL_TIMES).clamp(DEADLINE, MOST)
    }

    /// Takes down how long a frame took: a mean of the last ones, the newest of them counting an eighth.
    pub fn took(&self, time: Duration) {
        let (time, n) = (time.as_micros() as u64, self.first.load(Ordering::Relaxed));
        let before = if n == 0 { time } else { self.recent_us.load(Ordering::Relaxed) };
        self.recent_us.store((before * 7 + time) / 8, Ordering::Relaxed);
        if n < FIRST {
            // Not the trial alone: what shares the accelerator slows the frames.
            let usual = self.usual_us.load(Ordering::Relaxed);
            self.usual_us.store((usual * n + time) / (n + 1), Ordering::Relaxed);
            self.first.store(n + 1, Ordering::Relaxed);
        }
    }

    /// How slow it is, if it is; `before` is how its device was.
    pub fn slow(&self, before: Condition) -> Option<String> {
        let (usual, recent) = (self.usual_us.load(Ordering::Relaxed), self.recent_us.load(Ordering::Relaxed));
        let times = SLOW_TIMES[usize::from(before == Condition::Slow)];
        let ms = |us: u64| us as f64 / 1000.0;
        (recent > usual * times && recent > SLOW_AT_LEAST_US).then(|| {
            format!(
                "model {} takes {:.0} ms a frame, {:.1} ms at first; the accelerator may be hot, at a slow port, or busy with other models",
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
        let like = |spec: &TensorSpec| (spec.element, spec.shape.clone(), spec.quantization);
        let describe = |spec: &TensorSpec| {
            let quantization =
                spec.quantization.map(|q| format!(", scale {}, zero point {}", q.scale, q.zero_point));
            format!("{:?} {:?}{}", spec.element, spec.shape, quantization.unwrap_or_default())
        };
        if self.outputs.len() != outputs.len() {
            return Some(format!("it has {} outputs, its CPU twin {}", outputs.len(), self.outputs.len()));
        }
        let ours = std::iter::once(&self.input).chain(&self.outputs);
        let theirs = std::iter::once(input).chain(outputs);
        let (twin, model) = ours.zip(theirs).find(|(a, b)| like(a) != like(b))?;
        Some(format!(
            "its tensor {} is {}, its CPU twin's {}: the twin is another model",
            model.name,
            describe(model),
            describe(twin)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{ElementType, Quantization};

    fn spec(shape: &[usize]) -> TensorSpec {
        let quantization = Some(Quantization { scale: 0.5, zero_point: 3 });
        TensorSpec { name: "t".to_owned(), element: ElementType::U8, shape: shape.to_vec(), quantization }
    }

    fn tensors() -> Tensors {
        let memory = std::fs::File::open("/dev/null").expect("it is there").into();
        Tensors { input: spec(&[1, 4]), outputs: vec![spec(&[1, 2])], memory }
    }

    #[test]
    fn a_twin_with_other_tensors_is_another_model() {
        let ours = tensors();
        assert_eq!(ours.misfit(&spec(&[1, 4]), &[spec(&[1, 2])]), None);
        let named = TensorSpec { name: "other".to_owned(), ..spec(&[1, 2]) };
        assert_eq!(ours.misfit(&spec(&[1, 4]), &[named]), None, "names are of no account");
        for (input, outputs) in [
            (spec(&[1, 5]), vec![spec(&[1, 2])]),
            (spec(&[1, 4]), vec![]),
            (spec(&[1, 4]), vec![TensorSpec { quantization: None, ..spec(&[1, 2]) }]),
            (spec(&[1, 4]), vec![TensorSpec { element: ElementType::I8, ..spec(&[1, 2]) }]),
        ] {
            assert!(ours.misfit(&input, &outputs).is_some(), "{input:?} {outputs:?}");
        }
    }

    #[test]
    fn what_was_refused_twice_waits_long() {
        let entry = Entry::new("m", Load { id: 0, files: Vec::new(), threads: 1 }, tensors(), true);
        assert!(entry.waits());
        for time in [REFUSED_FOR[0], REFUSED_FOR[1], REFUSED_FOR[1]] {
            let before = Instant::now();
            entry.refuse("it is another model");
            assert!(!entry.waits() && entry.refused().as_deref() == Some("it is another model"));
            let (until, _) = entry.refusal().clone().expect("it was refused");
            assert!(until >= before + time && until <= Instant::now() + time);
        }
        entry.lose();
        assert!(entry.waits(), "another process may take it");
    }

    #[test]
    fn slow_is_much_longer_than_at_first() {
        let load = Load { id: 0, files: Vec::new(), threads: 1 };
        let entry = Entry::new("m", load, tensors(), true);
        entry.usual_us.store(7_000, Ordering::Relaxed);
        entry.recent_us.store(7_000, Ordering::Relaxed);
        entry.first.store(FIRST, Ordering::Relaxed);
        assert_eq!(entry.deadline(), DEADLINE);
        (0..100).for_each(|_| entry.took(Duration::from_millis(24)));
        assert_eq!(entry.slow(Condition::Ready), None);
        assert!(entry.slow(Condition::Slow).is_some(), "not quick enough again");
        (0..100).for_each(|_| entry.took(Duration::from_millis(40)));
        assert!(entry.slow(Condition::Ready).expect("slow").contains("takes 40 ms a frame, 7.0 ms at first"));
        entry.measure_anew();
        entry.took(Duration::from_millis(5));
        assert_eq!(entry.slow(Condition::Ready), None, "it was, with another model");
        entry.usual_us.store(400_000, Ordering::Relaxed);
        assert_eq!(entry.deadline(), Duration::from_secs(2));
        entry.usual_us.store(4_000_000, Ordering::Relaxed);
        assert_eq!(entry.deadline(), MOST);
    }

    #[test]
    fn the_usual_time_is_that_of_the_first_frames() {
        let entry = Entry::new("m", Load { id: 0, files: Vec::new(), threads: 1 }, tensors(), true);
        entry.usual_us.store(2_000, Ordering::Relaxed);
        entry.first.store(1, Ordering::Relaxed);
        (0..200).for_each(|n| entry.took(Duration::from_millis(if n < 100 { 30 } else { 60 })));
        let usual = entry.usual_us.load(Ordering::Relaxed);
        assert!((28_000..=30_000).contains(&usual), "{usual}");
    }
}
