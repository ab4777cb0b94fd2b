//! The best k of a stream of scores, at a cost that disappears beside the scan that makes them.
//!
//! Once k scores are known, only a score that reaches the k-th can matter. So first it is counted how many scores of a block
//! do, which compilers turn into SIMD; nearly every block ends there. What passes goes into a buffer of half as much again
//! as k, which is cut back to k by selection (linear, not sorting) whenever it is full.

use std::cmp::Ordering;

use super::mask::set_bits;

/// A row and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The row.
    pub row: usize,
    /// Its score; higher is nearer.
    pub score: f32,
}

/// Keeps the best `k` of all scores offered: higher score first, equal scores by `tie`.
///
/// `tie(a, b)` orders rows of equal score and must be total: `usize::cmp` for "lower row first", a comparison of ids for
/// "lower id first".
pub struct TopK<F: Fn(usize, usize) -> Ordering> {
    k: usize,
    kept: Vec<Scored>,
    /// The k-th best score so far; nothing below it can be among the best.
    threshold: f32,
    tie: F,
}

impl<F: Fn(usize, usize) -> Ordering> TopK<F> {
    /// Keeps at most `k` rows.
    pub fn new(k: usize, tie: F) -> Self {
        Self { k, kept: Vec::new(), threshold: f32::NEG_INFINITY, tie }
    }

    /// Offers the score of one row. One that is not finite is passed over: minus infinity is what rows that are off score, and NaN
    /// has no order.
    pub fn offer(&mut self, row: usize, score: f32) {
        if self.k == 0 || score < self.threshold || !score.is_finite() {
            return;
        }
        self.kept.push(Scored { row, score });
        // Half of k, so that a cut pays for many entries and yet the threshold, by which whole rows are passed over, is never
        // far behind; at least 16 so that small k do not cut all the time.
        if self.kept.len() >= self.k.saturating_add((self.k / 2).max(16)) {
            self.cut();
        }
    }

    /// What a score has to reach; `f32::NEG_INFINITY` until enough are known.
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Offers the scores of up to 64 rows from `first` on; only those whose bit in `live` is on count.
    ///
    /// # Panics
    /// If there are more than 64.
    pub fn offer_block(&mut self, first: usize, scores: &[f32], live: u64) {
        assert!(scores.len() <= 64, "a block has 64 rows at most, not {}", scores.len());
        for at in set_bits(live & reaching(scores, self.threshold)) {
            self.offer(first + at, scores[at]);
        }
    }

    fn cut(&mut self) {
        let tie = &self.tie;
        if self.kept.len() > self.k {
            self.kept.select_nth_unstable_by(self.k - 1, |a, b| order(a, b, tie));
            self.kept.truncate(self.k);
            self.threshold = self.kept[self.k - 1].score;
        }
    }

    /// The best rows, best first.
    pub fn into_sorted(mut self) -> Vec<Scored> {
        if self.k == 0 {
            return Vec::new();
        }
        self.cut();
        let tie = &self.tie;
        self.kept.sort_unstable_by(|a, b| order(a, b, tie));
        self.kept
    }
}

/// Which of up to 64 scores are at least `threshold`.
pub(crate) fn reaching(scores: &[f32], threshold: f32) -> u64 {
    // Counted first, for counting is what compilers turn into SIMD, and the answer is nearly always none.
    let count: u32 = scores.iter().map(|score| u32::from(*score >= threshold)).sum();
    if count == 0 {
        return 0;
    }
    // Where it is not none it is a few, so that most parts are passed over in the same way.
    const PART: usize = 16;
    let mut bits = 0;
    for (at, scores) in (0..).step_by(PART).zip(scores.chunks(PART)) {
        if scores.iter().fold(false, |any, score| any | (*score >= threshold)) {
            scores.iter().zip(at..).for_each(|(score, at)| bits |= u64::from(*score >= threshold) << at);
        }
    }
    bits
}

fn order(a: &Scored, b: &Scored, tie: &impl Fn(usize, usize) -> Ordering) -> Ordering {
    // `partial_cmp` and not `total_cmp`: -0.0 and 0.0 are the same score, and NaN never gets here.
    b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal).then_with(|| tie(a.row, b.row))
}

/// The best `k` of `scores`, best first; equal scores by lower row. Fewer if fewer are finite: rows that a mask turned off score
/// minus infinity ([`Scorer::dots`](super::Scorer::dots)) and never return.
///
/// ```
/// let best = homebody::top_k(&[0.1, 0.9, 0.5, 0.9], 3);
/// assert_eq!(best.iter().map(|hit| hit.row).collect::<Vec<_>>(), [1, 3, 2]);
/// ```
pub fn top_k(scores: &[f32], k: usize) -> Vec<Scored> {
    let mut best = TopK::new(k, |a: usize, b: usize| a.cmp(&b));
    for (block, scores) in scores.chunks(64).enumerate() {
        best.offer_block(block * 64, scores, super::mask::low_bits(scores.len()));
    }
    best.into_sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plainest possible answer: sort everything.
    fn sorted(scores: &[f32], k: usize, tie: impl Fn(usize, usize) -> Ordering) -> Vec<Scored> {
        let mut all: Vec<_> = scores.iter().enumerate().map(|(row, score)| Scored { row, score: *score }).collect();
        all.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap().then_with(|| tie(a.row, b.row)));
        all.truncate(k);
        all
    }

    #[test]
    fn agrees_with_sorting_everything() {
        let mut state = 7_u32;
        for n in [0, 1, 2, 63, 64, 65, 1000, 5003] {
            for levels in [1, 3, 1 << 20] {
                let scores: Vec<f32> = (0..n)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        ((state >> 8) % levels) as f32 - 2.0
                    })
                    .collect();
                for k in [0, 1, 2, 10, 64, 100, n, n + 5] {
                    assert_eq!(top_k(&scores, k), sorted(&scores, k, |a, b| a.cmp(&b)), "{k} of {n}, {levels} levels");
                    let mut backwards = TopK::new(k, |a: usize, b: usize| b.cmp(&a));
                    scores.iter().enumerate().for_each(|(row, score)| backwards.offer(row, *score));
                    assert_eq!(backwards.into_sorted(), sorted(&scores, k, |a, b| b.cmp(&a)), "{k} of {n}, backwards");
                }
            }
        }
    }

    #[test]
    fn rows_that_are_off_never_return() {
        let mut best = TopK::new(2, |a: usize, b: usize| a.cmp(&b));
        best.offer_block(10, &[5.0, 4.0, 3.0, 2.0], 0b1010);
        assert_eq!(best.into_sorted(), [Scored { row: 11, score: 4.0 }, Scored { row: 13, score: 2.0 }]);
        let rows = |scores: &[f32], k| top_k(scores, k).iter().map(|hit| hit.row).collect::<Vec<_>>();
        assert_eq!(rows(&[f32::NEG_INFINITY, -1.0, f32::NEG_INFINITY], 3), [1]);
        assert_eq!(rows(&[f32::NAN, 1.0, f32::INFINITY, 2.0], 3), [3, 1]);
        assert!(
            std::panic::catch_unwind(|| TopK::new(1, |a: usize, b| a.cmp(&b)).offer_block(0, &[0.0; 65], !0)).is_err()
        );
    }

    #[test]
    fn negative_zero_ties_with_zero() {
        assert_eq!(top_k(&[-0.0, 0.0], 2).iter().map(|hit| hit.row).collect::<Vec<_>>(), [0, 1]);
    }
}
