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
/// between the least (0) and the greatest (1) of the pool. Of equal items the better one comes first. Only the first
/// `wanted` places are decided; the others follow by score.
pub(crate) fn spread_out(pool: &[RankedRow], likeness: &Likeness<'_>, diversity: f64, wanted: usize) -> Vec<RankedRow> {
    let (Some(first), Some(last)) = (pool.first(), pool.last()) else { return Vec::new() };
    let range = first.score - last.score;
    let relevance = |at: usize| if range > 0.0 { (pool[at].score - last.score) / range } else { 0.0 };
    let mut left: Vec<usize> = (0..pool.len()).collect();
    let mut nearest = vec![0.0f64; pool.len()];
    let mut spread = Vec::with_capacity(pool.len());
    while spread.len() < wanted && !left.is_empty() {
        let value = |at: usize| (1.0 - diversity) * relevance(at) - diversity * nearest[at];
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
        spread.push(pool[chosen]);
    }
    spread.extend(left.iter().map(|at| pool[*at]));
    spread
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
