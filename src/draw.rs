//! Detections drawn on a picture: a box in the class's colour, its label on a filled plate.

use crate::decode::Answer;
use crate::frame::Size;
use crate::geometry::PixelBox;
use crate::publish::label_of;
use ab_glyph::FontRef;
use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_rect_mut, draw_hollow_rect_mut, draw_text_mut, text_size};
use imageproc::rect::Rect;

/// DejaVu Sans Bold, Latin letters; its licence lies beside it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans-Bold-latin.ttf");

/// Colours that stay apart from each other and are dark enough for white letters.
pub const COLORS: [[u8; 3]; 8] = [
    [200, 30, 40],
    [20, 110, 200],
    [20, 130, 60],
    [180, 80, 0],
    [130, 50, 170],
    [0, 120, 130],
    [170, 40, 110],
    [90, 90, 90],
];

/// Draws what a model said onto `picture`; a classifier's best class stands in the upper left corner.
pub fn annotate(picture: &mut RgbImage, answer: &Answer, labels: &[String]) -> Result<(), String> {
    let font = font()?;
    let (width, height) = picture.dimensions();
    let scale = (height.min(width) as f32 / 28.0).clamp(13.0, 48.0);
    let stroke = ((scale / 8.0) as i32).max(2);
    for d in &answer.detections {
        let color = Rgb(COLORS[d.class % COLORS.len()]);
        let b = d.bounds.to_pixels(Size::new(width, height));
        outline(picture, b, stroke, color);
        let text = format!("{} {:.0}%", label_of(labels, d.class), d.score * 100.0);
        plate(picture, &font, scale, (b.x_min as i32, b.y_min as i32), &text, color);
    }
    if let Some(best) = answer.classes.first() {
        let text = format!("{} {:.0}%", label_of(labels, best.class), best.score * 100.0);
        plate(picture, &font, scale, (0, i32::MAX), &text, Rgb(COLORS[best.class % COLORS.len()]));
    }
    Ok(())
}

/// White text on a filled plate above `(x, y)`, moved inside the picture.
fn plate(
    picture: &mut RgbImage,
    font: &FontRef<'_>,
    scale: f32,
    (x, y): (i32, i32),
    text: &str,
    color: Rgb<u8>,
) {
    let (w, h) = plate_size(font, scale, text);
    let (width, height) = (picture.width() as i32, picture.height() as i32);
    let x = x.min(width - w).max(0);
    let y = if y == i32::MAX { 0 } else { (y - h).min(height - h).max(0) };
    plate_at(picture, font, scale, (x, y), text, color);
}

/// The font of all letters.
pub fn font() -> Result<FontRef<'static>, String> {
    FontRef::try_from_slice(FONT).map_err(|e| e.to_string())
}

/// A box's outline, `stroke` pixels wide, inside its edges.
pub fn outline(picture: &mut RgbImage, b: PixelBox, stroke: i32, color: Rgb<u8>) {
    for inset in 0..stroke {
        let (x, y) = (b.x_min as i32 + inset, b.y_min as i32 + inset);
        let (w, h) = (b.x_max as i32 - inset - x, b.y_max as i32 - inset - y);
        if w > 0 && h > 0 {
            draw_hollow_rect_mut(picture, Rect::at(x, y).of_size(w as u32, h as u32), color);
        }
    }
}

/// Width and height of a plate with this text.
#[must_use]
pub fn plate_size(font: &FontRef<'_>, scale: f32, text: &str) -> (i32, i32) {
    let pad = (scale / 6.0) as i32;
    (text_size(scale, font, text).0 as i32 + 2 * pad, scale as i32 + 2 * pad)
}

/// White text on a filled plate whose upper left corner is `(x, y)`.
pub fn plate_at(
    picture: &mut RgbImage,
    font: &FontRef<'_>,
    scale: f32,
    (x, y): (i32, i32),
    text: &str,
    color: Rgb<u8>,
) {
    let (pad, (w, h)) = ((scale / 6.0) as i32, plate_size(font, scale, text));
    draw_filled_rect_mut(picture, Rect::at(x, y).of_size(w.max(1) as u32, h.max(1) as u32), color);
    draw_text_mut(picture, Rgb([255, 255, 255]), x + pad, y + pad, scale, font, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Detection;
    use crate::geometry::NormBox;

    #[test]
    fn a_box_and_its_label_are_visible_and_inside() {
        let mut picture = RgbImage::new(200, 100);
        let bounds = NormBox::new(0.25, 0.5, 0.75, 1.0);
        let answer = Answer { detections: vec![Detection::new(0, 0.9, bounds)], classes: vec![] };
        annotate(&mut picture, &answer, &["person".to_owned()]).expect("the font is good");
        assert_eq!(picture.get_pixel(50, 75).0, COLORS[0], "the left edge");
        assert_eq!(picture.get_pixel(100, 80).0, [0; 3], "the inside");
        let white = picture.enumerate_pixels().filter(|p| p.2.0 == [255; 3]).count();
        assert!(white > 20, "only {white} pixels of letters");
    }

    #[test]
    fn a_tiny_picture_is_no_trouble() {
        let mut picture = RgbImage::new(1, 1);
        let answer = Answer { detections: vec![Detection::new(3, 1.0, NormBox::FULL)], classes: vec![] };
        annotate(&mut picture, &answer, &[]).expect("the font is good");
    }
}
