//! Privacy masks on finished pictures: snapshots, previews.

use crate::geometry::Polygon;
use crate::geometry::cover::{cells, touched};
use image::RgbImage;

/// Pixels by which a mask grows: as far as the colour of a masked pixel reaches where a sample of chroma
/// serves two pixels and is interpolated.
const MARGIN: f64 = 2.0;

/// Blackens what `masks` touch, and two pixels around it. A picture made by a
/// [`Preprocessor`](crate::preprocess::Preprocessor) with the same masks needs none of this; in one decoded
/// from a JPEG otherwise, the rest of blocks that the mask cuts can still show a faint ringing of what is hidden.
pub fn blacken(picture: &mut RgbImage, masks: &[Polygon]) {
    if masks.is_empty() {
        return;
    }
    let (width, height) = picture.dimensions();
    for span in touched(masks, &cells(width, MARGIN), cells(height, MARGIN)) {
        let from = (span.row * width + span.columns.start) as usize * 3;
        let pixels = span.columns.len() * 3;
        picture.as_mut()[from..from + pixels].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mask_touches_is_black_and_little_else() {
        let mut picture = RgbImage::from_pixel(100, 50, image::Rgb([9, 200, 30]));
        let before = picture.clone();
        blacken(&mut picture, &[]);
        assert_eq!(picture, before);
        let mask = Polygon::new(vec![[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]]).expect("a polygon");
        blacken(&mut picture, &[mask]);
        for (x, y, pixel) in picture.enumerate_pixels() {
            assert_eq!(pixel.0 == [0; 3], x >= 48 && y >= 23, "{x} {y}");
        }
        blacken(
            &mut RgbImage::new(0, 0),
            &[Polygon::new(vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).expect("one")],
        );
    }
}
