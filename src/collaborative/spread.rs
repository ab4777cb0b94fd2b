//! How λ is spread over the items: the more people chose one, the larger its own.
//!
//! An item that n people chose has `λ·(1 + n/n̄)`, n̄ being the mean of n over the items. The second summand is what leaving out
//! likes at random does in the limit of many draws (Steck 2020, "Autoencoders that don't overfit towards the identity": with a share p
//! left out, `p/(1 − p)·n`; the usual λ, twice n̄, is p = ⅔). A model so learned predicts all of somebody's likes from a few of them,
//! which is what it is asked for; the same λ for every item holds those back that hardly anybody chose and lets the common ones vouch
//! for themselves.
//!
//! With `W = diag(1 + n/n̄)` it is EASE of `W^−½·XᵀX·W^−½` with the same λ for all, so that nothing else changes: with its factors a,
//!
//! ```text
//! f_i = a_i / √W_i        c_j = W_j / (1 − ‖a_j‖²)        B_ij = (f_i · f_j) · c_j
//! ```

use nalgebra::DMatrix;

use super::pairs::Counts;

/// What λ is multiplied by, item by item.
pub(super) struct Spread {
    /// `√(1 + n/n̄)`.
    roots: Vec<f64>,
    /// n̄; nothing where all items have the same λ.
    pub(super) mean: Option<f64>,
}

impl Spread {
    /// By how many people chose each item.
    pub(super) fn by_people(counts: &[f64]) -> Self {
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        Self { roots: counts.iter().map(|count| (1.0 + count / mean).sqrt()).collect(), mean: Some(mean) }
    }

    /// The same for all.
    pub(super) fn even(items: usize) -> Self {
        Self { roots: vec![1.0; items], mean: None }
    }

    /// The counts of which EASE with the same λ for all is taken.
    pub(super) fn of<'a, C: Counts>(&'a self, counts: &'a C) -> Spreaded<'a, C> {
        Spreaded { counts, spread: self }
    }

    /// An item's factor and its gain, of a factor of those counts, and what is left of 1 beside that factor's squared length.
    pub(super) fn undo(&self, item: usize, factor: &mut [f64], rest: f64) -> f64 {
        let root = self.roots[item];
        factor.iter_mut().for_each(|x| *x /= root);
        root * root / rest
    }

    fn divide(&self, rows: &mut DMatrix<f64>) {
        for mut column in rows.column_iter_mut() {
            column.iter_mut().zip(&self.roots).for_each(|(x, root)| *x /= root);
        }
    }
}

/// `W^−½·C·W^−½` of counts C.
pub(super) struct Spreaded<'a, C> {
    counts: &'a C,
    spread: &'a Spread,
}

impl<C: Counts> Counts for Spreaded<'_, C> {
    fn items(&self) -> usize {
        self.counts.items()
    }

    fn times(&self, basis: &DMatrix<f64>) -> DMatrix<f64> {
        let mut divided = basis.clone();
        self.spread.divide(&mut divided);
        let mut product = self.counts.times(&divided);
        self.spread.divide(&mut product);
        product
    }
}

#[cfg(test)]
mod tests {
    use super::super::pairs::Pairs;
    use super::*;

    #[test]
    fn counts_are_divided_by_both_roots() {
        // Item 0 was chosen by three people, item 1 by one of them; two on average: W = 2.5, 1.5.
        let pairs = Pairs::of(&[vec![0, 1], vec![0], vec![0]], 2, 1);
        let spread = Spread::by_people(&[3.0, 1.0]);
        assert_eq!(spread.mean, Some(2.0));
        let found = spread.of(&pairs).times(&DMatrix::identity(2, 2));
        let beside = 1.0 / (2.5f64 * 1.5).sqrt();
        let expected = DMatrix::from_row_slice(2, 2, &[3.0 / 2.5, beside, beside, 1.0 / 1.5]);
        assert!((found - expected).norm() < 1e-6);
        let mut factor = [0.5, 0.1];
        assert!((spread.undo(0, &mut factor, 0.5) - 5.0).abs() < 1e-12);
        assert!((factor[0] - 0.5 / 2.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn evenly_nothing_changes() {
        let pairs = Pairs::of(&[vec![0, 1], vec![0]], 2, 1);
        let spread = Spread::even(2);
        let basis = DMatrix::from_row_slice(2, 1, &[0.3, -0.7]);
        assert_eq!(spread.of(&pairs).times(&basis), pairs.times(&basis));
        let mut factor = [0.5];
        assert_eq!((spread.undo(1, &mut factor, 0.25), factor, spread.mean), (4.0, [0.5], None));
    }
}
