//! The greatest singular values of a sparse matrix of zeros and ones, and their right singular vectors.
//!
//! Randomized subspace iteration (Halko, Martinsson, Tropp 2011, arXiv 0909.4061, algorithm 4.4), on the items' side: people
//! are only ever summed over, so that their number does not matter for memory.

use nalgebra::{DMatrix, SymmetricEigen};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Squared singular values, greatest first, and the right singular vectors as columns in the same order.
pub(super) struct RightSide {
    pub(super) squares: Vec<f64>,
    /// items × rank.
    pub(super) vectors: DMatrix<f64>,
}

/// Passes over the data. After four, the values beyond noise are right to a thousandth on data whose singular values fall
/// as slowly as those of likes do.
const PASSES: usize = 4;
/// Columns beyond the wanted rank, which make the last wanted ones right (the paper's oversampling).
const BEYOND: usize = 10;
/// The same start always: the same likes give the same factors.
const SEED: u64 = 0x686f_6d65;

/// `people` has the columns of the ones of each row.
pub(super) fn right_side(people: &[Vec<u32>], items: usize, rank: usize) -> RightSide {
    let width = (rank + BEYOND).min(items);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let start = DMatrix::from_fn(items, width, |_, _| rng.random::<f64>() - 0.5);
    let mut basis = start.qr().q();
    for _ in 0..PASSES {
        basis = gram_times(people, &basis).qr().q();
    }
    let projected = basis.transpose() * gram_times(people, &basis);
    let symmetric = (&projected + projected.transpose()) * 0.5;
    let eigen = SymmetricEigen::new(symmetric);
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    order.truncate(rank);
    let rotation = DMatrix::from_columns(&order.iter().map(|at| eigen.eigenvectors.column(*at)).collect::<Vec<_>>());
    let squares = order.iter().map(|at| eigen.eigenvalues[*at].max(0.0)).collect();
    RightSide { squares, vectors: basis * rotation }
}

/// `XᵀX·basis`, person by person: a person's likes of the basis are summed, and the sum goes back to each of them.
fn gram_times(people: &[Vec<u32>], basis: &DMatrix<f64>) -> DMatrix<f64> {
    // An item's numbers in one piece: they are what is read and written together.
    let by_item = basis.transpose();
    let (width, items) = by_item.shape();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(people.len().max(1));
    let sums: Vec<DMatrix<f64>> = std::thread::scope(|scope| {
        let work = |part: usize| {
            let by_item = &by_item;
            scope.spawn(move || {
                let mut sums = DMatrix::<f64>::zeros(width, items);
                let mut own = vec![0.0; width];
                for liked in people.iter().skip(part).step_by(threads) {
                    own.fill(0.0);
                    for item in liked {
                        let column = by_item.column(*item as usize);
                        own.iter_mut().zip(column.iter()).for_each(|(own, x)| *own += x);
                    }
                    for item in liked {
                        let mut column = sums.column_mut(*item as usize);
                        column.iter_mut().zip(&own).for_each(|(sum, own)| *sum += own);
                    }
                }
                sums
            })
        };
        let handles: Vec<_> = (0..threads).map(work).collect();
        handles.into_iter().map(|handle| handle.join().expect("sums do not panic")).collect()
    });
    let total = sums.into_iter().reduce(|mut total, part| {
        total += part;
        total
    });
    total.expect("at least one thread").transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let side = right_side(&people, 24, 8);
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
