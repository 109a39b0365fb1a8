//! How alike a foreseen box and a detection are.

use super::Track;
use crate::geometry::NormBox;
use std::time::Duration;

/// Boxes with a margin must overlap by this much to be the same object's.
const LEAST_LIKENESS: f32 = 0.1;
/// A faint detection must lie on its track.
const FAINT_IOU: f32 = 0.2;
/// Margin of a box, in sizes of it; more for each second since it was seen, and still more while its velocity is
/// not known.
const MARGIN: f32 = 0.1;
const MARGIN_A_SECOND: f32 = 0.6;
const MOST_MARGIN: f32 = 0.6;
/// Sightings that tell a velocity.
const HITS_FOR_VELOCITY: u32 = 3;
/// The likeness that a track of known velocity asks for, at looks this far apart in seconds; less where they are
/// farther apart. Who leaves the picture is not who enters it there.
const LEAST_KNOWN: f32 = 0.15;
const USUAL_INTERVAL: f32 = 0.15;

/// How far off a track's detection may be.
#[derive(Clone, Copy)]
pub struct Reach {
    margin: f32,
    least: f32,
    /// A detection that is not must lie on the track.
    sure: bool,
}

impl Reach {
    /// Of a track at the time `at`, looks being `interval` apart, for detections that are `sure` or faint.
    pub fn of(track: &Track, at: Duration, interval: Duration, sure: bool) -> Self {
        let unseen = at.saturating_sub(track.last_seen).as_secs_f32();
        let (growth, most, least) = if track.hits < HITS_FOR_VELOCITY {
            (1.0, 1.0, 0.0)
        } else {
            (MARGIN_A_SECOND, MOST_MARGIN, LEAST_KNOWN * (USUAL_INTERVAL / interval.as_secs_f32()).min(1.0))
        };
        Self { margin: (MARGIN + growth * unseen).min(most), least, sure }
    }

    /// How alike a foreseen box and a detection are, in place and in size, if enough.
    pub fn likeness(self, foreseen: NormBox, seen: NormBox) -> Option<f32> {
        let iou = foreseen.iou(seen);
        if !self.sure {
            return (iou >= FAINT_IOU).then_some(iou);
        }
        let wide = with_margin(foreseen, self.margin).iou(with_margin(seen, self.margin));
        let size = size_likeness(foreseen.x_max - foreseen.x_min, seen.x_max - seen.x_min)
            * size_likeness(foreseen.y_max - foreseen.y_min, seen.y_max - seen.y_min);
        let likeness = f32::midpoint(iou, wide) * size;
        (wide >= LEAST_LIKENESS && likeness >= self.least).then_some(likeness)
    }
}

/// The smaller of two lengths, as a fraction of the larger one.
fn size_likeness(a: f32, b: f32) -> f32 {
    a.min(b).max(1e-6) / a.max(b).max(1e-6)
}

fn with_margin(b: NormBox, margin: f32) -> NormBox {
    let (x, y) = ((b.x_max - b.x_min) * margin, (b.y_max - b.y_min) * margin);
    NormBox::new(b.x_min - x, b.y_min - y, b.x_max + x, b.y_max + y)
}
