//! Events through the outbox: recorded, handed out, acknowledged. `cargo bench --bench outbox [-- EVENTS FOLDER]`
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use edgecam::publish::outbox::{Entry, Limits, Outbox};
use std::time::{Duration, Instant};

/// Of one event, as `events` carries it.
const PAYLOAD: usize = 600;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let count: u64 = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(100_000);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = args.next().map_or_else(|| temporary.path().to_owned(), Into::into);
    let sync_interval = Duration::from_secs(1);
    let limits = Limits { max_bytes: 64 << 20, max_age: Duration::from_secs(86_400), sync_interval };
    let outbox = Outbox::start(folder, limits, |payload, _| payload.to_vec());
    let _ = outbox.kept("opened");

    // The broker answers at once.
    let start = Instant::now();
    let (recorded, given) = through(&outbox, count, Duration::ZERO);
    report("as fast as it goes", &outbox, count, start, recorded, given);

    // As cameras do: one at a time, each waits for the one before.
    let (start, before) = (Instant::now(), outbox.figures().bytes_written);
    let (recorded, given) = through(&outbox, 1000, Duration::from_millis(1));
    report("one a millisecond", &outbox, 1000, start, recorded, given);
    println!("  {} bytes written an event", (outbox.figures().bytes_written - before) / 1000);

    // The broker is away, comes back, and takes all.
    let start = Instant::now();
    let backlog = count / 10;
    for i in 0..backlog {
        outbox.record(event(i));
        while outbox.figures().depth + 800 < i {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
    while outbox.figures().depth < backlog {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("{backlog} events of a broker that is away: {:.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let mut taken = 0;
    while taken < backlog {
        let Some(parcel) = outbox.next() else {
            std::thread::yield_now();
            continue;
        };
        outbox.acknowledge(parcel.number);
        taken += 1;
    }
    report("and taken when it is back", &outbox, backlog, start, 0, taken);
    outbox.stop();
}

/// Records, takes and acknowledges `count` events; the sums of both.
fn through(outbox: &Outbox, count: u64, pause: Duration) -> (u64, u64) {
    let (mut recorded, mut given) = (0, 0);
    while given < count {
        while recorded < count && recorded < given + 900 {
            outbox.record(event(recorded));
            recorded += 1;
            if !pause.is_zero() {
                std::thread::sleep(pause);
                break;
            }
        }
        while let Some(parcel) = outbox.next() {
            outbox.acknowledge(parcel.number);
            given += 1;
        }
        std::thread::yield_now();
    }
    (recorded, given)
}

fn event(i: u64) -> Entry {
    let write = Box::new(move |number: u64| {
        let mut payload = format!("{{\"number\":{number},\"type\":\"update\"").into_bytes();
        payload.resize(PAYLOAD, b' ');
        payload
    });
    let (id, camera, topic) = (format!("event-{}", i / 10), "porch".to_owned(), "events".to_owned());
    Entry::Event { id, camera, topic, write, open: i % 10 != 9 }
}

fn report(what: &str, outbox: &Outbox, count: u64, start: Instant, recorded: u64, given: u64) {
    let seconds = start.elapsed().as_secs_f64();
    let figures = outbox.figures();
    println!(
        "{what}: {count} events in {seconds:.2} s, {:.0} a second; recorded {recorded}, handed out {given}, \
         dropped {}; {} bytes written, {} syncs, peak memory {}",
        count as f64 / seconds,
        figures.dropped(),
        figures.bytes_written,
        figures.syncs,
        peak()
    );
}

/// The most memory this process had.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
