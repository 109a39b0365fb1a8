//! What becomes of a model's answers, where objects are followed.

use super::{Filter, Reporter, Switches};
use crate::decode::Answer;
use crate::event::{EndReason, Follower, Moment};
use crate::frame::Frame;
use std::sync::Arc;
use std::time::Duration;

/// A camera that gives no frame for this long has nothing in view.
const SILENCE: Duration = Duration::from_secs(60);

/// Follows what a camera's answers show, and reports it.
#[derive(Debug)]
pub struct Watcher {
    /// From detections to events.
    pub follower: Follower,
    /// Takes the events.
    pub reporter: Reporter,
    /// What commands and the other thread say.
    pub switches: Arc<Switches>,
}

impl Watcher {
    pub(super) fn follow(&mut self, moment: &Moment, filter: &mut Filter, answer: &mut Answer) {
        let threshold = self.switches.threshold();
        filter.set_threshold(threshold);
        self.follower.set_threshold(threshold);
        if let Some(last) = self.switches.take_still() {
            self.follower.nothing_moved(last);
        }
        self.follower.follow(moment, answer);
        self.switches.set_unsettled(self.follower.is_unsettled());
    }

    pub(super) fn tell(&mut self, moment: &Moment, answer: &Answer, frame: &Frame) {
        let Self { follower, reporter, .. } = self;
        let events = follower.tell(moment, answer, reporter.takes_pictures());
        reporter.tell(Some(frame), events, &answer.detections);
        if let Some(parked) = follower.take_parked() {
            reporter.keep(parked);
        }
    }

    pub(super) fn end(&mut self, why: EndReason) {
        let Self { follower, reporter, .. } = self;
        reporter.tell(None, follower.end_all(why), &[]);
        if let Some(parked) = follower.take_parked() {
            reporter.keep(parked);
        }
    }

    /// Ends what is followed when no frame comes any more, or none is looked at.
    pub(super) fn tick(&mut self) {
        if !self.follower.in_view().is_empty() {
            if !self.switches.detects() {
                self.end(EndReason::Config);
            } else if self.switches.silence() > SILENCE {
                self.end(EndReason::Camera);
            }
        }
    }
}
