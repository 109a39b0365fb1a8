//! Pixels that touch, as one: the area of those groups that are large enough.

/// Memory for the search, used again.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    open: Vec<usize>,
}

impl Blobs {
    /// Makes room for planes of so many pixels.
    pub(super) fn reserve(&mut self, pixels: usize) {
        self.open.clear();
        self.open.reserve(pixels);
    }

    /// The pixels in groups of at least `least`, and those in the largest group. Marked pixels, which are
    /// not 0 in `marks`, belong together if they touch by a side or a corner; they are unmarked.
    pub(super) fn measure(&mut self, marks: &mut [i16], width: usize, least: usize) -> (usize, usize) {
        let (mut sum, mut largest) = (0, 0);
        let mut from = 0;
        while let Some(at) = marks[from..].iter().position(|&mark| mark != 0) {
            from += at;
            let size = self.fill(marks, width, from);
            largest = largest.max(size);
            if size >= least {
                sum += size;
            }
        }
        (sum, largest)
    }

    /// Unmarks the group of pixel `seed`; how many pixels it had.
    fn fill(&mut self, marks: &mut [i16], width: usize, seed: usize) -> usize {
        let height = marks.len() / width;
        marks[seed] = 0;
        self.open.push(seed);
        let mut size = 0;
        while let Some(at) = self.open.pop() {
            size += 1;
            let (x, y) = (at % width, at / width);
            for y in y.saturating_sub(1)..(y + 2).min(height) {
                for x in x.saturating_sub(1)..(x + 2).min(width) {
                    let next = y * width + x;
                    if std::mem::take(&mut marks[next]) != 0 {
                        self.open.push(next);
                    }
                }
            }
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_joined_over_corners_and_small_ones_left_out() {
        let picture = ["##....#", "..#...#", "......#", ".#....."].concat();
        let mut marks: Vec<i16> = picture.bytes().map(|b| -i16::from(b == b'#')).collect();
        let mut blobs = Blobs::default();
        assert_eq!(blobs.measure(&mut marks.clone(), 7, 1), (7, 3));
        assert_eq!(blobs.measure(&mut marks.clone(), 7, 2), (6, 3));
        assert_eq!(blobs.measure(&mut marks, 7, 4), (0, 3));
        assert!(marks.iter().all(|&m| m == 0));
    }
}
