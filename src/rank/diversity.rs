//! Lists that are not ten times the same: each next item is the best by its score and by its difference from those before it.

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

    /// The mean likeness of the first so many to each other; 0 of fewer than two.
    fn among(&self, first: usize) -> f64 {
        let pairs = (0..first).flat_map(|a| (0..a).map(move |b| (a, b)));
        let sum: f64 = pairs.map(|(a, b)| self.of(a, b)).sum();
        if first < 2 { 0.0 } else { sum / (first * (first - 1) / 2) as f64 }
    }
}

/// How hard likeness weighs against relevance at a `diversity` of ½, per likeness of the list to begin with. With it, 0.3 makes lists of
/// one kind some 15 % more different (`docs/quality.md`, "Diversity").
const PUSH: f64 = 28.0;
/// So many of the best tell how alike a list is to begin with.
const TO_BEGIN_WITH: usize = 10;
/// The likeness to begin with counts up to this: in lists that are more alike, likeness is greater anyway.
const MOST_ALIKE: f64 = 0.25;

/// The pool (best first) in an order that trades score for difference: each next item is the one with the greatest
/// `(1 − diversity) · relevance − diversity · 28 · a · (mean likeness to the items before it)`, where relevance is its score between the
/// least (0) and the greatest (1) of the pool, and a the mean likeness of the first ten of the pool to each other, at most ¼. So a list of one kind is spread,
/// and one that is different from the outset, which has little to win and much to lose, is left nearly as it is. (Carbonell and
/// Goldstein 1998 take the likeness to the most alike item instead, and no a.)
///
/// Of equal items the better one comes first. Each item costs one pass over those that are left, so that a list costs as much as it
/// is long.
pub(crate) struct SpreadOut<'a> {
    pool: Vec<RankedRow>,
    likeness: Likeness<'a>,
    /// What a relevance of 1 and a mean likeness of 1 weigh.
    weights: (f64, f64),
    left: Vec<usize>,
    /// The sum of the likenesses to the items that were handed out, but for the last one.
    alike: Vec<f64>,
    handed_out: usize,
    last: Option<usize>,
}

impl<'a> SpreadOut<'a> {
    pub(crate) fn new(pool: Vec<RankedRow>, likeness: Likeness<'a>, diversity: f64) -> Self {
        let (left, alike) = ((0..pool.len()).collect(), vec![0.0; pool.len()]);
        let weights =
            (1.0 - diversity, diversity * PUSH * likeness.among(pool.len().min(TO_BEGIN_WITH)).min(MOST_ALIKE));
        Self { pool, likeness, weights, left, alike, handed_out: 0, last: None }
    }
}

impl Iterator for SpreadOut<'_> {
    type Item = RankedRow;

    fn next(&mut self) -> Option<RankedRow> {
        let (best, least) = (self.pool.first()?.score, self.pool.last()?.score);
        let range = best - least;
        let relevance = |at: usize| if range > 0.0 { (self.pool[at].score - least) / range } else { 0.0 };
        let (relevant, different) = (self.weights.0, self.weights.1 / self.handed_out.max(1) as f64);
        let mut chosen: Option<(f64, usize)> = None;
        for (place, at) in self.left.iter().enumerate() {
            if let Some(last) = self.last {
                self.alike[*at] += self.likeness.of(last, *at);
            }
            let value = relevant * relevance(*at) - different * self.alike[*at];
            if chosen.is_none_or(|(greatest, _)| value > greatest) {
                chosen = Some((value, place));
            }
        }
        let at = self.left.remove(chosen?.1);
        self.last = Some(at);
        self.handed_out += 1;
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
            let first = 0..pool.len().min(10);
            let pairs = first.clone().flat_map(|a| first.clone().filter(move |b| *b != a).map(move |b| likeness().of(a, b)));
            let alike = pairs.clone().sum::<f64>() / pairs.count().max(1) as f64;
            let worth = |at: usize, before: &[usize]| {
                let mean = before.iter().map(|before| likeness().of(*before, at)).sum::<f64>() / before.len().max(1) as f64;
                (1.0 - diversity) * (scores[at] - least) / range - diversity * 28.0 * alike.min(0.25) * mean
            };
            let mut expected: Vec<usize> = Vec::new();
            while expected.len() < pool.len() {
                let value = |at: usize| worth(at, &expected);
                let left = (0..pool.len()).filter(|at| !expected.contains(at));
                // Of equal ones the first.
                let next = left.reduce(|best, at| if value(at) > value(best) + 1e-12 { at } else { best }).unwrap();
                expected.push(next);
            }
            let spread: Vec<usize> = SpreadOut::new(pool.clone(), likeness(), diversity).map(|one| one.row).collect();
            // Values that differ by rounding only may stand either way: then both orders are worth the same at that place.
            if spread != expected {
                let at = spread.iter().zip(&expected).position(|(a, b)| a != b).unwrap();
                let value = |row: usize| worth(row, &expected[..at]);
                prop_assert!((value(spread[at]) - value(expected[at])).abs() < 1e-9, "{spread:?}, expected {expected:?}");
            }
        }
    }
}
