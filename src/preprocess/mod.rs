//! From a camera's frame to the model's input tensor in one pass: crop, resize, colour, quantise.
//!
//! Only what the tensor needs is computed: row by row, no full-size RGB picture in between, nothing
//! allocated once the plan for a frame's geometry is made.

mod blend;
mod color;
mod filter;
mod jpeg;
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
use crate::geometry::{Fit, NormBox, Placement};
use crate::infer::TensorSpec;
use crate::model::{Channels, ModelInfo};
use resample::Resampler;
use rows::Rows;
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
        Ok(Self { writer, region, fit, jpeg: JpegDecoder::new()?, plan: None, rows: Rows::default() })
    }

    /// For a model that is shown `region` of the frame.
    pub fn of(model: &ModelInfo, region: NormBox) -> Result<Self, String> {
        Self::new(&model.input, &model.normalization, model.channels, region, model.fit)
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
            let plan = plan(&mut self.plan, size, &picture, self.region, self.writer.size(), self.fit);
            fill(plan, &picture, &mut self.rows, &self.writer, input);
            return Ok((size, plan.placement));
        }
        let picture = Picture::of(frame)?;
        let plan = plan(&mut self.plan, frame.size, &picture, self.region, self.writer.size(), self.fit);
        fill(plan, &picture, &mut self.rows, &self.writer, input);
        Ok((frame.size, plan.placement))
    }
}

/// The plan for a picture; made anew only when the geometry changes.
fn plan<'a>(
    plan: &'a mut Option<Plan>,
    frame: Size,
    picture: &Picture<'_>,
    region: NormBox,
    input: Size,
    fit: Fit,
) -> &'a Plan {
    let key = Key { frame, region, shape: picture.shape() };
    if plan.as_ref().is_none_or(|plan| plan.key != key) {
        *plan = None;
    }
    plan.get_or_insert_with(|| {
        let placement = Placement::new(frame, region, input, fit);
        Plan { key, placement, resampler: Resampler::new(picture, region, placement.target.size()) }
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
}

#[cfg(test)]
mod tests;
