//! Which cells of a grid a set of polygons touches, even in part.

use super::polygon::Polygon;
use std::ops::Range;

/// What a corner given in decimals is off by in binary; less than a hundredth of a pixel of 4K.
const ROUNDING: f64 = 1e-6;

/// Columns next to each other in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The row.
    pub row: u32,
    /// Its columns.
    pub columns: Range<u32>,
}

/// The cells that any of `polygons` touches, row by row. `columns` and `rows` say from where to where each
/// column and row reaches, in fractions of the frame; cells may overlap, their ends are in ascending order.
#[must_use]
pub fn touched(
    polygons: &[Polygon],
    columns: &[(f64, f64)],
    rows: impl IntoIterator<Item = (f64, f64)>,
) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut hit = vec![false; columns.len()];
    for (row, (top, bottom)) in (0..).zip(rows) {
        hit.fill(false);
        for polygon in polygons {
            polygon.pieces(top + ROUNDING, bottom - ROUNDING, |left, right| {
                let first = columns.partition_point(|c| c.1 - ROUNDING <= left);
                let end = columns.partition_point(|c| c.0 + ROUNDING < right);
                if let Some(hit) = hit.get_mut(first..end) {
                    hit.fill(true);
                }
            });
        }
        let mut at = 0;
        for run in hit.chunk_by(|a, b| a == b) {
            let end = at + run.len() as u32;
            if run[0] {
                spans.push(Span { row, columns: at..end });
            }
            at = end;
        }
    }
    spans
}

/// From where to where each of the `n` cells of an axis reaches, grown by `margin` cells on both sides.
#[must_use]
pub fn cells(n: u32, margin: f64) -> Vec<(f64, f64)> {
    let at = |v: f64| (v / f64::from(n)).clamp(0.0, 1.0);
    (0..n).map(|i| (at(f64::from(i) - margin), at(f64::from(i) + 1.0 + margin))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(corners: &[[f32; 2]]) -> Polygon {
        Polygon::new(corners.to_vec()).expect("a polygon")
    }

    #[test]
    fn a_square_on_the_grid_touches_its_own_cells_only() {
        let square = polygon(&[[0.1, 0.3], [0.6, 0.3], [0.6, 0.7], [0.1, 0.7]]);
        let spans = touched(&[square], &cells(10, 0.0), cells(10, 0.0));
        let wanted: Vec<Span> = (3..7).map(|row| Span { row, columns: 1..6 }).collect();
        assert_eq!(spans, wanted);
    }

    #[test]
    fn a_sliver_between_centres_is_touched_and_two_polygons_add_up() {
        let sliver = polygon(&[[0.21, 0.0], [0.22, 0.0], [0.22, 1.0], [0.21, 1.0]]);
        let other = polygon(&[[0.9, 0.9], [1.0, 0.9], [1.0, 1.0]]);
        let spans = touched(&[sliver, other], &cells(4, 0.0), cells(2, 0.0));
        let span = |row, columns| Span { row, columns };
        assert_eq!(spans, [span(0, 0..1), span(1, 0..1), span(1, 3..4)]);
    }
}
