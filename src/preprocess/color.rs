//! Y, U, V to R, G, B, a row at a time, in 16-bit fixed point that compilers turn into SIMD.
//!
//! Matrices: ITU-R BT.601-7 and BT.709-6, and JFIF 1.02 for the full range.

use crate::frame::ColorSpace;

/// Coefficients: `r = y + rv*v`, `g = y + gu*u + gv*v`, `b = y + bu*u` with `y = scale * (Y - offset)`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    pub offset: f64,
    pub scale: f64,
    pub rv: f64,
    pub gu: f64,
    pub gv: f64,
    pub bu: f64,
}

impl Matrix {
    /// The matrix of a colour space.
    pub const fn of(space: ColorSpace) -> Self {
        match space {
            ColorSpace::Bt601Full => {
                Self { offset: 0.0, scale: 1.0, rv: 1.402, gu: -0.344_136, gv: -0.714_136, bu: 1.772 }
            }
            ColorSpace::Bt601Limited => Self {
                offset: 16.0,
                scale: 1.164_384,
                rv: 1.596_027,
                gu: -0.391_762,
                gv: -0.812_968,
                bu: 2.017_232,
            },
            ColorSpace::Bt709Limited => Self {
                offset: 16.0,
                scale: 1.164_384,
                rv: 1.792_741,
                gu: -0.213_249,
                gv: -0.532_909,
                bu: 2.112_402,
            },
        }
    }
}

/// The upper half of a product: what SIMD multiplies 16-bit numbers with.
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// Converts one row of 8.8 fixed point; all slices have the same length. Off from the exact result by
/// less than 1.
pub fn yuv_to_rgb(space: ColorSpace, yuv: [&[u16]; 3], rgb: [&mut [u8]; 3]) {
    let m = Matrix::of(space);
    // Sums carry 4 fractional bits: 7 + 13 - 16 for Y, 8 + 12 - 16 for U and V.
    let (luma, chroma) = (|c: f64| (c * 8192.0).round() as i16, |c: f64| (c * 4096.0).round() as i16);
    let (offset, scale) = ((m.offset * 128.0) as i16, luma(m.scale));
    let (rv, gu, gv, bu) = (chroma(m.rv), chroma(m.gu), chroma(m.gv), chroma(m.bu));
    let [y, u, v] = yuv;
    let [r, g, b] = rgb;
    let n = y.len();
    let (u, v, r, g, b) = (&u[..n], &v[..n], &mut r[..n], &mut g[..n], &mut b[..n]);
    for i in 0..n {
        let y = high((y[i] >> 1) as i16 - offset, scale);
        let (u, v) = ((u[i] ^ 0x8000) as i16, (v[i] ^ 0x8000) as i16);
        // Half a unit for rounding, and what `high` rounds down on average.
        let level = |sum: i16| ((sum + 9) >> 4).clamp(0, 255) as u8;
        r[i] = level(y + high(v, rv));
        g[i] = level(y + high(u, gu) + high(v, gv));
        b[i] = level(y + high(u, bu));
    }
}

/// Rounds one row of 8.8 fixed point to levels.
pub fn to_levels(row: &[u16], levels: &mut [u8]) {
    for (level, &v) in levels.iter_mut().zip(row) {
        *level = ((v + 128) >> 8) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_color_is_within_one_level_of_the_matrix() {
        for space in [ColorSpace::Bt601Limited, ColorSpace::Bt601Full, ColorSpace::Bt709Limited] {
            let m = Matrix::of(space);
            let (mut worst, mut bias, mut n) = (0.0_f64, 0.0, 0.0);
            for (y, u, v) in (0..=255_u16)
                .step_by(5)
                .flat_map(|y| (0..=255).step_by(5).map(move |u| (y, u)))
                .flat_map(|(y, u)| (0..=255).step_by(5).map(move |v| (y, u, v)))
            {
                let (mut r, mut g, mut b) = ([0], [0], [0]);
                yuv_to_rgb(space, [&[y << 8], &[u << 8], &[v << 8]], [&mut r, &mut g, &mut b]);
                let (l, du, dv) =
                    (m.scale * (f64::from(y) - m.offset), f64::from(u) - 128.0, f64::from(v) - 128.0);
                let exact = [l + m.rv * dv, l + m.gu * du + m.gv * dv, l + m.bu * du];
                for (got, exact) in [r[0], g[0], b[0]].into_iter().zip(exact) {
                    let off = f64::from(got) - exact.clamp(0.0, 255.0);
                    worst = worst.max(off.abs());
                    bias += off;
                    n += 1.0;
                }
            }
            assert!(worst < 0.7 && (bias / n).abs() < 0.07, "{space:?}: worst {worst}, bias {}", bias / n);
        }
    }
}
