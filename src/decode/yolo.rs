//! YOLO: boxes `cx, cy, w, h` and a score a class, in rows (`[1, n, 4 or 5 + classes]`: YOLOv5, YOLOX) or
//! in columns (`[1, 4 + classes, n]`: YOLOv8, YOLO11). YOLOv5 and YOLOX have a score for being an object
//! at all in front of the classes', to be multiplied with.
//! <https://docs.ultralytics.com/modes/predict/>, `models/yolo.py` of ultralytics/yolov5,
//! `yolox/models/yolo_head.py` of Megvii-BaseDetection/YOLOX.

use super::Detection;
use super::read::{Memory, Numbers};
use crate::frame::Size;
use crate::geometry::NormBox;
use crate::infer::{Engine, TensorSpec};

/// Reads the one output.
#[derive(Clone, Debug)]
pub struct Yolo {
    /// The output.
    pub spec: TensorSpec,
    /// How many boxes.
    pub count: usize,
    /// Whether a box is a row, not a column.
    pub rows: bool,
    /// Whether a box has a score for being an object.
    pub objectness: bool,
    /// How many classes.
    pub classes: usize,
    /// Width and height of the unit of boxes, in fractions of the input.
    pub unit: [f32; 2],
    /// For boxes that are relative to cells: x, y and stride of each box's, in pixels.
    pub cells: Vec<[f32; 3]>,
    /// Whether it is of the YOLOX family, whose input differs.
    pub yolox: bool,
}

/// The cells of grids with these strides, a grid after the other, row by row: x and y of the corner, and
/// the stride, in pixels.
pub fn cells(size: Size, strides: &[u32]) -> impl Iterator<Item = [f32; 3]> {
    let grid = move |s: u32| {
        let at = move |x, y| [(x * s) as f32, (y * s) as f32, s as f32];
        (0..size.height / s).flat_map(move |y| (0..size.width / s).map(move |x| at(x, y)))
    };
    strides.iter().copied().flat_map(grid)
}

impl Yolo {
    /// Boxes in fractions of the input, before NMS.
    pub(super) fn decode(
        &self,
        engine: &dyn Engine,
        threshold: f32,
        memory: &mut Memory,
        found: &mut Vec<Detection>,
    ) {
        let numbers = Numbers::new(&self.spec, engine.output(0));
        let floor = numbers.floor(threshold);
        let first = 4 + usize::from(self.objectness);
        let width = first + self.classes;
        if !self.rows {
            numbers.columns((first, self.classes, self.count), floor, memory, |column| {
                let value = |row: usize| numbers.real(row * self.count + column);
                let better = |best: (usize, f32), class| {
                    let score = value(first + class);
                    if score > best.1 { (class, score) } else { best }
                };
                let best = (1..self.classes).fold((0, value(first)), better);
                self.push(column, value, best, threshold, found);
            });
            return;
        }
        for row in 0..self.count {
            let start = row * width;
            if self.objectness && numbers.greatest(start + 4..start + 5, floor).is_none() {
                continue;
            }
            if let Some(best) = numbers.greatest(start + first..start + width, floor) {
                self.push(row, |i| numbers.real(start + i), best, threshold, found);
            }
        }
    }

    /// Takes in box `index`, whose elements are `value`, with its best class.
    fn push(
        &self,
        index: usize,
        value: impl Fn(usize) -> f32,
        (class, score): (usize, f32),
        threshold: f32,
        found: &mut Vec<Detection>,
    ) {
        let score = if self.objectness { score * value(4) } else { score };
        if score < threshold || score.is_nan() {
            return;
        }
        let (mut x, mut y, mut w, mut h) = (value(0), value(1), value(2), value(3));
        if let Some([left, top, stride]) = self.cells.get(index) {
            (x, y) = (x * stride + left, y * stride + top);
            (w, h) = (w.exp() * stride, h.exp() * stride);
        }
        let [ux, uy] = self.unit;
        let bounds = NormBox::around(x * ux, y * uy, w * ux, h * uy);
        found.push(Detection::new(class, score.min(1.0), bounds));
    }
}
