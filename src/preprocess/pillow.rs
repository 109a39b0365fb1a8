//! Resampling of RGB pictures, equal to Pillow's `Image.resize(size, BILINEAR)` to the bit: models are
//! trained and measured on pictures resized so, and old quantised ones answer differently when a level
//! is off by one. Algorithm: `ImagingResampleHorizontal_8bpc` and `…Vertical_8bpc` of
//! <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>.

use super::filter::windows;
use super::picture::Plane;
use crate::frame::Size;
use crate::geometry::NormBox;

/// Weights sum to 2^22.
const BITS: u32 = 22;

/// Which inputs make an output: the range in `weights`, and the first input.
#[derive(Debug)]
struct Axis {
    outputs: Vec<(usize, std::ops::Range<usize>)>,
    weights: Vec<i32>,
}

impl Axis {
    fn new(inputs: usize, start: f64, end: f64, outputs: usize) -> Self {
        let mut axis = Self { outputs: Vec::with_capacity(outputs), weights: Vec::new() };
        for window in windows(inputs, start, end, outputs, false) {
            let from = axis.weights.len();
            axis.weights.extend(window.weights.iter().map(|w| (w * f64::from(1 << BITS) + 0.5) as i32));
            axis.outputs.push((window.first, from..axis.weights.len()));
        }
        axis
    }

    /// First input and weights of each output.
    fn outputs(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.outputs.iter().map(|(first, range)| (*first, &self.weights[range.clone()]))
    }
}

/// The way from one size of RGB pictures to another.
#[derive(Debug)]
pub struct Pillow {
    across: Axis,
    down: Axis,
    /// Rows of the picture that are needed: the first, and one past the last.
    rows: (usize, usize),
    width: usize,
}

impl Pillow {
    /// From `region` of pictures of `size` to `target`.
    pub fn new(size: Size, region: NormBox, target: Size) -> Self {
        let (w, h) = (f64::from(size.width), f64::from(size.height));
        let axis = |n: u32, from: f32, to: f32, extent: f64, outputs: u32| {
            Axis::new(n as usize, f64::from(from) * extent, f64::from(to) * extent, outputs as usize)
        };
        let across = axis(size.width, region.x_min, region.x_max, w, target.width);
        let down = axis(size.height, region.y_min, region.y_max, h, target.height);
        let first = down.outputs().map(|(first, _)| first).min().unwrap_or(0);
        let last = down.outputs().map(|(first, weights)| first + weights.len()).max().unwrap_or(0);
        Self { across, down, rows: (first, last), width: target.width as usize }
    }

    /// The first pass: every needed row of `plane`, resampled along the row, into `narrow`.
    pub fn narrow(&self, plane: &Plane<'_>, narrow: &mut Vec<u8>) {
        let stride = self.width * 3;
        narrow.resize((self.rows.1 - self.rows.0) * stride, 0);
        for (out, y) in narrow.chunks_exact_mut(stride).zip(self.rows.0..) {
            let row = plane.data[y * plane.stride..][..plane.stride].as_chunks::<3>().0;
            for (out, (first, weights)) in out.as_chunks_mut::<3>().0.iter_mut().zip(self.across.outputs()) {
                let mut sums = [1 << (BITS - 1); 3];
                for (pixel, &weight) in row[first..].iter().zip(weights) {
                    for (sum, &level) in sums.iter_mut().zip(pixel) {
                        *sum += i32::from(level) * weight;
                    }
                }
                *out = sums.map(level);
            }
        }
    }

    /// The second pass: the pixels of output row `y` from what [`Pillow::narrow`] made.
    pub fn row<'s>(
        &self,
        narrow: &[u8],
        y: usize,
        sums: &'s mut Vec<i32>,
    ) -> impl ExactSizeIterator<Item = [u8; 3]> + Clone + use<'s> {
        let stride = self.width * 3;
        sums.resize(stride, 0);
        sums.fill(1 << (BITS - 1));
        let (first, range) = &self.down.outputs[y];
        let rows = narrow[(first - self.rows.0) * stride..].chunks_exact(stride);
        for (row, &weight) in rows.zip(&self.down.weights[range.clone()]) {
            for (sum, &level) in sums.iter_mut().zip(row) {
                *sum += i32::from(level) * weight;
            }
        }
        sums.as_chunks::<3>().0.iter().map(|pixel| pixel.map(level))
    }
}

fn level(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}
