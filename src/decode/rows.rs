//! A row a detection: `[1, n, columns]` or `[n, columns]`, NMS done by the model or not needed (YOLOv10,
//! YOLO26, exports with NMS).

use super::Detection;
use super::read::Numbers;
use crate::geometry::NormBox;
use crate::infer::{Engine, TensorSpec};
use crate::model::Column;

/// What `[1, n, 6]` of Ultralytics' end-to-end exports is.
/// <https://docs.ultralytics.com/modes/export/>
pub const USUAL: [Column; 6] =
    [Column::XMin, Column::YMin, Column::XMax, Column::YMax, Column::Score, Column::Class];

/// Reads the one output.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The output.
    pub spec: TensorSpec,
    /// What its columns are; each of the six kinds occurs once.
    pub columns: Vec<Column>,
    /// Width and height of the unit of boxes, in fractions of the input.
    pub unit: [f32; 2],
}

impl Rows {
    /// Boxes in fractions of the input.
    pub(super) fn decode(&self, engine: &dyn Engine, threshold: f32, found: &mut Vec<Detection>) {
        let numbers = Numbers::new(&self.spec, engine.output(0));
        let width = self.columns.len();
        let place = |column| self.columns.iter().position(|c| *c == column).unwrap_or(0);
        let [x_min, y_min, x_max, y_max, score, class] = USUAL.map(place);
        let [ux, uy] = self.unit;
        for row in 0..self.spec.elements() / width {
            let value = |column: usize| numbers.real(row * width + column);
            let (score, class) = (value(score), value(class));
            if score >= threshold && class >= 0.0 {
                let bounds =
                    NormBox::new(value(x_min) * ux, value(y_min) * uy, value(x_max) * ux, value(y_max) * uy);
                found.push(Detection::new(class.round() as usize, score.min(1.0), bounds));
            }
        }
    }
}
