//! A frame as a picture for people: scaled or cut out, privacy masks applied, boxes drawn, as a JPEG of
//! bounded size.

use crate::config;
use crate::decode::{Answer, Detection};
use crate::draw::annotate;
use crate::frame::{Frame, PixelFormat, Size};
use crate::geometry::{Fit, NormBox, Polygon};
use crate::infer::{ElementType, TensorSpec};
use crate::model::Channels;
use crate::preprocess::{JpegDecoder, Normalization, Preprocessor};
use image::RgbImage;
use std::sync::Arc;

/// A crop has this much of the box's size around it, on each side.
const AROUND: f32 = 0.15;
/// A picture that is too large in bytes gets this much less quality, and then this much smaller.
const LESS: f32 = 0.8;
/// Below this quality a smaller picture is the better one.
const LEAST_QUALITY: i32 = 30;
/// Narrower or lower than this is no picture.
const LEAST_SIDE: u32 = 32;

/// Frames to RGB pixels of `size`, black where `mask` is.
pub fn rgb(size: Size, mask: Arc<[Polygon]>) -> Result<Preprocessor, String> {
    let spec = TensorSpec {
        name: String::new(),
        element: ElementType::U8,
        shape: vec![1, size.height as usize, size.width as usize, 3],
        quantization: None,
    };
    let levels = Normalization::uniform(0.0, 1.0);
    Ok(Preprocessor::new(&spec, &levels, Channels::Rgb, NormBox::FULL, Fit::Stretch)?.with_mask(mask))
}

/// Makes pictures of frames.
#[derive(Debug, Default)]
pub struct Studio {
    whole: Option<(Size, Arc<[Polygon]>, Preprocessor)>,
    jpeg: Option<JpegDecoder>,
}

impl Studio {
    /// The part `region` of a frame, at most `max_height` pixels high, with `detections` drawn on it.
    pub fn picture(
        &mut self,
        frame: &Frame,
        region: NormBox,
        max_height: u32,
        mask: &Arc<[Polygon]>,
        detections: &[Detection],
        labels: &[String],
    ) -> Result<RgbImage, String> {
        let size = match frame.format {
            PixelFormat::Mjpeg => {
                self.jpeg.get_or_insert(JpegDecoder::new()?).header(&frame.data).map_err(|e| e.to_string())?
            }
            _ => frame.size,
        };
        let part = region.to_pixels(size).size();
        let target = fitted(part, max_height);
        let known = self.whole.as_ref().is_some_and(|(at, of, _)| *at == target && Arc::ptr_eq(of, mask));
        if !known {
            self.whole = Some((target, Arc::clone(mask), rgb(target, Arc::clone(mask))?));
        }
        let Some((_, _, writer)) = &mut self.whole else { return Err("no picture".to_owned()) };
        writer.show(region);
        let mut pixels = vec![0; target.area() * 3];
        writer.write(frame, &mut pixels).map_err(|e| e.to_string())?;
        let mut picture = RgbImage::from_raw(target.width, target.height, pixels).ok_or("no picture")?;
        let inside = |d: &Detection| Detection { bounds: within(d.bounds, region), ..*d };
        let answer = Answer { detections: detections.iter().map(inside).collect(), classes: Vec::new() };
        annotate(&mut picture, &answer, labels)?;
        Ok(picture)
    }

    /// A picture of what `subject` is about, or of the whole frame, as `config` has it.
    pub fn jpeg(
        &mut self,
        frame: &Frame,
        subject: Option<NormBox>,
        config: config::Snapshot,
        mask: &Arc<[Polygon]>,
        detections: &[Detection],
        labels: &[String],
    ) -> Result<Vec<u8>, String> {
        let region = subject.filter(|_| config.crop).map_or(NormBox::FULL, around);
        let picture = self.picture(frame, region, config.max_height, mask, detections, labels)?;
        encode(picture, i32::from(config.quality), config.max_bytes)
    }
}

/// `size`, scaled down to a height.
fn fitted(size: Size, max_height: u32) -> Size {
    let size = Size::new(size.width.max(1), size.height.max(1));
    if size.height <= max_height {
        return size;
    }
    let width = u64::from(size.width) * u64::from(max_height) / u64::from(size.height);
    Size::new((width as u32).max(1), max_height)
}

/// A box with a little of what is around it.
fn around(b: NormBox) -> NormBox {
    let (x, y) = ((b.x_max - b.x_min) * AROUND, (b.y_max - b.y_min) * AROUND);
    NormBox::new(b.x_min - x, b.y_min - y, b.x_max + x, b.y_max + y).clamped()
}

/// A box of the frame in fractions of `region`.
fn within(b: NormBox, region: NormBox) -> NormBox {
    let x = |v: f32| (v - region.x_min) / (region.x_max - region.x_min);
    let y = |v: f32| (v - region.y_min) / (region.y_max - region.y_min);
    NormBox::new(x(b.x_min), y(b.y_min), x(b.x_max), y(b.y_max)).clamped()
}

/// A JPEG of at most `max_bytes`: worse first, then smaller.
fn encode(mut picture: RgbImage, quality: i32, max_bytes: usize) -> Result<Vec<u8>, String> {
    let failed = |e: turbojpeg::Error| format!("encode a picture: {e}");
    let mut encoder = turbojpeg::Compressor::new().map_err(failed)?;
    encoder.set_subsamp(turbojpeg::Subsamp::Sub2x2).map_err(failed)?;
    let mut quality = quality.clamp(1, 100);
    loop {
        encoder.set_quality(quality).map_err(failed)?;
        let (width, height) = picture.dimensions();
        let image = turbojpeg::Image {
            pixels: picture.as_raw().as_slice(),
            width: width as usize,
            pitch: width as usize * 3,
            height: height as usize,
            format: turbojpeg::PixelFormat::RGB,
        };
        let jpeg = encoder.compress_to_vec(image).map_err(failed)?;
        if jpeg.len() <= max_bytes {
            return Ok(jpeg);
        }
        let less = |n: u32| (n as f32 * LESS) as u32;
        if quality > LEAST_QUALITY {
            quality = ((quality as f32 * LESS) as i32).max(LEAST_QUALITY);
        } else if less(width.min(height)) >= LEAST_SIDE {
            picture = image::imageops::thumbnail(&picture, less(width), less(height));
        } else {
            return Err(format!(
                "a picture of {width}x{height} has {} bytes, more than {max_bytes}",
                jpeg.len()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::test_pattern::draw;

    fn frame(size: Size) -> Frame {
        let mut frame = Frame::empty();
        draw(3, size, 5, &mut frame.data);
        (frame.size, frame.format) = (size, PixelFormat::Rgb24);
        frame
    }

    fn config(max_bytes: usize, crop: bool) -> config::Snapshot {
        config::Snapshot { max_bytes, crop, ..config::Snapshot::default() }
    }

    #[test]
    fn a_picture_stays_below_its_bytes_and_its_height() {
        let (size, mask) = (Size::new(1280, 960), Arc::from([]));
        let jpeg = |max_bytes| {
            let jpeg = Studio::default().jpeg(&frame(size), None, config(max_bytes, false), &mask, &[], &[]);
            jpeg.expect("a picture")
        };
        let open = image::load_from_memory(&jpeg(1 << 20)).expect("a JPEG");
        assert_eq!((open.width(), open.height()), (960, 720));
        let small = jpeg(9000);
        assert!(small.len() <= 9000);
        assert!(image::load_from_memory(&small).is_ok());
    }

    #[test]
    fn a_crop_shows_the_object_and_a_little_around_it() {
        let (size, mask) = (Size::new(640, 480), Arc::from([]));
        let b = NormBox::new(0.25, 0.25, 0.5, 0.75);
        let jpeg = Studio::default().jpeg(&frame(size), Some(b), config(1 << 20, true), &mask, &[], &[]);
        let seen = image::load_from_memory(&jpeg.expect("a picture")).expect("a JPEG");
        assert_eq!((seen.width(), seen.height()), (208, 312));
    }

    #[test]
    fn what_nobody_may_see_is_black_in_the_picture() {
        let size = Size::new(640, 480);
        let corner = Polygon::new(vec![[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]).expect("a square");
        let mask: Arc<[Polygon]> = Arc::from([corner]);
        let shown = Studio::default().picture(&frame(size), NormBox::FULL, 480, &mask, &[], &[]);
        let shown = shown.expect("a picture");
        let black = |(x0, y0): (u32, u32)| {
            (0..240)
                .flat_map(|y| (0..320).map(move |x| (x0 + x, y0 + y)))
                .filter(|&(x, y)| shown.get_pixel(x, y).0 == [0; 3])
                .count()
        };
        assert_eq!(black((0, 0)), 320 * 240);
        assert!(black((320, 240)) < 320 * 24);
    }
}
