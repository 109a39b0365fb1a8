//! A small plane of a frame's brightness: what the motion gate looks at.

use crate::frame::{Frame, PixelFormat, Size};
use crate::preprocess::{JpegDecoder, Picture, PreprocessError};

/// Frame pixels along one of the plane: that of a JPEG's blocks, whose mean is nearly free to decode.
const STEP: u32 = 8;
/// A plane is not made narrower than this.
const NARROWEST: u32 = 80;
/// A plane is not made wider than this.
const WIDEST: u32 = 320;

/// Brightness 0..=255 in tight rows; the memory is used again.
#[derive(Debug)]
pub(super) struct Luma {
    jpeg: JpegDecoder,
    pixels: Vec<u8>,
}

/// How many frame pixels along each axis become one of the plane.
pub(super) const fn step(width: u32) -> u32 {
    let mut step = STEP;
    while step > 1 && width / step < NARROWEST {
        step /= 2;
    }
    while width / step > WIDEST {
        step *= 2;
    }
    step
}

impl Luma {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { jpeg: JpegDecoder::new()?, pixels: Vec::new() })
    }

    /// The plane of `frame`, its size, and the frame's true size.
    pub(super) fn read(&mut self, frame: &Frame) -> Result<(&[u8], Size, Size), PreprocessError> {
        if frame.format == PixelFormat::Mjpeg {
            return self.decode(frame);
        }
        // Only the length of the data is of interest here.
        Picture::of(frame)?;
        let Size { width, height } = frame.size;
        let step = step(width) as usize;
        let (w, h) = (width as usize, height as usize);
        let luma = |stride| Plane { data: &frame.data, stride, height: h, step };
        let size = Size::new((w / step).max(1) as u32, (h / step).max(1) as u32);
        let (pixels, columns) = (&mut self.pixels, size.width as usize);
        pixels.resize(size.area(), 0);
        match frame.format {
            PixelFormat::Yuyv => luma(w.div_ceil(2) * 4).shrink::<2>(pixels, columns, |p| u32::from(p[0])),
            PixelFormat::Uyvy => luma(w.div_ceil(2) * 4).shrink::<2>(pixels, columns, |p| u32::from(p[1])),
            PixelFormat::Rgb24 => luma(w * 3).shrink::<3>(pixels, columns, |p| {
                (u32::from(p[0]) + 2 * u32::from(p[1]) + u32::from(p[2])) / 4
            }),
            _ => luma(w).shrink::<1>(pixels, columns, |p| u32::from(p[0])),
        }
        Ok((&self.pixels, size, frame.size))
    }

    fn decode(&mut self, frame: &Frame) -> Result<(&[u8], Size, Size), PreprocessError> {
        let full = self.jpeg.header(&frame.data)?;
        let step = step(full.width);
        let (pixels, size) = self.jpeg.luma(&frame.data, step.min(STEP))?;
        if step <= STEP {
            return Ok((pixels, size, full));
        }
        let by = (step / STEP) as usize;
        let small = Size::new((size.width / by as u32).max(1), (size.height / by as u32).max(1));
        self.pixels.resize(small.area(), 0);
        let plane =
            Plane { data: pixels, stride: size.width as usize, height: size.height as usize, step: by };
        plane.shrink::<1>(&mut self.pixels, small.width as usize, |p| u32::from(p[0]));
        Ok((&self.pixels, small, full))
    }
}

/// Rows of pixels, of which `step` by `step` become one.
struct Plane<'a> {
    data: &'a [u8],
    stride: usize,
    height: usize,
    step: usize,
}

impl Plane<'_> {
    /// Writes the mean of up to four pixels of two rows of each cell; pixels are `N` bytes. Fewer would
    /// leave more noise, more would cost more than they take away.
    fn shrink<const N: usize>(&self, out: &mut [u8], columns: usize, luma: impl Fn(&[u8; N]) -> u32) {
        let (across, down) = (self.step.min(4), self.step.min(2));
        let shift = (across * down).ilog2();
        let stride = self.step / across;
        for (y, out) in out.chunks_exact_mut(columns).enumerate() {
            let row = |i: usize| {
                let y = (y * self.step + (2 * i + 1) * self.step / (2 * down)).min(self.height - 1);
                self.data[y * self.stride..][..self.stride].as_chunks::<N>().0
            };
            let (upper, lower) = (row(0), row(down - 1));
            let cells = upper.chunks(self.step).zip(lower.chunks(self.step));
            for (out, (upper, lower)) in out.iter_mut().zip(cells) {
                let sum = |cell: &[[u8; N]]| cell.iter().step_by(stride).map(&luma).sum::<u32>();
                let sum = if down == 1 { sum(upper) } else { sum(upper) + sum(lower) };
                *out = (sum >> shift) as u8;
            }
        }
    }
}
