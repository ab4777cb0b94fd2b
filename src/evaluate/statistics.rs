//! How sure one can be: intervals by bootstrap, and a paired test between two settings.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A mean and where it would lie with other people of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The mean over all cases.
    pub mean: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// So many resamples put the ends of a 95 % interval within a percent or so of its width.
const RESAMPLES: usize = 1000;

/// Percentile bootstrap (Efron 1979) over the cases. One or no case has no spread: then the ends are the mean.
pub fn bootstrap(values: &[f64], seed: u64) -> Estimate {
    let mean = mean(values);
    if values.len() < 2 {
        return Estimate { mean, low: mean, high: mean };
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let sum: f64 = (0..values.len()).map(|_| values[random.random_range(0..values.len())]).sum();
            sum / values.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Estimate { mean, low: means[RESAMPLES / 40], high: means[RESAMPLES - 1 - RESAMPLES / 40] }
}

/// What a paired comparison says.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// Mean of `b − a` over the cases, with its interval.
    pub difference: Estimate,
    /// How likely a difference at least as large is if the two are equally good: paired randomization test, two-sided
    /// (Smucker, Allan and Carterette 2007).
    pub p_value: f64,
}

/// `a` and `b` are the values of the same cases in the same order.
///
/// # Panics
///
/// If they are not equally many.
pub fn compare(a: &[f64], b: &[f64], seed: u64) -> Comparison {
    assert_eq!(a.len(), b.len(), "a paired test compares the same cases");
    /// The least p-value that can be told is about one in this many.
    const FLIPS: usize = 10_000;
    let differences: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
    let observed = differences.iter().sum::<f64>().abs();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut as_large = 1;
    for _ in 0..FLIPS {
        let mut bits = 0u64;
        let flipped: f64 = (differences.iter().enumerate())
            .map(|(at, difference)| {
                if at % 64 == 0 {
                    bits = random.random();
                }
                if bits >> (at % 64) & 1 == 1 { *difference } else { -difference }
            })
            .sum();
        // A hair of slack: the same sum in another order may differ in its last bit.
        as_large += usize::from(flipped.abs() >= observed * (1.0 - 1e-12));
    }
    Comparison { difference: bootstrap(&differences, seed), p_value: as_large as f64 / (FLIPS + 1) as f64 }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_mean_and_repeats() {
        let values: Vec<f64> = (0..400).map(|at| f64::from(u8::from(at % 4 == 0))).collect();
        let estimate = bootstrap(&values, 7);
        assert_eq!(estimate.mean, 0.25);
        // The standard error is √(0.25·0.75/400) = 0.0217; 1.96 of them are 0.0424.
        assert!((estimate.low - 0.2076).abs() < 0.01 && (estimate.high - 0.2924).abs() < 0.01, "{estimate:?}");
        assert_eq!(estimate, bootstrap(&values, 7));
        assert_eq!(bootstrap(&[0.5], 7), Estimate { mean: 0.5, low: 0.5, high: 0.5 });
        assert_eq!(bootstrap(&[], 7).mean, 0.0);
    }

    #[test]
    fn a_clear_difference_is_told_from_none() {
        let a: Vec<f64> = (0..200).map(|at| f64::from(at % 5) / 5.0).collect();
        let better: Vec<f64> = a.iter().map(|value| value + 0.1).collect();
        let compared = compare(&a, &better, 3);
        assert!((compared.difference.mean - 0.1).abs() < 1e-12 && compared.p_value < 0.001, "{compared:?}");
        assert_eq!(compare(&a, &a, 3).p_value, 1.0);
        let turned: Vec<f64> = a.iter().rev().copied().collect();
        assert!(compare(&a, &turned, 3).p_value > 0.5);
    }
}
