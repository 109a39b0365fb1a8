//! Bilinear resampling, antialiased when shrinking: Pillow's triangle filter, whose support grows with
//! the scale (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>).

use super::blend::{Blender, LANES};
use super::picture::{Colors, Picture};
use super::pillow::Pillow;
use crate::frame::Size;
use crate::geometry::NormBox;

/// The inputs of one output: weights of `first` and those after it, with the sum 1.
pub(super) struct Window {
    pub first: usize,
    pub weights: Vec<f64>,
}

/// Half the width of the triangle. Subsampled `chroma` stands for a plane that was first interpolated to
/// full size, a triangle of half-width 1, and then shrunk: variances add up.
pub(super) fn support(scale: f64, chroma: bool) -> f64 {
    if chroma { (1.0 + scale * scale).sqrt() } else { scale.max(1.0) }
}

/// The windows of `outputs` samples from `start..end` of `inputs`, by Pillow's `precompute_coeffs`.
pub(super) fn windows(
    inputs: usize,
    start: f64,
    end: f64,
    outputs: usize,
    chroma: bool,
) -> impl Iterator<Item = Window> {
    let scale = (end - start) / outputs as f64;
    let support = support(scale, chroma);
    (0..outputs).map(move |i| {
        let center = start + (i as f64 + 0.5) * scale;
        let first = ((center - support + 0.5).max(0.0) as usize).min(inputs - 1);
        let last = ((center + support + 0.5) as usize).clamp(first + 1, inputs);
        let weight = |x: usize| (1.0 - ((x as f64 - center + 0.5) * (1.0 / support)).abs()).max(0.0);
        let mut weights: Vec<f64> = (first..last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Window { first, weights }
    })
}

/// Memory for the work on one frame; grows once.
#[derive(Debug, Default)]
pub struct Rows {
    pub(super) blended: Vec<u16>,
    pub(super) interleaved: Vec<[u16; LANES]>,
    pub(super) components: [Vec<[u16; LANES]>; 3],
    pub(super) rgb_lanes: [Vec<[u8; LANES]>; 3],
    pub(super) narrow: Vec<u8>,
    pub(super) sums: Vec<i32>,
    pub(super) rgb: [Vec<u8>; 3],
}

/// The way from a picture's geometry to a target size.
#[derive(Debug)]
pub enum Resampler {
    /// RGB: equal to Pillow.
    Rgb(Pillow),
    /// Y, U and V, or grey: fast.
    Planes(Box<Blender>),
}

impl Resampler {
    /// From `region` of pictures like `picture` to `target`.
    pub fn new(picture: &Picture<'_>, region: NormBox, target: Size) -> Self {
        match picture.colors {
            Colors::Rgb => {
                let size = Size::new(picture.components[0].width as u32, picture.planes[0].height as u32);
                Self::Rgb(Pillow::new(size, region, target))
            }
            Colors::Yuv(_) | Colors::Gray => Self::Planes(Box::new(Blender::new(picture, region, target))),
        }
    }

    /// Begins with a picture whose rows are `width` pixels wide in the end.
    pub fn start(&self, picture: &Picture<'_>, width: usize, rows: &mut Rows) {
        for row in &mut rows.rgb {
            row.resize(width, 0);
        }
        if let Self::Rgb(pillow) = self {
            pillow.narrow(&picture.planes[0], &mut rows.narrow);
        }
    }

    /// Output row `y` as R, G and B.
    pub fn row<'r>(&self, picture: &Picture<'_>, y: usize, rows: &'r mut Rows) -> [&'r [u8]; 3] {
        match self {
            Self::Planes(blender) => blender.row(picture, y, rows),
            Self::Rgb(pillow) => {
                let Rows { narrow, sums, rgb: [r, g, b], .. } = rows;
                pillow.row(narrow, y, sums, [r, g, b]);
            }
        }
        rows.rgb.each_ref().map(Vec::as_slice)
    }
}
