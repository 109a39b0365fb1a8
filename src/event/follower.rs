//! From the detections of one camera's frames to events. A function of its arguments: time comes from the
//! frames, and the same frames give the same events.

use super::known::{Known, id};
use super::{Best, EndReason, Event, Kind, Shot, State};
use crate::config;
use crate::decode::Answer;
use crate::frame::{Size, Timestamp};
use crate::geometry::NormBox;
use crate::publish::label_of;
use crate::track::{Phase, Place, Settings, Track, Tracker};
use crate::zone::{Filters, Presence, ZoneSet, Zones};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Detections down to this share of the threshold keep a track that is there already.
const FAINT: f32 = 0.4;
/// But none fainter than this.
const FAINTEST: f32 = 0.1;
/// Between two pictures of an object.
const PICTURE_EVERY: Duration = Duration::from_secs(1);
/// A restart takes a while, whatever stood there.
const LEAST_REMEMBERED: f64 = 300.0;

/// A frame, as far as events tell of it.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// When it was captured.
    pub captured: Timestamp,
    /// Its number at its camera.
    pub seq: u64,
    /// Its size in pixels.
    pub size: Size,
}

/// An object in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InView {
    /// Index into the labels.
    pub class: usize,
    /// The zones it is in.
    pub zones: ZoneSet,
}

/// Where something stands that is no news, for the next run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// Its label.
    pub label: String,
    /// `[x_min, y_min, x_max, y_max]` in fractions of the frame.
    pub bounds: [f32; 4],
    /// When it was last seen, in Unix seconds.
    pub seen: f64,
    /// For how long it stood there then, in seconds.
    pub stood: f64,
}

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Follower {
    camera: Arc<str>,
    labels: Arc<[String]>,
    sub_labels: Arc<[String]>,
    seed: Arc<str>,
    filters: Filters,
    zones: Zones,
    zone_names: Vec<Arc<str>>,
    update_interval: Duration,
    pictures: bool,
    threshold: f32,
    tracker: Tracker,
    /// Where the tracker's time begins.
    origin: Option<Instant>,
    /// Of the last frame.
    last: Option<Moment>,
    known: Vec<Known>,
    events: Vec<Event>,
    in_view: Vec<InView>,
}

impl Follower {
    /// Follows what a model with these `labels`, and a second one with `sub_labels`, sees through `camera`.
    /// Another `seed` makes other ids.
    #[must_use]
    pub fn new(
        camera: &config::Camera,
        labels: &Arc<[String]>,
        sub_labels: &Arc<[String]>,
        seed: &str,
    ) -> Self {
        let zones = Zones::new(camera, labels);
        let track = camera.track;
        let settings = Settings {
            min_hits: track.min_hits,
            max_lost: track.max_lost,
            stationary_after: track.stationary_after,
            stationary_max_lost: track.stationary_max_lost,
            remember: track.remember,
        };
        Self {
            camera: camera.name.as_str().into(),
            labels: Arc::clone(labels),
            sub_labels: Arc::clone(sub_labels),
            seed: seed.into(),
            filters: Filters::new(camera, labels),
            zone_names: zones.names().map(Arc::from).collect(),
            zones,
            update_interval: track.update_interval,
            pictures: camera.snapshot.is_some(),
            threshold: camera.threshold,
            tracker: Tracker::new(settings),
            origin: None,
            last: None,
            known: Vec::new(),
            events: Vec::new(),
            in_view: Vec::new(),
        }
    }

    /// The least score of a detection that keeps a track.
    #[must_use]
    pub fn floor(threshold: f32) -> f32 {
        (threshold * FAINT).max(FAINTEST).min(threshold)
    }

    /// The least score of a detection that is reported, from the next frame on.
    pub const fn set_threshold(&mut self, threshold: f32) {
        self.threshold = threshold;
    }

    /// What stands where, from an earlier run; it must not have been longer before `now` (Unix seconds) than
    /// something stood there.
    pub fn remember(&mut self, parked: &[Parked], now: f64) {
        let place = |parked: &Parked| {
            let class = self.labels.iter().position(|label| *label == parked.label)?;
            let [x_min, y_min, x_max, y_max] = parked.bounds;
            let bounds = NormBox::new(x_min, y_min, x_max, y_max);
            let stood = Duration::try_from_secs_f64(parked.stood).ok()?;
            Some(Place { class, bounds, last_seen: Duration::ZERO, stood })
        };
        let fresh = parked.iter().filter(|parked| now - parked.seen <= parked.stood.max(LEAST_REMEMBERED));
        self.tracker.remember(fresh.filter_map(place).collect());
    }

    /// Nothing moved on the frames up to `last`, and so no model looked at them: whoever was in view, is.
    pub fn nothing_moved(&mut self, last: Instant) {
        let at = self.at(last);
        self.tracker.still(at);
    }

    /// Follows the detections of a frame: those the filters refuse are taken out of `answer`, then each gets
    /// the number of its track, and those too faint to be reported go too.
    pub fn follow(&mut self, moment: &Moment, answer: &mut Answer) {
        let Self { filters, .. } = self;
        answer.detections.retain(|d| filters.pass(d, moment.size));
        let at = self.at(moment.captured.instant);
        let Self { filters, tracker, threshold, .. } = self;
        tracker.update(at, &answer.detections, |d| d.score >= filters.least_score(d.class, *threshold));
        for (index, detection) in answer.detections.iter_mut().enumerate() {
            detection.track = tracker.track_of(index);
        }
        answer.detections.retain(|d| d.score >= filters.least_score(d.class, *threshold));
    }

    /// What there is to tell after [`follow`](Self::follow), with what a second model made of `answer`. Where
    /// `picture` says that the frame can be had, it may become an object's picture.
    pub fn tell(&mut self, moment: &Moment, answer: &Answer, picture: bool) -> &[Event] {
        let at = self.at(moment.captured.instant);
        self.last = Some(*moment);
        self.events.clear();
        self.in_view.clear();
        let unix = moment.captured.unix_seconds();
        for index in 0..self.known.len() {
            self.known[index].heed_clock(at, unix);
        }
        for index in 0..self.tracker.tracks().len() {
            let track = self.tracker.tracks()[index];
            let place = self.place(&track, moment);
            self.note(place, &track, moment, answer);
            if track.phase == Phase::Tentative {
                continue;
            }
            self.in_view.push(InView { class: track.class, zones: self.known[place].zones });
            self.raise(place, &track, at, moment, picture && self.pictures);
        }
        self.take_ended(EndReason::Lost);
        &self.events
    }

    /// Ends everything, for this reason.
    pub fn end_all(&mut self, why: EndReason) -> &[Event] {
        self.events.clear();
        self.in_view.clear();
        self.tracker.end_all();
        self.take_ended(why);
        &self.events
    }

    /// All tracks after the last frame, those that are no objects yet too.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        self.tracker.tracks()
    }

    /// The labels of their classes.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The objects in view after the last frame.
    #[must_use]
    pub fn in_view(&self) -> &[InView] {
        &self.in_view
    }

    /// Whether the model must look at the next frame even if nothing moves.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.tracker.is_unsettled()
    }

    /// Since the first frame.
    fn at(&mut self, instant: Instant) -> Duration {
        instant.saturating_duration_since(*self.origin.get_or_insert(instant))
    }

    /// Where the object of a track is known.
    fn place(&mut self, track: &Track, moment: &Moment) -> usize {
        if let Some(place) = self.known.iter().position(|known| known.now.track == track.number) {
            return place;
        }
        let start_time = moment.captured.unix_seconds();
        self.known.push(Known {
            first_seen: track.first_seen,
            last_seen: track.last_seen,
            now: State {
                id: id(start_time, &self.seed, &self.camera, track.number).into(),
                camera: Arc::clone(&self.camera),
                label: label_of(&self.labels, track.class).into(),
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
        });
        self.known.len() - 1
    }

    /// Takes in what a frame says of an object.
    fn note(&mut self, place: usize, track: &Track, moment: &Moment, answer: &Answer) {
        let Self { known, zones, zone_names, labels, sub_labels, .. } = self;
        let Known { now, presence, zones: inside, last_seen, .. } = &mut known[place];
        now.stationary = track.stationary;
        now.motionless_count = track.motionless_frames;
        now.position_changes = track.position_changes;
        if !track.seen_now {
            return;
        }
        let label = label_of(labels, track.class);
        if *now.label != *label {
            now.label = label.into();
        }
        *last_seen = track.last_seen;
        (now.frame_time, now.frame, now.size) = (moment.captured.unix_seconds(), moment.seq, moment.size);
        (now.score, now.top_score, now.bounds) = (track.score, track.top_score, track.bounds);
        let (set, pending) = zones.visit(presence, track.class, track.bounds, track.last_seen);
        now.pending_loitering = pending;
        if set != *inside {
            *inside = set;
            now.current_zones.clear();
            for (bit, name) in zone_names.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1) {
                now.current_zones.push(Arc::clone(name));
                if !now.entered_zones.contains(name) {
                    now.entered_zones.push(Arc::clone(&zone_names[bit]));
                }
            }
        }
        let sub = answer.detections.iter().find(|d| d.track == Some(track.number)).and_then(|d| d.sub_class);
        if let Some(sub) =
            sub.filter(|sub| now.sub_label.as_ref().is_none_or(|(_, score)| sub.score > *score))
        {
            now.sub_label = Some((label_of(sub_labels, sub.class).into(), sub.score));
        }
    }

    /// Adds the event of an object, if there is one to tell.
    fn raise(&mut self, place: usize, track: &Track, at: Duration, moment: &Moment, picture: bool) {
        let known = &mut self.known[place];
        // What has stood there before is no news until it moves.
        if known.told.is_none() && track.remembered {
            return;
        }
        let first = known.told.is_none();
        if !first && at.saturating_sub(known.told_at) < self.update_interval {
            return;
        }
        let best = Best::of(track.score, track.bounds);
        let rested = known.now.snapshot.is_none() || at.saturating_sub(known.pictured_at) >= PICTURE_EVERY;
        let pictured = picture && track.seen_now && rested && best.beats(known.best);
        if !first && !pictured && !known.is_changed() {
            return;
        }
        if pictured {
            let frame_time = moment.captured.unix_seconds();
            known.now.snapshot = Some(Shot { frame_time, bounds: track.bounds, score: track.score });
            (known.best, known.pictured_at) = (best, at);
        }
        let kind = if first { Kind::New } else { Kind::Update };
        let before = known.told.replace(known.now.clone());
        known.told_at = at;
        self.events.push(Event { kind, before, after: known.now.clone(), picture: pictured });
    }

    /// Adds the ends of the tracks that ended.
    fn take_ended(&mut self, why: EndReason) {
        for track in self.tracker.ended() {
            let Some(place) = self.known.iter().position(|known| known.now.track == track.number) else {
                continue;
            };
            let Known { mut now, told, first_seen, last_seen, .. } = self.known.swap_remove(place);
            if let Some(told) = told {
                now.end_time = Some(now.start_time + last_seen.saturating_sub(first_seen).as_secs_f64());
                now.end_reason = Some(why);
                now.current_zones.clear();
                self.events.push(Event { kind: Kind::End, before: Some(told), after: now, picture: false });
            }
        }
    }

    /// What stands where, if that is other than at the last call.
    pub fn take_parked(&mut self) -> Option<Vec<Parked>> {
        let moment = self.last?;
        let at = self.at(moment.captured.instant);
        let places = self.tracker.take_parked()?;
        let parked = |place: &Place| Parked {
            label: label_of(&self.labels, place.class).into_owned(),
            bounds: place.bounds.to_array(),
            seen: moment.captured.unix_seconds() - at.saturating_sub(place.last_seen).as_secs_f64(),
            stood: place.stood.as_secs_f64(),
        };
        Some(places.iter().map(parked).collect())
    }
}
