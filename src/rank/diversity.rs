//! Lists that are not ten times the same: maximal marginal relevance.

use super::sum::RankedRow;
use super::vectors::{VectorSpace, cosine};
use crate::catalog::Categories;

/// How many of the best are put in a new order. What follows them keeps the order of its scores, and since the number does
/// not depend on `limit` or `offset`, the pages of one list fit together.
pub(crate) const POOL: usize = 200;

/// How alike items are: the mean of their centred cosines (never below 0) over all vector spaces; without any such space,
/// the share of common categories.
pub(crate) struct Likeness<'a> {
    /// Per space, the pool's centred vectors, where items have one.
    vectors: Vec<Vec<Option<Vec<f32>>>>,
    categories: Vec<&'a Categories>,
    rows: Vec<usize>,
}

impl<'a> Likeness<'a> {
    pub(crate) fn new(rows: Vec<usize>, spaces: &[VectorSpace], categories: Vec<&'a Categories>) -> Self {
        let vectors = spaces.iter().map(|space| {
            let vector = |row: &usize| {
                let mut vector = vec![0.0; space.dims()];
                space.centred_into(*row, &mut vector).then_some(vector)
            };
            rows.iter().map(vector).collect()
        });
        let vectors: Vec<_> = vectors.collect();
        let categories = if vectors.is_empty() { categories } else { Vec::new() };
        Self { vectors, categories, rows }
    }

    /// 0 to 1; `a` and `b` are places in the pool.
    pub(crate) fn of(&self, a: usize, b: usize) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        for space in &self.vectors {
            if let (Some(a), Some(b)) = (&space[a], &space[b]) {
                sum += cosine(a, b).clamp(0.0, 1.0);
                count += 1;
            }
        }
        for categories in &self.categories {
            let (a, b) = (categories.codes(self.rows[a]), categories.codes(self.rows[b]));
            let common = a.iter().filter(|code| b.contains(code)).count();
            let either = a.len() + b.len() - common;
            sum += if either == 0 { 0.0 } else { common as f64 / either as f64 };
            count += 1;
        }
        if count == 0 { 0.0 } else { sum / f64::from(count) }
    }
}

/// The pool (best first) in an order that trades score for difference: each next item is the one with the greatest
/// `(1 − diversity)·relevance − diversity·(likeness to the most alike item before it)`, where relevance is its score
/// between the least (0) and the greatest (1) of the pool. Of equal items the better one comes first. Each item costs one pass
/// over those that are left, so that a list costs as much as it is long.
pub(crate) struct SpreadOut<'a> {
    pool: Vec<RankedRow>,
    likeness: Likeness<'a>,
    diversity: f64,
    left: Vec<usize>,
    /// Likeness to the most alike item that was handed out, but for the last one.
    nearest: Vec<f64>,
    last: Option<usize>,
}

impl<'a> SpreadOut<'a> {
    pub(crate) fn new(pool: Vec<RankedRow>, likeness: Likeness<'a>, diversity: f64) -> Self {
        let (left, nearest) = ((0..pool.len()).collect(), vec![0.0; pool.len()]);
        Self { pool, likeness, diversity, left, nearest, last: None }
    }
}

impl Iterator for SpreadOut<'_> {
    type Item = RankedRow;

    fn next(&mut self) -> Option<RankedRow> {
        let (best, least) = (self.pool.first()?.score, self.pool.last()?.score);
        let range = best - least;
        let relevance = |at: usize| if range > 0.0 { (self.pool[at].score - least) / range } else { 0.0 };
        let mut chosen: Option<(f64, usize)> = None;
        for (place, at) in self.left.iter().enumerate() {
            if let Some(last) = self.last {
                self.nearest[*at] = self.nearest[*at].max(self.likeness.of(last, *at));
            }
            let value = (1.0 - self.diversity) * relevance(*at) - self.diversity * self.nearest[*at];
            if chosen.is_none_or(|(greatest, _)| value > greatest) {
                chosen = Some((value, place));
            }
        }
        let at = self.left.remove(chosen?.1);
        self.last = Some(at);
        Some(self.pool[at])
    }
}

/// Places in the pool that are good and far from each other, for a person to choose from: each next one has the greatest
/// `goodness · (1 − likeness to the most alike one before it)`.
pub(crate) fn picks(goodness: &[f64], likeness: &Likeness<'_>, n: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..goodness.len()).collect();
    let mut nearest = vec![0.0f64; goodness.len()];
    let mut picked = Vec::new();
    while picked.len() < n && !left.is_empty() {
        let value = |at: usize| goodness[at] * (1.0 - nearest[at]);
        let mut best = 0;
        for candidate in 1..left.len() {
            if value(left[candidate]) > value(left[best]) {
                best = candidate;
            }
        }
        let chosen = left.remove(best);
        for at in &left {
            nearest[*at] = nearest[*at].max(likeness.of(chosen, *at));
        }
        picked.push(chosen);
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_next_item_is_the_one_that_the_formula_names(
            items in prop::collection::vec((0u8..9, prop::option::of((-1.0f32..1.0, -1.0f32..1.0))), 1..30), diversity in 0.0f64..=1.0
        ) {
            let mut scores: Vec<f64> = items.iter().map(|item| f64::from(item.0) / 4.0).collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            let pool: Vec<RankedRow> =
                scores.iter().enumerate().map(|(row, score)| RankedRow { row, score: *score }).collect();
            let vectors: Vec<Option<Vec<f32>>> = items.iter().map(|item| item.1.map(|(x, y)| vec![x, y])).collect();
            let likeness =
                || Likeness { vectors: vec![vectors.clone()], categories: Vec::new(), rows: (0..pool.len()).collect() };
            let (best, least) = (scores[0], scores[scores.len() - 1]);
            let range = if best > least { best - least } else { f64::INFINITY };
            let mut expected: Vec<usize> = Vec::new();
            while expected.len() < pool.len() {
                let value = |at: usize| {
                    let nearest = expected.iter().map(|before| likeness().of(*before, at)).fold(0.0, f64::max);
                    (1.0 - diversity) * (scores[at] - least) / range - diversity * nearest
                };
                let left = (0..pool.len()).filter(|at| !expected.contains(at));
                // Of equal ones the first.
                let next = left.reduce(|best, at| if value(at) > value(best) + 1e-12 { at } else { best }).unwrap();
                expected.push(next);
            }
            let spread: Vec<usize> = SpreadOut::new(pool.clone(), likeness(), diversity).map(|one| one.row).collect();
            // Values that differ by rounding only may stand either way: then both orders are worth the same at that place.
            if spread != expected {
                let at = spread.iter().zip(&expected).position(|(a, b)| a != b).unwrap();
                let value = |row: usize| {
                    let nearest = expected[..at].iter().map(|before| likeness().of(*before, row)).fold(0.0, f64::max);
                    (1.0 - diversity) * (scores[row] - least) / range - diversity * nearest
                };
                prop_assert!((value(spread[at]) - value(expected[at])).abs() < 1e-9, "{spread:?}, expected {expected:?}");
            }
        }
    }
}
