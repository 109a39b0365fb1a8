//! From the detections of one camera's frames to events. A function of its arguments: time comes from the
//! frames, and the same frames give the same events.

use super::known::{Known, id};
use super::{EndReason, Event};
use crate::config;
use crate::decode::Answer;
use crate::frame::{Size, Timestamp};
use crate::geometry::NormBox;
use crate::publish::label_of;
use crate::track::{Phase, Place, Settings, Track, Tracker};
use crate::zone::{Filters, ZoneSet, Zones};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Detections down to this share of the threshold keep a track that is there already.
const FAINT: f32 = 0.4;
/// But none fainter than this.
const FAINTEST: f32 = 0.1;
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
            zones: Zones::new(camera, labels),
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
        let at = self.at(moment.captured.instant);
        let Self { filters, tracker, threshold, .. } = self;
        answer.detections.retain(|d| filters.pass(d, moment.size));
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
        self.known.iter_mut().for_each(|known| known.heed_clock(at, unix));
        let Self { tracker, known, events, in_view, zones, labels, sub_labels, camera, seed, .. } = self;
        for track in tracker.tracks() {
            let label = label_of(labels, track.class);
            let place = known.iter().position(|known| known.now.track == track.number).unwrap_or_else(|| {
                let id = id(unix, seed, camera, track.number);
                known.push(Known::new(track, moment, id, camera, &label));
                known.len() - 1
            });
            let object = &mut known[place];
            let own = answer.detections.iter().find(|d| d.track == Some(track.number));
            let sub = own.and_then(|d| d.sub_class).map(|sub| (label_of(sub_labels, sub.class), sub.score));
            object.note(track, moment, &label, sub, zones);
            if track.phase == Phase::Confirmed {
                in_view.push(InView { class: track.class, zones: object.zones });
                events.extend(object.raise(
                    track,
                    at,
                    moment,
                    self.update_interval,
                    picture && self.pictures,
                ));
            }
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

    /// Adds the ends of the tracks that ended.
    fn take_ended(&mut self, why: EndReason) {
        for track in self.tracker.ended() {
            if let Some(place) = self.known.iter().position(|known| known.now.track == track.number) {
                self.events.extend(self.known.swap_remove(place).end(why));
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
