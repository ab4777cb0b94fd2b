//! The weighted sum: scores from columns of affinities, and the best of them.

use std::cmp::Ordering;

use crate::vector::Mask;

/// One summand of a ranking: an affinity per row, and its weight.
#[derive(Debug, Clone, Copy)]
pub struct PartColumn<'a> {
    /// The weight, finite.
    pub weight: f64,
    /// One finite affinity per row; every column of one ranking has the same length.
    pub affinities: &'a [f64],
}

/// A row and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedRow {
    /// The row.
    pub row: usize,
    /// `Σ weight · affinity`.
    pub score: f64,
}

/// The `limit` rows with the greatest `Σ weight · affinity` among those that the mask lets through, greatest first; of equal
/// scores the lesser row first. Rows of a catalog ascend by id, so that this is the order of ids.
///
/// All arithmetic is in `f64`, summands are added in the order of `parts`. No part at all gives every row a score of 0.
///
/// ```
/// use homebody::{Mask, PartColumn, weighted_sum};
/// let similarity = PartColumn { weight: 1.0, affinities: &[0.8, 0.9, 0.7] };
/// let rating = PartColumn { weight: 0.5, affinities: &[1.0, 0.2, 0.9] };
/// let best = weighted_sum(&[similarity, rating], &Mask::all(3), 2);
/// assert_eq!(best.iter().map(|ranked| ranked.row).collect::<Vec<_>>(), [0, 2]);
/// assert_eq!(best[0].score, 0.8 + 0.5 * 1.0);
/// ```
///
/// # Panics
///
/// If a column's length is not that of the mask.
pub fn weighted_sum(parts: &[PartColumn<'_>], mask: &Mask, limit: usize) -> Vec<RankedRow> {
    let scores = sums(parts, mask.len());
    let rows = mask.rows().map(|row| RankedRow { row, score: scores[row] });
    best(rows.collect(), limit)
}

/// `Σ weight · affinity` of every row.
pub(crate) fn sums(parts: &[PartColumn<'_>], rows: usize) -> Vec<f64> {
    let mut scores = vec![0.0; rows];
    for part in parts {
        assert_eq!(part.affinities.len(), scores.len(), "every column has one affinity per row");
        // Column by column: each pass is a plain multiply-add over two streams, which the compiler turns into SIMD.
        for (score, affinity) in scores.iter_mut().zip(part.affinities) {
            *score += part.weight * affinity;
        }
    }
    scores
}

/// The place that a row has among those of the mask, 1 for the first: by score, of equal scores the lesser row first.
pub(crate) fn place(scores: &[f64], mask: &Mask, row: usize) -> usize {
    let own = RankedRow { row, score: scores[row] };
    let before = |other: &usize| order(&RankedRow { row: *other, score: scores[*other] }, &own) == Ordering::Less;
    1 + mask.rows().filter(before).count()
}

/// The `limit` best, sorted. Selecting first is linear; only what is kept is sorted.
pub(crate) fn best(mut rows: Vec<RankedRow>, limit: usize) -> Vec<RankedRow> {
    if limit == 0 {
        return Vec::new();
    }
    if limit < rows.len() {
        rows.select_nth_unstable_by(limit - 1, order);
        rows.truncate(limit);
    }
    rows.sort_unstable_by(order);
    rows
}

/// Higher score first, then lesser row. -0.0 and 0.0 are one score.
fn order(a: &RankedRow, b: &RankedRow) -> Ordering {
    b.score.partial_cmp(&a.score).expect("scores are finite").then_with(|| a.row.cmp(&b.row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_scores_come_in_the_order_of_rows() {
        let zero = [0.0, -0.0, 0.0];
        let ranked = weighted_sum(&[PartColumn { weight: 1.0, affinities: &zero }], &Mask::all(3), 3);
        assert_eq!(ranked.iter().map(|r| r.row).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(weighted_sum(&[], &Mask::all(3), 2).len(), 2);
        assert!(weighted_sum(&[], &Mask::none(3), 2).is_empty());
        assert!(weighted_sum(&[], &Mask::all(3), 0).is_empty());
    }

    proptest! {
        #[test]
        fn agrees_with_sorting_everything(
            rows in prop::collection::vec((-3i8..3, -3i8..3, any::<bool>()), 0..200), limit in 0usize..250
        ) {
            let column = |pick: fn(&(i8, i8, bool)) -> i8| rows.iter().map(|r| f64::from(pick(r))).collect::<Vec<f64>>();
            let (a, b) = (column(|r| r.0), column(|r| r.1));
            let mut mask = Mask::none(rows.len());
            rows.iter().enumerate().for_each(|(at, row)| mask.set(at, row.2));
            let parts = [PartColumn { weight: 0.5, affinities: &a }, PartColumn { weight: -0.25, affinities: &b }];
            let ranked = weighted_sum(&parts, &mask, limit);
            let mut all: Vec<(f64, usize)> =
                mask.rows().map(|row| (0.5 * a[row] - 0.25 * b[row], row)).collect();
            all.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
            all.truncate(limit);
            prop_assert_eq!(ranked.iter().map(|r| (r.score, r.row)).collect::<Vec<_>>(), all);
        }
    }
}
