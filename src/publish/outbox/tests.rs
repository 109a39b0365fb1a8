//! The outbox through its front door, on real folders.

mod faults;
mod room;

use super::clock::{Clock, Moment};
use super::*;
use std::path::Path;
use std::time::Instant;

/// A queue with short times, of a boot whose clock was never set: its numbers begin with 1.
fn open(folder: &Path, limits: Limits) -> Outbox {
    open_in("a boot", folder, limits, || Moment { up: 1000, wall_ms: 0 })
}

fn open_in(boot: &str, folder: &Path, limits: Limits, now: impl Fn() -> Moment + Send + 'static) -> Outbox {
    let retry = Duration::from_millis(50);
    let clock = Clock::new(boot.to_owned(), now);
    let close = |payload: &[u8], number: u64| {
        format!("{number}: end of {}", String::from_utf8_lossy(payload)).into_bytes()
    };
    Outbox::start_with(folder.to_owned(), limits, retry, clock, Box::new(close))
}

fn limits() -> Limits {
    Limits {
        max_bytes: 1 << 20,
        max_age: Duration::from_secs(3600),
        sync_interval: Duration::from_millis(20),
    }
}

fn event(id: &str, open: bool) -> Entry {
    let name = id.to_owned();
    let write = Box::new(move |number| format!("{number}: {name}").into_bytes());
    Entry::Event { id: id.to_owned(), camera: "porch".to_owned(), topic: "events".to_owned(), write, open }
}

fn filled(id: &str, bytes: usize, open: bool) -> Entry {
    let write = Box::new(move |_| vec![b'x'; bytes]);
    Entry::Event { id: id.to_owned(), camera: "porch".to_owned(), topic: "events".to_owned(), write, open }
}

fn picture(topic: &str, jpeg: &[u8]) -> Entry {
    Entry::Picture { topic: topic.to_owned(), jpeg: jpeg.to_vec() }
}

/// Waits for a condition.
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The next `count` entries.
fn take(outbox: &Outbox, count: usize) -> Vec<Parcel> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut parcels = Vec::new();
    while parcels.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} came: {:?}", parcels.len(), texts(&parcels));
        match outbox.next() {
            Some(parcel) => parcels.push(parcel),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    parcels
}

fn texts(parcels: &[Parcel]) -> Vec<String> {
    parcels.iter().map(|parcel| String::from_utf8_lossy(&parcel.payload).into_owned()).collect()
}

fn acknowledge(outbox: &Outbox, parcels: &[Parcel]) {
    for parcel in parcels {
        outbox.acknowledge(parcel.number);
    }
}

fn rows(folder: &Path) -> i64 {
    let db = rusqlite::Connection::open(folder.join("outbox.db")).expect("it is closed");
    db.query_row("SELECT count(*) FROM entry", [], |row| row.get(0)).expect("it is an outbox")
}

fn pictures(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("pictures")).expect("it was made").count()
}

#[test]
fn entries_come_out_in_order_and_anew_after_a_rewind() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    (0..500).for_each(|i| outbox.record(event(&i.to_string(), true)));
    let first = take(&outbox, 128);
    assert_eq!(texts(&first)[..2], ["1: 0", "2: 1"]);
    assert!(outbox.next().is_none(), "the window is out");
    acknowledge(&outbox, &first[..10]);
    outbox.rewind();
    let mut numbers = Vec::new();
    while numbers.len() < 490 {
        let parcel = take(&outbox, 1).remove(0);
        assert_eq!(&*parcel.topic, "events");
        assert!(!parcel.retain);
        outbox.acknowledge(parcel.number);
        numbers.push(parcel.number);
    }
    assert_eq!(numbers, (11..=500).collect::<Vec<u64>>());
    let figures = outbox.figures();
    assert_eq!((figures.depth, figures.bytes, figures.dropped(), figures.in_memory), (0, 0, 0, false));
    assert!(figures.bytes_written > 500 * 10, "{figures:?}");
    until("it is synced", || outbox.figures().syncs > 0);
}

#[test]
fn a_restart_keeps_what_was_not_acknowledged_and_goes_on_counting() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    outbox.record(event("a", false));
    outbox.record(picture("porch/person/snapshot", b"jpeg"));
    outbox.record(event("b", false));
    outbox.record(event("c", false));
    let parcels = take(&outbox, 4);
    assert!(parcels[1].retain && *parcels[1].payload == *b"jpeg");
    outbox.acknowledge(1);
    outbox.acknowledge(3);
    outbox.stop();
    outbox.record(event("late", false));
    assert_eq!(outbox.figures().dropped_overrun, 1);
    assert_eq!((rows(here.path()), pictures(here.path())), (2, 1));

    let outbox = open(here.path(), limits());
    assert_eq!(texts(&take(&outbox, 2)), ["jpeg", "4: c"]);
    outbox.acknowledge(2);
    outbox.acknowledge(4);
    outbox.stop();
    assert_eq!((rows(here.path()), pictures(here.path())), (0, 0));

    let outbox = open(here.path(), limits());
    outbox.record(event("d", false));
    assert_eq!(texts(&take(&outbox, 1)), ["5: d"]);
    outbox.stop();
    let outbox = open_in("the next boot", here.path(), limits(), || Moment { up: 9, wall_ms: 0 });
    outbox.record(event("e", false));
    until("it is stored", || outbox.figures().depth == 2);
    outbox.stop();
    let set = || Moment { up: 90, wall_ms: 1_780_000_000_000 };
    let outbox = open_in("the next boot", here.path(), limits(), set);
    let numbers: Vec<u64> = take(&outbox, 2).iter().map(|parcel| parcel.number).collect();
    assert_eq!(numbers, [5, 5 + 4 * 4096 + 1], "a power cut may have taken some");
    outbox.record(event("f", false));
    assert_eq!(take(&outbox, 1)[0].number, 5 + 4 * 4096 + 2, "but not within a boot");
}

#[test]
fn events_that_were_open_end_before_anything_new() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    outbox.record(event("a", true));
    outbox.record(event("b", true));
    outbox.record(event("a", true));
    outbox.record(event("b", false));
    outbox.record(event("c", true));
    let parcels = take(&outbox, 5);
    acknowledge(&outbox, &parcels[..4]);
    outbox.stop();
    let outbox = open(here.path(), limits());
    outbox.record(event("d", true));
    assert_eq!(texts(&take(&outbox, 4)), ["5: c", "6: end of 3: a", "7: end of 5: c", "8: d"]);
    outbox.stop();
    let outbox = open(here.path(), limits());
    assert_eq!(texts(&take(&outbox, 5))[3..], ["8: d", "9: end of 8: d"], "each ends once");
}

#[test]
fn a_newer_picture_takes_the_place_of_one_that_waits() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    outbox.record(picture("a", b"a1"));
    assert_eq!(texts(&take(&outbox, 1)), ["a1"]);
    // The first one is under way, and stays.
    outbox.record(picture("a", b"a2"));
    until("it is stored", || outbox.figures().depth == 2);
    outbox.record(picture("b", b"b1"));
    until("it is stored", || outbox.figures().depth == 3);
    outbox.record(picture("a", b"a3"));
    outbox.record(event("e", false));
    until("they are stored", || outbox.figures().depth == 4);
    assert_eq!(texts(&take(&outbox, 3)), ["b1", "a3", "5: e"]);
    assert_eq!(outbox.figures().bytes, 10);
    outbox.acknowledge(1);
    outbox.stop();
    assert_eq!((rows(here.path()), pictures(here.path())), (3, 2));
    let outbox = open(here.path(), limits());
    outbox.record(picture("b", b"b2"));
    until("it took its place", || outbox.figures().bytes == 8 && outbox.figures().depth == 3);
    outbox.rewind();
    assert_eq!(texts(&take(&outbox, 3)), ["a3", "5: e", "b2"]);
    assert_eq!(outbox.figures().dropped(), 0);
}

#[test]
fn small_values_survive() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    assert_eq!(outbox.kept("parked/porch"), None);
    outbox.keep("parked/porch", b"[1]".to_vec());
    outbox.keep("parked/yard", b"[2]".to_vec());
    assert_eq!(outbox.kept("parked/porch").as_deref(), Some(&b"[1]"[..]));
    outbox.stop();
    let outbox = open(here.path(), limits());
    assert_eq!(outbox.kept("parked/yard").as_deref(), Some(&b"[2]"[..]));
    outbox.keep("parked/yard", Vec::new());
    outbox.stop();
    let outbox = open(here.path(), limits());
    assert_eq!((outbox.kept("parked/porch").is_some(), outbox.kept("parked/yard")), (true, None));
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    outbox.record(event("a", true));
    outbox.keep("key", b"value".to_vec());
    take(&outbox, 1);
    std::thread::sleep(Duration::from_millis(200));
    let before = outbox.figures();
    outbox.keep("key", b"value".to_vec());
    outbox.set_limits(limits());
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(outbox.figures(), before);
}

#[tokio::test]
async fn a_task_waits_for_the_first_entry() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = Arc::new(open(here.path(), limits()));
    let other = Arc::clone(&outbox);
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        other.record(event("a", false));
    });
    tokio::time::timeout(Duration::from_secs(10), outbox.ready()).await.expect("it comes");
    assert!(outbox.next().is_some());
    late.join().expect("no panic");
    assert!(tokio::time::timeout(Duration::from_millis(50), outbox.ready()).await.is_err(), "no more");
    outbox.rewind();
    tokio::time::timeout(Duration::from_secs(10), outbox.ready()).await.expect("it comes again");
}
