//! What is known of one object, and what of it was told.

use super::{Best, EndReason, Event, Kind, Moment, Shot, State};
use crate::track::Track;
use crate::zone::{Presence, ZoneSet, Zones};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Between two pictures of an object.
const PICTURE_EVERY: Duration = Duration::from_secs(1);
/// The wall clock was set, not slewed, when it moved by more than this against the monotonic one.
const CLOCK_STEP: f64 = 1.0;

/// An object and what was told of it.
#[derive(Debug)]
pub struct Known {
    first_seen: Duration,
    last_seen: Duration,
    pub now: State,
    told: Option<State>,
    told_at: Duration,
    presence: Presence,
    pub zones: ZoneSet,
    best: Best,
    pictured_at: Duration,
}

impl Known {
    /// What a track shows at first.
    pub fn new(track: &Track, moment: &Moment, id: String, camera: &Arc<str>, label: &str) -> Self {
        let start_time = moment.captured.unix_seconds();
        Self {
            first_seen: track.first_seen,
            last_seen: track.last_seen,
            now: State {
                id: id.into(),
                camera: Arc::clone(camera),
                label: label.into(),
                track: track.number,
                sub_label: None,
                frame_time: start_time,
                frame: moment.seq,
                start_time,
                end_time: None,
                end_reason: None,
                score: track.score,
                top_score: track.top_score,
                bounds: track.bounds,
                size: moment.size,
                current_zones: Vec::new(),
                entered_zones: Vec::new(),
                pending_loitering: false,
                stationary: false,
                motionless_count: 0,
                position_changes: 0,
                snapshot: None,
            },
            told: None,
            told_at: Duration::ZERO,
            presence: Presence::default(),
            zones: 0,
            best: Best::default(),
            pictured_at: Duration::ZERO,
        }
    }

    /// Takes in what a frame says of it: its track, the track's label, and what a second model says.
    pub fn note(
        &mut self,
        track: &Track,
        moment: &Moment,
        label: &str,
        sub: Option<(Cow<'_, str>, f32)>,
        zones: &Zones,
    ) {
        let now = &mut self.now;
        now.stationary = track.stationary;
        now.motionless_count = track.motionless_frames;
        now.position_changes = track.position_changes;
        if !track.seen_now {
            return;
        }
        if *now.label != *label {
            now.label = label.into();
        }
        self.last_seen = track.last_seen;
        (now.frame_time, now.frame, now.size) = (moment.captured.unix_seconds(), moment.seq, moment.size);
        (now.score, now.top_score, now.bounds) = (track.score, track.top_score, track.bounds);
        let (set, pending) = zones.visit(&mut self.presence, track.class, track.bounds, track.last_seen);
        now.pending_loitering = pending;
        if set != self.zones {
            self.zones = set;
            now.current_zones.clear();
            now.current_zones.extend(zones.named(set).cloned());
            for name in zones.named(set) {
                if !now.entered_zones.contains(name) {
                    now.entered_zones.push(Arc::clone(name));
                }
            }
        }
        let surer =
            |(_, score): &(Cow<'_, str>, f32)| now.sub_label.as_ref().is_none_or(|(_, best)| score > best);
        if let Some((label, score)) = sub.filter(surer) {
            now.sub_label = Some((label.into(), score));
        }
    }

    /// The event there is to tell at `at`, updates being `interval` apart; where `picture` says that the frame can
    /// be had, it may become its picture.
    pub fn raise(
        &mut self,
        track: &Track,
        at: Duration,
        moment: &Moment,
        interval: Duration,
        picture: bool,
    ) -> Option<Event> {
        let first = self.told.is_none();
        // What has stood there before is no news until it moves.
        let silent = if first { track.remembered } else { at.saturating_sub(self.told_at) < interval };
        if silent {
            return None;
        }
        let best = Best::of(track.score, track.bounds);
        let rested = self.now.snapshot.is_none() || at.saturating_sub(self.pictured_at) >= PICTURE_EVERY;
        let picture = picture && track.seen_now && rested && best.beats(self.best);
        if !picture && !self.is_changed() {
            return None;
        }
        if picture {
            let frame_time = moment.captured.unix_seconds();
            self.now.snapshot = Some(Shot { frame_time, bounds: track.bounds, score: track.score });
            (self.best, self.pictured_at) = (best, at);
        }
        let kind = if first { Kind::New } else { Kind::Update };
        self.told_at = at;
        let before = self.told.replace(self.now.clone());
        Some(Event { kind, before, after: self.now.clone(), picture })
    }

    /// Its end, if it was ever told.
    pub fn end(self, why: EndReason) -> Option<Event> {
        let Self { mut now, told, first_seen, last_seen, .. } = self;
        let before = Some(told?);
        now.end_time = Some(now.start_time + last_seen.saturating_sub(first_seen).as_secs_f64());
        now.end_reason = Some(why);
        now.current_zones.clear();
        Some(Event { kind: Kind::End, before, after: now, picture: false })
    }

    /// Whether something is other than was told, but for what is other on each frame.
    fn is_changed(&self) -> bool {
        self.told.as_ref().is_none_or(|told| {
            let now = &self.now;
            let named = |state: &State| state.sub_label.as_ref().map(|(label, _)| Arc::clone(label));
            told.current_zones != now.current_zones
                || told.entered_zones != now.entered_zones
                || told.stationary != now.stationary
                || named(told) != named(now)
        })
    }

    /// After a step of the wall clock its times are told by the new one.
    pub fn heed_clock(&mut self, at: Duration, unix: f64) {
        let start = unix - at.saturating_sub(self.first_seen).as_secs_f64();
        let step = start - self.now.start_time;
        if step.abs() > CLOCK_STEP {
            self.now.start_time += step;
            self.now.frame_time += step;
            if let Some(shot) = &mut self.now.snapshot {
                shot.frame_time += step;
            }
        }
    }
}

/// `<start>-` and six characters of `a-z0-9`, as Frigate has it.
pub fn id(start_time: f64, seed: &str, camera: &str, number: u64) -> String {
    const CHARACTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let digest = Sha256::digest(format!("{seed}\n{camera}\n{number}"));
    let suffix: String =
        digest.iter().take(6).map(|&byte| char::from(CHARACTERS[usize::from(byte) % 36])).collect();
    format!("{start_time:.6}-{suffix}")
}
