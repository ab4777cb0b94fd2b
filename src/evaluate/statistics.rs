//! How sure one can be: intervals by bootstrap, and a paired test between two settings.
//!
//! Chance picks people, not lists: several lists of one person are alike, and counting them as if they were of several people makes intervals
//! too narrow and gains too sure. So whole people are drawn anew, with all their lists (the cluster bootstrap: Field and Welsh 2007, JRSS B
//! 69; Cameron, Gelbach and Miller 2008, Review of Economics and Statistics 90), and the paired test turns around all of a person's
//! differences at once. Where everybody has one list, that is what it is without people.

use std::collections::HashMap;

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

/// Whose each case is, as places from 0 on in the order in which the people come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    of: Vec<usize>,
    count: usize,
}

impl People {
    /// Of cases of these people, named by any number.
    ///
    /// ```
    /// // Two lists of one person, and one of another.
    /// let people = homebody::People::of([3, 3, 8]);
    /// assert_eq!(people.count(), 2);
    /// assert_eq!(homebody::bootstrap(&[1.0, 0.5, 0.0], &people, 42).mean, 0.5);
    /// ```
    pub fn of(people: impl IntoIterator<Item = usize>) -> Self {
        let mut places = HashMap::new();
        let place = |person| {
            let next = places.len();
            *places.entry(person).or_insert(next)
        };
        let of = people.into_iter().map(place).collect();
        Self { of, count: places.len() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Each person's sum and number of values.
    fn sums(&self, values: &[f64]) -> Vec<(f64, f64)> {
        assert_eq!(values.len(), self.of.len(), "a value per case");
        let mut sums = vec![(0.0, 0.0); self.count];
        for (value, person) in values.iter().zip(&self.of) {
            sums[*person].0 += value;
            sums[*person].1 += 1.0;
        }
        sums
    }

    /// The standard error of the mean of these values: `√(G/(G−1) · Σ_g (Σ_{i in g} (x_i − x̄))²) / n` over G people and n cases.
    pub(crate) fn standard_error(&self, values: &[f64]) -> f64 {
        let centre = mean(values);
        let squares: f64 = self.sums(values).iter().map(|(sum, count)| (sum - count * centre).powi(2)).sum();
        let people = self.count as f64;
        (squares * people / (people - 1.0).max(1.0)).sqrt() / (values.len() as f64).max(1.0)
    }
}

/// Percentile bootstrap (Efron 1979) over people; the mean is over cases. One or no person has no spread: then the ends are the mean.
///
/// # Panics
///
/// If there is not one value per case of the people.
pub fn bootstrap(values: &[f64], people: &People, seed: u64) -> Estimate {
    let mean = mean(values);
    if people.count() < 2 {
        return Estimate { mean, low: mean, high: mean };
    }
    let sums = people.sums(values);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn = (0..sums.len()).map(|_| sums[random.random_range(0..sums.len())]);
            let (sum, count) = drawn.fold((0.0, 0.0), |(sum, count), (own, cases)| (sum + own, count + cases));
            sum / count
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
    /// (Smucker, Allan and Carterette 2007), person by person.
    pub p_value: f64,
}

/// `a` and `b` are the values of the same cases, those of the people, in the same order.
///
/// # Panics
///
/// If they are not equally many.
pub fn compare(a: &[f64], b: &[f64], people: &People, seed: u64) -> Comparison {
    assert_eq!(a.len(), b.len(), "a paired test compares the same cases");
    /// The least p-value that can be told is about one in this many.
    const FLIPS: usize = 10_000;
    let differences: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
    let of_people: Vec<f64> = people.sums(&differences).into_iter().map(|(sum, _)| sum).collect();
    let observed = of_people.iter().sum::<f64>().abs();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut as_large = 1;
    for _ in 0..FLIPS {
        let mut bits = 0u64;
        let flipped: f64 = (of_people.iter().enumerate())
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
    Comparison { difference: bootstrap(&differences, people, seed), p_value: as_large as f64 / (FLIPS + 1) as f64 }
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
        let bootstrap = |values: &[f64], seed| bootstrap(values, &People::of(0..values.len()), seed);
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
        let compare = |a: &[f64], b: &[f64], seed| compare(a, b, &People::of(0..a.len()), seed);
        let compared = compare(&a, &better, 3);
        assert!((compared.difference.mean - 0.1).abs() < 1e-12 && compared.p_value < 0.001, "{compared:?}");
        assert_eq!(compare(&a, &a, 3).p_value, 1.0);
        let turned: Vec<f64> = a.iter().rev().copied().collect();
        assert!(compare(&a, &turned, 3).p_value > 0.5);
    }

    #[test]
    fn the_same_lists_ten_times_over_tell_no_more_than_once() {
        let once: Vec<f64> = (0..60).map(|at| f64::from(at % 7) / 7.0).collect();
        let better: Vec<f64> = once.iter().enumerate().map(|(at, x)| x + [0.3, -0.22][at % 2]).collect();
        let ten = |values: &[f64]| values.iter().flat_map(|value| [*value; 10]).collect::<Vec<f64>>();
        let (alone, people) = (People::of(0..60), People::of((0..600).map(|at| at / 10)));
        assert_eq!((alone.count(), people.count()), (60, 60));
        let close = |a: Estimate, b: Estimate| {
            [(a.mean, b.mean), (a.low, b.low), (a.high, b.high)].iter().all(|(a, b)| (a - b).abs() < 1e-12)
        };
        assert!(close(bootstrap(&once, &alone, 5), bootstrap(&ten(&once), &people, 5)));
        let (few, many) = (compare(&once, &better, &alone, 5), compare(&ten(&once), &ten(&better), &people, 5));
        assert!(close(few.difference, many.difference) && few.p_value == many.p_value, "{few:?} and {many:?}");
        assert!(few.p_value > 0.05, "{few:?}");
        let errors = [alone.standard_error(&once), people.standard_error(&ten(&once))];
        assert!((errors[0] - errors[1]).abs() < 1e-12, "{errors:?}");
        // Σ(x − x̄)² of 0, 0, 1, 1 is 1: √(1/3/4).
        assert!((People::of(0..4).standard_error(&[0.0, 0.0, 1.0, 1.0]) - (1.0f64 / 12.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn people_of_many_lists_count_as_many_lists_in_the_mean() {
        // By hand: one person with three lists of 1, one with a list of 0. Resamples are 1, 0 or 3/4.
        let estimate = bootstrap(&[1.0, 0.0, 1.0, 1.0], &People::of([7, 3, 7, 7]), 1);
        assert_eq!((estimate.mean, estimate.low, estimate.high), (0.75, 0.0, 1.0));
    }
}
