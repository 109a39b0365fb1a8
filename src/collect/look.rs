//! A frame as a thumbnail and as a JPEG.

use super::scenes::{SIDE, Thumbnail};
use crate::frame::{Frame, PixelFormat, Size};
use crate::geometry::Polygon;
use crate::preprocess::{PreprocessError, Preprocessor};
use crate::snapshot::rgb;
use std::borrow::Cow;
use std::sync::Arc;

/// Of what is not a JPEG already.
const QUALITY: u8 = 90;

/// Makes thumbnails and JPEGs of frames.
#[derive(Debug)]
pub struct Look {
    small: Preprocessor,
    whole: Option<(Size, Preprocessor)>,
    pixels: Vec<u8>,
    mask: Arc<[Polygon]>,
}

impl Look {
    /// Nothing is seen yet; what `mask` covers nobody may see.
    pub fn new(mask: Arc<[Polygon]>) -> Result<Self, String> {
        let side = SIDE as u32;
        let small = rgb(Size::new(side, side), Arc::clone(&mask))?;
        Ok(Self { small, whole: None, pixels: Vec::new(), mask })
    }

    /// The frame at 16x16.
    pub fn thumbnail(&mut self, frame: &Frame) -> Result<Thumbnail, PreprocessError> {
        let mut pixels = [0; SIDE * SIDE * 3];
        self.small.write(frame, &mut pixels)?;
        // ITU-R BT.601.
        let luma = |p: &[u8]| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
        Ok(Thumbnail::new(&std::array::from_fn(|i| luma(&pixels[i * 3..]))))
    }

    /// The frame as a JPEG: as the camera sent it, where it sent one and nothing of it is masked.
    pub fn jpeg<'a>(&mut self, frame: &'a Frame) -> Result<Cow<'a, [u8]>, String> {
        if frame.format == PixelFormat::Mjpeg && self.mask.is_empty() {
            return Ok(Cow::Borrowed(&frame.data));
        }
        let size = frame.size;
        if self.whole.as_ref().is_none_or(|(known, _)| *known != size) {
            self.whole = Some((size, rgb(size, Arc::clone(&self.mask))?));
        }
        self.pixels.resize(size.area() * 3, 0);
        if let Some((_, whole)) = &mut self.whole {
            whole.write(frame, &mut self.pixels).map_err(|e| e.to_string())?;
        }
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .encode(&self.pixels, size.width, size.height, image::ExtendedColorType::Rgb8)
            .map_err(|e| format!("encode a frame: {e}"))?;
        Ok(Cow::Owned(jpeg))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::test_pattern::draw;

    #[test]
    fn a_raw_frame_becomes_a_jpeg_of_the_same_picture_and_a_jpeg_stays_itself() {
        let size = Size::new(160, 120);
        let mut frame = Frame::empty();
        draw(3, size, 5, &mut frame.data);
        (frame.size, frame.format) = (size, PixelFormat::Rgb24);
        let mut look = Look::new(Arc::from([])).expect("it is made");
        let jpeg = look.jpeg(&frame).expect("it is a picture").into_owned();
        let seen = image::load_from_memory(&jpeg).expect("it is a JPEG").into_rgb8();
        let far = seen.as_raw().iter().zip(&frame.data).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        assert!(far / (size.area() as u64 * 3) < 4, "{far}");
        let raw = look.thumbnail(&frame).expect("it is a picture");

        (frame.data, frame.format) = (jpeg.clone(), PixelFormat::Mjpeg);
        assert_eq!(*look.jpeg(&frame).expect("it is a picture"), *jpeg);
        let mut scenes = super::super::Scenes::default();
        scenes.remember(super::super::Reason::Uncertain, raw);
        let same = look.thumbnail(&frame).expect("it is a picture");
        assert!(!scenes.is_worth(super::super::Reason::Uncertain, &same));
    }

    #[test]
    fn what_is_masked_is_black_in_the_jpeg_too() {
        let size = Size::new(320, 240);
        let mut raw = Frame::empty();
        draw(3, size, 5, &mut raw.data);
        (raw.size, raw.format) = (size, PixelFormat::Rgb24);
        let jpeg = Look::new(Arc::from([])).expect("it is made").jpeg(&raw).expect("a picture").into_owned();
        let frame = Frame { data: jpeg, format: PixelFormat::Mjpeg, ..raw };
        let left = Polygon::new(vec![[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]).expect("a square");
        let mut look = Look::new(Arc::from([left])).expect("it is made");
        let seen =
            image::load_from_memory(&look.jpeg(&frame).expect("a picture")).expect("a JPEG").into_rgb8();
        let brightest = (0..150).flat_map(|x| (0..240).map(move |y| (x, y)));
        let brightest = brightest.map(|(x, y)| seen.get_pixel(x, y).0.into_iter().max().unwrap_or(0)).max();
        assert!(brightest.is_some_and(|level| level < 8), "{brightest:?}");
    }
}
