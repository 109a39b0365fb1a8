//! Which shapes of a frame can be seen, as a picture with a known truth needs it.

use super::{SHAPES, bounds, place, spans};
use crate::frame::Size;
use crate::geometry::NormBox;

/// A shape of whose pixels less than this part can be seen is left out.
const LEAST_VISIBLE: f64 = 0.2;

/// The shapes of a frame that can be seen, in drawing order: their index in [`LABELS`](super::LABELS) and
/// their whole box, covered parts included. A shape of whose own pixels later shapes leave less than a
/// fifth is left out.
#[must_use]
pub fn visible_truth(seed: u64, size: Size, frame_index: u64) -> Vec<(usize, NormBox)> {
    const NOBODY: usize = usize::MAX;
    if size.is_empty() {
        return Vec::new();
    }
    let mut owners = vec![NOBODY; size.area()];
    let mut drawn = [0; SHAPES.len()];
    for (i, (_, _, form)) in SHAPES.iter().enumerate() {
        for span in spans(*form, place(seed, size, frame_index, i), size.width) {
            drawn[i] += span.len();
            owners[span].fill(i);
        }
    }
    let mut left = [0; SHAPES.len()];
    owners.into_iter().filter(|&owner| owner != NOBODY).for_each(|owner| left[owner] += 1);
    (0..SHAPES.len())
        .filter(|&i| left[i] > 0 && f64::from(left[i]) >= LEAST_VISIBLE * drawn[i] as f64)
        .map(|i| (i, bounds(seed, size, frame_index, i)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{LABELS, draw, truth};
    use super::*;

    const SIZE: Size = Size::new(160, 120);

    /// The part of shape `i` whose colour is in the picture.
    fn part_seen(rgb: &[u8], seed: u64, frame_index: u64, i: usize) -> f64 {
        let (_, colour, form) = SHAPES[i];
        let own = spans(form, place(seed, SIZE, frame_index, i), SIZE.width);
        let own: Vec<bool> = own.flatten().map(|pixel| rgb[pixel * 3..][..3] == colour).collect();
        own.iter().filter(|&&seen| seen).count() as f64 / own.len() as f64
    }

    #[test]
    fn a_shape_is_left_out_when_the_picture_hardly_shows_it() {
        let (mut rgb, mut left_out, mut covered) = (Vec::new(), 0, 0);
        for seed in 0..100 {
            draw(seed, SIZE, seed * 7, &mut rgb);
            let all = truth(seed, SIZE, seed * 7);
            let visible = visible_truth(seed, SIZE, seed * 7);
            for (i, (label, bounds)) in all.into_iter().enumerate() {
                let part = part_seen(&rgb, seed, seed * 7, i);
                let found = visible.iter().find(|(index, _)| *index == i);
                assert_eq!(found.is_some(), part >= LEAST_VISIBLE, "{label} of {seed}: {part}");
                assert!(found.is_none_or(|(_, b)| *b == bounds && LABELS[i] == label));
                left_out += usize::from(found.is_none());
                covered += usize::from(found.is_some() && part < 1.0);
            }
        }
        assert!(left_out > 3 && covered > 30, "{left_out} left out, {covered} covered");
    }

    #[test]
    fn a_frame_without_a_pixel_shows_nothing() {
        assert!(visible_truth(1, Size::default(), 0).is_empty());
    }
}
