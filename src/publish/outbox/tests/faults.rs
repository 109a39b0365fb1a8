//! Disks that fail.

use super::*;
use std::fs;
use std::process::Command;

#[test]
fn a_folder_that_can_not_be_used_is_tried_again() {
    let here = tempfile::tempdir().expect("a folder");
    let folder = here.path().join("state");
    fs::write(&folder, "in the way").expect("the folder is ours");
    let outbox = open(&folder, limits());
    assert_eq!(outbox.kept("key"), None);
    outbox.keep("key", b"value".to_vec());
    outbox.record(event("a", true));
    outbox.record(picture("p", b"jpeg"));
    outbox.record(event("b", true));
    let parcels = take(&outbox, 3);
    assert!(outbox.figures().in_memory);
    outbox.acknowledge(parcels[0].number);
    fs::remove_file(&folder).expect("it is there");
    until("it is used", || !outbox.figures().in_memory);
    assert_eq!(outbox.figures().depth, 2);
    outbox.record(event("c", false));
    assert_eq!(texts(&take(&outbox, 1)), ["4: c"]);
    outbox.rewind();
    assert_eq!(texts(&take(&outbox, 3)), ["jpeg", "3: b", "4: c"]);
    outbox.stop();
    let outbox = open(&folder, limits());
    assert_eq!(texts(&take(&outbox, 5))[3..], ["5: end of 1: a", "6: end of 3: b"]);
    assert_eq!(outbox.kept("key").as_deref(), Some(&b"value"[..]));
}

#[test]
fn a_folder_found_late_has_its_entries_go_first() {
    let here = tempfile::tempdir().expect("a folder");
    let (folder, away) = (here.path().join("state"), here.path().join("away"));
    let outbox = open(&folder, limits());
    outbox.record(event("old", true));
    outbox.record(picture("p", b"old"));
    take(&outbox, 2);
    outbox.stop();
    fs::rename(&folder, &away).expect("the folder is ours");
    fs::write(&folder, "in the way").expect("the folder is ours");
    let outbox = open(&folder, limits());
    outbox.record(event("new", true));
    outbox.record(event("newer", true));
    until("they are held", || outbox.figures().depth == 2);
    assert!(outbox.figures().in_memory);
    fs::remove_file(&folder).expect("it is there");
    fs::rename(&away, &folder).expect("the folder is ours");
    until("it is used", || !outbox.figures().in_memory);
    let parcels = take(&outbox, 5);
    assert_eq!(texts(&parcels), ["1: old", "old", "3: end of 1: old", "1: new", "2: newer"]);
    let numbers: Vec<u64> = parcels.iter().map(|parcel| parcel.number).collect();
    assert_eq!(numbers, [1, 2, 4 - 1, 4, 5], "taken numbers are given anew");
    assert_eq!(outbox.figures().depth, 5);
}

#[test]
fn a_second_process_keeps_to_memory_until_the_first_ends() {
    let here = tempfile::tempdir().expect("a folder");
    let first = open(here.path(), limits());
    first.record(event("a", false));
    take(&first, 1);
    let second = open(here.path(), limits());
    second.record(event("b", false));
    assert_eq!(texts(&take(&second, 1)), ["1: b"]);
    assert!(second.figures().in_memory && !first.figures().in_memory);
    second.acknowledge(1);
    first.acknowledge(1);
    first.stop();
    until("it takes over", || !second.figures().in_memory);
    second.record(event("c", false));
    assert_eq!(texts(&take(&second, 1)), ["2: c"]);
}

#[test]
fn a_damaged_database_is_moved_aside() {
    let here = tempfile::tempdir().expect("a folder");
    let database = here.path().join("outbox.db");
    let outbox = open(here.path(), limits());
    (0..200).for_each(|i| outbox.record(filled(&i.to_string(), 200, false)));
    outbox.record(picture("p", b"jpeg"));
    until("they are stored", || outbox.figures().depth == 201);
    outbox.stop();
    let good = fs::read(&database).expect("it is closed");
    let mut garbled = good.clone();
    garbled[4096 * 3..4096 * 6].fill(0x55);
    let newer = {
        let mut newer = good.clone();
        newer[60..64].copy_from_slice(&9_u32.to_be_bytes());
        newer
    };
    let cut = good[..good.len() - 5000].to_vec();
    let cases = [
        (garbled, ".damaged"),
        (b"no database at all".repeat(300), ".damaged"),
        (cut, ".damaged"),
        (newer, ".newer"),
    ];
    for (bytes, suffix) in cases {
        let aside = here.path().join(format!("outbox.db{suffix}"));
        fs::write(&database, &bytes).expect("the folder is ours");
        let outbox = open(here.path(), limits());
        outbox.record(event("a", false));
        assert_eq!(texts(&take(&outbox, 1)), ["1: a"]);
        assert_eq!(fs::read(&aside).expect("it is kept").len(), bytes.len());
        assert_eq!(pictures(here.path()), 0, "they had no rows");
        outbox.stop();
        assert_eq!(rows(here.path()), 1);
    }
}

#[test]
fn orphans_go_and_rows_without_a_picture() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(here.path(), limits());
    outbox.record(picture("a", b"a"));
    outbox.record(picture("b", b"b"));
    outbox.record(picture("c", b"c"));
    outbox.record(event("e", false));
    take(&outbox, 4);
    outbox.stop();
    let file = |name: &str| here.path().join("pictures").join(name);
    fs::remove_file(file("0000000000000001.jpg")).expect("it is there");
    fs::write(file("0000000000000002.jpg"), "").expect("the folder is ours");
    fs::write(file("0000000000000009.jpg"), "x").expect("the folder is ours");
    fs::write(file("0000000000000003.part"), "x").expect("the folder is ours");
    let outbox = open(here.path(), limits());
    assert_eq!(texts(&take(&outbox, 2)), ["c", "4: e"]);
    let figures = outbox.figures();
    assert_eq!((figures.dropped_broken, figures.depth, figures.bytes), (2, 2, 5));
    outbox.stop();
    assert_eq!((rows(here.path()), pictures(here.path())), (2, 1));
}

#[test]
fn a_power_cut_takes_no_more_than_what_was_not_synced() {
    let here = tempfile::tempdir().expect("a folder");
    let outbox = open(&here.path().join("state"), limits());
    let log = here.path().join("state/outbox.db-wal");
    (0..40).for_each(|i| {
        outbox.record(event(&format!("e{}", i % 3), true));
        take(&outbox, 1);
    });
    let before = outbox.figures().syncs;
    until("it is synced", || outbox.figures().syncs > before);
    std::thread::sleep(Duration::from_millis(100));
    let synced = fs::metadata(&log).expect("it is there").len() as usize;
    (0..40).for_each(|i| {
        outbox.record(event(&format!("e{}", i % 3), true));
        take(&outbox, 1);
    });
    let (database, whole) = (here.path().join("state/outbox.db"), fs::read(&log).expect("it is there"));
    assert!(whole.len() > synced && whole.len() < 250 * 4096, "nothing was brought home");
    let mut most = 0;
    for (round, cut) in (synced..=whole.len()).step_by(1777).chain([whole.len()]).enumerate() {
        let image = here.path().join("image");
        fs::create_dir_all(&image).expect("the folder is ours");
        fs::copy(&database, image.join("outbox.db")).expect("it is there");
        let mut torn = whole[..cut].to_vec();
        if round % 2 == 1 {
            // The size was written, the content was not.
            torn.resize(whole.len(), 0);
        }
        fs::write(image.join("outbox.db-wal"), torn).expect("the folder is ours");
        let db = rusqlite::Connection::open(image.join("outbox.db")).expect("it opens");
        let verdict: String =
            db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is checked");
        let (count, last): (i64, i64) = db
            .query_row("SELECT count(*), max(id) FROM entry", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("it is an outbox");
        assert_eq!((verdict.as_str(), count), ("ok", last));
        assert!(count >= 40 && count >= most, "{count} after {most}");
        most = if round % 2 == 0 { count } else { most };
        drop(db);
        fs::remove_dir_all(&image).expect("it is ours");
    }
    assert_eq!(most, 80);
}

/// A small file system of its own; unmounted in the end.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Option<Self> {
        let here = tempfile::tempdir().expect("a folder");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(here.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(here));
        }
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: no file system can be mounted");
        }
        None
    }

    fn remount(&self, option: &str) -> bool {
        let option = format!("remount,{option}");
        let mount = Command::new("mount").args(["-o", &option]).arg(self.0.path()).output();
        mount.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_is_outlived() {
    let Some(small) = Small::new() else { return };
    let folder = small.0.path().join("state");
    let outbox = open(&folder, Limits { max_bytes: 16 << 20, ..limits() });
    (0..100).for_each(|_| outbox.record(filled("e", 1000, true)));
    until("they are stored", || outbox.figures().depth == 100);
    let ballast = small.0.path().join("ballast");
    let _ = fs::write(&ballast, vec![0; 4 << 20]);
    (0..300).for_each(|i| outbox.record(filled("e", 5000 + i, true)));
    outbox.record(picture("p", &vec![7; 100_000]));
    outbox.record(filled("e", 9, false));
    until("they are held", || outbox.figures().depth == 402);
    assert!(outbox.figures().in_memory);
    let early = take(&outbox, 50);
    assert_eq!(early[49].number, 50, "the disk can still be read");
    acknowledge(&outbox, &early);
    std::thread::sleep(Duration::from_millis(150));
    assert!(outbox.figures().in_memory, "it is still full");
    small.remount("size=64m");
    until("it is used", || !outbox.figures().in_memory);
    let mut numbers = Vec::new();
    outbox.rewind();
    while numbers.len() < 352 {
        let parcel = take(&outbox, 1).remove(0);
        outbox.acknowledge(parcel.number);
        numbers.push(parcel.number);
    }
    assert_eq!(numbers, (51..=402).collect::<Vec<u64>>());
    assert_eq!((outbox.figures().depth, outbox.figures().dropped()), (0, 0));
    outbox.stop();
    assert_eq!((rows(&folder), pictures(&folder)), (0, 0));
    let outbox = open(&folder, limits());
    outbox.record(event("next", false));
    assert_eq!(texts(&take(&outbox, 1)), ["403: next"], "the event that ended in memory is closed");
}

#[test]
fn memory_is_bounded_and_a_start_on_a_full_disk_works() {
    let Some(small) = Small::new() else { return };
    let _ = fs::write(small.0.path().join("ballast"), vec![0; 4 << 20]);
    let folder = small.0.path().join("state");
    let outbox = open(&folder, Limits { max_bytes: 100_000, ..limits() });
    (0..200).for_each(|i| outbox.record(filled("e", 1000, i != 0)));
    until("the oldest are dropped", || outbox.figures().dropped_full == 100);
    assert!(outbox.figures().in_memory && outbox.figures().bytes == 100_000, "{:?}", outbox.figures());
    assert_eq!(take(&outbox, 2).iter().map(|p| p.number).collect::<Vec<_>>(), [1, 102], "ends stay");
    fs::remove_file(small.0.path().join("ballast")).expect("it is there");
    until("it is used", || !outbox.figures().in_memory);
    outbox.stop();
    assert_eq!(rows(&folder), 100);
}
