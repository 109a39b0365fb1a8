//! The elements of an output tensor as real numbers.

use crate::infer::{ElementType, TensorSpec};
use half::f16;

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
        Some(q) => (quantised - q.zero_point) as f32 * q.scale,
        None => quantised as f32,
    }
}

/// The range of the real numbers that a quantised byte can hold.
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
