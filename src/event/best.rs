//! Which frame makes the best picture of an object.

use crate::geometry::NormBox;

/// A new picture must be this much better than the last one.
const CLEARLY: f32 = 1.2;
/// A picture on which the object is cut off is worth this much of one on which it is not.
const CUT_OFF: f32 = 0.5;
/// Larger than this fraction of the frame makes no picture better.
const LARGE: f32 = 0.25;
/// Nearer than this to the frame's edge, it may go on beyond it.
const EDGE: f32 = 0.005;

/// How good the best picture so far is.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Best(f32);

impl Best {
    /// Of a detection: the surer, the larger and the more whole, the better.
    #[must_use]
    pub fn of(score: f32, bounds: NormBox) -> Self {
        let cut_off = bounds.x_min < EDGE
            || bounds.y_min < EDGE
            || bounds.x_max > 1.0 - EDGE
            || bounds.y_max > 1.0 - EDGE;
        let size = (bounds.area().min(LARGE) / LARGE).sqrt();
        Self(score * size * if cut_off { CUT_OFF } else { 1.0 })
    }

    /// Whether it is clearly better than `other`.
    #[must_use]
    pub fn beats(self, other: Self) -> bool {
        self.0 > other.0 * CLEARLY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_large_and_sure_is_better_and_a_little_is_not_enough() {
        let whole = Best::of(0.7, NormBox::new(0.3, 0.3, 0.5, 0.7));
        assert!(whole.beats(Best::default()));
        assert!(whole.beats(Best::of(0.9, NormBox::new(0.0, 0.3, 0.2, 0.7))), "the other is cut off");
        assert!(whole.beats(Best::of(0.7, NormBox::new(0.3, 0.3, 0.4, 0.5))), "the other is small");
        assert!(!Best::of(0.75, NormBox::new(0.3, 0.3, 0.5, 0.7)).beats(whole));
        assert!(Best::of(0.95, NormBox::new(0.3, 0.3, 0.5, 0.7)).beats(whole));
    }
}
