//! The greatest singular values of a sparse matrix of zeros and ones, and their right singular vectors, from its product with
//! itself.
//!
//! Randomized subspace iteration (Halko, Martinsson, Tropp 2011, arXiv 0909.4061, algorithm 4.4), on the items' side. Where pairs
//! were left out of the product, it may have eigenvalues below zero; they are no squares of anything and count as 0.

use nalgebra::{DMatrix, SymmetricEigen};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pairs::Counts;

/// Squared singular values, greatest first, and the right singular vectors as columns in the same order.
pub(super) struct RightSide {
    pub(super) squares: Vec<f64>,
    /// items × rank.
    pub(super) vectors: DMatrix<f64>,
}

/// Where the iteration begins.
pub(super) enum Start<'a> {
    /// At random; so many passes over the data.
    Anywhere { passes: usize },
    /// At vectors found in nearly the same data by [`NEAR_PASSES`] passes.
    Near(&'a DMatrix<f64>),
}

/// Passes over the data. After four, the values beyond noise are right to a thousandth on data whose singular values fall
/// as slowly as those of likes do.
pub(super) const PASSES: usize = 4;
/// The passes that are left to be made from vectors that two passes over nearly the same data came to.
const NEAR_PASSES: usize = 2;
/// Columns beyond the wanted rank, which make the last wanted ones right (the paper's oversampling).
const BEYOND: usize = 10;
/// The same start always: the same likes give the same factors.
const SEED: u64 = 0x686f_6d65;

impl RightSide {
    /// What each direction is shrunk by, so that `V · s/√(s² + λ)` is an item's factor.
    pub(super) fn shrink(&self, lambda: f64) -> Vec<f64> {
        self.squares.iter().map(|square| (square / (square + lambda)).sqrt()).collect()
    }
}

pub(super) fn right_side(pairs: &impl Counts, rank: usize, start: Start<'_>) -> RightSide {
    let items = pairs.items();
    let width = (rank + BEYOND).min(items);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut basis = DMatrix::from_fn(items, width, |_, _| rng.random::<f64>() - 0.5);
    let passes = match start {
        Start::Anywhere { passes } => passes,
        Start::Near(vectors) => {
            let columns = vectors.ncols().min(width);
            basis.columns_mut(0, columns).copy_from(&vectors.columns(0, columns));
            NEAR_PASSES
        }
    };
    basis = basis.qr().q();
    for _ in 0..passes {
        basis = pairs.times(&basis).qr().q();
    }
    let projected = basis.transpose() * pairs.times(&basis);
    let symmetric = (&projected + projected.transpose()) * 0.5;
    let eigen = SymmetricEigen::new(symmetric);
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    order.truncate(rank);
    let rotation = DMatrix::from_columns(&order.iter().map(|at| eigen.eigenvectors.column(*at)).collect::<Vec<_>>());
    let squares = order.iter().map(|at| eigen.eigenvalues[*at].max(0.0)).collect();
    RightSide { squares, vectors: basis * rotation }
}

#[cfg(test)]
mod tests {
    use super::super::pairs::Pairs;
    use super::*;

    #[test]
    fn from_near_it_comes_to_the_same() {
        let people: Vec<Vec<u32>> = (0..90u32)
            .map(|person| {
                (0..60u32).filter(|item| item / 15 == person % 4 || (person * 7 + item * 5) % 11 == 0).collect()
            })
            .collect();
        let fresh = right_side(&Pairs::of(&people, 60, 1), 4, Start::Anywhere { passes: 12 });
        let before = right_side(&Pairs::of(&people[..80], 60, 1), 4, Start::Anywhere { passes: 2 });
        let near = right_side(&Pairs::of(&people, 60, 1), 4, Start::Near(&before.vectors));
        for (a, b) in fresh.squares.iter().zip(&near.squares) {
            assert!((a - b).abs() < 1e-3 * a, "{a} {b}");
        }
    }

    #[test]
    fn agrees_with_the_whole_decomposition() {
        // Likes with structure: 40 people in four groups, 24 items, each group with its own six and a few of others.
        let people: Vec<Vec<u32>> = (0..40u32)
            .map(|person| {
                (0..24u32).filter(|item| item / 6 == person % 4 || (person * 7 + item * 5) % 11 == 0).collect()
            })
            .collect();
        let mut x = DMatrix::<f64>::zeros(40, 24);
        for (person, liked) in people.iter().enumerate() {
            liked.iter().for_each(|item| x[(person, *item as usize)] = 1.0);
        }
        let exact = x.clone().svd(false, true);
        let side = right_side(&Pairs::of(&people, 24, 1), 8, Start::Anywhere { passes: PASSES });
        let mut expected: Vec<f64> = exact.singular_values.iter().map(|s| s * s).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        for (found, expected) in side.squares.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-3 * expected.max(1.0), "{found} {expected}");
        }
        // The vectors are right singular vectors: XᵀX·v = s²·v.
        let product = x.transpose() * &x * &side.vectors;
        for (at, square) in side.squares.iter().enumerate().take(4) {
            let away = (product.column(at) - side.vectors.column(at) * *square).norm();
            assert!(away < 1e-2 * square, "{at}: {away} of {square}");
        }
    }
}
