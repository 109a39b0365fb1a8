//! Resampling of Y, U, V and grey pictures in 8.8 fixed point.
//!
//! Eight output rows are made at once. For each, source rows are blended, every byte of a plane alike
//! whatever the packing; the eight are then interleaved, so that resampling along the row works on eight
//! samples with one weight; then colour is converted. All three compile to SIMD.

use super::color;
use super::filter::{Window, windows};
use super::picture::{Colors, Component, Picture, Plane};
use super::rows::{LANES, Rows};
use crate::frame::Size;
use crate::geometry::NormBox;

/// Weights down a column sum to 2^8, so that a blended byte times its weights fits 16 bits.
const VERTICAL_BITS: u32 = 8;
/// Weights along a row sum to 2^14.
const HORIZONTAL_BITS: u32 = 14;

/// For each output, which inputs make it and by how much.
#[derive(Debug)]
struct Axis {
    /// First input of each output.
    first: Vec<usize>,
    /// Inputs of every output, the same number for all.
    taps: usize,
    /// `taps` weights for each output.
    weights: Vec<u16>,
}

impl Axis {
    /// `outputs` samples from `start..end` of `inputs`, weights in units of 2^-`bits`.
    fn new(inputs: usize, start: f64, end: f64, outputs: usize, bits: u32, chroma: bool) -> Self {
        let windows: Vec<Window> = windows(inputs, start, end, outputs, chroma).collect();
        let taps = windows.iter().map(|w| w.weights.len()).max().unwrap_or(1);
        let mut axis = Self { first: Vec::with_capacity(outputs), taps, weights: vec![0; outputs * taps] };
        for (window, weights) in windows.iter().zip(axis.weights.chunks_exact_mut(taps)) {
            // Weights of 0 fill up windows at the edges.
            let first = window.first.min(inputs - taps);
            axis.first.push(first);
            round_to_sum(&window.weights, 1 << bits, &mut weights[window.first - first..]);
        }
        axis
    }

    fn output(&self, i: usize) -> (usize, &[u16]) {
        (self.first[i], &self.weights[i * self.taps..][..self.taps])
    }
}

/// Scales `exact`, whose sum is 1, to the integer sum `total`; the errors of rounding are carried on, so none is lost.
fn round_to_sum(exact: &[f64], total: u32, weights: &mut [u16]) {
    let (mut so_far, mut given) = (0.0, 0_i64);
    for (weight, &e) in weights.iter_mut().zip(exact) {
        so_far += e;
        let upto = (so_far * f64::from(total)).round() as i64;
        *weight = (upto - given) as u16;
        given = upto;
    }
}

/// The way from a picture's geometry to a target size.
#[derive(Debug)]
pub struct Blender {
    width: usize,
    /// By plane; absent where the picture has none.
    vertical: [Option<Axis>; 3],
    /// By component.
    horizontal: [Option<Axis>; 3],
    /// By plane: the bytes of a row that the region needs.
    span: [(usize, usize); 3],
}

impl Blender {
    /// From `region` of pictures like `picture` to `target`.
    pub fn new(picture: &Picture<'_>, region: NormBox, target: Size) -> Self {
        let (x0, x1) = (f64::from(region.x_min), f64::from(region.x_max));
        let (y0, y1) = (f64::from(region.y_min), f64::from(region.y_max));
        let vertical = picture.planes.map(|plane| {
            let (h, e) = (plane.height, f64::from(plane.extent));
            (h > 0).then(|| {
                Axis::new(
                    h,
                    y0 * e,
                    y1 * e,
                    target.height as usize,
                    VERTICAL_BITS,
                    plane.extent < picture.planes[0].extent,
                )
            })
        });
        let horizontal = picture.components.map(|c| {
            let e = f64::from(c.extent);
            (c.width > 0).then(|| {
                Axis::new(
                    c.width,
                    x0 * e,
                    x1 * e,
                    target.width as usize,
                    HORIZONTAL_BITS,
                    c.extent < picture.components[0].extent,
                )
            })
        });
        let mut span = [(usize::MAX, 0); 3];
        for (c, axis) in picture.components.iter().zip(&horizontal) {
            let Some(axis) = axis else { continue };
            let first = axis.first.iter().min().copied().unwrap_or(0);
            let last = axis.first.iter().max().copied().unwrap_or(0) + axis.taps - 1;
            let (from, to) = span[c.plane];
            span[c.plane] = (from.min(c.offset + c.step * first), to.max(c.offset + c.step * last + 1));
        }
        Self { width: target.width as usize, vertical, horizontal, span }
    }

    /// Makes output row `y` and those after it, as many as there are lanes.
    pub fn block(&self, picture: &Picture<'_>, y: usize, rows: &mut Rows) {
        let Rows { blended, interleaved, components, rgb_lanes, .. } = rows;
        for (index, plane) in picture.planes.iter().enumerate() {
            let Some(axis) = &self.vertical[index] else { continue };
            let span = self.span[index];
            let width = span.1 - span.0;
            blended.resize(blended.len().max(width * LANES), 0);
            interleaved.resize(interleaved.len().max(plane.stride), [0; LANES]);
            for (lane, row) in blended[..width * LANES].chunks_exact_mut(width).enumerate() {
                let last = axis.first.len() - 1;
                blend(plane, axis.output((y + lane).min(last)), span, row);
            }
            interleave(&blended[..width * LANES], &mut interleaved[span.0..span.1]);
            for (out, (component, axis)) in
                components.iter_mut().zip(picture.components.iter().zip(&self.horizontal))
            {
                if let Some(axis) = axis.as_ref().filter(|_| component.plane == index) {
                    out.resize(self.width, [0; LANES]);
                    along(interleaved, *component, axis, out);
                }
            }
        }
        let [a, b, c] = components.each_ref().map(|lanes| lanes.as_flattened());
        let [red, green, blue] = rgb_lanes.each_mut().map(|lanes| {
            lanes.resize(self.width, [0; LANES]);
            lanes.as_flattened_mut()
        });
        match picture.colors {
            Colors::Yuv(space) => color::yuv_to_rgb(space, [a, b, c], [red, green, blue]),
            Colors::Gray | Colors::Rgb => {
                color::to_levels(a, red);
                green.copy_from_slice(red);
                blue.copy_from_slice(red);
            }
        }
    }
}

/// Eight rows, one after the other, into eight samples side by side.
fn interleave(rows: &[u16], out: &mut [[u16; LANES]]) {
    let n = out.len();
    let rows: [&[u16]; LANES] = std::array::from_fn(|lane| &rows[lane * n..][..n]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = std::array::from_fn(|lane| rows[lane][x]);
    }
}

/// Blends source rows into one of 8.8 fixed point, bytes `span` of the plane. Four rows at a time, so
/// that the sum stays in registers.
fn blend(plane: &Plane<'_>, (first, weights): (usize, &[u16]), span: (usize, usize), out: &mut [u16]) {
    let row = |tap: usize| {
        let start = (first + tap) * plane.stride;
        &plane.data[start + span.0..start + span.1]
    };
    for (chunk, weights) in weights.chunks(4).enumerate() {
        // A missing row is any row with a weight of 0.
        let tap = |i: usize| weights.get(i).map_or((row(0), 0), |&w| (row(4 * chunk + i), w));
        let [(a, wa), (b, wb), (c, wc), (d, wd)] = [tap(0), tap(1), tap(2), tap(3)];
        let n = out.len();
        let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
        let product = |byte: u8, weight: u16| u16::from(byte) * weight;
        for (i, out) in out.iter_mut().enumerate() {
            let sum = product(a[i], wa) + product(b[i], wb) + product(c[i], wc) + product(d[i], wd);
            *out = if chunk == 0 { sum } else { *out + sum };
        }
    }
}

/// Resamples one component along eight blended rows. Steps and the usual numbers of taps are known to the
/// compiler, so that the sums stay in registers.
fn along(blended: &[[u16; LANES]], component: Component, axis: &Axis, out: &mut [[u16; LANES]]) {
    match component.step {
        1 => along_step::<1>(blended, component.offset, axis, out),
        2 => along_step::<2>(blended, component.offset, axis, out),
        _ => along_step::<4>(blended, component.offset, axis, out),
    }
}

fn along_step<const STEP: usize>(
    blended: &[[u16; LANES]],
    offset: usize,
    axis: &Axis,
    out: &mut [[u16; LANES]],
) {
    match axis.taps {
        2 => along_taps::<STEP, 2>(blended, offset, axis, out),
        3 => along_taps::<STEP, 3>(blended, offset, axis, out),
        4 => along_taps::<STEP, 4>(blended, offset, axis, out),
        5 => along_taps::<STEP, 5>(blended, offset, axis, out),
        taps => {
            for ((out, &first), weights) in
                out.iter_mut().zip(&axis.first).zip(axis.weights.chunks_exact(taps))
            {
                let samples = blended[offset + STEP * first..].iter().step_by(STEP);
                *out = weighted(samples.zip(weights));
            }
        }
    }
}

fn along_taps<const STEP: usize, const TAPS: usize>(
    blended: &[[u16; LANES]],
    offset: usize,
    axis: &Axis,
    out: &mut [[u16; LANES]],
) {
    for ((out, &first), weights) in out.iter_mut().zip(&axis.first).zip(axis.weights.as_chunks::<TAPS>().0) {
        let samples = &blended[offset + STEP * first..][..=STEP * (TAPS - 1)];
        *out = weighted((0..TAPS).map(|tap| (&samples[STEP * tap], &weights[tap])));
    }
}

/// The sums of eight rows' samples, each weighted, back in 8.8 fixed point.
#[inline]
fn weighted<'a>(taps: impl Iterator<Item = (&'a [u16; LANES], &'a u16)>) -> [u16; LANES] {
    let mut sums = [1 << (HORIZONTAL_BITS - 1); LANES];
    for (samples, &weight) in taps {
        for (sum, &sample) in sums.iter_mut().zip(samples) {
            *sum += u32::from(sample) * u32::from(weight);
        }
    }
    sums.map(|sum| (sum >> HORIZONTAL_BITS) as u16)
}
