//! From a camera's threads to the one that makes pictures and writes events down: neither waits for the
//! other.

use crate::config;
use crate::decode::Detection;
use crate::event::{Event, Parked};
use crate::frame::Frame;
use crate::geometry::Polygon;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Reports that wait; a disk that hangs for a minute fills no more.
pub const ROOM: usize = 1024;

/// What the reports of a camera are about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The camera's name.
    pub camera: Arc<str>,
    /// The labels of its model.
    pub labels: Arc<[String]>,
    /// What nobody may see.
    pub mask: Arc<[Polygon]>,
    /// What its pictures are like.
    pub snapshot: config::Snapshot,
}

/// What happened on a frame.
#[derive(Debug)]
pub struct Report {
    /// Whose frame.
    pub subject: Arc<Subject>,
    /// What was told, in order.
    pub events: Vec<Event>,
    /// The frame, where it is to be a picture.
    pub frame: Option<Frame>,
    /// Where the frame's buffer goes back to.
    pub back: Option<SyncSender<Frame>>,
    /// What is drawn on the picture.
    pub detections: Vec<Detection>,
    /// The picture was asked for, whatever is on it.
    pub asked: bool,
    /// What stands where from now on.
    pub parked: Option<Vec<Parked>>,
}

/// Hands over what happens on a camera's frames.
#[derive(Debug)]
pub struct Reporter {
    subject: Arc<Subject>,
    reports: SyncSender<Report>,
    lost: Arc<AtomicU64>,
    spares: Receiver<Frame>,
    back: SyncSender<Frame>,
    spare: Option<Frame>,
}

impl Reporter {
    /// Reports about `subject` to `reports`; those for which there is no room are counted in `lost`.
    #[must_use]
    pub fn new(subject: Subject, reports: SyncSender<Report>, lost: Arc<AtomicU64>) -> Self {
        let (back, spares) = sync_channel(1);
        Self { subject: Arc::new(subject), reports, lost, spares, back, spare: Some(Frame::empty()) }
    }

    /// Whether a frame can be handed over now: one is at a time.
    pub fn takes_pictures(&mut self) -> bool {
        self.spare = self.spare.take().or_else(|| self.spares.try_recv().ok());
        self.spare.is_some()
    }

    /// Reports events, with the frame they are about, and what is drawn on their picture.
    pub fn tell(&mut self, frame: Option<&Frame>, events: &[Event], detections: &[Detection]) {
        if events.is_empty() {
            return;
        }
        let wanted = events.iter().any(|event| event.picture);
        let frame = frame.filter(|_| wanted).and_then(|frame| self.copy(frame));
        let detections = if frame.is_some() { detections.to_vec() } else { Vec::new() };
        self.send(Report { events: events.to_vec(), detections, ..self.blank(frame) });
    }

    /// Has what stands where remembered.
    pub fn keep(&mut self, parked: Vec<Parked>) {
        self.send(Report { parked: Some(parked), ..self.blank(None) });
    }

    /// Hands over a frame that was asked for; false when that can't be now.
    pub fn show(&mut self, frame: &Frame) -> bool {
        if !self.takes_pictures() {
            return false;
        }
        let frame = self.copy(frame);
        self.send(Report { asked: true, ..self.blank(frame) });
        true
    }

    fn blank(&self, frame: Option<Frame>) -> Report {
        Report {
            subject: Arc::clone(&self.subject),
            events: Vec::new(),
            back: frame.is_some().then(|| self.back.clone()),
            frame,
            detections: Vec::new(),
            asked: false,
            parked: None,
        }
    }

    /// The frame, copied into the spare one: others may want it too.
    fn copy(&mut self, frame: &Frame) -> Option<Frame> {
        let mut spare = self.spare.take()?;
        spare.data.clear();
        spare.data.extend_from_slice(&frame.data);
        Some(Frame { data: spare.data, ..*frame })
    }

    fn send(&mut self, report: Report) {
        if let Err(TrySendError::Full(report) | TrySendError::Disconnected(report)) =
            self.reports.try_send(report)
        {
            self.lost.fetch_add(report.events.len() as u64, Ordering::Relaxed);
            self.spare = self.spare.take().or(report.frame);
        }
    }
}
