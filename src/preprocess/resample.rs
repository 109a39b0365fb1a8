//! From a picture to rows of R, G and B at the target size, the way that suits its colours.

use super::blend::Blender;
use super::picture::{Colors, Picture};
use super::pillow::Pillow;
use super::rows::Rows;
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
