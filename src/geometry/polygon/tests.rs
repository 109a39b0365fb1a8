use super::*;

fn polygon(corners: &[[f32; 2]]) -> Polygon {
    Polygon::new(corners.to_vec()).expect("a polygon")
}

/// Corners in no order, so that edges cross.
fn tangle(state: &mut u32, corners: usize) -> Polygon {
    let mut next = || {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 8) as f32 / (1 << 24) as f32
    };
    polygon(&(0..corners).map(|_| [next(), next()]).collect::<Vec<_>>())
}

#[test]
fn what_is_no_polygon_is_refused_in_a_sentence() {
    let refused = |corners: &[[f32; 2]]| Polygon::new(corners.to_vec()).expect_err("no polygon");
    assert!(refused(&[[0.0, 0.0], [1.0, 1.0]]).contains("not 2"));
    assert!(refused(&[[0.5, 0.5]; 65]).contains("not 65"));
    assert!(refused(&[[0.0, 0.0], [1.0, 0.0], [0.5, 1.5]]).contains("[0.5, 1.5]"));
    assert!(refused(&[[0.0, 0.0], [1.0, 0.0], [f32::NAN, 0.5]]).contains("NaN"));
    assert!(refused(&[[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]]).contains("no area"));
    assert!(refused(&[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]).contains("cross"));
}

#[test]
fn neighbours_share_their_edge_once_and_the_frames_own_edges_are_inside() {
    let left = polygon(&[[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]);
    let right = polygon(&[[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]);
    for y in [0.0, 0.3, 1.0] {
        for (x, is_left) in [(0.0, true), (0.499, true), (0.5, false), (1.0, false)] {
            assert_eq!((left.contains(x, y), right.contains(x, y)), (is_left, !is_left), "{x} {y}");
        }
    }
    for (x, y) in [(-0.01, 0.5), (1.01, 0.5), (0.2, -0.1), (0.2, 1.1), (f32::NAN, 0.5)] {
        assert!(!left.contains(x, y) && !right.contains(x, y), "{x} {y}");
    }
    let upper = polygon(&[[0.0, 0.0], [1.0, 0.0], [1.0, 0.5]]);
    assert!(upper.contains(0.5, 0.0) && !upper.contains(0.2, 0.5));
}

#[test]
fn spans_are_the_pixels_whose_centres_are_inside() {
    let mut state = 1;
    for corners in (3..=MAX_CORNERS).step_by(5) {
        let shape = tangle(&mut state, corners);
        for grid in [Size::new(64, 32), Size::new(1, 1), Size::new(128, 4)] {
            for row in 0..grid.height {
                let mut got = vec![false; grid.width as usize];
                let mut last = 0;
                for span in shape.spans(grid, row) {
                    assert!(span.start >= last && span.end <= grid.width);
                    last = span.end;
                    got[span.start as usize..span.end as usize].fill(true);
                }
                for (x, got) in got.into_iter().enumerate() {
                    let at = (x as f32 + 0.5) / grid.width as f32;
                    let wanted = shape.contains(at, (row as f32 + 0.5) / grid.height as f32);
                    assert_eq!(got, wanted, "{corners} corners, {grid}, column {x}, row {row}");
                }
            }
            assert_eq!(shape.spans(grid, grid.height).next(), None);
        }
    }
}

#[test]
fn pieces_are_all_columns_with_a_point_of_the_strip() {
    let mut state = 5;
    for corners in [3, 4, 5, 9, 20] {
        let shape = tangle(&mut state, corners);
        for strip in 0..20 {
            let (top, bottom) = (f64::from(strip) / 20.0, f64::from(strip + 1) / 20.0);
            let mut pieces = Vec::new();
            shape.pieces(top, bottom, |a, b| pieces.push((a, b)));
            for column in 0..200 {
                let x = (f64::from(column) + 0.5) / 200.0;
                let seen = (0..50)
                    .any(|i| shape.contains(x as f32, (top + (f64::from(i) + 0.5) / 50.0 * 0.05) as f32));
                let covered = pieces.iter().any(|&(a, b)| a <= x && x <= b);
                assert!(covered || !seen, "{corners} corners, strip {strip}, column {column}");
            }
        }
    }
    let square = polygon(&[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]);
    for (top, bottom) in [(0.0, 0.25), (0.75, 1.0)] {
        square.pieces(top, bottom, |a, b| panic!("{a}..{b} is not between {top} and {bottom}"));
    }
}
