//! JPEG through libjpeg-turbo. From 720p on straight to Y, U and V planes, at the smallest scale that is
//! not below what the model sees; smaller pictures whole and to RGB, which equals what Pillow and OpenCV
//! read.

use super::picture::{Grain, Picture, PictureError};
use crate::frame::{ColorSpace, PixelFormat, Size};
use crate::geometry::NormBox;
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, ScalingFactor, Subsamp, YuvImage};

/// Scales with a SIMD inverse transform, largest first; 3/8 and the like are slower than the next one.
const SCALES: [usize; 4] = [1, 2, 4, 8];

/// Pictures with as many pixels are worth the faster way. It moves levels by one here and there, and a
/// reduced scale by a few, which the coarser of quantised models show in their answers.
const FAST_FROM: usize = 1280 * 720;

/// The most pixels a picture may have; more is refused before any memory is taken.
const MAX_PIXELS: usize = 100_000_000;

/// A decoder and the memory of its last picture.
pub struct JpegDecoder {
    decompressor: Decompressor,
    pixels: Vec<u8>,
    /// The last picture was not read to its end; libjpeg-turbo does not always get over that.
    midway: bool,
}

impl std::fmt::Debug for JpegDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JpegDecoder").field("bytes", &self.pixels.len()).finish_non_exhaustive()
    }
}

impl JpegDecoder {
    /// A decoder without memory yet.
    pub fn new() -> Result<Self, String> {
        Ok(Self { decompressor: start()?, pixels: Vec::new(), midway: false })
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
        let exact = header.width * header.height < FAST_FROM || header.is_lossless;
        let denominator = if exact { 1 } else { scale(&header, region, wanted) };
        self.decompressor.set_scaling_factor(ScalingFactor::new(1, denominator)).map_err(|e| refused(&e))?;
        let (w, h) = (header.width.div_ceil(denominator), header.height.div_ceil(denominator));
        let yuv = matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray);
        let size = Size::new(w as u32, h as u32);
        let planes = subsampling(header.subsamp).filter(|_| yuv && !exact);
        let grain = grain(header.subsamp, denominator, planes.is_some());
        let picture = match planes {
            Some(by) => self.decode_planes(jpeg, header.subsamp, size, by),
            None => self.decode_rgb(jpeg, size),
        };
        picture.map(|picture| Picture { grain, ..picture })
    }

    /// The brightness of `jpeg` at 1/`denominator` of its size, which is 1, 2, 4 or 8: bytes in tight rows.
    pub fn luma(&mut self, jpeg: &[u8], denominator: u32) -> Result<(&[u8], Size), PictureError> {
        let header = self.read_header(jpeg)?;
        let denominator = if header.is_lossless { 1 } else { denominator as usize };
        self.decompressor.set_scaling_factor(ScalingFactor::new(1, denominator)).map_err(|e| refused(&e))?;
        let (width, height) = (header.width.div_ceil(denominator), header.height.div_ceil(denominator));
        let pixels = reserve(&mut self.pixels, width * height);
        let format = turbojpeg::PixelFormat::GRAY;
        let image = Image { pixels: &mut *pixels, width, pitch: width, height, format };
        self.midway = true;
        accept(self.decompressor.decompress(jpeg, image))?;
        self.midway = false;
        Ok((pixels, Size::new(width as u32, height as u32)))
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
        self.midway = true;
        accept(self.decompressor.decompress_to_yuv(jpeg, image))?;
        self.midway = false;
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
        self.midway = true;
        accept(self.decompressor.decompress(jpeg, image))?;
        self.midway = false;
        Picture::view(pixels, size, PixelFormat::Rgb24, ColorSpace::Bt601Full)
    }

    fn read_header(&mut self, jpeg: &[u8]) -> Result<DecompressHeader, PictureError> {
        if std::mem::replace(&mut self.midway, true) {
            self.decompressor = start().map_err(PictureError)?;
        }
        let header = self.decompressor.read_header(jpeg).map_err(|e| refused(&e))?;
        self.midway = false;
        if header.width == 0 || header.height == 0 || header.width.saturating_mul(header.height) > MAX_PIXELS
        {
            return Err(PictureError(format!("a JPEG of {}x{} pixels", header.width, header.height)));
        }
        Ok(header)
    }
}

fn start() -> Result<Decompressor, String> {
    Decompressor::new().map_err(|e| format!("start the JPEG decoder: {e}"))
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

/// How far a pixel's value spreads: within blocks of 8x8 samples of each component, so of as many pixels
/// of the picture as subsampled chroma spans; and in pictures of RGB to the next sample of chroma, which
/// is interpolated (`h2v2_fancy_upsample` of libjpeg-turbo's jdsample.c). 12 is what all ways of
/// subsampling by 1, 2, 3 or 4 fit in.
fn grain(subsamp: Subsamp, denominator: usize, planes: bool) -> Grain {
    let by = subsampling(subsamp).unwrap_or((12, 12));
    let by = (by.0 as u32, by.1 as u32);
    let scale = denominator as u32;
    let reach = if planes { (0, 0) } else { (by.0 * scale, by.1 * scale) };
    Grain { scale, block: (8 * by.0, 8 * by.1), reach }
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    #[test]
    fn a_picture_with_a_broken_header_does_not_blind_the_decoder() {
        let (mut good, size) = (Vec::new(), Size::new(64, 48));
        let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 99]));
        JpegEncoder::new(&mut good).encode_image(&picture).expect("encodes");
        let mut decoder = JpegDecoder::new().expect("starts");
        let mut broken = 0;
        for at in 2..good.len().min(700) {
            for byte in [0x00, 0xff, 0xd8] {
                let mut bad = good.clone();
                bad[at] = byte;
                let header = decoder.header(&bad);
                broken += usize::from(header.is_err());
                let _ = decoder.decode(&bad, NormBox::FULL, size);
                assert_eq!(decoder.header(&good).expect("a good header"), size, "byte {at}");
                decoder.decode(&good, NormBox::FULL, Size::new(8, 8)).expect("a good picture");
            }
        }
        assert!(broken > 50, "only {broken} headers were broken");
    }
}
