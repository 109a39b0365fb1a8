//! From a picture to rows of R, G and B at the target size, the way that suits its colours.

use super::blend::Blender;
use super::picture::{Colors, Picture};
use super::pillow::Pillow;
use super::rows::{LANES, Rows};
use super::tensor::TensorWriter;
use crate::frame::Size;
use crate::geometry::NormBox;

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

    /// Begins with a picture.
    pub fn start(&self, picture: &Picture<'_>, rows: &mut Rows) {
        if let Self::Rgb(pillow) = self {
            pillow.start(&picture.planes[0], &mut rows.narrow);
        }
    }

    /// Writes output row `y` into `input` from pixel `at` (column, row) on. Rows are asked for in order.
    pub fn row(
        &self,
        picture: &Picture<'_>,
        y: usize,
        rows: &mut Rows,
        writer: &TensorWriter,
        input: &mut [u8],
        at: (usize, usize),
    ) {
        match self {
            Self::Rgb(pillow) => {
                let pixels = pillow.row(&picture.planes[0], y, &mut rows.narrow, &mut rows.sums);
                writer.row(input, at, pixels);
            }
            Self::Planes(blender) => {
                let lane = y % LANES;
                if lane == 0 {
                    blender.block(picture, y, rows);
                }
                let [r, g, b] = &rows.rgb_lanes;
                let pixels = r.iter().zip(g).zip(b).map(|((r, g), b)| [r[lane], g[lane], b[lane]]);
                writer.row(input, at, pixels);
            }
        }
    }
}
