//! Makes the pictures of events and has both published, on a thread of its own: neither a camera nor a model
//! waits for a picture or a disk.

use crate::event::Event;
use crate::pipeline::{ROOM, Report, Subject};
use crate::publish::message::topic_part;
use crate::publish::{Publication, Sink};
use crate::snapshot::Studio;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at whether it is to end.
const BEAT: Duration = Duration::from_millis(500);
/// Without a picture for this long, its memory is given back.
const IDLE: Duration = Duration::from_secs(3);

/// The thread, and the way to it.
#[derive(Debug)]
pub struct Recorder {
    reports: Option<SyncSender<Report>>,
    /// Events for which there was no room.
    pub lost: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Has what is reported published by `sink`.
    pub fn start(sink: Arc<dyn Sink>) -> std::io::Result<Self> {
        let (reports, incoming) = sync_channel(ROOM);
        let thread = std::thread::Builder::new().name("recorder".to_owned());
        let thread = thread.spawn(move || record(&incoming, sink.as_ref()))?;
        Ok(Self { reports: Some(reports), lost: Arc::default(), thread })
    }

    /// Where reports go.
    pub fn reports(&self) -> Option<SyncSender<Report>> {
        self.reports.clone()
    }

    /// Has it end after what was reported.
    pub fn finish(&mut self) {
        self.reports = None;
    }

    /// Whether it has ended.
    pub fn is_stopped(&self) -> bool {
        self.thread.is_finished()
    }
}

fn record(reports: &Receiver<Report>, sink: &dyn Sink) {
    let (mut studio, mut failing) = (Studio::default(), HashSet::new());
    let mut worked = Instant::now();
    loop {
        match reports.recv_timeout(BEAT) {
            Ok(report) => {
                publish(report, &mut studio, sink, &mut failing);
                worked = Instant::now();
            }
            // The memory of a whole picture is not held for the next visitor.
            Err(RecvTimeoutError::Timeout) if worked.elapsed() > IDLE => studio = Studio::default(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Pictures first: who hears of an event finds its picture there.
fn publish(mut report: Report, studio: &mut Studio, sink: &dyn Sink, failing: &mut HashSet<Arc<str>>) {
    let started = Instant::now();
    let subject = Arc::clone(&report.subject);
    let shown = pictures(&report, studio, sink);
    match shown {
        Ok(0) => {}
        Ok(_) => {
            failing.remove(&subject.camera);
            log::debug!(camera = &*subject.camera; "pictures took {} ms", started.elapsed().as_millis());
        }
        Err(why) => {
            report
                .events
                .iter_mut()
                .filter(|event| event.picture)
                .for_each(|event| event.after.snapshot = None);
            if failing.insert(Arc::clone(&subject.camera)) {
                log::warn!(camera = &*subject.camera; "make a picture: {why}; its events have none while this lasts");
            }
        }
    }
    if let (Some(frame), Some(back)) = (report.frame.take(), report.back.take()) {
        // The camera's threads may have ended.
        let _ = back.try_send(frame);
    }
    report.events.iter().for_each(|event| sink.publish(&Publication::Event(event)));
    if let Some(places) = &report.parked {
        sink.publish(&Publication::Parked { camera: &subject.camera, places });
    }
}

/// Publishes the pictures of a report; returns how many there were.
fn pictures(report: &Report, studio: &mut Studio, sink: &dyn Sink) -> Result<usize, String> {
    let Some(frame) = &report.frame else { return Ok(0) };
    let Subject { camera, labels, mask, snapshot } = &*report.subject;
    let mut jpeg = |of: Option<&Event>| {
        let subject = of.map(|event| event.after.bounds);
        studio.jpeg(frame, subject, *snapshot, mask, &report.detections, labels)
    };
    if report.asked {
        sink.publish(&Publication::Snapshot { camera, of: None, jpeg: jpeg(None)? });
        return Ok(1);
    }
    // Without crops one picture serves all of a label.
    let mut done: Vec<&str> = Vec::new();
    for event in report.events.iter().filter(|event| event.picture) {
        let label = &*event.after.label;
        if !done.contains(&label) || snapshot.crop {
            let part = topic_part(labels, label);
            sink.publish(&Publication::Snapshot { camera, of: Some(&part), jpeg: jpeg(Some(event))? });
            done.push(label);
        }
    }
    Ok(done.len())
}
