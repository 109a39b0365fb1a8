//! YOLO in one output: rows or columns, with or without a score for being an object, and the unit of its
//! boxes, told by where a trial's boxes lie: each belongs to a cell of a grid.

use super::{Evidence, Findings, Trial};
use crate::decode::{Yolo, cells};
use crate::frame::Size;
use crate::model::manifest::{Coordinates, DecoderKind};

/// Strides of the grids: the usual ones, and those of models for large, small and quick detection.
const STRIDES: [&[u32]; 4] = [&[8, 16, 32], &[8, 16, 32, 64], &[4, 8, 16, 32], &[16, 32]];

/// Boxes lie this far from the middle of their cells at most, on average, in fractions of the input.
const NEAR: f32 = 0.12;

/// How boxes are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layout {
    /// Boxes in all.
    count: usize,
    /// Numbers a box.
    width: usize,
    /// Whether a box is a row, not a column.
    rows: bool,
    /// Boxes a cell.
    per_cell: usize,
    strides: &'static [u32],
}

impl Layout {
    /// Of an output `[a, b]`, where one of both is the number of boxes that grids give for the input.
    pub(super) fn of(input: Size, a: usize, b: usize) -> Option<Self> {
        let grids = STRIDES.iter().flat_map(|strides| [1, 3].map(|per_cell| (*strides, per_cell)));
        // Two grids with one box a cell are no model's, and their numbers are others' too.
        let grids = grids.filter(|(strides, per_cell)| strides.len() > 2 || *per_cell == 3);
        grids.into_iter().find_map(|(strides, per_cell)| {
            let count = per_cell * cells(input, strides).count();
            let rows = a == count && b > 4;
            let found = (rows || (b == count && a > 4)) && count > 0;
            let width = if rows { b } else { a };
            found.then_some(Self { count, width, rows, per_cell, strides })
        })
    }

    /// Whether it could be rows of a box, a score and a class each as well.
    pub(super) const fn may_be_rows(&self) -> bool {
        self.rows && self.per_cell == 1 && self.width == 6
    }

    pub(super) fn in_words(&self) -> String {
        let (what, each) =
            (if self.rows { "rows" } else { "columns" }, if self.per_cell == 1 { "one" } else { "three" });
        format!(
            "{} {what} of {} numbers: {each} a cell of grids with the strides {:?}",
            self.count, self.width, self.strides
        )
    }

    /// Number `k` of box `i` in the values of the output.
    fn number(&self, values: &[f32], i: usize, k: usize) -> f32 {
        let at = if self.rows { i * self.width + k } else { k * self.count + i };
        values.get(at).copied().unwrap_or(f32::NAN)
    }
}

/// Whether grids of YOLO have so many boxes.
pub(super) fn is_grid(input: Size, boxes: usize) -> bool {
    Layout::of(input, boxes, 5).is_some()
}

/// The size of the unit of boxes, in fractions of the input.
pub(super) fn unit(input: Size, coordinates: Coordinates) -> [f32; 2] {
    match coordinates {
        Coordinates::Normalized => [1.0, 1.0],
        Coordinates::Pixels => [1.0 / input.width as f32, 1.0 / input.height as f32],
    }
}

pub(super) fn yolo(e: &Evidence<'_>, trial: &mut Trial<'_>, f: &mut Findings) -> Result<Yolo, String> {
    let size = e.size();
    let layout = match e.outputs {
        [spec] => match *super::kind::dimensions(spec) {
            [a, b] => Layout::of(size, a, b),
            _ => None,
        },
        _ => None,
    };
    let layout = layout
        .ok_or_else(|| e.unclear("its outputs are not one for each cell of YOLO's grids", "decoder"))?;
    let objectness = f.said_or("objectness", e.said.objectness, || objectness(e, &layout))?;
    let first = 4 + usize::from(objectness);
    if layout.width <= first {
        return Err(e.unclear("no class is left beside the box", "objectness"));
    }
    let values = trial.values(0)?;
    let relative = match (e.said.decoder, e.said.coordinates) {
        (_, Some(coordinates)) => Some(Some(coordinates)),
        (Some(DecoderKind::Yolox), _) => Some(None),
        _ => None,
    };
    let (coordinates, because) = match relative {
        Some(said) => (said, super::SAID.to_owned()),
        None => coordinates(e, &layout, &values)?,
    };
    let what = coordinates.map_or("relative to cells".to_owned(), |c| super::word(&c));
    f.note("coordinates", what, because);
    scores_are_scores(e, &layout, first, &values)?;
    if coordinates.is_some() {
        sizes_are_sizes(e, &layout, &values)?;
    }
    let cells = match coordinates {
        None => cells(size, layout.strides).collect(),
        Some(_) => Vec::new(),
    };
    Ok(Yolo {
        spec: e.outputs[0].clone(),
        count: layout.count,
        rows: layout.rows,
        objectness,
        classes: layout.width - first,
        unit: unit(size, coordinates.unwrap_or(Coordinates::Pixels)),
        cells,
        // One row a cell with a score for being an object is how YOLOX lays its boxes out.
        yolox: layout.rows && layout.per_cell == 1 && objectness,
    })
}

/// Whether each box has a score for being an object at all. The layout tells; labels only where it does
/// not, so that a label file with a line too few does not turn boxes into others.
fn objectness(e: &Evidence<'_>, layout: &Layout) -> Result<(bool, String), String> {
    const COCO: usize = 80;
    let classes = layout.width - 4;
    match (layout.per_cell, layout.rows) {
        (3, _) => return Ok((true, "models with three boxes a cell (YOLOv5) have it".to_owned())),
        (_, false) => {
            return Ok((
                false,
                "models with one box a cell in columns (YOLOv8, YOLO11) have none".to_owned(),
            ));
        }
        _ => {}
    }
    let because = format!("{} numbers a box for ", layout.width);
    match (e.named(classes), e.named(classes - 1)) {
        (true, false) => Ok((false, because + &format!("{classes} labels"))),
        (false, true) => Ok((true, because + &format!("{} labels", classes - 1))),
        _ if classes == COCO || classes == COCO + 1 => {
            Ok((classes == COCO + 1, because + &format!("COCO's {COCO} classes")))
        }
        _ => {
            let why = format!(
                "{} numbers a box may be {classes} classes (YOLOv8), or an object score and {} classes (YOLOX)",
                layout.width,
                classes - 1
            );
            Err(e.unclear(&why, "labels, or objectness = true or false,"))
        }
    }
}

/// The unit of boxes; `None` for boxes relative to their cells.
fn coordinates(
    e: &Evidence<'_>,
    layout: &Layout,
    values: &[f32],
) -> Result<(Option<Coordinates>, String), String> {
    let size = e.size();
    for coordinates in [Coordinates::Normalized, Coordinates::Pixels] {
        let apart = distance(size, layout, values, unit(size, coordinates));
        if apart < NEAR {
            return Ok((
                Some(coordinates),
                format!(
                    "tried on a grey picture, boxes lie {:.1} % of the input from their cells",
                    apart * 100.0
                ),
            ));
        }
    }
    let modest = (0..layout.count).all(|i| (0..4).all(|k| layout.number(values, i, k).abs() < 16.0));
    if layout.per_cell == 1 && modest {
        return Ok((
            None,
            "tried on a grey picture, boxes are small numbers and not where their cells are".to_owned(),
        ));
    }
    Err(e.unclear(
        "where its boxes lie does not show their unit",
        "coordinates = \"pixels\" or \"normalized\", or decoder = \"yolox\"",
    ))
}

/// How far boxes are from the middle of their cells on average, whichever way the boxes of a grid are
/// ordered: cell by cell, or one box of every cell after the other.
fn distance(size: Size, layout: &Layout, values: &[f32], [ux, uy]: [f32; 2]) -> f32 {
    let n = layout.per_cell;
    let (w, h) = (size.width as f32, size.height as f32);
    let grids = layout.strides.iter().map(|s| cells(size, std::slice::from_ref(s)).collect::<Vec<_>>());
    let (mut by_cell, mut by_box, mut first) = (0.0, 0.0, 0);
    for grid in grids {
        for i in 0..grid.len() * n {
            let (x, y) = (layout.number(values, first + i, 0) * ux, layout.number(values, first + i, 1) * uy);
            let apart = |[left, top, stride]: [f32; 3]| {
                ((left + stride / 2.0) / w - x).abs().max(((top + stride / 2.0) / h - y).abs())
            };
            by_cell += apart(grid[i / n]);
            by_box += apart(grid[i % grid.len()]);
        }
        first += grid.len() * n;
    }
    // A sum that is not a number is not near.
    f32::min(by_cell, by_box) / layout.count as f32
}

/// Class scores outside 0..1, or sure of much on a grey picture, are something else: keypoints, angles,
/// logits.
fn scores_are_scores(e: &Evidence<'_>, layout: &Layout, first: usize, values: &[f32]) -> Result<(), String> {
    let number = |i: usize, k: usize| layout.number(values, i, k);
    let all = || (0..layout.count).flat_map(|i| (first..layout.width).map(move |k| (i, k)));
    let (low, high) =
        all().map(|(i, k)| number(i, k)).fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
    // A model of one class may leave all to the score for being an object.
    let object = |i: usize| if first == 5 { number(i, 4) } else { 1.0 };
    let mean = all().map(|(i, k)| number(i, k) * object(i)).sum::<f32>() / all().count() as f32;
    if low >= -0.1 && high <= 1.1 && mean < 0.1 {
        return Ok(());
    }
    let why = format!(
        "tried on a grey picture, what should be scores runs from {low:.1} to {high:.1}, {mean:.2} in the middle: a model for poses or outlines, or without its last sigmoid"
    );
    Err(e.unreadable(&why))
}

/// Widths and heights that grow to the right and down are the other corner instead.
fn sizes_are_sizes(e: &Evidence<'_>, layout: &Layout, values: &[f32]) -> Result<(), String> {
    let mean = |k: usize, wanted: &dyn Fn(f32) -> bool, by: usize| {
        let most = (0..layout.count).map(|i| layout.number(values, i, by)).fold(f32::MIN, f32::max);
        let inside = (0..layout.count).filter(|&i| wanted(layout.number(values, i, by) / most));
        let (n, sum) = inside.fold((0, 0.0), |(n, sum), i| (n + 1, sum + layout.number(values, i, k) / most));
        sum / f32::max(n as f32, 1.0)
    };
    let grows = |k: usize, by: usize| mean(k, &|at| at > 0.75, by) - mean(k, &|at| at < 0.25, by);
    let corners = grows(2, 0) > 0.5 && grows(3, 1) > 0.5;
    if !corners {
        return Ok(());
    }
    Err(e.unreadable("tried on a grey picture, its boxes are two corners each, which YOLO's are not"))
}
