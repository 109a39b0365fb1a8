//! JPEG through libjpeg-turbo: straight to Y, U and V planes, at the smallest scale that is not below
//! what the model sees.

use super::picture::{Picture, PictureError};
use crate::frame::{ColorSpace, PixelFormat, Size};
use crate::geometry::NormBox;
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, ScalingFactor, Subsamp, YuvImage};

/// Scales with a SIMD inverse transform, largest first; 3/8 and the like are slower than the next one.
const SCALES: [usize; 4] = [1, 2, 4, 8];

/// The most pixels a picture may have; more is refused before any memory is taken.
const MAX_PIXELS: usize = 100_000_000;

/// A decoder and the memory of its last picture.
pub struct JpegDecoder {
    decompressor: Decompressor,
    pixels: Vec<u8>,
}

impl std::fmt::Debug for JpegDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JpegDecoder").field("bytes", &self.pixels.len()).finish_non_exhaustive()
    }
}

impl JpegDecoder {
    /// A decoder without memory yet.
    pub fn new() -> Result<Self, String> {
        let decompressor = Decompressor::new().map_err(|e| format!("start the JPEG decoder: {e}"))?;
        Ok(Self { decompressor, pixels: Vec::new() })
    }

    /// The size in the header of `jpeg`.
    pub fn header(&mut self, jpeg: &[u8]) -> Result<Size, PictureError> {
        let header = self.read_header(jpeg)?;
        Ok(Size::new(header.width as u32, header.height as u32))
    }

    /// Decodes `jpeg` so that its `region` has at least `wanted` pixels on both axes, or at full size.
    pub fn decode(
        &mut self,
        jpeg: &[u8],
        region: NormBox,
        wanted: Size,
    ) -> Result<Picture<'_>, PictureError> {
        let header = self.read_header(jpeg)?;
        let denominator = if header.is_lossless { 1 } else { scale(&header, region, wanted) };
        self.decompressor.set_scaling_factor(ScalingFactor::new(1, denominator)).map_err(|e| refused(&e))?;
        let (w, h) = (header.width.div_ceil(denominator), header.height.div_ceil(denominator));
        let yuv = matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray) && !header.is_lossless;
        let size = Size::new(w as u32, h as u32);
        match subsampling(header.subsamp).filter(|_| yuv) {
            Some(by) => self.decode_planes(jpeg, header.subsamp, size, by),
            None => self.decode_rgb(jpeg, size),
        }
    }

    /// Decodes to planes as wide and high as `tj3YUVPlaneWidth` and `tj3YUVPlaneHeight` say.
    fn decode_planes(
        &mut self,
        jpeg: &[u8],
        subsamp: Subsamp,
        size: Size,
        by: (usize, usize),
    ) -> Result<Picture<'_>, PictureError> {
        let (width, height) = (size.width as usize, size.height as usize);
        let luma = (width.next_multiple_of(by.0), height.next_multiple_of(by.1));
        let gray = matches!(subsamp, Subsamp::Gray);
        let chroma = if gray { (0, 0) } else { (luma.0 / by.0, luma.1 / by.1) };
        let pixels = reserve(&mut self.pixels, luma.0 * luma.1 + 2 * chroma.0 * chroma.1);
        let image = YuvImage { pixels: &mut *pixels, width, align: 1, height, subsamp };
        accept(self.decompressor.decompress_to_yuv(jpeg, image))?;
        if gray {
            return Picture::view(pixels, size, PixelFormat::Gray8, ColorSpace::Bt601Full);
        }
        Ok(Picture::planar(pixels, size, [luma, chroma], by, ColorSpace::Bt601Full))
    }

    fn decode_rgb(&mut self, jpeg: &[u8], size: Size) -> Result<Picture<'_>, PictureError> {
        let (width, height) = (size.width as usize, size.height as usize);
        let pixels = reserve(&mut self.pixels, size.area() * 3);
        let format = turbojpeg::PixelFormat::RGB;
        let image = Image { pixels: &mut *pixels, width, pitch: width * 3, height, format };
        accept(self.decompressor.decompress(jpeg, image))?;
        Picture::view(pixels, size, PixelFormat::Rgb24, ColorSpace::Bt601Full)
    }

    fn read_header(&mut self, jpeg: &[u8]) -> Result<DecompressHeader, PictureError> {
        let header = self.decompressor.read_header(jpeg).map_err(|e| refused(&e))?;
        if header.width == 0 || header.height == 0 || header.width.saturating_mul(header.height) > MAX_PIXELS
        {
            return Err(PictureError(format!("a JPEG of {}x{} pixels", header.width, header.height)));
        }
        Ok(header)
    }
}

/// `bytes` bytes of memory that only grows.
fn reserve(pixels: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    if pixels.len() < bytes {
        pixels.resize(bytes, 0);
    }
    &mut pixels[..bytes]
}

/// How much larger than the target a picture is decoded at least. The decoder's scaling keeps more
/// detail than an antialiasing filter; with less of a margin the resampling that follows blurs too
/// little to make up for it, and scores and boxes drift from their golden results.
const MARGIN: f32 = 2.0;

/// The denominator of the scale.
fn scale(header: &DecompressHeader, region: NormBox, wanted: Size) -> usize {
    let enough = |pixels: usize, share: f32, wanted: u32, by: usize| {
        pixels.div_ceil(by) as f32 * share >= wanted as f32 * MARGIN
    };
    let fits = |by: usize| {
        enough(header.width, region.x_max - region.x_min, wanted.width, by)
            && enough(header.height, region.y_max - region.y_min, wanted.height, by)
    };
    SCALES.into_iter().rev().find(|&by| fits(by)).unwrap_or(1)
}

/// By how much chroma is subsampled along a row and down a column; `None` for an unknown way.
const fn subsampling(subsamp: Subsamp) -> Option<(usize, usize)> {
    Some(match subsamp {
        Subsamp::Gray | Subsamp::None => (1, 1),
        Subsamp::Sub2x1 => (2, 1),
        Subsamp::Sub2x2 => (2, 2),
        Subsamp::Sub1x2 => (1, 2),
        Subsamp::Sub4x1 => (4, 1),
        Subsamp::Sub1x4 => (1, 4),
        _ => return None,
    })
}

/// Lets pass what libjpeg only warns of and what many cameras do: fill bytes before a marker.
fn accept(result: turbojpeg::Result<()>) -> Result<(), PictureError> {
    match result {
        Err(e) if !e.to_string().contains("extraneous bytes before marker") => Err(refused(&e)),
        _ => Ok(()),
    }
}

fn refused(e: &turbojpeg::Error) -> PictureError {
    PictureError(format!("bad JPEG: {e}"))
}
