//! What is not known of items that hardly anybody chose, from what they are about: their factors, and how many might choose them.
//!
//! Ridge regression from an item's centred text vector and categories, fitted on the items that enough people chose
//! (Gantner et al. 2010, "Learning attribute-to-feature mappings for cold-start recommendations", is the idea).

use nalgebra::{Cholesky, DMatrix};

use super::factors::ItemContent;

/// The penalties that are tried. Some hundred numbers, a text's together of length 1, over some hundred to some ten thousand items.
const PENALTIES: [f64; 5] = [0.3, 1.0, 3.0, 10.0, 30.0];
/// Every fifth of the fitting items is kept back to choose the penalty by.
const KEPT_BACK: usize = 5;

/// A row per item; zeros where nothing is known of it.
pub(super) fn matrix(items: usize, about: ItemContent<'_>) -> DMatrix<f64> {
    let mut content = DMatrix::<f64>::zeros(items, about.dims);
    let mut buffer = vec![0.0f32; about.dims];
    for row in 0..items {
        if (about.vector)(row, &mut buffer) {
            content.row_mut(row).iter_mut().zip(&buffer).for_each(|(out, x)| *out = f64::from(*x));
        }
    }
    content
}

/// The values that items without one could be expected to have, by what those with one are about: means of a regression, within what
/// was found. Nothing if those are too few to say anything.
pub(super) fn expected(content: &DMatrix<f64>, values: &[Option<f64>]) -> Option<Vec<Option<f64>>> {
    let known: Vec<(usize, f64)> =
        values.iter().enumerate().filter_map(|(row, value)| Some((row, (*value)?))).collect();
    let (least, most) = known.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (_, x)| (a.min(*x), b.max(*x)));
    let mean = known.iter().map(|(_, value)| value).sum::<f64>() / known.len() as f64;
    let mut targets = DMatrix::<f64>::zeros(values.len(), 1);
    known.iter().for_each(|(row, value)| targets[(*row, 0)] = value - mean);
    let rows: Vec<usize> = known.into_iter().map(|(row, _)| row).collect();
    let predicted = predict(content, &targets, &rows)?;
    let spoken = |row: usize| content.row(row).iter().any(|x| *x != 0.0);
    let value =
        |row: usize| (values[row].is_none() && spoken(row)).then(|| (mean + predicted[(row, 0)]).clamp(least, most));
    Some((0..values.len()).map(value).collect())
}

/// Predicted factors for all items, row after row of `dims`: `content` has one vector per item (zeros: none),
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

    #[test]
    fn what_is_not_known_is_expected_from_what_is_alike() {
        // Two kinds of items: one is chosen by e² − 1 people and the other by nobody; of the last item nothing is known at all.
        let content = DMatrix::from_fn(41, 1, |row, _| if row == 40 { 0.0 } else { [0.5, -0.5][row % 2] });
        let known = |row: usize| (row < 30).then(|| [2.0, 0.0][row % 2]);
        let expected = expected(&content, &(0..41).map(known).collect::<Vec<_>>()).unwrap();
        assert!(expected[..30].iter().all(Option::is_none), "what is known is not guessed");
        assert!(expected[30].unwrap() > 1.5 && expected[31].unwrap() < 0.5, "{expected:?}");
        assert!(expected[30..40].iter().all(|value| (0.0..=2.0).contains(&value.unwrap())));
        assert_eq!(expected[40], None);
        assert!(super::expected(&content, &[None; 41]).is_none());
    }
}
