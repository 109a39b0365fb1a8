#![expect(clippy::float_cmp, reason = "times are rounded or the very same")]

use super::*;
use crate::config;
use crate::decode::{Answer, Detection};
use crate::frame::Timestamp;
use crate::geometry::Polygon;
use std::time::{Duration, Instant};

fn camera() -> config::Camera {
    let source = config::Source::Files { path: String::new(), fps: None, repeat: false };
    let steps = vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]];
    let zone = config::Zone {
        name: "steps".to_owned(),
        polygon: Polygon::new(steps).expect("a square"),
        labels: None,
        loiter: Duration::ZERO,
        inertia: 2,
    };
    config::Camera { zones: vec![zone], ..config::Camera::new("porch", source, "m") }
}

fn labels() -> Arc<[String]> {
    ["person", "car"].map(str::to_owned).into()
}

fn follower(camera: &config::Camera) -> Follower {
    Follower::new(camera, &labels(), &Arc::from([]), "seed")
}

/// A person whose middle is at `x`.
fn person(x: f32, score: f32) -> Detection {
    Detection::new(0, score, NormBox::around(x, 0.6, 0.1, 0.4))
}

/// A day's start, and five frames a second after it.
struct Film {
    start: Instant,
    unix: f64,
    seq: u64,
}

impl Film {
    fn new() -> Self {
        Self { start: Instant::now(), unix: 1_795_500_000.0, seq: 0 }
    }

    /// Shows a frame; returns its events and whether it may be a picture.
    fn show(&mut self, follower: &mut Follower, detections: &[Detection]) -> Vec<Event> {
        let after = Duration::from_millis(200 * self.seq);
        let unix = Duration::from_secs_f64(self.unix + after.as_secs_f64());
        let captured = Timestamp { unix, instant: self.start + after };
        let moment = Moment { captured, seq: self.seq, size: Size::new(1280, 720) };
        self.seq += 1;
        let mut answer = Answer { detections: detections.to_vec(), ..Answer::default() };
        follower.follow(&moment, &mut answer);
        follower.tell(&moment, &answer, true).to_vec()
    }
}

/// Somebody comes from the left, crosses into the zone, and is gone.
fn walk(film: &mut Film, follower: &mut Follower) -> Vec<Event> {
    let mut events = Vec::new();
    for n in 0..30 {
        events.extend(film.show(follower, &[person(0.2 + 0.02 * n as f32, 0.8)]));
    }
    for _ in 0..15 {
        events.extend(film.show(follower, &[]));
    }
    events
}

#[test]
fn an_object_is_new_then_updated_when_something_changed_and_ends_once() {
    let events = walk(&mut Film::new(), &mut follower(&camera()));
    let kinds: Vec<Kind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [Kind::New, Kind::Update, Kind::End], "{events:#?}");
    let [new, entered, end] = &events[..] else { unreachable!() };
    assert!(new.before.is_none() && new.picture && new.after.snapshot.is_some());
    assert_eq!(
        (new.after.frame, new.after.start_time),
        (2, 1_795_500_000.0),
        "it was there from the first frame"
    );
    assert_eq!(entered.before.as_ref(), Some(&new.after));
    assert_eq!(entered.after.current_zones, [Arc::from("steps")]);
    assert_eq!((end.after.end_time, end.after.end_reason), (Some(1_795_500_005.8), Some(EndReason::Lost)));
    assert!(end.after.current_zones.is_empty() && end.after.entered_zones == [Arc::from("steps")]);
    assert!(events.iter().all(|event| event.after.id == new.after.id));
}

#[test]
fn the_same_frames_make_the_same_json_and_another_seed_other_ids() {
    let json = |seed: &str| -> Vec<String> {
        let mut follower = Follower::new(&camera(), &labels(), &Arc::from([]), seed);
        let stamp = Stamp { seq: 7, boot_id: Some("b"), time_synced: Some(true) };
        let text = |event: &Event| String::from_utf8(event.to_json(&stamp)).expect("text");
        walk(&mut Film::new(), &mut follower).iter().map(text).collect()
    };
    assert_eq!(json("one"), json("one"));
    assert_ne!(json("one"), json("two"));
    let expected = r#"{"version":1,"type":"new","seq":7,"boot_id":"b","time_synced":true,"before":null,"after":{"id":"1795500000.000000-"#;
    assert!(json("one")[0].starts_with(expected), "{}", json("one")[0]);
    let new: serde_json::Value = serde_json::from_str(&json("one")[0]).expect("JSON");
    for key in [
        "id",
        "camera",
        "label",
        "score",
        "top_score",
        "box",
        "area",
        "ratio",
        "start_time",
        "end_time",
        "frame_time",
        "current_zones",
        "entered_zones",
        "stationary",
        "active",
        "has_snapshot",
        "has_clip",
        "snapshot",
        "sub_label",
        "false_positive",
        "motionless_count",
        "position_changes",
        "pending_loitering",
        "box_norm",
        "size",
    ] {
        assert!(new["after"].get(key).is_some(), "{key}");
    }
    assert_eq!(new["after"]["box"], serde_json::json!([243, 288, 371, 576]));
}

#[test]
fn a_clock_that_is_set_neither_ends_a_track_nor_turns_its_times_around() {
    let (mut film, mut follower) = (Film::new(), follower(&camera()));
    film.unix = 60.0;
    let mut events = Vec::new();
    for n in 0..40 {
        // A time server answers.
        if n == 20 {
            film.unix = 1_795_500_000.0;
        }
        events.extend(film.show(&mut follower, &[person(0.3 + 0.01 * n as f32, 0.8)]));
    }
    events.extend(follower.end_all(EndReason::Stopped).to_vec());
    let [first, .., last] = &events[..] else { unreachable!() };
    assert_eq!(first.after.id, last.after.id);
    assert_eq!(first.after.start_time, 60.0);
    let (start, end) = (last.after.start_time, last.after.end_time.expect("it ended"));
    assert!((start - 1_795_500_000.0).abs() < 0.01 && (end - start - 7.8).abs() < 0.01, "{start} {end}");
    assert_eq!(last.after.end_reason, Some(EndReason::Stopped));
}

#[test]
fn updates_are_not_told_more_often_than_asked_for() {
    let mut slow = camera();
    slow.track.update_interval = Duration::from_secs(3);
    let (mut film, mut follower) = (Film::new(), follower(&slow));
    let mut events = Vec::new();
    for n in 0..100_u32 {
        // In and out of the zone every two seconds, and a better picture all the time.
        let x = if n / 10 % 2 == 0 { 0.45 } else { 0.55 };
        events.extend(film.show(&mut follower, &[person(x, 0.5 + 0.004 * n as f32)]));
    }
    let times: Vec<f64> = events.iter().map(|event| event.after.frame_time).collect();
    assert!(times.len() > 3 && times.windows(2).all(|pair| pair[1] - pair[0] >= 3.0 - 1e-6), "{times:?}");
}

#[test]
fn faint_ones_keep_an_object_in_view_but_are_not_reported() {
    let (mut film, mut follower) = (Film::new(), follower(&camera()));
    for n in 0..20 {
        let captured =
            Timestamp { unix: Duration::from_secs(n), instant: film.start + Duration::from_millis(200 * n) };
        let moment = Moment { captured, seq: n, size: Size::new(1280, 720) };
        let score = if n < 5 { 0.8 } else { 0.3 };
        let mut answer = Answer { detections: vec![person(0.3, score)], ..Answer::default() };
        follower.follow(&moment, &mut answer);
        assert_eq!(answer.detections.len(), usize::from(n < 5));
        follower.tell(&moment, &answer, false);
        assert_eq!(follower.in_view().len(), usize::from(n >= 2));
    }
    film.seq = 100;
    film.show(&mut follower, &[]);
    film.show(&mut follower, &[]);
    assert!(follower.in_view().is_empty());
}

#[test]
fn the_end_after_a_restart_is_told_from_the_last_message() {
    let mut follower = follower(&camera());
    let new = walk(&mut Film::new(), &mut follower).remove(0);
    let last = new.to_json(&Stamp { seq: 1, boot_id: Some("old"), time_synced: None });
    let stamp = Stamp { seq: 9, boot_id: Some("new"), time_synced: Some(false) };
    let end: serde_json::Value =
        serde_json::from_slice(&ended_by_restart(&last, &stamp).expect("an end")).expect("JSON");
    assert_eq!((&end["type"], &end["seq"], &end["boot_id"]), (&"end".into(), &9.into(), &"new".into()));
    assert_eq!(end["after"]["end_reason"], "restart");
    assert_eq!(end["after"]["end_time"], end["after"]["frame_time"]);
    assert_eq!(end["before"]["end_time"], serde_json::Value::Null);
    assert_eq!(ended_by_restart(b"no JSON", &stamp), None);
}

/// Thirty minutes in ten thousand frames: light changes what the model says, the car is told of once.
#[test]
fn a_parked_car_is_one_event_and_a_restart_makes_no_other() {
    let (mut film, mut follower) = (Film::new(), follower(&camera()));
    let car = |score| Detection::new(1, score, NormBox::new(0.1, 0.5, 0.4, 0.7));
    let mut events = Vec::new();
    for n in 0..9000_u32 {
        // Every five minutes it is dark for two.
        let dark = n > 1500 && n % 1500 < 600;
        let detections = if dark { vec![] } else { vec![car(0.55 + 0.2 * (n as f32 / 100.0).sin())] };
        events.extend(film.show(&mut follower, &detections));
    }
    let news = |events: &[Event]| events.iter().filter(|event| event.kind == Kind::New).count();
    assert_eq!(news(&events), 1);

    follower.end_all(EndReason::Stopped);
    let parked = follower.take_parked().expect("something stands there");
    let mut next = Follower::new(&camera(), &labels(), &Arc::from([]), "next");
    next.remember(&parked, film.unix + 1860.0);
    let (mut film, mut events) = (Film::new(), Vec::new());
    for _ in 0..50 {
        events.extend(film.show(&mut next, &[car(0.8)]));
    }
    assert_eq!(news(&events), 0, "{events:#?}");
    assert_eq!(next.in_view().len(), 1, "it is counted");
    // It drives off: now it is news.
    for n in 0..20 {
        let mut moving = car(0.8);
        moving.bounds.x_min += 0.02 * n as f32;
        moving.bounds.x_max += 0.02 * n as f32;
        events.extend(film.show(&mut next, &[moving]));
    }
    assert_eq!(news(&events), 1, "{events:#?}");
}
