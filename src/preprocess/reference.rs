//! The same as the fast path, written to be read: full-size RGB, floating point, one pixel at a time.

use super::color::Matrix;
use super::filter::support;
use super::picture::{Colors, Picture};
use crate::frame::Size;
use crate::geometry::NormBox;

/// R, G and B of pixel (`x`, `y`) of a picture `size` large, chroma interpolated between samples.
fn component(
    picture: &Picture<'_>,
    c: usize,
    out: usize,
    outputs: usize,
    row: usize,
    rows: usize,
    region: NormBox,
) -> f64 {
    let k = picture.components[c];
    let plane = picture.planes[k.plane];
    let weights = |inputs: usize, extent: f32, chroma: bool, from: f32, to: f32, i: usize, n: usize| {
        let (from, to) = (f64::from(from * extent), f64::from(to * extent));
        let scale = (to - from) / n as f64;
        let support = support(scale, chroma);
        let center = from + (i as f64 + 0.5) * scale;
        let w: Vec<f64> =
            (0..inputs).map(|x| (1.0 - ((x as f64 + 0.5 - center) / support).abs()).max(0.0)).collect();
        let sum: f64 = w.iter().sum();
        w.into_iter().enumerate().filter(|w| w.1 > 0.0).map(move |(x, w)| (x, w / sum)).collect::<Vec<_>>()
    };
    let across = weights(
        k.width,
        k.extent,
        k.extent < picture.components[0].extent,
        region.x_min,
        region.x_max,
        out,
        outputs,
    );
    weights(
        plane.height,
        plane.extent,
        plane.extent < picture.planes[0].extent,
        region.y_min,
        region.y_max,
        row,
        rows,
    )
    .into_iter()
    .map(|(y, wy)| {
        let line = &plane.data[y * plane.stride..];
        wy * across.iter().map(|&(x, wx)| wx * f64::from(line[k.offset + k.step * x])).sum::<f64>()
    })
    .sum()
}

/// The levels of `region` of a picture, resampled to `target`, as R, G, B, pixel after pixel.
pub fn resize(picture: &Picture<'_>, region: NormBox, target: Size) -> Vec<[f64; 3]> {
    let (w, h) = (target.width as usize, target.height as usize);
    let mut out = Vec::with_capacity(w * h);
    for y in 0..h {
        for x in 0..w {
            let level = |c| component(picture, c, x, w, y, h, region);
            out.push(match picture.colors {
                Colors::Gray => [level(0); 3],
                Colors::Rgb => [level(0), level(1), level(2)],
                Colors::Yuv(space) => {
                    let m = Matrix::of(space);
                    let (l, u, v) = (m.scale * (level(0) - m.offset), level(1) - 128.0, level(2) - 128.0);
                    [l + m.rv * v, l + m.gu * u + m.gv * v, l + m.bu * u].map(|c| c.clamp(0.0, 255.0))
                }
            });
        }
    }
    out
}
