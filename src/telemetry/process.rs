//! Figures of this process. Its children (rpicam-vid, ffmpeg) are not in them.

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Samples the process; CPU time is counted from one sample to the next.
#[derive(Debug)]
pub struct Process {
    start: Instant,
    last: Instant,
    last_cpu: Duration,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Share of CPU time since the last sample, in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory in bytes; absent where the kernel does not say.
    pub memory_bytes: Option<u64>,
    /// Seconds since the process began to be sampled.
    pub uptime_s: u64,
}

impl Default for Process {
    fn default() -> Self {
        let now = Instant::now();
        Self { start: now, last: now, last_cpu: cpu_time() }
    }
}

impl Process {
    /// The figures now.
    pub fn sample(&mut self) -> Figures {
        let (now, cpu) = (Instant::now(), cpu_time());
        let cpu_percent = percent(cpu.saturating_sub(self.last_cpu), now - self.last);
        (self.last, self.last_cpu) = (now, cpu);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Figures { cpu_percent, memory_bytes: resident(&status), uptime_s: (now - self.start).as_secs() }
    }
}

/// CPU time of all threads of this process, finer than the ticks of `/proc/self/stat`.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// To one decimal.
fn percent(cpu: Duration, wall: Duration) -> f64 {
    if wall.is_zero() { 0.0 } else { (cpu.as_secs_f64() / wall.as_secs_f64() * 1000.0).round() / 10.0 }
}

/// Resident memory now, in bytes.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    resident(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmRSS` of `/proc/<pid>/status`, in bytes.
fn resident(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident("Name:\tedgecam\nVmRSS:\t   31540 kB\nRssAnon:\t1 kB\n"), Some(31540 * 1024));
        assert_eq!(resident("Name:\tkthreadd\n"), None);
        assert_eq!(resident("VmRSS:\tmuch\n"), None);
    }

    #[test]
    fn cpu_is_a_share_of_one_core() {
        assert_eq!(percent(Duration::from_millis(1500), Duration::from_secs(1)).to_bits(), 150f64.to_bits());
        assert_eq!(percent(Duration::from_millis(1), Duration::ZERO).to_bits(), 0f64.to_bits());
    }

    #[test]
    fn work_shows_in_the_next_sample() {
        let mut process = Process::default();
        let until = Instant::now() + Duration::from_millis(60);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let figures = process.sample();
        assert!(figures.cpu_percent > 5.0, "{figures:?}");
        assert!(figures.memory_bytes.is_some_and(|bytes| bytes > 500_000), "{figures:?}");
    }
}
