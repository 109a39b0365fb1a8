//! A polygon in fractions of the frame: a zone, or what a mask hides.

use crate::frame::Size;
use std::ops::Range;

/// The most corners a polygon has.
pub const MAX_CORNERS: usize = 64;

/// The least area that counts as one, in fractions of the frame: a hundredth of a pixel of 1000x1000.
const MIN_AREA: f64 = 1e-8;

/// A polygon in fractions of the frame, 0..1, `x` to the right and `y` down; its last corner is joined
/// to the first. Where its edges cross, the even-odd rule says what is inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon {
    corners: Vec<[f32; 2]>,
}

impl Polygon {
    /// A polygon from its corners in order, or why there is none.
    pub fn new(corners: Vec<[f32; 2]>) -> Result<Self, String> {
        if !(3..=MAX_CORNERS).contains(&corners.len()) {
            return Err(format!("a polygon has 3 to {MAX_CORNERS} corners, not {}", corners.len()));
        }
        let inside = |v: f32| (0.0..=1.0).contains(&v);
        if let Some([x, y]) = corners.iter().find(|[x, y]| !inside(*x) || !inside(*y)) {
            return Err(format!("the corner [{x}, {y}] is outside the frame, which goes from 0 to 1"));
        }
        let polygon = Self { corners };
        // Gauss's area formula.
        let twice: f64 = polygon.edges().map(|([x0, y0], [x1, y1])| x0 * y1 - x1 * y0).sum();
        if twice.abs() / 2.0 < MIN_AREA {
            return Err(
                "the polygon has no area: its corners lie on a line, or its edges cross so that its halves \
                        cancel out; list the corners in order around it"
                    .to_owned(),
            );
        }
        Ok(polygon)
    }

    /// The corners in order.
    #[must_use]
    pub fn corners(&self) -> &[[f32; 2]] {
        &self.corners
    }

    /// Whether the point is inside, by the even-odd rule. A left or upper edge belongs to the polygon, a
    /// right or lower one does not, so that of two that share an edge one has the point. The frame's own
    /// right and lower edge belong to it: a box that ends at 1 stands in a zone that reaches it. Nothing
    /// outside the frame is inside.
    #[must_use]
    pub fn contains(&self, x: f32, y: f32) -> bool {
        if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
            return false;
        }
        let [x, y] = [x, y].map(|v| f64::from(v.min(1.0 - f32::EPSILON / 2.0)));
        self.edges().filter_map(|edge| crossing(edge, y)).filter(|&at| at > x).count() % 2 == 1
    }

    /// The columns of row `row` of a `grid` of pixels whose centres are inside, from left to right.
    #[must_use]
    pub fn spans(&self, grid: Size, row: u32) -> Spans {
        let mut spans = Spans { crossings: [0.0; MAX_CORNERS], next: 0, len: 0, width: grid.width };
        if row < grid.height {
            spans.find(self, (f64::from(row) + 0.5) / f64::from(grid.height));
        }
        spans
    }

    /// Calls `each` with the left and right ends of pieces that together are the columns, in fractions of
    /// the frame, of what the polygon has strictly between the heights `top` and `bottom`. Pieces overlap.
    ///
    /// A point of the polygon in the strip, moved up, meets either an edge or the strip's upper end: so
    /// the edges within the strip and the inside along its upper end cover all columns.
    pub(crate) fn pieces(&self, top: f64, bottom: f64, mut each: impl FnMut(f64, f64)) {
        let mut spans = Spans { crossings: [0.0; MAX_CORNERS], next: 0, len: 0, width: 0 };
        spans.find(self, top);
        for pair in spans.crossings[..spans.len].chunks_exact(2) {
            each(pair[0], pair[1]);
        }
        for edge in self.edges() {
            let (upper, lower) = if edge.0[1] <= edge.1[1] { edge } else { (edge.1, edge.0) };
            if lower[1] <= top || upper[1] >= bottom {
                continue;
            }
            let at = |y: f64| {
                let t = (y - upper[1]) / (lower[1] - upper[1]);
                upper[0] + t.clamp(0.0, 1.0) * (lower[0] - upper[0])
            };
            let (a, b) = if lower[1] > upper[1] { (at(top), at(bottom)) } else { (upper[0], lower[0]) };
            each(a.min(b), a.max(b));
        }
    }

    /// All edges, the one that closes the polygon last.
    fn edges(&self) -> impl Iterator<Item = Edge> {
        let exact = |[x, y]: &[f32; 2]| [f64::from(*x), f64::from(*y)];
        let ends = self.corners.iter().cycle().skip(1);
        self.corners.iter().zip(ends).map(move |(a, b)| (exact(a), exact(b)))
    }
}

type Edge = ([f64; 2], [f64; 2]);

/// Where an edge crosses the horizontal just below height `y`.
fn crossing(([x0, y0], [x1, y1]): Edge, y: f64) -> Option<f64> {
    ((y0 <= y) != (y1 <= y)).then(|| x0 + (y - y0) / (y1 - y0) * (x1 - x0))
}

/// The columns of one row that a polygon covers: see [`Polygon::spans`]. Takes no memory from the heap.
#[derive(Clone, Debug)]
pub struct Spans {
    crossings: [f64; MAX_CORNERS],
    next: usize,
    len: usize,
    width: u32,
}

impl Spans {
    fn find(&mut self, polygon: &Polygon, y: f64) {
        for at in polygon.edges().filter_map(|edge| crossing(edge, y)) {
            self.crossings[self.len] = at;
            self.len += 1;
        }
        self.crossings[..self.len].sort_unstable_by(f64::total_cmp);
    }
}

impl Iterator for Spans {
    type Item = Range<u32>;

    fn next(&mut self) -> Option<Range<u32>> {
        while self.next + 1 < self.len {
            let column = |at: f64| (at * f64::from(self.width) - 0.5).ceil().max(0.0) as u32;
            let span =
                column(self.crossings[self.next])..column(self.crossings[self.next + 1]).min(self.width);
            self.next += 2;
            if !span.is_empty() {
                return Some(span);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
