//! Factors for items that hardly anybody chose, from what they are about.
//!
//! Ridge regression from an item's centred text vector to its factors, fitted on the items that enough people chose
//! (Gantner et al. 2010, "Learning attribute-to-feature mappings for cold-start recommendations", is the idea).

use nalgebra::{Cholesky, DMatrix};

/// The penalties that are tried. Centred unit vectors of 384 numbers over some hundred to some ten thousand items.
const PENALTIES: [f64; 5] = [0.3, 1.0, 3.0, 10.0, 30.0];
/// Every fifth of the fitting items is kept back to choose the penalty by.
const KEPT_BACK: usize = 5;

/// Predicted factors for all items, row after row of `dims`: `content` has one centred unit vector per item (zeros: none),
/// `known` are the items that it is fitted on. Nothing if those are too few to say anything.
pub(super) fn predict(content: &DMatrix<f64>, factors: &DMatrix<f64>, known: &[usize]) -> Option<DMatrix<f64>> {
    let known: Vec<usize> = known.iter().copied().filter(|row| content.row(*row).iter().any(|x| *x != 0.0)).collect();
    if known.len() < 2 * KEPT_BACK {
        return None;
    }
    let judged: Vec<usize> = known.iter().copied().step_by(KEPT_BACK).collect();
    let fitted: Vec<usize> =
        (known.iter().enumerate()).filter(|(at, _)| at % KEPT_BACK != 0).map(|(_, row)| *row).collect();
    let normal = Normal::of(content, factors, &fitted);
    let (x, y) = (content.select_rows(&judged), factors.select_rows(&judged));
    let error =
        |penalty: f64| normal.solve(penalty).map_or(f64::INFINITY, |weights| (&x * weights - &y).norm_squared());
    let errors = PENALTIES.map(error);
    let best = (0..PENALTIES.len()).min_by(|a, b| errors[*a].total_cmp(&errors[*b]))?;
    let weights = Normal::of(content, factors, &known).solve(PENALTIES[best])?;
    Some(content * weights)
}

/// The normal equations of a regression.
struct Normal {
    left: DMatrix<f64>,
    right: DMatrix<f64>,
}

impl Normal {
    fn of(content: &DMatrix<f64>, factors: &DMatrix<f64>, rows: &[usize]) -> Self {
        let (x, y) = (content.select_rows(rows), factors.select_rows(rows));
        let transposed = x.transpose();
        Self { left: &transposed * &x, right: transposed * y }
    }

    fn solve(&self, penalty: f64) -> Option<DMatrix<f64>> {
        let mut left = self.left.clone();
        (0..left.nrows()).for_each(|at| left[(at, at)] += penalty);
        Some(Cholesky::new(left)?.solve(&self.right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_content_is_found() {
        let angle = |row: usize| row as f64 * 0.37;
        let content = DMatrix::from_fn(60, 2, |row, at| if at == 0 { angle(row).cos() } else { angle(row).sin() });
        let map = DMatrix::from_row_slice(2, 3, &[0.5, -0.2, 0.1, 0.0, 0.4, -0.3]);
        let factors = &content * map;
        let known: Vec<usize> = (0..50).collect();
        let found = predict(&content, &factors, &known).unwrap();
        for row in 50..60 {
            assert!((found.row(row) - factors.row(row)).norm() < 0.02, "row {row}");
        }
        assert!(predict(&content, &factors, &known[..9]).is_none());
    }
}
