//! A camera's zones and masks drawn on its picture, to see whether they are where they should be.

use crate::draw::{COLORS, font, plate_at, plate_size};
use crate::geometry::Polygon;
use crate::picture::blacken;
use image::{Rgb, RgbImage};
use imageproc::drawing::draw_line_segment_mut;

/// Fills `masks` with black and outlines `zones` in colours, each with its name on a plate at its highest corner.
/// The error is that of the font built in.
pub fn draw_zones(
    picture: &mut RgbImage,
    zones: &[(&str, &Polygon)],
    masks: &[Polygon],
) -> Result<(), String> {
    let font = font()?;
    blacken(picture, masks);
    let (width, height) = picture.dimensions();
    let scale = (height.min(width) as f32 / 28.0).clamp(13.0, 48.0);
    let stroke = ((scale / 8.0) as i32).max(2);
    let color = |i: usize| Rgb(COLORS[i % COLORS.len()]);
    for (i, (_, zone)) in zones.iter().enumerate() {
        outline(picture, zone, stroke, color(i));
    }
    // Names lie over all outlines.
    for (i, (name, zone)) in zones.iter().enumerate() {
        let higher = |a: &&[f32; 2], b: &&[f32; 2]| a[1].total_cmp(&b[1]);
        let Some([x, y]) = zone.corners().iter().min_by(higher) else { continue };
        let (w, h) = plate_size(&font, scale, name);
        let within = |v: f32, n: u32, size: i32| ((v * n as f32) as i32).min(n as i32 - size).max(0);
        plate_at(picture, &font, scale, (within(*x, width, w), within(*y, height, h)), name, color(i));
    }
    Ok(())
}

/// The edges of `zone`, `stroke` pixels wide.
fn outline(picture: &mut RgbImage, zone: &Polygon, stroke: i32, color: Rgb<u8>) {
    let (width, height) = (picture.width() as f32 - 1.0, picture.height() as f32 - 1.0);
    let corners = zone.corners();
    for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        for (dx, dy) in (0..stroke * stroke).map(|i| (i % stroke - stroke / 2, i / stroke - stroke / 2)) {
            let at = |[x, y]: [f32; 2]| {
                let (x, y) = ((x * width).round() + dx as f32, (y * height).round() + dy as f32);
                (x.clamp(0.0, width.max(0.0)), y.clamp(0.0, height.max(0.0)))
            };
            draw_line_segment_mut(picture, at(*a), at(*b), color);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_outlined_and_named_and_masks_are_black() {
        let mut picture = RgbImage::from_pixel(320, 200, Rgb([240, 240, 240]));
        let zone = |corners: &[[f32; 2]]| Polygon::new(corners.to_vec()).expect("a polygon");
        let drive = zone(&[[0.1, 0.5], [0.5, 0.5], [0.5, 1.0], [0.1, 1.0]]);
        let door = zone(&[[0.9, 0.0], [1.0, 0.0], [1.0, 1.0]]);
        let mask = zone(&[[0.6, 0.6], [0.8, 0.6], [0.8, 0.8], [0.6, 0.8]]);
        draw_zones(&mut picture, &[("drive", &drive), ("door", &door)], &[mask]).expect("the font is good");
        assert_eq!(picture.get_pixel(32, 170).0, COLORS[0], "the left edge");
        assert_eq!(picture.get_pixel(160, 150).0, COLORS[0], "the right edge");
        assert_eq!(picture.get_pixel(319, 120).0, COLORS[1], "the frame's own edge");
        assert_eq!(picture.get_pixel(100, 160).0, [240; 3], "the inside");
        assert_eq!(picture.get_pixel(224, 140).0, [0; 3], "the mask");
        let letters = |x: std::ops::Range<u32>, y: std::ops::Range<u32>| {
            x.flat_map(move |x| y.clone().map(move |y| (x, y)))
                .filter(|&(x, y)| picture.get_pixel(x, y).0 == [255; 3])
        };
        assert!(letters(32..90, 98..120).count() > 20, "the name is written");
        assert!(letters(260..320, 0..20).count() > 20, "the name is inside the picture");
        draw_zones(&mut RgbImage::new(1, 1), &[("a", &drive)], &[]).expect("a tiny picture is no trouble");
        draw_zones(&mut RgbImage::new(0, 0), &[("a", &drive)], &[]).expect("nor is none");
    }
}
