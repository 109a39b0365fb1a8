//! What goes when there is too much, or it is too old.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

const DAY: u64 = 86_400;
/// Some day in 2026, in Unix seconds.
const TODAY: u64 = 1_780_000_000;

#[test]
fn the_oldest_go_and_ends_last() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), Limits { max_bytes: 10_000, ..limits() });
    outbox.record(filled("end", 1000, false));
    outbox.record(picture("a", &[1; 1000]));
    (0..8).for_each(|_| outbox.record(filled("e", 1000, true)));
    until("it is full", || outbox.figures().bytes == 10_000);
    outbox.record(filled("f", 1000, true));
    until("it was made room", || outbox.figures().dropped_full == 2);
    until("it is stored", || outbox.figures().bytes == 9000);
    assert_eq!(pictures(here.path()), 0);
    let numbers: Vec<u64> = take(&outbox, 9).iter().map(|parcel| parcel.number).collect();
    assert_eq!(numbers, [1, 4, 5, 6, 7, 8, 9, 10, 11], "what waited in the window went too");
    outbox.record(filled("giant", 10_001, true));
    until("it is dropped alone", || outbox.figures().dropped_full == 3);
    outbox.set_limits(Limits { max_bytes: 500, ..limits() });
    until("nothing fits", || outbox.figures().depth == 0);
    outbox.stop();
    assert_eq!(rows(here.path()), 0);
}

#[test]
fn a_flood_is_dropped_and_counted_and_ends_come_through() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    let gate = Arc::new(std::sync::Mutex::new(()));
    let closed = gate.lock().expect("no panic");
    let (inside, entered) = (Arc::clone(&gate), Arc::new(AtomicU64::new(0)));
    let enters = Arc::clone(&entered);
    let write = Box::new(move |_| {
        enters.store(1, Ordering::Relaxed);
        drop(inside.lock());
        Vec::new()
    });
    let slow =
        Entry::Event { id: "s".into(), camera: "c".into(), topic: "events".into(), write, open: false };
    outbox.record(slow);
    until("the disk is slow", || entered.load(Ordering::Relaxed) == 1);
    (0..1100).for_each(|_| outbox.record(event("e", true)));
    outbox.record(event("e", false));
    drop(closed);
    until("all are stored", || outbox.figures().depth == 1026);
    assert_eq!(outbox.figures().dropped_overrun, 1100 - 1024);
}

#[test]
fn age_counts_within_a_boot_whatever_the_clock_does() {
    let here = tempfile::tempdir().expect("a folder");
    let (up, wall) = (Arc::new(AtomicU64::new(100)), Arc::new(AtomicU64::new(0)));
    let clock = (Arc::clone(&up), Arc::clone(&wall));
    let now = move || Moment {
        up: clock.0.load(Ordering::Relaxed),
        wall_ms: clock.1.load(Ordering::Relaxed) * 1000,
    };
    let limits = Limits { max_age: Duration::from_secs(DAY), ..limits() };
    let outbox = open_in("one", here.path(), limits, now.clone());
    outbox.record(event("a", true));
    until("it is stored", || outbox.figures().depth == 1);
    // From 1970 to today, and a look at the ages by a restart.
    wall.store(TODAY, Ordering::Relaxed);
    up.store(100 + DAY, Ordering::Relaxed);
    outbox.stop();
    let outbox = open_in("one", here.path(), limits, now.clone());
    outbox.record(event("b", true));
    until("they are stored", || outbox.figures().depth == 3);
    assert_eq!(outbox.figures().dropped(), 0, "a day is not more than a day");
    outbox.stop();
    up.store(102 + DAY, Ordering::Relaxed);
    let outbox = open_in("one", here.path(), limits, now);
    until("the first is dropped", || outbox.figures().dropped_old == 1);
    assert_eq!(outbox.figures().depth, 3, "an end came");
}

#[test]
fn over_boots_age_counts_where_both_clocks_were_set() {
    let entries_left = |written: Moment, later: Moment, settles: bool| {
        let here = tempfile::tempdir().expect("a folder");
        let limits = Limits { max_age: Duration::from_secs(DAY), ..limits() };
        let outbox = open_in("one", here.path(), limits, move || written);
        outbox.record(event("a", false));
        until("it is stored", || outbox.figures().depth == 1);
        outbox.stop();
        let calls = AtomicU64::new(0);
        let outbox = open_in("two", here.path(), limits, move || {
            // Ten minutes pass between the first look at the clock and the others.
            let passed = if calls.fetch_add(1, Ordering::Relaxed) == 0 || !settles { 0 } else { 600 };
            Moment { up: later.up + passed, wall_ms: later.wall_ms + passed * 1000 }
        });
        outbox.record(event("b", false));
        until("it is stored", || outbox.figures().depth + outbox.figures().dropped_old == 2);
        outbox.figures().depth
    };
    let at = |up, wall| Moment { up, wall_ms: wall * 1000 };
    assert_eq!(entries_left(at(50, TODAY), at(9, TODAY + DAY / 2), true), 2, "half a day");
    assert_eq!(entries_left(at(50, TODAY), at(9, TODAY + 2 * DAY), true), 1, "two days");
    assert_eq!(entries_left(at(50, TODAY), at(9, TODAY + 2 * DAY), false), 2, "the clock was just set");
    assert_eq!(entries_left(at(50, 50), at(9, TODAY), true), 2, "it was written in 1970");
    assert_eq!(entries_left(at(50, TODAY), at(9, 9), true), 2, "it is 1970 again");
    assert_eq!(entries_left(at(50, TODAY), at(9, TODAY - 9 * DAY), true), 2, "it comes from the future");
}
