//! Latencies of the stages, for `<prefix>/stats`: each keeps its newest ones in a ring of fixed size, so that
//! recording allocates nothing, and hands out percentiles an interval.

use serde::{Serialize, Serializer};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Latencies kept a stage: 30 s of 30 frames a second.
const KEPT: usize = 900;

/// A stage whose time is taken, in the order of a frame's journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the frame's time to the end of its capture.
    Capture,
    /// Into the model's input tensor.
    Preprocess,
    /// The model.
    Infer,
    /// From output tensors to detections.
    Decode,
    /// From the frame's time to its detections.
    Total,
}

/// The latencies of one camera's or one engine's stages; shared between the thread that records and the
/// task that reports.
#[derive(Debug, Default)]
pub struct Latencies([Mutex<Ring>; 5]);

/// What [`Latencies`] says about an interval; a stage that did not run is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the stages of `Stage`")]
pub struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infer: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Percentiles>,
}

/// Percentiles by nearest rank; in JSON milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half took at most this.
    #[serde(rename = "p50_ms", serialize_with = "millis")]
    pub p50: Duration,
    /// 19 of 20 took at most this.
    #[serde(rename = "p95_ms", serialize_with = "millis")]
    pub p95: Duration,
    /// The longest.
    #[serde(rename = "max_ms", serialize_with = "millis")]
    pub max: Duration,
}

impl Latencies {
    /// Notes that `stage` took `time`.
    pub fn record(&self, stage: Stage, time: Duration) {
        self.ring(stage).lock().unwrap_or_else(PoisonError::into_inner).push(time);
    }

    /// The percentiles since the last call, of the newest 900 a stage; starts anew.
    #[must_use]
    pub fn drain(&self) -> Summary {
        let of = |stage| {
            let mut times = self.ring(stage).lock().unwrap_or_else(PoisonError::into_inner).take();
            percentiles(&mut times)
        };
        Summary {
            capture: of(Stage::Capture),
            preprocess: of(Stage::Preprocess),
            infer: of(Stage::Infer),
            decode: of(Stage::Decode),
            total: of(Stage::Total),
        }
    }

    fn ring(&self, stage: Stage) -> &Mutex<Ring> {
        &self.0[stage as usize]
    }
}

/// The percentiles of `times`, which are sorted; none of none.
#[must_use]
pub fn percentiles(times: &mut [Duration]) -> Option<Percentiles> {
    times.sort_unstable();
    let max = *times.last()?;
    let rank = |percent: usize| times[(times.len() * percent).div_ceil(100).saturating_sub(1)];
    Some(Percentiles { p50: rank(50), p95: rank(95), max })
}

#[derive(Debug)]
struct Ring {
    times: Box<[Duration; KEPT]>,
    /// How many of `times` count.
    filled: usize,
    /// Where the next one goes.
    next: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self { times: Box::new([Duration::ZERO; KEPT]), filled: 0, next: 0 }
    }
}

impl Ring {
    fn push(&mut self, time: Duration) {
        self.times[self.next] = time;
        self.next = (self.next + 1) % KEPT;
        self.filled = (self.filled + 1).min(KEPT);
    }

    fn take(&mut self) -> Vec<Duration> {
        let times = self.times[..self.filled].to_vec();
        (self.filled, self.next) = (0, 0);
        times
    }
}

fn millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e5).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut times: Vec<_> = (1..=100).rev().map(ms).collect();
        assert_eq!(percentiles(&mut times), Some(Percentiles { p50: ms(50), p95: ms(95), max: ms(100) }));
        assert_eq!(percentiles(&mut [ms(7)]), Some(Percentiles { p50: ms(7), p95: ms(7), max: ms(7) }));
        assert_eq!(percentiles(&mut []), None);
    }

    #[test]
    fn an_interval_is_drained_once() {
        let latencies = Latencies::default();
        latencies.record(Stage::Infer, ms(10));
        latencies.record(Stage::Infer, ms(30));
        let summary = latencies.drain();
        assert_eq!(summary.infer.map(|p| (p.p50, p.max)), Some((ms(10), ms(30))));
        assert_eq!(summary.capture, None);
        assert_eq!(latencies.drain(), Summary::default());
    }

    #[test]
    fn a_full_ring_keeps_the_newest() {
        let latencies = Latencies::default();
        latencies.record(Stage::Total, ms(5000));
        (0..KEPT).for_each(|_| latencies.record(Stage::Total, ms(1)));
        assert_eq!(latencies.drain().total.map(|p| p.max), Some(ms(1)));
    }

    #[test]
    fn json_has_milliseconds_and_only_what_ran() {
        let latencies = Latencies::default();
        latencies.record(Stage::Decode, Duration::from_micros(1234));
        assert_eq!(
            serde_json::to_string(&latencies.drain()).expect("JSON"),
            r#"{"decode":{"p50_ms":1.23,"p95_ms":1.23,"max_ms":1.23}}"#
        );
    }
}
