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
}

/// One of Y, U, V or R, G, B: every `step`-th byte of a plane's rows from `offset` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// Index of the plane.
    pub plane: usize,
    /// Byte of the first sample in a row.
    pub offset: usize,
    /// Bytes from one sample to the next.
    pub step: usize,
    /// Samples a row.
    pub width: usize,
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

/// A decoded picture that borrows a frame's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    pub(super) planes: [Plane<'a>; 3],
    pub(super) components: [Component; 3],
    pub(super) colors: Colors,
}

/// All of a picture but its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    planes: [(usize, usize); 3],
    components: [Component; 3],
    colors: Colors,
}

const NO_PLANE: Plane<'static> = Plane { data: &[], stride: 0, height: 0 };

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
        let packed = |stride| [Plane { data, stride, height: h }, NO_PLANE, NO_PLANE];
        let at = |plane, offset, step, width| Component { plane, offset, step, width };
        let yuv = Colors::Yuv(color);
        let (luma, chroma) = data.split_at((w * h).min(data.len()));
        Ok(match format {
            PixelFormat::Yuyv => Self {
                planes: packed(half_w * 4),
                components: [at(0, 0, 2, w), at(0, 1, 4, half_w), at(0, 3, 4, half_w)],
                colors: yuv,
            },
            PixelFormat::Uyvy => Self {
                planes: packed(half_w * 4),
                components: [at(0, 1, 2, w), at(0, 0, 4, half_w), at(0, 2, 4, half_w)],
                colors: yuv,
            },
            PixelFormat::Nv12 => Self {
                planes: [
                    Plane { data: luma, stride: w, height: h },
                    Plane { data: chroma, stride: half_w * 2, height: half_h },
                    NO_PLANE,
                ],
                components: [at(0, 0, 1, w), at(1, 0, 2, half_w), at(1, 1, 2, half_w)],
                colors: yuv,
            },
            PixelFormat::I420 => Self::planar(data, [(w, h), (half_w, half_h), (half_w, half_h)], color),
            PixelFormat::Rgb24 => Self {
                planes: packed(w * 3),
                components: [at(0, 0, 3, w), at(0, 1, 3, w), at(0, 2, 3, w)],
                colors: Colors::Rgb,
            },
            PixelFormat::Gray8 | PixelFormat::Mjpeg => Self {
                planes: packed(w),
                components: [at(0, 0, 1, w), Component::default(), Component::default()],
                colors: Colors::Gray,
            },
        })
    }

    /// Planes of Y, U and V of these widths and heights, one after the other in `data`.
    pub(super) fn planar(data: &'a [u8], sizes: [(usize, usize); 3], color: ColorSpace) -> Self {
        let mut rest = data;
        let planes = sizes.map(|(stride, height)| {
            let (data, after) = rest.split_at(stride * height);
            rest = after;
            Plane { data, stride, height }
        });
        let component = |plane| Component { plane, offset: 0, step: 1, width: sizes[plane].0 };
        Self { planes, components: [component(0), component(1), component(2)], colors: Colors::Yuv(color) }
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            planes: self.planes.map(|p| (p.stride, p.height)),
            components: self.components,
            colors: self.colors,
        }
    }
}
