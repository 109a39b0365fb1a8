//! The outbox of a process that is killed, or whose disk is looked at, at any instant.

use edgecam::publish::outbox::{Entry, Limits, Outbox};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Tells a run of this test binary to be the process that records; names the folder of both.
const FOLDER: &str = "EDGECAM_TEST_OUTBOX";

fn start(folder: &Path, sync_interval: Duration) -> Outbox {
    let limits = Limits { max_bytes: 64 << 20, max_age: Duration::from_secs(3600), sync_interval };
    Outbox::start(folder.to_owned(), limits, |_, number| format!("{number} restart").into_bytes())
}

fn entry(i: u64) -> Entry {
    if i.is_multiple_of(23) {
        let jpeg = vec![i as u8; 2000 + (i % 7) as usize * 1000];
        return Entry::Picture { topic: format!("snapshot/{}/{i}", std::process::id()), jpeg };
    }
    let write = Box::new(move |number| format!("{number} {}", "x".repeat((i % 900) as usize)).into_bytes());
    let (id, camera, topic) = (format!("e{}", i % 7), "porch".to_owned(), "events".to_owned());
    Entry::Event { id, camera, topic, write, open: !i.is_multiple_of(5) }
}

/// The process that records as fast as it can, and writes down what it was given and what it acknowledges.
#[test]
fn a_process_that_records() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut notes = OpenOptions::new().append(true).open(folder.join("notes")).expect("the parent made it");
    // Each in one piece, whenever the process is killed.
    let mut note = |line: String| notes.write_all(line.as_bytes()).expect("the folder is ours");
    let outbox = start(&folder.join("state"), Duration::from_millis(20));
    let (mut under_way, mut recorded, mut given) = (VecDeque::new(), 0, 0);
    loop {
        while recorded < given + 300 {
            recorded += 1;
            outbox.record(entry(recorded));
        }
        while let Some(parcel) = outbox.next() {
            given += 1;
            note(format!("given {}\n", parcel.number));
            under_way.push_back(parcel.number);
        }
        // Nearly in order, as brokers do.
        while under_way.len() > 80 {
            let number = under_way.remove((given % 3) as usize).expect("there are many");
            note(format!("acknowledged {number}\n"));
            outbox.acknowledge(number);
        }
    }
}

/// The recording process and what it promised.
struct Recorder {
    folder: tempfile::TempDir,
    notes: File,
    rest: String,
    given: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
    child: Option<Child>,
}

impl Recorder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes");
        File::create(&path).expect("the folder is ours");
        let notes = File::open(path).expect("it was made");
        let (given, acknowledged) = (BTreeSet::new(), BTreeSet::new());
        Self { folder, notes, rest: String::new(), given, acknowledged, child: None }
    }

    fn spawn(&mut self) {
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "outbox::a_process_that_records", "--test-threads=1"])
            .env(FOLDER, self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.expect("it runs"));
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it was started"))
    }

    /// Kills it wherever it is.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it is ours");
        }
    }

    /// Until it has been given something since.
    fn wait_for_notes(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let before = self.given.len();
        while self.given.len() == before {
            assert!(Instant::now() < deadline, "nothing was recorded");
            std::thread::sleep(Duration::from_millis(1));
            self.read_notes();
        }
    }

    fn read_notes(&mut self) {
        self.notes.read_to_string(&mut self.rest).expect("readable");
        let whole = self.rest.rfind('\n').map_or(0, |at| at + 1);
        for line in self.rest[..whole].lines() {
            let (word, number) = line.split_once(' ').expect("two words");
            let set = if word == "given" { &mut self.given } else { &mut self.acknowledged };
            set.insert(number.parse().expect("a number"));
        }
        self.rest.drain(..whole);
    }

    /// A copy of the folder: the database, its log, the pictures.
    fn image(&self) -> tempfile::TempDir {
        let image = tempfile::tempdir().expect("a folder");
        let state = self.folder.path().join("state");
        for name in ["outbox.db", "outbox.db-wal"] {
            if state.join(name).exists() {
                fs::copy(state.join(name), image.path().join(name)).expect("it is there");
            }
        }
        fs::create_dir(image.path().join("pictures")).expect("the folder is ours");
        for picture in fs::read_dir(state.join("pictures")).expect("it was made") {
            let picture = picture.expect("readable");
            let copy = image.path().join("pictures").join(picture.file_name());
            fs::copy(picture.path(), copy).expect("it is there");
        }
        image
    }

    /// Holds an image against what was promised; returns the numbers in it.
    fn check(&self, image: &Path) -> Vec<u64> {
        let db = rusqlite::Connection::open(image.join("outbox.db")).expect("it opens");
        let verdict: String =
            db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is checked");
        assert_eq!(verdict, "ok");
        let Ok(mut statement) = db.prepare("SELECT id, kind, bytes, payload FROM entry ORDER BY id") else {
            assert!(self.given.is_empty(), "the tables are gone");
            return Vec::new();
        };
        let mut rows = statement.query([]).expect("its tables");
        let mut numbers = Vec::new();
        while let Some(row) = rows.next().expect("readable") {
            let number = row.get::<_, i64>(0).expect("a number").cast_unsigned();
            if row.get::<_, i64>(1).expect("a kind") == 2 {
                let picture = image.join(format!("pictures/{number:016}.jpg"));
                let picture = fs::read(picture);
                // The file of one that was acknowledged may be gone before its row.
                if !self.acknowledged.contains(&number) {
                    let bytes: i64 = row.get(2).expect("a size");
                    assert_eq!(picture.expect("it is there").len() as i64, bytes);
                }
            } else {
                let payload: Vec<u8> = row.get(3).expect("a payload");
                assert!(payload.starts_with(format!("{number} ").as_bytes()), "{number}: another's payload");
            }
            numbers.push(number);
        }
        let present: BTreeSet<u64> = numbers.iter().copied().collect();
        let lost: Vec<&u64> =
            self.given.difference(&self.acknowledged).filter(|number| !present.contains(number)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        if let (Some(first), Some(last)) = (self.given.first(), numbers.last()) {
            let gap = (*first..*last).find(|n| !present.contains(n) && !self.acknowledged.contains(n));
            assert_eq!(gap, None, "a gap between {first} and {last}");
        }
        numbers
    }

    /// Opens an image as the next run does, and takes all of it.
    fn drain(&self, image: &Path, expected: &[u64]) {
        let outbox = start(image, Duration::from_secs(1));
        let deadline = Instant::now() + Duration::from_secs(10);
        let (mut numbers, mut quiet) = (Vec::new(), 0);
        while numbers.len() < expected.len() || quiet < 3 {
            assert!(Instant::now() < deadline, "{} of {} came", numbers.len(), expected.len());
            let Some(parcel) = outbox.next() else {
                quiet += 1;
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            quiet = 0;
            outbox.acknowledge(parcel.number);
            numbers.push(parcel.number);
        }
        // A picture that was acknowledged may have lost its file.
        let missing = outbox.figures().dropped_broken as usize;
        let known = expected.iter().filter(|number| numbers.contains(number)).count();
        assert_eq!(known + missing, expected.len());
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "out of order: {numbers:?}");
        assert!(self.given.difference(&self.acknowledged).all(|number| numbers.contains(number)));
        assert!(!outbox.figures().in_memory);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn a_kill_at_any_instant_loses_nothing_that_was_handed_out() {
    let (mut recorder, mut dice) = (Recorder::new(), Dice(7));
    for round in 0..45 {
        recorder.spawn();
        if round % 4 != 0 {
            recorder.wait_for_notes();
        }
        std::thread::sleep(Duration::from_micros(dice.below(40_000)));
        recorder.kill();
        recorder.read_notes();
        if !recorder.folder.path().join("state/outbox.db").exists() {
            continue;
        }
        let image = recorder.image();
        let numbers = recorder.check(image.path());
        if round % 6 == 5 {
            recorder.drain(image.path(), &numbers);
        }
    }
    assert!(recorder.given.len() > 1000, "{} were handed out", recorder.given.len());
}

#[test]
fn the_disk_holds_what_was_promised_at_any_instant() {
    let (mut recorder, mut dice) = (Recorder::new(), Dice(11));
    recorder.spawn();
    recorder.wait_for_notes();
    for round in 0..200 {
        std::thread::sleep(Duration::from_micros(dice.below(10_000)));
        let pid = recorder.pid();
        kill_process(pid, Signal::STOP).expect("it runs");
        waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is ours").expect("it stopped");
        recorder.read_notes();
        let image = recorder.image();
        kill_process(pid, Signal::CONT).expect("it is there");
        let numbers = recorder.check(image.path());
        if round % 8 == 7 {
            recorder.drain(image.path(), &numbers);
        }
    }
    assert!(recorder.given.len() > 1000, "{} were handed out", recorder.given.len());
}
