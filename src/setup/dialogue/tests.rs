//! Dialogues with answers written beforehand.

use super::*;
use crate::source::listing::CameraInfo;
use std::collections::VecDeque;

/// Answers in their order; what was asked and told is kept.
struct Script {
    answers: VecDeque<&'static str>,
    shown: Vec<String>,
}

impl Script {
    fn of(answers: &[&'static str]) -> Self {
        Self { answers: answers.iter().copied().collect(), shown: Vec::new() }
    }

    fn next(&mut self, question: &str) -> Result<&'static str, Unanswered> {
        self.shown.push(question.to_owned());
        self.answers.pop_front().ok_or(Unanswered(String::new()))
    }

    fn showed(&self, part: &str) -> bool {
        self.shown.iter().any(|line| line.contains(part))
    }
}

impl Ask for Script {
    fn ask(&mut self, question: &str, default: &str) -> Result<String, Unanswered> {
        let answer = self.next(&format!("{question} [{default}]"))?;
        Ok(if answer.is_empty() { default } else { answer }.to_owned())
    }

    fn secret(&mut self, question: &str) -> Result<String, Unanswered> {
        self.next(question).map(str::to_owned)
    }

    fn say(&mut self, text: &str) {
        self.shown.push(text.to_owned());
    }
}

fn usb(path: &str) -> CameraInfo {
    CameraInfo {
        source: "v4l2",
        path: path.to_owned(),
        by_id: (path == "/dev/video0").then(|| "/dev/v4l/by-id/usb-C920".into()),
        card: "C920".to_owned(),
        driver: "uvcvideo".to_owned(),
        modes: Vec::new(),
    }
}

fn found() -> Found {
    let csi = CameraInfo { source: "rpicam", path: "0".to_owned(), card: "imx708".to_owned(), ..usb("") };
    Found {
        cameras: vec![usb("/dev/video0"), usb("/dev/video2"), csi],
        brokers: vec!["localhost:1883".to_owned()],
        coral: None,
    }
}

/// The answers to a script, with a broker that wants `secret`.
fn talk(found: &Found, script: &mut Script) -> Result<Answers, Unanswered> {
    let known = ["person", "vehicle", "dog", "cat"].map(str::to_owned);
    let mut accepts = |broker: &Broker| match broker.password.as_deref() {
        Some("secret") => Ok(()),
        _ => Err("it refuses our user name or password".to_owned()),
    };
    dialogue(found, Model::Catalogue("m".to_owned()), &known, script, &mut accepts)
}

#[test]
fn enter_takes_all_that_was_found() {
    let mut script = Script::of(&["", "", "", "", "", "", "", "me", "secret", ""]);
    let answers = talk(&found(), &mut script).expect("all answered");
    let names: Vec<_> = answers.cameras.iter().map(|camera| camera.name.as_str()).collect();
    assert_eq!(names, ["c920", "c920-2", "imx708"]);
    let sources: Vec<_> = answers.cameras.iter().map(|camera| camera.source.clone()).collect();
    let paths = ["/dev/v4l/by-id/usb-C920", "/dev/video2"].map(|path| Source::V4l2(path.into()));
    assert_eq!(sources[..2], paths);
    assert_eq!(sources[2], Source::Rpicam(0));
    assert!(answers.motion && answers.home_assistant && answers.labels.is_none());
    let broker = answers.broker.expect("the one found");
    assert_eq!((broker.url.as_str(), broker.username.as_deref()), ("mqtt://localhost:1883", Some("me")));
    assert!(script.showed("  1  C920  (/dev/v4l/by-id/usb-C920)"), "{:?}", script.shown);
    assert!(script.showed("models run on the CPU"));
}

#[test]
fn what_makes_no_sense_is_asked_again() {
    let mut script = Script::of(&[
        "9",
        "video0",
        "2, rtsp://cam/1",
        "Front Door",
        "events",
        "door",
        "door",
        "yard",
        "person, unicorn",
        "person, dog",
        "perhaps",
        "NO",
        "mqtt://",
        "pi.local:1884",
        "me",
        "wrong",
        "hm",
        "again",
        "",
        "",
        "secret",
        "n",
    ]);
    let answers = talk(&found(), &mut script).expect("all answered");
    assert_eq!(answers.cameras[0].source, Source::V4l2("/dev/video2".into()));
    assert_eq!(answers.cameras[1].source, Source::Rtsp("rtsp://cam/1".to_owned()));
    assert_eq!((answers.cameras[0].name.as_str(), answers.cameras[1].name.as_str()), ("door", "yard"));
    assert_eq!(answers.labels.as_deref(), Some(&["person".to_owned(), "dog".to_owned()][..]));
    assert!(!answers.motion && !answers.home_assistant);
    let broker = answers.broker.as_ref().expect("a broker");
    assert_eq!((broker.url.as_str(), broker.password.as_deref()), ("mqtt://pi.local:1884", Some("secret")));
    assert!(script.answers.is_empty(), "each answer was wanted");
    for part in [
        "There is no camera 9.",
        "\"video0\" is no camera",
        "\"Front Door\" is no name",
        "There is a camera door already.",
        "The model does not know unicorn.",
        "Please answer yes or no.",
        "mqtt://pi.local:1884: it refuses our user name or password",
        "Please answer again, keep or none.",
        "User name, if it wants one [me]",
    ] {
        assert!(script.showed(part), "{part}: {:#?}", script.shown);
    }
    assert!(!script.showed("secret") && !script.showed("wrong"));
}

#[test]
fn without_camera_and_broker_there_is_a_config_too() {
    let mut script = Script::of(&["", "", "", "", ""]);
    let answers = talk(&Found::default(), &mut script).expect("all answered");
    assert_eq!((answers.cameras[0].name.as_str(), &answers.cameras[0].source), ("camera", &Source::Auto));
    assert!(answers.broker.is_none() && !answers.home_assistant);
    assert!(script.answers.is_empty() && !script.showed("Home Assistant"));
}

#[test]
fn a_broker_that_does_not_answer_yet_can_be_kept_or_left() {
    let keep = talk(&Found::default(), &mut Script::of(&["", "", "", "", "pi", "", "keep", ""]));
    assert_eq!(keep.expect("all answered").broker.expect("kept").url, "mqtt://pi");
    let none = talk(&Found::default(), &mut Script::of(&["", "", "", "", "pi", "", "none"]));
    assert_eq!(none.expect("all answered").broker, None);
}

#[test]
fn answers_that_end_end_it() {
    let all = ["all", "a", "b", "c", "person", "yes", "pi", "me", "secret", "yes"];
    talk(&found(), &mut Script::of(&all)).expect("all answered");
    for n in 0..all.len() {
        let e = talk(&found(), &mut Script::of(&all[..n])).expect_err("one is missing");
        assert_eq!(e.to_string(), "the answers ended before the questions did; nothing was written");
    }
}
