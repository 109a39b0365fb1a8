//! Which detection goes to which track: the assignment with the greatest sum of likenesses.

/// Scratch memory of the assignment.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// Row, column, likeness.
    candidates: Vec<(usize, usize, f32)>,
    row_uses: Vec<u32>,
    column_uses: Vec<u32>,
    pairs: Vec<(usize, usize)>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    solver: Solver,
}

impl Assignment {
    /// Begins with nothing.
    pub fn clear(&mut self) {
        self.candidates.clear();
    }

    /// A row and a column may go together, by a likeness of more than 0.
    pub fn may(&mut self, row: usize, column: usize, likeness: f32) {
        self.candidates.push((row, column, likeness));
    }

    /// The pairs of the best assignment of `rows` rows and `columns` columns.
    pub fn solve(&mut self, rows: usize, columns: usize) -> &[(usize, usize)] {
        self.pairs.clear();
        self.row_uses.clear();
        self.row_uses.resize(rows, 0);
        self.column_uses.clear();
        self.column_uses.resize(columns, 0);
        for &(row, column, _) in &self.candidates {
            self.row_uses[row] += 1;
            self.column_uses[column] += 1;
        }
        // Who has no choice, and is nobody else's, is settled.
        let settled = |&(row, column, _): &(usize, usize, f32)| {
            self.row_uses[row] == 1 && self.column_uses[column] == 1
        };
        self.pairs
            .extend(self.candidates.iter().filter(|c| settled(c)).map(|&(row, column, _)| (row, column)));
        let (row_uses, column_uses) = (&self.row_uses, &self.column_uses);
        self.candidates.retain(|&(row, column, _)| row_uses[row] > 1 || column_uses[column] > 1);
        if self.candidates.is_empty() {
            return &self.pairs;
        }
        for (list, of) in [(&mut self.rows, 0), (&mut self.columns, 1)] {
            list.clear();
            list.extend(self.candidates.iter().map(|c| if of == 0 { c.0 } else { c.1 }));
            list.sort_unstable();
            list.dedup();
        }
        let Self { candidates, rows, columns, solver, pairs, .. } = self;
        let n = rows.len().max(columns.len());
        solver.start(n);
        for &(row, column, likeness) in candidates.iter() {
            if let (Ok(r), Ok(c)) = (rows.binary_search(&row), columns.binary_search(&column)) {
                solver.costs[r * n + c] = -likeness;
            }
        }
        solver.solve(n);
        for (column, &row) in solver.row_of[1..].iter().enumerate() {
            if solver.costs[(row - 1) * n + column] < 0.0 {
                pairs.push((rows[row - 1], columns[column]));
            }
        }
        &self.pairs
    }
}

/// The Hungarian algorithm by shortest augmenting paths, O(n^3) (Jonker and Volgenant 1987). A pair that may not
/// go together costs 0, as much as none.
#[derive(Clone, Debug, Default)]
struct Solver {
    costs: Vec<f32>,
    row_potential: Vec<f32>,
    column_potential: Vec<f32>,
    /// By column from 1: its row from 1.
    row_of: Vec<usize>,
    way: Vec<usize>,
    least: Vec<f32>,
    used: Vec<bool>,
}

impl Solver {
    fn start(&mut self, n: usize) {
        self.costs.clear();
        self.costs.resize(n * n, 0.0);
        for list in [&mut self.row_potential, &mut self.column_potential, &mut self.least] {
            list.clear();
            list.resize(n + 1, 0.0);
        }
        for list in [&mut self.row_of, &mut self.way] {
            list.clear();
            list.resize(n + 1, 0);
        }
        self.used.clear();
        self.used.resize(n + 1, false);
    }

    fn solve(&mut self, n: usize) {
        for row in 1..=n {
            self.row_of[0] = row;
            let mut column = 0;
            self.least.fill(f32::INFINITY);
            self.used.fill(false);
            while self.row_of[column] != 0 {
                self.used[column] = true;
                column = self.extend(n, column);
            }
            while column != 0 {
                let before = self.way[column];
                self.row_of[column] = self.row_of[before];
                column = before;
            }
        }
    }

    /// One step along the cheapest path; returns the column it leads to.
    fn extend(&mut self, n: usize, from: usize) -> usize {
        let row = self.row_of[from];
        let (mut delta, mut next) = (f32::INFINITY, 0);
        for column in 1..=n {
            if self.used[column] {
                continue;
            }
            let cost = self.costs[(row - 1) * n + column - 1]
                - self.row_potential[row]
                - self.column_potential[column];
            if cost < self.least[column] {
                (self.least[column], self.way[column]) = (cost, from);
            }
            if self.least[column] < delta {
                (delta, next) = (self.least[column], column);
            }
        }
        for column in 0..=n {
            if self.used[column] {
                self.row_potential[self.row_of[column]] += delta;
                self.column_potential[column] -= delta;
            } else {
                self.least[column] -= delta;
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest sum by trying all.
    fn by_force(likeness: &[Vec<f32>], row: usize, taken: &mut Vec<usize>) -> f32 {
        if row == likeness.len() {
            return 0.0;
        }
        let mut best = by_force(likeness, row + 1, taken);
        for column in 0..likeness[row].len() {
            if likeness[row][column] > 0.0 && !taken.contains(&column) {
                taken.push(column);
                best = best.max(likeness[row][column] + by_force(likeness, row + 1, taken));
                taken.pop();
            }
        }
        best
    }

    #[test]
    fn the_sum_is_that_of_the_best_of_all_assignments() {
        let mut state = 7_u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut assignment = Assignment::default();
        for round in 0..200 {
            let (rows, columns) = (1 + round % 6, 1 + (round / 6) % 6);
            let likeness: Vec<Vec<f32>> =
                (0..rows).map(|_| (0..columns).map(|_| (random() - 0.4).max(0.0)).collect()).collect();
            assignment.clear();
            for (row, list) in likeness.iter().enumerate() {
                for (column, &l) in list.iter().enumerate().filter(|(_, l)| **l > 0.0) {
                    assignment.may(row, column, l);
                }
            }
            let pairs = assignment.solve(rows, columns);
            let sum: f32 = pairs.iter().map(|&(row, column)| likeness[row][column]).sum();
            let best = by_force(&likeness, 0, &mut Vec::new());
            assert!((sum - best).abs() < 1e-4, "round {round}: {sum} of {best}");
            assert!(pairs.iter().all(|&(row, column)| likeness[row][column] > 0.0));
        }
    }
}
