//! The elements of an output tensor: as real numbers, and as they are, to be compared before they are
//! dequantised.

use crate::infer::{ElementType, TensorSpec};
use half::f16;
use std::ops::Range;

/// The elements of one output.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Bytes, which are compared as unsigned after `^ flip`.
    Bytes {
        /// The elements.
        bytes: &'a [u8],
        /// 0x80 for signed ones.
        flip: u8,
        /// How they are meant.
        spec: &'a TensorSpec,
    },
    /// 32-bit floats.
    Floats(&'a [[u8; 4]]),
    /// Anything else, read one by one.
    Other(&'a TensorSpec, &'a [u8]),
}

/// The least real number that counts, as what is compared.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    real: f32,
    /// The least byte (flipped); 256 when none is enough.
    byte: u16,
}

impl<'a> Numbers<'a> {
    /// The output `spec`, whose elements are `bytes`.
    pub fn new(spec: &'a TensorSpec, bytes: &'a [u8]) -> Self {
        match spec.element {
            ElementType::U8 => Self::Bytes { bytes, flip: 0, spec },
            ElementType::I8 => Self::Bytes { bytes, flip: 0x80, spec },
            ElementType::F32 => Self::Floats(bytes.as_chunks().0),
            _ => Self::Other(spec, bytes),
        }
    }

    /// Element `i`; one that is not there reads as 0.
    pub fn real(&self, i: usize) -> f32 {
        match *self {
            Self::Floats(floats) => floats.get(i).copied().map_or(0.0, f32::from_ne_bytes),
            Self::Bytes { bytes, spec, .. } | Self::Other(spec, bytes) => real(spec, bytes, i),
        }
    }

    /// `real` as what is compared.
    pub fn floor(&self, real: f32) -> Floor {
        let byte = match *self {
            Self::Bytes { flip, spec, .. } => (0..=255_u8)
                .find(|&b| crate::decode::read::real(spec, &[b ^ flip], 0) >= real)
                .map_or(256, u16::from),
            _ => 256,
        };
        Floor { real, byte }
    }

    /// The index and value of the greatest element of `range` that is not below `floor`; the first of
    /// equals.
    pub fn greatest(&self, range: Range<usize>, floor: Floor) -> Option<(usize, f32)> {
        let (index, value) = match *self {
            Self::Bytes { bytes, flip, .. } => {
                let row = bytes.get(range.clone())?;
                let most = row.iter().fold(0, |most: u8, b| most.max(b ^ flip));
                if row.is_empty() || u16::from(most) < floor.byte {
                    return None;
                }
                let index = row.iter().position(|b| b ^ flip == most)?;
                (index, self.real(range.start + index))
            }
            Self::Floats(floats) => {
                let row = floats.get(range)?;
                let number = |v: &[u8; 4]| f32::from_ne_bytes(*v);
                let most =
                    row.iter().fold(f32::MIN, |most, v| if number(v) > most { number(v) } else { most });
                if row.is_empty() || most < floor.real {
                    return None;
                }
                (row.iter().position(|v| number(v) >= most)?, most)
            }
            Self::Other(..) => {
                let start = range.start;
                let better = |most: Option<(usize, f32)>, v: (usize, f32)| match most {
                    Some(most) if v.1 <= most.1 || v.1.is_nan() => Some(most),
                    None if v.1.is_nan() => None,
                    _ => Some(v),
                };
                let (index, most) = range.map(|i| (i, self.real(i))).fold(None, better)?;
                if most < floor.real {
                    return None;
                }
                (index - start, most)
            }
        };
        Some((index, value))
    }

    /// Calls `found` with the column of each of `columns` columns in which an element of the rows from
    /// `first` on, `rows` of them, is not below `floor`. `memory` is what it works in.
    pub fn columns(
        &self,
        (first, rows, columns): (usize, usize, usize),
        floor: Floor,
        memory: &mut Memory,
        mut found: impl FnMut(usize),
    ) {
        match *self {
            Self::Bytes { bytes, flip, .. } => {
                let best = &mut memory.bytes;
                best.clear();
                best.resize(columns, 0);
                for row in bytes.chunks_exact(columns).skip(first).take(rows) {
                    for (best, b) in best.iter_mut().zip(row) {
                        *best = (*best).max(b ^ flip);
                    }
                }
                let enough = |b: &u8| u16::from(*b) >= floor.byte;
                best.iter().enumerate().filter(|(_, b)| enough(b)).for_each(|(column, _)| found(column));
            }
            Self::Floats(floats) => {
                let best = &mut memory.floats;
                best.clear();
                best.resize(columns, f32::MIN);
                for row in floats.chunks_exact(columns).skip(first).take(rows) {
                    for (best, v) in best.iter_mut().zip(row) {
                        let v = f32::from_ne_bytes(*v);
                        *best = if v > *best { v } else { *best };
                    }
                }
                best.iter()
                    .enumerate()
                    .filter(|(_, v)| **v >= floor.real)
                    .for_each(|(column, _)| found(column));
            }
            Self::Other(..) => {
                for column in 0..columns {
                    let mut values = (first..first + rows).map(|row| self.real(row * columns + column));
                    if values.any(|v| v >= floor.real) {
                        found(column);
                    }
                }
            }
        }
    }
}

/// Memory that decoding works in; grows once.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    bytes: Vec<u8>,
    floats: Vec<f32>,
}

/// The real numbers in `bytes`, in order.
pub fn reals<'a>(spec: &'a TensorSpec, bytes: &'a [u8]) -> impl Iterator<Item = f32> + 'a {
    (0..spec.elements()).map(move |i| real(spec, bytes, i))
}

/// Element `i` of `bytes`; bytes that are not there read as 0.
pub fn real(spec: &TensorSpec, bytes: &[u8], i: usize) -> f32 {
    fn at<const N: usize>(bytes: &[u8], i: usize) -> [u8; N] {
        bytes.as_chunks::<N>().0.get(i).copied().unwrap_or([0; N])
    }
    let quantised = match spec.element {
        ElementType::F32 => return f32::from_ne_bytes(at(bytes, i)),
        ElementType::F16 => return f16::from_ne_bytes(at(bytes, i)).to_f32(),
        ElementType::U8 => i64::from(at::<1>(bytes, i)[0]),
        ElementType::I8 => i64::from(at::<1>(bytes, i)[0].cast_signed()),
        ElementType::I16 => i64::from(i16::from_ne_bytes(at(bytes, i))),
        ElementType::I32 => i64::from(i32::from_ne_bytes(at(bytes, i))),
        ElementType::I64 => i64::from_ne_bytes(at(bytes, i)),
    };
    match spec.quantization {
        Some(q) => quantised.saturating_sub(q.zero_point) as f32 * q.scale,
        None => quantised as f32,
    }
}

/// The range of the real numbers that a quantised byte can hold.
#[must_use]
pub fn range(spec: &TensorSpec) -> Option<(f32, f32)> {
    let q = spec.quantization?;
    let (low, high) = match spec.element {
        ElementType::U8 => (0, 255),
        ElementType::I8 => (-128, 127),
        _ => return None,
    };
    let real = |v: i64| (v - q.zero_point) as f32 * q.scale;
    Some((real(low), real(high)))
}
