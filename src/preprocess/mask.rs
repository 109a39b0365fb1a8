//! Which pixels of the input a privacy mask blackens: all that any masked pixel of the frame goes into.

use super::filter::windows;
use super::picture::Picture;
use super::tensor::TensorWriter;
use crate::frame::Size;
use crate::geometry::cover::{Span, touched};
use crate::geometry::{NormBox, PixelBox, Polygon};

/// The pixels of the input to blacken, for one geometry of frames.
#[derive(Debug)]
pub struct Mask {
    spans: Vec<Span>,
}

/// One axis of a component: as many samples, `subsampled` pixels of the picture each.
#[derive(Clone, Copy)]
struct Samples {
    count: usize,
    extent: f32,
    subsampled: f32,
}

/// One axis of the way from the frame to the input.
struct Way {
    /// Pixels of the frame.
    frame: u32,
    /// The part that is shown, in fractions.
    from: f32,
    to: f32,
    /// Pixels of the input.
    outputs: u32,
    scale: u32,
    block: u32,
    reach: u32,
}

impl Mask {
    /// For the `region` of `frame`s decoded to pictures like `picture`, shown on the pixels `target`.
    pub fn new(
        polygons: &[Polygon],
        frame: Size,
        picture: &Picture<'_>,
        region: NormBox,
        target: PixelBox,
    ) -> Self {
        if polygons.is_empty() {
            return Self { spans: Vec::new() };
        }
        let grain = picture.grain;
        let [first, ..] = picture.components;
        let across = picture.components.map(|c| Samples {
            count: c.width,
            extent: c.extent,
            subsampled: first.extent / c.extent,
        });
        let down = picture.planes.map(|p| Samples {
            count: p.height,
            extent: p.extent,
            subsampled: picture.planes[0].extent / p.extent,
        });
        let columns = Way {
            frame: frame.width,
            from: region.x_min,
            to: region.x_max,
            outputs: target.size().width,
            scale: grain.scale,
            block: grain.block.0,
            reach: grain.reach.0,
        };
        let rows = Way {
            frame: frame.height,
            from: region.y_min,
            to: region.y_max,
            outputs: target.size().height,
            scale: grain.scale,
            block: grain.block.1,
            reach: grain.reach.1,
        };
        let mut spans = touched(polygons, &columns.footprints(across), rows.footprints(down));
        for span in &mut spans {
            span.row += target.y_min;
            span.columns = span.columns.start + target.x_min..span.columns.end + target.x_min;
        }
        Self { spans }
    }

    /// Writes black over what is hidden.
    pub fn blacken(&self, writer: &TensorWriter, input: &mut [u8]) {
        for span in &self.spans {
            let at = (span.columns.start as usize, span.row as usize);
            writer.row(input, at, span.columns.clone().map(|_| [0; 3]));
        }
    }
}

impl Way {
    /// For each output, what part of the frame goes into it, in fractions: the samples of all components
    /// that it is made of.
    fn footprints(&self, components: [Samples; 3]) -> Vec<(f64, f64)> {
        let mut reached = vec![(f64::INFINITY, f64::NEG_INFINITY); self.outputs as usize];
        for samples in components.into_iter().filter(|samples| samples.count > 0) {
            let (start, end) = (f64::from(self.from), f64::from(self.to));
            let extent = f64::from(samples.extent);
            let windows = windows(
                samples.count,
                start * extent,
                end * extent,
                self.outputs as usize,
                samples.subsampled > 1.0,
            );
            let pixels = f64::from(self.scale) * f64::from(samples.subsampled.round());
            for (reached, window) in reached.iter_mut().zip(windows) {
                let upto = window.first + window.weights.len();
                let (from, to) = self.spread(window.first as f64 * pixels, upto as f64 * pixels);
                *reached = (reached.0.min(from), reached.1.max(to));
            }
        }
        reached
    }

    /// The fractions of the frame whose pixels have an influence on its pixels `from..to`.
    fn spread(&self, from: f64, to: f64) -> (f64, f64) {
        let (reach, block) = (f64::from(self.reach), f64::from(self.block));
        let at = |pixel: f64| (pixel / f64::from(self.frame)).clamp(0.0, 1.0);
        (at(((from - reach) / block).floor() * block), at(((to + reach) / block).ceil() * block))
    }
}

#[cfg(test)]
mod tests;
