//! What following costs: `cargo bench --bench tracker`. Objects walk to and fro, a tenth of the detections is
//! missing. Prints the median and the 95th percentile of an update, and its heap allocations.
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use edgecam::allocations::{Counting, on_this_thread};
use edgecam::decode::Detection;
use edgecam::geometry::NormBox;
use edgecam::track::{Settings, Tracker};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const UPDATES: u32 = 4000;
const WARM_UP: u32 = 200;

fn main() {
    println!("objects  median   p95      allocations an update");
    for objects in [5, 50] {
        let second = Duration::from_secs(1);
        let settings = Settings {
            min_hits: 3,
            max_lost: 2 * second,
            stationary_after: 10 * second,
            stationary_max_lost: 60 * second,
            remember: 86_400 * second,
        };
        let mut tracker = Tracker::new(settings);
        let (mut times, mut detections, mut allocations) = (Vec::new(), Vec::new(), 0);
        for n in 0..UPDATES {
            scene(objects, n, &mut detections);
            let (before, start) = (on_this_thread(), Instant::now());
            tracker.update(second / 10 * n, &detections, |d| d.score >= 0.5);
            let time = start.elapsed();
            if n >= WARM_UP {
                times.push(time);
                allocations += on_this_thread() - before;
            }
        }
        times.sort_unstable();
        let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
        let each = allocations as f64 / f64::from(UPDATES - WARM_UP);
        println!("{objects:>7}  {:>5.1} µs {:>5.1} µs  {each:.3}", at(50), at(95));
    }
}

/// Objects in rows, each on its own way.
fn scene(objects: u32, n: u32, detections: &mut Vec<Detection>) {
    detections.clear();
    for i in 0..objects {
        if (n * 7 + i * 13).is_multiple_of(10) {
            continue;
        }
        let swing = (n as f32 / 40.0 + i as f32).sin() * 0.08;
        let (column, row) = (i % 10, i / 10);
        let x = 0.05 + column as f32 * 0.1 + swing;
        let b = NormBox::around(x, 0.1 + row as f32 * 0.18, 0.06, 0.15).clamped();
        detections.push(Detection::new((i % 3) as usize, 0.4 + 0.01 * ((n + i) % 50) as f32, b));
    }
}
