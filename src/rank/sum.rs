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
    best_after(&sums(parts, mask.len()), mask, None, limit)
}

/// `Σ weight · affinity` of every row.
pub(crate) fn sums(parts: &[PartColumn<'_>], rows: usize) -> Vec<f64> {
    /// So many sums stay in the first-level cache while every column passes over them.
    const TOGETHER: usize = 1024;
    let mut scores = vec![0.0; rows];
    for part in parts {
        assert_eq!(part.affinities.len(), rows, "every column has one affinity per row");
    }
    for (at, scores) in scores.chunks_mut(TOGETHER).enumerate() {
        for part in parts {
            // Column by column: each pass is a plain multiply-add over two streams, which the compiler turns into SIMD.
            for (score, affinity) in scores.iter_mut().zip(&part.affinities[at * TOGETHER..]) {
                *score += part.weight * affinity;
            }
        }
    }
    scores
}

/// The places that these rows have among those of the mask, 1 for the first: by score, of equal scores the lesser row first.
pub(crate) fn places(scores: &[f64], mask: &Mask, rows: &[usize]) -> Vec<usize> {
    let mut asked: Vec<(RankedRow, usize)> =
        rows.iter().enumerate().map(|(at, row)| (RankedRow { row: *row, score: scores[*row] }, at)).collect();
    asked.sort_unstable_by(|a, b| order(&a.0, &b.0));
    let Some((last, _)) = asked.last().copied() else { return Vec::new() };
    // By the first of them that a row comes before: it comes before all that follow too.
    let mut before = vec![0; asked.len()];
    for row in mask.rows() {
        let other = RankedRow { row, score: scores[row] };
        // Most rows come after the last one, of a person's best twenty at least.
        if order(&other, &last) == Ordering::Less {
            before[asked.partition_point(|(one, _)| order(one, &other) != Ordering::Greater)] += 1;
        }
    }
    let mut places = vec![0; rows.len()];
    let mut place = 1;
    for ((_, at), before) in asked.iter().zip(before) {
        place += before;
        places[*at] = place;
    }
    places
}

/// The rows of a mask from the best on, found in batches that grow: whoever needs the first few does not pay for an order of all.
pub(crate) struct BestFirst<'a> {
    scores: &'a [f64],
    mask: &'a Mask,
    found: std::vec::IntoIter<RankedRow>,
    last: Option<RankedRow>,
    batch: usize,
}

impl<'a> BestFirst<'a> {
    /// The first batch has this size.
    pub(crate) fn new(scores: &'a [f64], mask: &'a Mask, batch: usize) -> Self {
        Self { scores, mask, found: Vec::new().into_iter(), last: None, batch: batch.max(1) }
    }
}

impl Iterator for BestFirst<'_> {
    type Item = RankedRow;

    fn next(&mut self) -> Option<RankedRow> {
        /// Each batch is a pass over all rows: after a few of them everything is in order.
        const GROWTH: usize = 8;
        if self.found.len() == 0 && self.batch > 0 {
            let found = best_after(self.scores, self.mask, self.last, self.batch);
            // Fewer than were asked for: there are no more.
            self.batch = if found.len() < self.batch { 0 } else { self.batch.saturating_mul(GROWTH) };
            self.found = found.into_iter();
        }
        let next = self.found.next();
        self.last = next.or(self.last);
        next
    }
}

/// The `limit` best rows of the mask among those that come after `last`, sorted.
fn best_after(scores: &[f64], mask: &Mask, last: Option<RankedRow>, limit: usize) -> Vec<RankedRow> {
    if limit == 0 {
        return Vec::new();
    }
    // Twice as many as are kept are collected before the worse half is dropped, so that dropping is cheap per row; and what is
    // worse than the last one kept, soon nearly every row, is passed over.
    let room = limit.saturating_mul(2).min(mask.len());
    let mut kept: Vec<RankedRow> = Vec::with_capacity(room);
    let mut worst: Option<RankedRow> = None;
    for row in mask.rows() {
        let ranked = RankedRow { row, score: scores[row] };
        let passed_over = worst.is_some_and(|worst| order(&ranked, &worst) == Ordering::Greater)
            || last.is_some_and(|last| order(&ranked, &last) != Ordering::Greater);
        if passed_over {
            continue;
        }
        if kept.len() == room && limit < room {
            kept = select(kept, limit);
            worst = kept.last().copied();
        }
        kept.push(ranked);
    }
    best(kept, limit)
}

/// The `limit` best, the worst of them at the end, the others in any order.
fn select(mut rows: Vec<RankedRow>, limit: usize) -> Vec<RankedRow> {
    if limit < rows.len() {
        rows.select_nth_unstable_by(limit - 1, order);
        rows.truncate(limit);
    }
    rows
}

/// The `limit` best, sorted. Selecting first is linear; only what is kept is sorted.
pub(crate) fn best(mut rows: Vec<RankedRow>, limit: usize) -> Vec<RankedRow> {
    if limit == 0 {
        return Vec::new();
    }
    rows = select(rows, limit);
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

        #[test]
        fn batches_and_places_are_those_of_one_sort(
            rows in prop::collection::vec((-3i8..3, any::<bool>()), 1..200), batch in 1usize..20, asked in prop::collection::vec(0usize..200, 0..9)
        ) {
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
            let mut mask = Mask::none(rows.len());
            rows.iter().enumerate().for_each(|(at, row)| mask.set(at, row.1));
            let all = best(mask.rows().map(|row| RankedRow { row, score: scores[row] }).collect(), rows.len());
            prop_assert_eq!(BestFirst::new(&scores, &mask, batch).collect::<Vec<_>>(), all.clone());
            // Asked for are rows that the mask lets through and others.
            let asked: Vec<usize> = asked.into_iter().map(|row| row % rows.len()).collect();
            let place = |row: &usize| {
                let own = RankedRow { row: *row, score: scores[*row] };
                1 + all.iter().filter(|other| order(other, &own) == Ordering::Less).count()
            };
            prop_assert_eq!(places(&scores, &mask, &asked), asked.iter().map(place).collect::<Vec<_>>());
        }
    }
}
