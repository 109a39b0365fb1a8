//! Pixels into the bytes of an input tensor: layout, normalisation and quantisation, by table.

use crate::frame::Size;
use crate::geometry::PixelBox;
use crate::infer::{ElementType, TensorSpec};
use crate::model::Channels;
use half::f16;

/// Order of the axes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputLayout {
    /// `[1, height, width, channels]`.
    Nhwc,
    /// `[1, channels, height, width]`.
    Nchw,
}

/// How a pixel's level 0..255 becomes the real number the model wants: `(level - mean) / std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// For R, G and B.
    pub mean: [f32; 3],
    /// For R, G and B.
    pub std: [f32; 3],
}

impl Normalization {
    /// The same for the three channels.
    #[must_use]
    pub const fn uniform(mean: f32, std: f32) -> Self {
        Self { mean: [mean; 3], std: [std; 3] }
    }

    /// The real number of a level.
    fn real(&self, channel: usize, level: usize) -> f32 {
        level as f32 / self.std[channel] - self.mean[channel] / self.std[channel]
    }
}

/// The range of a byte-sized type.
const fn limits(element: ElementType) -> Option<(i64, i64)> {
    match element {
        ElementType::U8 => Some((0, 255)),
        ElementType::I8 => Some((-128, 127)),
        _ => None,
    }
}

/// The element of each channel for each level.
#[derive(Debug)]
enum Table {
    /// `level ^ flip`: the level itself, or shifted to signed.
    Flip(u8),
    U8(Box<[[u8; 256]; 3]>),
    F16(Box<[[[u8; 2]; 256]; 3]>),
    F32(Box<[[[u8; 4]; 256]; 3]>),
}

/// Writes rows of pixels into an input tensor.
#[derive(Debug)]
pub struct TensorWriter {
    size: Size,
    channels: usize,
    layout: InputLayout,
    order: Channels,
    table: Table,
}

impl TensorWriter {
    /// A writer for `spec`, or why edgecam can't feed such an input.
    pub fn new(spec: &TensorSpec, normalization: &Normalization, order: Channels) -> Result<Self, String> {
        let (layout, width, height, channels) = match *spec.shape.as_slice() {
            [1, h, w, c @ (1 | 3)] => (InputLayout::Nhwc, w, h, c),
            [1, c @ (1 | 3), h, w] => (InputLayout::Nchw, w, h, c),
            _ => {
                return Err(format!(
                    "its input {} has the shape {:?}; edgecam feeds [1, height, width, 3 or 1] and [1, 3 or 1, height, width]",
                    spec.name, spec.shape
                ));
            }
        };
        let mut by_channel = *normalization;
        if order == Channels::Bgr {
            by_channel.mean.reverse();
            by_channel.std.reverse();
        }
        let table = table(spec, &by_channel)?;
        Ok(Self { size: Size::new(width as u32, height as u32), channels, layout, order, table })
    }

    /// The input's size in pixels.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Fills all but `target` with `level`.
    pub fn pad(&self, input: &mut [u8], target: PixelBox, level: u8) {
        if target.size() == self.size {
            return;
        }
        let mut fill = |y: u32, columns: std::ops::Range<u32>| {
            let pixels = columns.clone().map(|_| [level; 3]);
            self.row(input, (columns.start as usize, y as usize), pixels);
        };
        for y in 0..self.size.height {
            if (target.y_min..target.y_max).contains(&y) {
                fill(y, 0..target.x_min);
                fill(y, target.x_max..self.size.width);
            } else {
                fill(y, 0..self.size.width);
            }
        }
    }

    /// Writes pixels from column and row `at` on.
    pub fn row(&self, input: &mut [u8], at: (usize, usize), pixels: impl Iterator<Item = [u8; 3]> + Clone) {
        match self.order {
            Channels::Rgb => self.ordered(input, at, pixels),
            Channels::Bgr if self.channels == 1 => self.ordered(input, at, pixels),
            Channels::Bgr => self.ordered(input, at, pixels.map(|[r, g, b]| [b, g, r])),
        }
    }

    /// Writes pixels in the order of the tensor's channels.
    fn ordered(&self, input: &mut [u8], at: (usize, usize), pixels: impl Iterator<Item = [u8; 3]> + Clone) {
        match &self.table {
            Table::Flip(0) => self.put(input, at, pixels, |_, level| [level]),
            Table::Flip(flip) => self.put(input, at, pixels, |_, level| [level ^ flip]),
            Table::U8(t) => self.put(input, at, pixels, |c, level| [t[c][usize::from(level)]]),
            Table::F16(t) => self.put(input, at, pixels, |c, level| t[c][usize::from(level)]),
            Table::F32(t) => self.put(input, at, pixels, |c, level| t[c][usize::from(level)]),
        }
    }

    fn put<const N: usize>(
        &self,
        input: &mut [u8],
        (x, y): (usize, usize),
        pixels: impl Iterator<Item = [u8; 3]> + Clone,
        element: impl Fn(usize, u8) -> [u8; N],
    ) {
        let first = y * self.size.width as usize + x;
        let input = input.as_chunks_mut::<N>().0;
        match (self.channels, self.layout) {
            (1, _) => {
                for (out, [r, g, b]) in input[first..].iter_mut().zip(pixels) {
                    *out = element(0, luma(r, g, b));
                }
            }
            (_, InputLayout::Nhwc) => {
                for (out, [r, g, b]) in input[first * 3..].as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                    *out = [element(0, r), element(1, g), element(2, b)];
                }
            }
            (_, InputLayout::Nchw) => {
                for c in 0..3 {
                    let plane = c * self.size.area();
                    for (out, pixel) in input[plane + first..].iter_mut().zip(pixels.clone()) {
                        *out = element(c, pixel[c]);
                    }
                }
            }
        }
    }
}

/// Brightness by ITU-R BT.601, as Pillow's mode `L`.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

fn table(spec: &TensorSpec, n: &Normalization) -> Result<Table, String> {
    Ok(match (spec.element, limits(spec.element), spec.quantization) {
        (ElementType::F32, ..) => {
            Table::F32(Box::new(std::array::from_fn(|c| std::array::from_fn(|l| n.real(c, l).to_ne_bytes()))))
        }
        (ElementType::F16, ..) => Table::F16(Box::new(std::array::from_fn(|c| {
            std::array::from_fn(|l| f16::from_f32(n.real(c, l)).to_ne_bytes())
        }))),
        (_, Some((low, high)), Some(q)) => {
            let quantised = |c: usize, level: usize| {
                let v = (n.real(c, level) / q.scale + q.zero_point as f32).round_ties_even();
                (v as i64).clamp(low, high) as u8
            };
            let levels: Box<[[u8; 256]; 3]> =
                Box::new(std::array::from_fn(|c| std::array::from_fn(|l| quantised(c, l))));
            let flip = low as u8;
            if levels.iter().all(|t| (0..=255_u8).all(|l| t[usize::from(l)] == l ^ flip)) {
                Table::Flip(flip)
            } else {
                Table::U8(levels)
            }
        }
        // A byte without quantisation is the level itself.
        (_, Some((low, _)), None) => Table::Flip(low as u8),
        _ => {
            return Err(format!(
                "its input {} is of type {:?}, which edgecam can't feed",
                spec.name, spec.element
            ));
        }
    })
}
