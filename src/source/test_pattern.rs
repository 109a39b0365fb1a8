//! A synthetic scene whose truth is known: shapes of different colours move over a gradient. The same
//! seed, size and frame number give the same picture.

mod visible;

pub use visible::visible_truth;

use super::pace::Pace;
use super::{FrameSource, SourceError, SourceOpener};
use crate::frame::{ColorSpace, Frame, PixelFormat, Size, Timestamp};
use crate::geometry::{NormBox, PixelBox};
use crate::shutdown::Shutdown;
use std::ops::Range;

/// Label, colour and form of each shape, drawn in this order: the last covers the others.
const SHAPES: [(&str, [u8; 3], Form); 5] = [
    ("red rectangle", [220, 40, 40], Form::Rectangle),
    ("green ellipse", [30, 180, 60], Form::Ellipse),
    ("blue rectangle", [40, 70, 230], Form::Rectangle),
    ("yellow ellipse", [240, 220, 30], Form::Ellipse),
    ("white rectangle", [250, 250, 250], Form::Rectangle),
];

/// What the shapes are called, in drawing order.
pub const LABELS: [&str; SHAPES.len()] = [SHAPES[0].0, SHAPES[1].0, SHAPES[2].0, SHAPES[3].0, SHAPES[4].0];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Rectangle,
    Ellipse,
}

/// Where the shapes of a frame are, in drawing order; every box is inside the frame.
#[must_use]
pub fn truth(seed: u64, size: Size, frame_index: u64) -> Vec<(&'static str, NormBox)> {
    LABELS.into_iter().enumerate().map(|(i, label)| (label, bounds(seed, size, frame_index, i))).collect()
}

/// The box of one shape.
fn bounds(seed: u64, size: Size, frame_index: u64, shape: usize) -> NormBox {
    let b = place(seed, size, frame_index, shape);
    let x = |v: u32| v as f32 / size.width as f32;
    let y = |v: u32| v as f32 / size.height as f32;
    NormBox::new(x(b.x_min), y(b.y_min), x(b.x_max), y(b.y_max))
}

/// The pixels of one shape: size, start and speed come from the seed, walls throw it back.
fn place(seed: u64, size: Size, frame_index: u64, shape: usize) -> PixelBox {
    let mut noise = seed ^ (shape as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut pick = |from: u32, to: u32| {
        noise = splitmix(noise);
        from + (noise % u64::from(to.max(from) - from + 1)) as u32
    };
    let mut axis = |n: u32| {
        let length = pick(n / 8, n / 4).max(1);
        let (origin, step) = (pick(0, n), pick(n / 160, n / 40).max(1));
        let room = u64::from(n - length);
        let travelled = u64::from(origin).wrapping_add(u64::from(step).wrapping_mul(frame_index));
        let at = if room == 0 { 0 } else { travelled % (2 * room) };
        let min = if at > room { 2 * room - at } else { at } as u32;
        (min, min + length)
    };
    let ((x_min, x_max), (y_min, y_max)) = (axis(size.width), axis(size.height));
    PixelBox { x_min, y_min, x_max, y_max }
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
fn splitmix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Draws the frame into `rgb`, three bytes a pixel; no allocation once `rgb` is large enough.
pub fn draw(seed: u64, size: Size, frame_index: u64, rgb: &mut Vec<u8>) {
    rgb.resize(size.area() * 3, 0);
    if size.is_empty() {
        return;
    }
    let row_bytes = size.width as usize * 3;
    let level = |v: usize, n: u32, from: usize, to: usize| (from + v * (to - from) / n as usize) as u8;
    let (first, rest) = rgb.split_at_mut(row_bytes);
    for (x, pixel) in first.chunks_exact_mut(3).enumerate() {
        pixel.copy_from_slice(&[
            level(x, size.width, 60, 140),
            0,
            level(size.width as usize - x, size.width, 90, 140),
        ]);
    }
    for (y, row) in rest.chunks_exact_mut(row_bytes).enumerate() {
        row.copy_from_slice(first);
        let green = level(y + 1, size.height, 70, 130);
        row.iter_mut().skip(1).step_by(3).for_each(|g| *g = green);
    }
    first.iter_mut().skip(1).step_by(3).for_each(|g| *g = 70);
    for (i, (_, colour, form)) in SHAPES.iter().enumerate() {
        for span in spans(*form, place(seed, size, frame_index, i), size.width) {
            let span = span.start * 3..span.end * 3;
            rgb[span].chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(colour));
        }
    }
}

/// The pixels of a shape, a run of indices into the frame a row.
fn spans(form: Form, shape: PixelBox, width: u32) -> impl Iterator<Item = Range<usize>> {
    (shape.y_min..shape.y_max).map(move |y| {
        let inset = if form == Form::Ellipse { ellipse_inset(shape, y) } else { 0 };
        let start = y as usize * width as usize;
        start + (shape.x_min + inset) as usize..start + (shape.x_max - inset) as usize
    })
}

/// How far from the left and right edge of its box the ellipse begins in row `y`.
fn ellipse_inset(shape: PixelBox, y: u32) -> u32 {
    let (w, h) = (f64::from(shape.x_max - shape.x_min), f64::from(shape.y_max - shape.y_min));
    let from_centre = (f64::from(y - shape.y_min) + 0.5) / h * 2.0 - 1.0;
    let half = w / 2.0 * (1.0 - from_centre * from_centre).max(0.0).sqrt();
    ((w / 2.0 - half).round() as u32).min(((w - 1.0) / 2.0) as u32)
}

/// Opens a scene.
#[derive(Debug)]
pub struct Opener {
    size: Size,
    fps: f64,
    seed: u64,
}

impl Opener {
    /// Will show the scene of `seed`, `fps` frames a second, from its frame 0 at each opening.
    #[must_use]
    pub fn new(size: Size, fps: f64, seed: u64) -> Self {
        Self { size, fps, seed }
    }
}

impl SourceOpener for Opener {
    fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        if self.size.is_empty() {
            return Err(SourceError::Open(format!("open test pattern: unfit size {}", self.size)));
        }
        let pace = Pace::new(Some(self.fps));
        Ok(Box::new(TestPattern {
            size: self.size,
            seed: self.seed,
            index: 0,
            pace,
            shutdown: shutdown.clone(),
        }))
    }

    fn name(&self) -> String {
        "test pattern".to_owned()
    }
}

struct TestPattern {
    size: Size,
    seed: u64,
    index: u64,
    pace: Pace,
    shutdown: Shutdown,
}

impl FrameSource for TestPattern {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), SourceError> {
        if self.pace.wait(&self.shutdown) {
            return Err(SourceError::Stopped);
        }
        frame.captured = Timestamp::now();
        draw(self.seed, self.size, self.index, &mut frame.data);
        (frame.size, frame.format, frame.color) = (self.size, PixelFormat::Rgb24, ColorSpace::default());
        self.index += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(160, 120);

    #[test]
    fn what_is_drawn_is_where_the_truth_says() {
        let mut rgb = Vec::new();
        for (seed, index) in [(1, 0), (1, 1), (1, 999), (7, 12_345), (u64::MAX, u64::MAX)] {
            draw(seed, SIZE, index, &mut rgb);
            let white: Vec<(u32, u32)> = (0..SIZE.area())
                .filter(|i| rgb[i * 3..][..3] == SHAPES[4].1)
                .map(|i| (i as u32 % SIZE.width, i as u32 / SIZE.width))
                .collect();
            let (label, expected) = truth(seed, SIZE, index)[4];
            assert_eq!(label, "white rectangle");
            let expected = expected.to_pixels(SIZE);
            let edge = |f: fn(&(u32, u32)) -> u32| {
                let values = white.iter().map(f);
                (values.clone().min().expect("it is seen"), values.max().expect("it is seen") + 1)
            };
            let ((x_min, x_max), (y_min, y_max)) = (edge(|p| p.0), edge(|p| p.1));
            assert_eq!(PixelBox { x_min, y_min, x_max, y_max }, expected);
            assert_eq!(white.len(), expected.size().area());
        }
    }

    #[test]
    fn shapes_move_inside_the_frame_and_another_seed_is_another_scene() {
        let mut last = truth(1, SIZE, 0);
        for index in 1..500 {
            let now = truth(1, SIZE, index);
            for ((_, a), (_, b)) in last.iter().zip(&now) {
                assert_eq!(b.clamped(), *b);
                assert!(a != b && (a.x_min - b.x_min).abs() < 0.1 && (a.y_min - b.y_min).abs() < 0.1);
            }
            last = now;
        }
        assert_ne!(truth(1, SIZE, 0), truth(2, SIZE, 0));
    }

    #[test]
    fn tiny_frames_can_be_drawn() {
        for size in [Size::new(1, 1), Size::new(2, 1), Size::new(7, 3), Size::default()] {
            draw(3, size, 5, &mut Vec::new());
        }
    }

    #[test]
    fn frames_come_at_their_pace_in_the_same_buffer() {
        let mut source = Opener::new(SIZE, 200.0, 1).open(&Shutdown::new()).expect("opens");
        let mut frame = Frame::empty();
        source.next_frame(&mut frame).expect("a frame");
        let (start, buffer) = (std::time::Instant::now(), frame.data.as_ptr());
        for _ in 0..10 {
            source.next_frame(&mut frame).expect("a frame");
        }
        assert!(start.elapsed() >= std::time::Duration::from_millis(40));
        assert_eq!(frame.data.as_ptr(), buffer);
    }
}
