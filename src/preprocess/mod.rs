//! From a camera's frame to the model's input tensor in one pass: crop, resize, colour, quantise.
//!
//! Only what the tensor needs is computed: row by row, no full-size RGB picture in between, nothing
//! allocated once the plan for a frame's geometry is made.

mod blend;
mod color;
mod filter;
mod jpeg;
mod mask;
mod picture;
mod pillow;
#[cfg(test)]
mod reference;
mod resample;
mod rows;
mod tensor;

pub use jpeg::JpegDecoder;
pub use picture::{Picture, PictureError};
pub use tensor::{InputLayout, Normalization};

use crate::frame::{Frame, PixelFormat, Size};
use crate::geometry::{Fit, NormBox, Placement, Polygon};
use crate::infer::TensorSpec;
use crate::model::{Channels, ModelInfo};
use mask::Mask;
use resample::Resampler;
use rows::Rows;
use std::sync::Arc;
use tensor::TensorWriter;

/// Grey of the padding around a letterboxed picture, as Ultralytics fills it.
const PADDING: u8 = 114;

/// Why a frame can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// The frame's bytes are not the picture they should be; drop it.
    #[error("{0}")]
    BadFrame(String),
}

impl From<PictureError> for PreprocessError {
    fn from(e: PictureError) -> Self {
        Self::BadFrame(e.to_string())
    }
}

/// Writes frames of one camera into the input of one model.
#[derive(Debug)]
pub struct Preprocessor {
    writer: TensorWriter,
    region: NormBox,
    fit: Fit,
    hidden: Arc<[Polygon]>,
    jpeg: JpegDecoder,
    plan: Option<Plan>,
    rows: Rows,
}

/// What depends on the geometry of the frames only.
#[derive(Debug)]
struct Plan {
    key: Key,
    placement: Placement,
    resampler: Resampler,
    mask: Mask,
}

/// A picture's geometry and the frame size that boxes refer to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    frame: Size,
    region: NormBox,
    shape: picture::Shape,
}

impl Preprocessor {
    /// For the input `spec`, its pixels normalised by `normalization` and their colours in the order
    /// `channels`, showing `region` of the frame.
    pub fn new(
        spec: &TensorSpec,
        normalization: &Normalization,
        channels: Channels,
        region: NormBox,
        fit: Fit,
    ) -> Result<Self, String> {
        let writer = TensorWriter::new(spec, normalization, channels)?;
        let (hidden, jpeg) = (Arc::from([]), JpegDecoder::new()?);
        Ok(Self { writer, region, fit, hidden, jpeg, plan: None, rows: Rows::default() })
    }

    /// For a model that is shown `region` of the frame.
    pub fn of(model: &ModelInfo, region: NormBox) -> Result<Self, String> {
        Self::new(&model.input, &model.normalization, model.channels, region, model.fit)
    }

    /// Hides what `polygons` of the frame cover: pixels of the input that any of it went into are black.
    /// That is more than the polygons by what a pixel is made of: the resampler's support, which is
    /// `max(1, s)` pixels of the frame on each side where the frame is shrunk by `s`, `sqrt(1 + s * s)`
    /// samples where chroma is subsampled, the whole of a sample of chroma, and in a JPEG all of the block
    /// (8x8 samples of chroma) that it is in.
    #[must_use]
    pub fn with_mask(mut self, polygons: Arc<[Polygon]>) -> Self {
        (self.hidden, self.plan) = (polygons, None);
        self
    }

    /// Shows another region from the next frame on. Its plan is made anew, which takes memory.
    pub const fn show(&mut self, region: NormBox) {
        self.region = region;
    }

    /// Writes `frame` into `input`, the bytes of the whole tensor, padding included. Returns the frame's
    /// true size and the way back from the model's coordinates.
    pub fn write(&mut self, frame: &Frame, input: &mut [u8]) -> Result<(Size, Placement), PreprocessError> {
        if frame.format == PixelFormat::Mjpeg {
            let size = self.jpeg.header(&frame.data)?;
            let target = Placement::new(size, self.region, self.writer.size(), self.fit).target.size();
            let picture = self.jpeg.decode(&frame.data, self.region, target)?;
            let key = Key { frame: size, region: self.region, shape: picture.shape() };
            let plan = plan(&mut self.plan, key, &picture, self.writer.size(), self.fit, &self.hidden);
            fill(plan, &picture, &mut self.rows, &self.writer, input);
            return Ok((size, plan.placement));
        }
        let picture = Picture::of(frame)?;
        let key = Key { frame: frame.size, region: self.region, shape: picture.shape() };
        let plan = plan(&mut self.plan, key, &picture, self.writer.size(), self.fit, &self.hidden);
        fill(plan, &picture, &mut self.rows, &self.writer, input);
        Ok((frame.size, plan.placement))
    }
}

/// The plan for a picture; made anew only when the geometry changes.
fn plan<'a>(
    plan: &'a mut Option<Plan>,
    key: Key,
    picture: &Picture<'_>,
    input: Size,
    fit: Fit,
    hidden: &[Polygon],
) -> &'a Plan {
    if plan.as_ref().is_none_or(|plan| plan.key != key) {
        *plan = None;
    }
    plan.get_or_insert_with(|| {
        let Key { frame, region, .. } = key;
        let placement = Placement::new(frame, region, input, fit);
        let resampler = Resampler::new(picture, region, placement.target.size());
        let mask = Mask::new(hidden, frame, picture, region, placement.target);
        Plan { key, placement, resampler, mask }
    })
}

/// Resamples, converts and writes row after row.
fn fill(plan: &Plan, picture: &Picture<'_>, rows: &mut Rows, writer: &TensorWriter, input: &mut [u8]) {
    let target = plan.placement.target;
    writer.pad(input, target, PADDING);
    plan.resampler.start(picture, rows);
    for y in 0..target.size().height {
        let at = (target.x_min as usize, (target.y_min + y) as usize);
        plan.resampler.row(picture, y as usize, rows, writer, input, at);
    }
    plan.mask.blacken(writer, input);
}

#[cfg(test)]
mod tests;
