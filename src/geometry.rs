//! Boxes, and the way from a frame's coordinates to a model's input and back.

pub mod cover;
mod polygon;

pub use polygon::{MAX_CORNERS, Polygon, Spans};

use crate::frame::Size;

/// A box in fractions of the whole frame, 0..1, `x` to the right and `y` down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormBox {
    /// Left edge.
    pub x_min: f32,
    /// Top edge.
    pub y_min: f32,
    /// Right edge.
    pub x_max: f32,
    /// Bottom edge.
    pub y_max: f32,
}

impl NormBox {
    /// The whole frame.
    pub const FULL: Self = Self { x_min: 0.0, y_min: 0.0, x_max: 1.0, y_max: 1.0 };

    /// A box from its edges.
    #[must_use]
    pub const fn new(x_min: f32, y_min: f32, x_max: f32, y_max: f32) -> Self {
        Self { x_min, y_min, x_max, y_max }
    }

    /// A box around a centre.
    #[must_use]
    pub fn around(x: f32, y: f32, width: f32, height: f32) -> Self {
        let (w, h) = (width / 2.0, height / 2.0);
        Self { x_min: x - w, y_min: y - h, x_max: x + w, y_max: y + h }
    }

    /// Cut to the frame.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            x_min: self.x_min.clamp(0.0, 1.0),
            y_min: self.y_min.clamp(0.0, 1.0),
            x_max: self.x_max.clamp(0.0, 1.0),
            y_max: self.y_max.clamp(0.0, 1.0),
        }
    }

    /// Fraction of the frame it covers; 0 for a box turned inside out.
    #[must_use]
    pub fn area(self) -> f32 {
        (self.x_max - self.x_min).max(0.0) * (self.y_max - self.y_min).max(0.0)
    }

    /// Intersection over union, 0..1.
    #[must_use]
    pub fn iou(self, other: Self) -> f32 {
        let overlap = Self {
            x_min: self.x_min.max(other.x_min),
            y_min: self.y_min.max(other.y_min),
            x_max: self.x_max.min(other.x_max),
            y_max: self.y_max.min(other.y_max),
        }
        .area();
        let union = self.area() + other.area() - overlap;
        if union > 0.0 { overlap / union } else { 0.0 }
    }

    /// In whole pixels of a frame, rounded to the nearest edge and kept inside.
    #[must_use]
    pub fn to_pixels(self, size: Size) -> PixelBox {
        let c = self.clamped();
        let at = |v: f32, n: u32| ((v * n as f32).round() as u32).min(n);
        PixelBox {
            x_min: at(c.x_min, size.width),
            y_min: at(c.y_min, size.height),
            x_max: at(c.x_max, size.width),
            y_max: at(c.y_max, size.height),
        }
    }

    /// `[x_min, y_min, x_max, y_max]`, as published.
    #[must_use]
    pub const fn to_array(self) -> [f32; 4] {
        [self.x_min, self.y_min, self.x_max, self.y_max]
    }
}

/// A box in whole pixels: columns `x_min..x_max`, rows `y_min..y_max`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PixelBox {
    /// First column.
    pub x_min: u32,
    /// First row.
    pub y_min: u32,
    /// One past the last column.
    pub x_max: u32,
    /// One past the last row.
    pub y_max: u32,
}

impl PixelBox {
    /// Its width and height.
    #[must_use]
    pub const fn size(self) -> Size {
        Size::new(self.x_max - self.x_min, self.y_max - self.y_min)
    }

    /// `[x_min, y_min, x_max, y_max]`, as published.
    #[must_use]
    pub const fn to_array(self) -> [u32; 4] {
        [self.x_min, self.y_min, self.x_max, self.y_max]
    }
}

/// How a picture is brought to the model's input size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Each axis on its own: fills the input, the aspect ratio changes.
    Stretch,
    /// One scale for both axes, centred, the rest filled with grey 114 (as Ultralytics does).
    Letterbox,
}

/// Where a region of a frame lands in the model's input, and so where a detection came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// The part of the frame that the model sees.
    pub region: NormBox,
    /// The pixels of the input that it fills; the others are padding.
    pub target: PixelBox,
    /// The model's input size.
    pub input: Size,
}

impl Placement {
    /// Places `region` of a `frame` in an `input` by `fit`. A letterboxed picture is centred, the odd
    /// pixel of padding goes to the bottom or right.
    #[must_use]
    pub fn new(frame: Size, region: NormBox, input: Size, fit: Fit) -> Self {
        let whole = PixelBox { x_min: 0, y_min: 0, x_max: input.width, y_max: input.height };
        let target = match fit {
            Fit::Stretch => whole,
            Fit::Letterbox => {
                let w = f64::from(frame.width) * f64::from(region.x_max - region.x_min);
                let h = f64::from(frame.height) * f64::from(region.y_max - region.y_min);
                let scale = (f64::from(input.width) / w).min(f64::from(input.height) / h);
                let width = ((w * scale).round() as u32).clamp(1, input.width);
                let height = ((h * scale).round() as u32).clamp(1, input.height);
                let (x, y) = ((input.width - width) / 2, (input.height - height) / 2);
                PixelBox { x_min: x, y_min: y, x_max: x + width, y_max: y + height }
            }
        };
        Self { region, target, input }
    }

    /// A box in fractions of the model's input, back in fractions of the frame, cut to it.
    #[must_use]
    pub fn to_frame(&self, b: NormBox) -> NormBox {
        let (t, r) = (self.target, self.region);
        let back = |v: f32, input: u32, t0: u32, t1: u32, r0: f32, r1: f32| {
            let inside = (v * input as f32 - t0 as f32) / (t1 - t0).max(1) as f32;
            r0 + inside * (r1 - r0)
        };
        let x = |v| back(v, self.input.width, t.x_min, t.x_max, r.x_min, r.x_max);
        let y = |v| back(v, self.input.height, t.y_min, t.y_max, r.y_min, r.y_max);
        NormBox::new(x(b.x_min), y(b.y_min), x(b.x_max), y(b.y_max)).clamped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letterbox_is_centred_and_undone() {
        let p = Placement::new(Size::new(1280, 720), NormBox::FULL, Size::new(320, 320), Fit::Letterbox);
        assert_eq!(p.target, PixelBox { x_min: 0, y_min: 70, x_max: 320, y_max: 250 });
        let b = p.to_frame(NormBox::new(0.25, 70.0 / 320.0, 0.75, 250.0 / 320.0));
        assert_eq!(b, NormBox::new(0.25, 0.0, 0.75, 1.0));
    }

    #[test]
    fn a_stretched_region_maps_back_into_the_frame() {
        let region = NormBox::new(0.5, 0.0, 1.0, 0.5);
        let p = Placement::new(Size::new(100, 100), region, Size::new(10, 10), Fit::Stretch);
        assert_eq!(p.to_frame(NormBox::FULL), region);
    }

    #[test]
    fn a_sliver_still_fills_a_pixel() {
        let p = Placement::new(Size::new(10_000, 1), NormBox::FULL, Size::new(96, 96), Fit::Letterbox);
        assert_eq!(p.target.size(), Size::new(96, 1));
    }

    #[test]
    fn iou_of_halves() {
        let left = NormBox::new(0.0, 0.0, 0.5, 1.0);
        assert!((left.iou(NormBox::FULL) - 0.5).abs() < 1e-6);
        assert!((left.iou(NormBox::new(0.5, 0.0, 1.0, 1.0))).abs() < 1e-6);
    }

    #[test]
    fn pixels_stay_inside() {
        let b = NormBox::new(-0.1, 0.5, 1.2, 0.999).to_pixels(Size::new(10, 10));
        assert_eq!(b.to_array(), [0, 5, 10, 10]);
    }
}
