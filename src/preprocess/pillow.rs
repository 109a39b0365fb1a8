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

/// One half, to round.
const HALF: i32 = 1 << (BITS - 1);

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

/// The way from one size of RGB pictures to another, in two passes with whole levels between them.
#[derive(Debug)]
pub struct Pillow {
    across: Axis,
    down: Axis,
    /// Whether columns are resampled before rows.
    down_first: bool,
    /// Rows of the picture that are needed: the first, and one past the last.
    rows: (usize, usize),
    /// Pixels of a finished row.
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
        // Pillow 12.1 and later: when the height shrinks by more than twice as many pixels as the width.
        let shrinks = |from: u32, to: u32| i64::from(from) - i64::from(to);
        let (by_rows, by_columns) = (shrinks(size.height, target.height), shrinks(size.width, target.width));
        let down_first = by_rows > 0 && by_rows > 2 * by_columns;
        Self { across, down, down_first, rows: (first, last), width: target.width as usize }
    }

    /// Begins with a picture: where rows come first, every needed row of `plane` is resampled into
    /// `narrow`.
    pub fn start(&self, plane: &Plane<'_>, narrow: &mut Vec<u8>) {
        if self.down_first {
            return;
        }
        let stride = self.width * 3;
        narrow.resize((self.rows.1 - self.rows.0) * stride, 0);
        for (out, y) in narrow.chunks_exact_mut(stride).zip(self.rows.0..) {
            let row = plane.data[y * plane.stride..][..plane.stride].as_chunks::<3>().0;
            for (out, (first, weights)) in out.as_chunks_mut::<3>().0.iter_mut().zip(self.across.outputs()) {
                *out = weighted(&row[first..], weights).map(level);
            }
        }
    }

    /// The pixels of output row `y`, after [`Pillow::start`] with the same memory.
    pub fn row<'s>(
        &self,
        plane: &Plane<'_>,
        y: usize,
        narrow: &mut Vec<u8>,
        sums: &'s mut Vec<i32>,
    ) -> impl ExactSizeIterator<Item = [u8; 3]> + Clone + use<'s> {
        if self.down_first {
            self.blend(y, plane.data, plane.stride, 0, sums);
            narrow.clear();
            narrow.extend(sums.iter().map(|&sum| level(sum)));
            let row = narrow.as_chunks::<3>().0;
            sums.resize(self.width * 3, 0);
            for (out, (first, weights)) in sums.as_chunks_mut::<3>().0.iter_mut().zip(self.across.outputs()) {
                *out = weighted(&row[first..], weights);
            }
        } else {
            self.blend(y, narrow, self.width * 3, self.rows.0, sums);
        }
        sums.as_chunks::<3>().0.iter().map(|pixel| pixel.map(level))
    }

    /// The weighted sums of the rows that make output row `y`; the first of `rows` is row `top`.
    fn blend(&self, y: usize, rows: &[u8], stride: usize, top: usize, sums: &mut Vec<i32>) {
        sums.resize(stride, 0);
        sums.fill(HALF);
        let (first, range) = &self.down.outputs[y];
        let rows = rows[(first - top) * stride..].chunks_exact(stride);
        for (row, &weight) in rows.zip(&self.down.weights[range.clone()]) {
            for (sum, &level) in sums.iter_mut().zip(row) {
                *sum += i32::from(level) * weight;
            }
        }
    }
}

/// The weighted sum of pixels.
fn weighted(pixels: &[[u8; 3]], weights: &[i32]) -> [i32; 3] {
    let mut sums = [HALF; 3];
    for (pixel, &weight) in pixels.iter().zip(weights) {
        for (sum, &level) in sums.iter_mut().zip(pixel) {
            *sum += i32::from(level) * weight;
        }
    }
    sums
}

fn level(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}
