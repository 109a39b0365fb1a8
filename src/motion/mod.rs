//! The motion gate: whether anything moves before a camera, told from its brightness alone, so that a
//! model need not look at a picture in which nothing does.
//!
//! The brightness of a frame, at about an eighth of its size, is compared with a running average. Noise
//! raises the threshold, a change of light is followed, groups of changed pixels that are large enough
//! move. No clock is read, time comes with the frames; nothing is allocated once their size is known.

mod background;
mod blobs;
mod gatekeeper;
mod light;
mod luma;

pub use gatekeeper::Gatekeeper;

use crate::frame::{Frame, PixelFormat, Size};
use crate::geometry::Polygon;
use crate::geometry::cover::touched;
use crate::preprocess::PreprocessError;
use background::{Background, Change, Rates};
use blobs::Blobs;
use light::{Cells, Light};
use luma::Luma;
use std::time::{Duration, Instant};

/// Seconds in which the background follows what is still: clouds, dusk.
const STILL: f32 = 0.6;
/// Seconds in which it follows all while it is learnt.
const ADAPT: f32 = 0.1;
/// Seconds in which it takes in what moved and then stayed.
const STAYED: f32 = 3.0;
/// Seconds in which the usual distance of a pixel is learnt where it is still, and where it moves: leaves in
/// the wind, not a person who passes.
const DISTANCE: (f32, f32) = (4.0, 20.0);
/// Seconds between two looks at the usual distance.
const LOOK_AT_DISTANCE: f32 = 0.25;
/// Seconds in which the picture's noise is averaged.
const NOISE: f32 = 1.0;

/// A change of more of the picture is light, not motion.
const ALL: f32 = 0.8;
/// A change of more of it may be, if it comes at once and edges stay where they are.
const MUCH: f32 = 0.3;
/// Where there are too few edges to tell, a change of more of it is light, if it is one-sided.
const MOST: f32 = 0.5;
/// At once: less than this had changed in the frame before.
const LITTLE: f32 = 0.1;
/// Of that, as much brightens, or darkens.
const ONE_SIDED: f32 = 0.9;
/// A picture that changes less from one frame to the next has settled.
const SETTLED: f32 = 0.05;
/// How long the picture is learnt anew, at least and at most.
const LEARN: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(3));
/// A group of fewer pixels of the small plane is none, whatever the least area: the digits of a clock in the
/// picture are that large.
const LEAST_PIXELS: usize = 6;
/// A group this many times the least area moves at its first sight; a smaller one has to be seen in two
/// frames: a drop of rain is not.
const AT_ONCE: usize = 4;

/// What counts as motion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Whether there is a gate at all; without one everything moves.
    pub enabled: bool,
    /// Levels of 255 by which a pixel has to change, 1..=100; noise raises it. Smaller sees more.
    pub threshold: f32,
    /// The least area of what moves, in fractions of the frame; below about a thousandth a small frame sees
    /// no better.
    pub min_area: f32,
    /// How long the picture counts as moving after the last motion.
    pub hold: Duration,
}

impl Default for Settings {
    /// Enabled; 12 levels; a thousandth of the frame; two seconds.
    fn default() -> Self {
        Self { enabled: true, threshold: 12.0, min_area: 0.001, hold: Duration::from_secs(2) }
    }
}

/// What the gate says of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Something moves, or did within the hold time.
    pub moving: bool,
    /// The part of the frame that moves, 0..1; 0 while it is only held.
    pub area: f32,
    /// The picture is learnt anew, after the start or a change of light; no motion is seen meanwhile.
    pub learning: bool,
}

/// The motion gate of one camera.
#[derive(Debug)]
pub struct Gate {
    settings: Settings,
    ignored: Vec<Polygon>,
    luma: Luma,
    state: State,
}

/// All but the frame's own memory.
#[derive(Debug, Default)]
struct State {
    geometry: Option<(Size, PixelFormat)>,
    background: Background,
    cells: Cells,
    blobs: Blobs,
    /// Pixels that are not ignored.
    counted: usize,
    noise: Option<f32>,
    /// Since when the picture is learnt.
    learning: Option<Instant>,
    captured: Option<Instant>,
    since_distance: f32,
    /// The part of the picture that had changed in the last frame.
    share: f32,
    /// The last frame had a group that was large enough.
    suspect: bool,
    moved: Option<Instant>,
}

impl Gate {
    /// A gate that has seen nothing yet. What happens inside the polygons `ignored`, a camera's privacy masks
    /// and those of the gate itself, is no motion. The error says why there is no JPEG decoder.
    pub fn new(settings: Settings, ignored: Vec<Polygon>) -> Result<Self, String> {
        let threshold = settings.threshold.clamp(1.0, 100.0);
        let settings = Settings { threshold, ..settings };
        Ok(Self { settings, ignored, luma: Luma::new()?, state: State::default() })
    }

    /// Whether `frame` moves against those before it. A frame of another size or format begins anew.
    pub fn look(&mut self, frame: &Frame) -> Result<Motion, PreprocessError> {
        if !self.settings.enabled {
            return Ok(Motion { moving: true, area: 0.0, learning: false });
        }
        let (plane, size, full) = self.luma.read(frame)?;
        let now = frame.captured.instant;
        if self.state.geometry != Some((full, frame.format)) {
            self.state = std::mem::take(&mut self.state).anew(full, size, &self.ignored);
            self.state.geometry = Some((full, frame.format));
            self.state.learn(plane, now);
            return Ok(Motion { moving: false, area: 0.0, learning: true });
        }
        let (area, learning) = self.state.look(plane, now, &self.settings);
        if area > 0.0 {
            self.state.moved = Some(now);
        }
        let held = |at: Instant| now.saturating_duration_since(at) <= self.settings.hold;
        Ok(Motion { moving: area > 0.0 || self.state.moved.is_some_and(held), area, learning })
    }
}

impl State {
    /// Nothing seen yet of frames of the size `full`, whose planes have the size `size`.
    fn anew(self, full: Size, size: Size, ignored: &[Polygon]) -> Self {
        let Self { mut background, cells, mut blobs, .. } = self;
        let step = luma::step(full.width);
        let ends = |n: u32, full: u32| {
            let at = move |i: u32| (f64::from(i * step) / f64::from(full)).min(1.0);
            (0..n).map(move |i| (at(i), at(i + 1))).collect::<Vec<_>>()
        };
        let mut keep = vec![-1; size.area()];
        for span in touched(ignored, &ends(size.width, full.width), ends(size.height, full.height)) {
            let row = (span.row * size.width) as usize;
            keep[row + span.columns.start as usize..row + span.columns.end as usize].fill(0);
        }
        blobs.reserve(size.area());
        let counted = keep.iter().filter(|&&k| k != 0).count();
        background.start(size.width as usize, keep);
        Self { background, cells, blobs, counted, ..Self::default() }
    }

    /// Takes this picture for the background.
    fn learn(&mut self, plane: &[u8], now: Instant) {
        self.background.learn(plane);
        self.learning.get_or_insert(now);
        self.captured = Some(now);
        self.suspect = false;
    }

    /// The area that moves, and whether the picture is being learnt.
    fn look(&mut self, plane: &[u8], now: Instant, settings: &Settings) -> (f32, bool) {
        let before = self.captured.replace(now).unwrap_or(now);
        let elapsed = now.saturating_duration_since(before).as_secs_f32();
        let light = self.cells.compare(plane, &self.background);
        if let Light::Steady(by) = light
            && (by - 1.0).abs() > 0.002
        {
            self.background.relight(by);
        }
        let change = self.background.compare(plane, settings.threshold, self.noise);
        let rate = 1.0 - (-elapsed / NOISE).exp();
        let noise = self.noise.map_or(change.noise, |noise| noise + rate * (change.noise - noise));
        self.noise = Some(noise);

        let share = (change.brighter + change.darker) as f32 / self.counted.max(1) as f32;
        let share_before = std::mem::replace(&mut self.share, share);
        let at_once = share_before < LITTLE;
        if light == Light::Jumped || self.is_light(plane, share, at_once, change) {
            self.learn(plane, now);
            return (0.0, true);
        }
        if let Some(since) = self.learning {
            let took = now.saturating_duration_since(since);
            let learning = took < LEARN.1 && (took < LEARN.0 || share > SETTLED);
            self.learning = Some(since).filter(|_| learning);
            if elapsed > ADAPT {
                self.background.learn(plane);
            } else {
                self.background.follow(plane, Rates::after(elapsed, ADAPT, ADAPT));
            }
            return (0.0, learning);
        }
        self.background.follow(plane, Rates::after(elapsed, STILL, STAYED));
        self.since_distance += elapsed;
        if self.since_distance >= LOOK_AT_DISTANCE {
            let rates = Rates::after(self.since_distance, DISTANCE.0, DISTANCE.1);
            self.background.remember_distance(rates);
            self.since_distance = 0.0;
        }
        (self.area(change, settings.min_area), false)
    }

    /// Whether so large a change is one of light.
    fn is_light(&self, plane: &[u8], share: f32, at_once: bool, change: Change) -> bool {
        let likely = share > MOST && light::one_sided(change.brighter, change.darker) >= ONE_SIDED;
        let same = || light::same_things(plane, &self.background, change.noise);
        share > ALL || share > MUCH && at_once && same().unwrap_or(likely)
    }

    /// The part of the frame in groups that move.
    fn area(&mut self, change: Change, min_area: f32) -> f32 {
        let pixels = self.background.over.len();
        let least = ((min_area * pixels as f32).round() as usize).max(LEAST_PIXELS);
        let (mut sum, mut largest) = (0, 0);
        if change.brighter + change.darker >= least {
            let Background { over, width, .. } = &mut self.background;
            (sum, largest) = self.blobs.measure(over, *width, least);
        }
        let seen_before = std::mem::replace(&mut self.suspect, sum > 0);
        if seen_before || largest >= AT_ONCE * least { sum as f32 / pixels as f32 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
