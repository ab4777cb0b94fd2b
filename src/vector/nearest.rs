//! From products to the nearest rows: what a score is in each metric, and the best of them so far.

use std::cmp::Ordering;

use super::mask::set_bits;
use super::metric::Metric;
use super::prune::Best;
use super::scorer::BLOCK;
use super::set::{Precision, Rows, VectorSet};
use super::topk::{TopK, reaching};

/// The best of a search so far, query by query.
pub(super) struct Nearest<'a, F: Fn(usize, usize) -> Ordering> {
    pub(super) set: &'a VectorSet,
    pub(super) metric: Metric,
    /// Squared lengths of the rows as kept, for [`Metric::L2`] only.
    pub(super) norms2: &'a [f32],
    /// As they came, and their squared lengths.
    pub(super) queries: &'a [&'a [f32]],
    pub(super) lengths2: Vec<f32>,
    pub(super) best: Vec<TopK<F>>,
}

impl<F: Fn(usize, usize) -> Ordering> Nearest<'_, F> {
    /// The scores of products; never less for a greater product.
    fn scores<'a>(&self, query: usize, first: usize, dots: &'a [f32], room: &'a mut [f32; BLOCK]) -> &'a [f32] {
        let scores = &mut room[..dots.len()];
        match self.metric {
            Metric::Dot => return dots,
            // Rounding must not make a cosine of which there is no angle,
            Metric::Cosine => scores.iter_mut().zip(dots).for_each(|(score, dot)| *score = dot.clamp(-1.0, 1.0)),
            // nor a distance below nothing.
            Metric::L2 => {
                for ((score, dot), norm2) in scores.iter_mut().zip(dots).zip(&self.norms2[first..]) {
                    *score = (2.0 * dot - self.lengths2[query] - norm2).min(0.0);
                }
            }
        }
        scores
    }

    /// Distances of float32 rows. `2 q·x − ‖q‖² − ‖x‖²` loses what the terms have in common, and with it the order of near rows;
    /// it only tells which rows can be among the best. Their distance is that of the differences, which keep it.
    fn take_distances(&mut self, query: usize, first: usize, live: u64, dots: &[f32]) {
        // Half the roundings of a product of two vectors, twice, and six of the rest, each of at most the sum of the squares.
        let unsure = (self.set.dims() as f32 + 6.0) * f32::EPSILON / 2.0;
        let mut room = [0.0; BLOCK];
        let bounds = &mut room[..dots.len()];
        for ((bound, dot), norm2) in bounds.iter_mut().zip(dots).zip(&self.norms2[first..]) {
            let squares = self.lengths2[query] + norm2;
            *bound = 2.0 * dot - squares + unsure * squares;
        }
        for at in set_bits(live & reaching(bounds, self.best[query].threshold())) {
            let Rows::Float32 { values } = self.set.block(first + at, 1) else { unreachable!("asked of float32 rows") };
            let differences = self.queries[query].iter().zip(values).map(|(a, b)| f64::from(*a) - f64::from(*b));
            let distance2: f64 = differences.map(|difference| difference * difference).sum();
            self.best[query].offer(first + at, (0.0 - distance2) as f32);
        }
    }
}

impl<F: Fn(usize, usize) -> Ordering> Best for Nearest<'_, F> {
    fn is_full(&self) -> bool {
        self.best.iter().all(|best| best.threshold() > f32::NEG_INFINITY)
    }

    fn reached(&self, query: usize, first: usize, dots: &[f32]) -> u64 {
        reaching(self.scores(query, first, dots, &mut [0.0; BLOCK]), self.best[query].threshold())
    }

    fn take(&mut self, query: usize, first: usize, live: u64, dots: &[f32]) {
        if self.metric == Metric::L2 && self.set.precision() == Precision::Float32 {
            return self.take_distances(query, first, live, dots);
        }
        let mut room = [0.0; BLOCK];
        let scores = self.scores(query, first, dots, &mut room);
        self.best[query].offer_block(first, scores, live);
    }
}
