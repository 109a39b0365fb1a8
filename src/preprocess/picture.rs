//! One view of every pixel format: planes of bytes, and components that are strides through them.

use crate::frame::{ColorSpace, Frame, PixelFormat, Size};

/// Why the bytes of a frame are not a picture.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PictureError(pub(super) String);

/// Rows of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// All rows, tight.
    pub data: &'a [u8],
    /// Bytes a row.
    pub stride: usize,
    /// Rows.
    pub height: usize,
    /// How many rows span the picture; less than `height` where the last is half padding.
    pub extent: f32,
}

/// One of Y, U, V or R, G, B: every `step`-th byte of a plane's rows from `offset` on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Component {
    /// Index of the plane.
    pub plane: usize,
    /// Byte of the first sample in a row.
    pub offset: usize,
    /// Bytes from one sample to the next.
    pub step: usize,
    /// Samples a row.
    pub width: usize,
    /// How many samples span the picture; less than `width` where the last is half padding.
    pub extent: f32,
}

/// What three components mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// R, G, B.
    Rgb,
    /// Y, U, V.
    Yuv(ColorSpace),
    /// Only the first component counts.
    Gray,
}

/// How far the value of a pixel of a JPEG spreads in its decoded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grain {
    /// Pixels of the JPEG along one decoded one.
    pub scale: u32,
    /// Columns and rows of the JPEG's pixels that are coded together; 1 where there is no JPEG.
    pub block: (u32, u32),
    /// Pixels of the JPEG by which interpolated chroma reaches further.
    pub reach: (u32, u32),
}

impl Grain {
    /// Every pixel for itself.
    pub const NONE: Self = Self { scale: 1, block: (1, 1), reach: (0, 0) };
}

/// A decoded picture that borrows a frame's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    pub(super) planes: [Plane<'a>; 3],
    pub(super) components: [Component; 3],
    pub(super) colors: Colors,
    pub(super) grain: Grain,
}

/// All of a picture but its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    planes: [(usize, usize); 3],
    components: [Component; 3],
    colors: Colors,
    grain: Grain,
}

const NO_PLANE: Plane<'static> = Plane { data: &[], stride: 0, height: 0, extent: 0.0 };

impl<'a> Picture<'a> {
    /// Views an uncompressed frame.
    pub fn of(frame: &'a Frame) -> Result<Self, PictureError> {
        Self::view(&frame.data, frame.size, frame.format, frame.color)
    }

    /// Views `data` as a picture; `format` is not a compressed one.
    pub fn view(
        data: &'a [u8],
        size: Size,
        format: PixelFormat,
        color: ColorSpace,
    ) -> Result<Self, PictureError> {
        let Some(bytes) = format.bytes(size) else {
            return Err(PictureError("a compressed frame has no pixels yet".to_owned()));
        };
        if size.is_empty() || data.len() != bytes {
            return Err(PictureError(format!(
                "a {size} {format} frame has {bytes} bytes, not {}",
                data.len()
            )));
        }
        let (w, h) = (size.width as usize, size.height as usize);
        let (half_w, half_h) = (w.div_ceil(2), h.div_ceil(2));
        let packed = |stride| [Plane { data, stride, height: h, extent: h as f32 }, NO_PLANE, NO_PLANE];
        let full = |plane, offset, step| Component { plane, offset, step, width: w, extent: w as f32 };
        let half =
            |plane, offset, step| Component { plane, offset, step, width: half_w, extent: w as f32 / 2.0 };
        let yuv = Colors::Yuv(color);
        Ok(match format {
            PixelFormat::Yuyv => Self {
                planes: packed(half_w * 4),
                components: [full(0, 0, 2), half(0, 1, 4), half(0, 3, 4)],
                colors: yuv,
                grain: Grain::NONE,
            },
            PixelFormat::Uyvy => Self {
                planes: packed(half_w * 4),
                components: [full(0, 1, 2), half(0, 0, 4), half(0, 2, 4)],
                colors: yuv,
                grain: Grain::NONE,
            },
            PixelFormat::Nv12 => {
                let (luma, chroma) = data.split_at(w * h);
                let luma = Plane { data: luma, stride: w, height: h, extent: h as f32 };
                let chroma =
                    Plane { data: chroma, stride: half_w * 2, height: half_h, extent: h as f32 / 2.0 };
                Self {
                    planes: [luma, chroma, NO_PLANE],
                    components: [full(0, 0, 1), half(1, 0, 2), half(1, 1, 2)],
                    colors: yuv,
                    grain: Grain::NONE,
                }
            }
            PixelFormat::I420 => Self::planar(data, size, [(w, h), (half_w, half_h)], (2, 2), color),
            PixelFormat::Rgb24 => Self {
                planes: packed(w * 3),
                components: [full(0, 0, 3), full(0, 1, 3), full(0, 2, 3)],
                colors: Colors::Rgb,
                grain: Grain::NONE,
            },
            PixelFormat::Gray8 | PixelFormat::Mjpeg => Self {
                planes: packed(w),
                components: [full(0, 0, 1), Component::default(), Component::default()],
                colors: Colors::Gray,
                grain: Grain::NONE,
            },
        })
    }

    /// Planes of Y, U and V one after the other in `data`, of the widths and heights `luma` and `chroma`,
    /// for a picture of `size` whose chroma is subsampled by `by`.
    pub(super) fn planar(
        data: &'a [u8],
        size: Size,
        [luma, chroma]: [(usize, usize); 2],
        by: (usize, usize),
        color: ColorSpace,
    ) -> Self {
        let mut rest = data;
        let mut index = 0;
        let planes = [(luma, (1, 1)), (chroma, by), (chroma, by)].map(|((stride, height), by)| {
            let (data, after) = rest.split_at(stride * height);
            rest = after;
            let plane = Plane { data, stride, height, extent: size.height as f32 / by.1 as f32 };
            let extent = size.width as f32 / by.0 as f32;
            let component = Component { plane: index, offset: 0, step: 1, width: stride, extent };
            index += 1;
            (plane, component)
        });
        Self {
            planes: planes.map(|p| p.0),
            components: planes.map(|p| p.1),
            colors: Colors::Yuv(color),
            grain: Grain::NONE,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            planes: self.planes.map(|p| (p.stride, p.height)),
            components: self.components,
            colors: self.colors,
            grain: self.grain,
        }
    }
}
