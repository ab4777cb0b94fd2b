//! The terms that need no vectors: what an item is worth by its columns, alone or beside what the person chose.

use super::column::AffinityColumn;
use super::options::Position;
use crate::catalog::{Catalog, Categories, Column, Missing, Prefer, Prior, Reference};

/// A liked item of this catalog and how much it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Liked {
    pub(crate) row: usize,
    pub(crate) mass: f64,
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A number on its scale.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) prefer: Prefer,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) log: bool,
    pub(crate) missing: Missing,
}

impl Scale {
    /// Where a value is, 0 at the beginning of the scale and 1 at its end.
    fn position(&self, value: f64) -> f64 {
        let value = value.clamp(self.min, self.max);
        if self.log {
            (value / self.min).ln() / (self.max / self.min).ln()
        } else {
            (value - self.min) / (self.max - self.min)
        }
    }

    /// The value of each item, 0 to 1. Nothing if nearness is preferred and nothing was chosen yet.
    pub(crate) fn column(&self, column: &Column, chosen: &[Liked]) -> Option<AffinityColumn> {
        let numbers = column.numbers();
        let near = match self.prefer {
            Prefer::Near => Some(self.usual(&numbers, chosen)?),
            Prefer::Low | Prefer::High => None,
        };
        let affinity = |value: f64| {
            let position = self.position(value);
            match (self.prefer, &near) {
                (Prefer::Low, _) => 1.0 - position,
                (Prefer::Near, Some(usual)) => usual.affinity(position),
                _ => position,
            }
        };
        let known: Vec<f64> =
            numbers.iter().filter(|number| !number.is_nan()).map(|number| affinity(*number)).collect();
        let missing = match self.missing {
            Missing::Mean if known.is_empty() => 0.0,
            Missing::Mean => known.iter().sum::<f64>() / known.len() as f64,
            Missing::Worst => 0.0,
            Missing::Value(value) => affinity(value),
        };
        let values = numbers.iter().map(|number| if number.is_nan() { missing } else { affinity(*number) });
        Some(AffinityColumn::new(values.collect()))
    }

    fn usual(&self, numbers: &[f64], chosen: &[Liked]) -> Option<Usual> {
        let known = chosen.iter().filter(|liked| !numbers[liked.row].is_nan());
        let positions: Vec<(f64, f64)> = known.map(|liked| (self.position(numbers[liked.row]), liked.mass)).collect();
        Usual::of(positions)
    }
}

/// What a person usually chooses on a scale from 0 to 1: median and spread, neither moved by one odd choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usual {
    pub(crate) middle: f64,
    spread: f64,
}

impl Usual {
    /// The least spread: a tenth of the scale. Nobody who chose one film of 120 minutes wants 120 minutes exactly.
    const LEAST_SPREAD: f64 = 0.1;
    /// The standard deviation of normally distributed values, per median absolute deviation.
    const NORMAL: f64 = 1.4826;

    fn of(positions: Vec<(f64, f64)>) -> Option<Self> {
        let middle = weighted_median(positions.clone())?;
        let away = positions.iter().map(|(position, mass)| ((position - middle).abs(), *mass)).collect();
        let spread = (weighted_median(away)? * Self::NORMAL).max(Self::LEAST_SPREAD);
        Some(Self { middle, spread })
    }

    fn affinity(&self, position: f64) -> f64 {
        let spreads = (position - self.middle) / self.spread;
        (-0.5 * spreads * spreads).exp()
    }
}

fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|value| value.1).sum::<f64>() / 2.0;
    let mut below = 0.0;
    values
        .iter()
        .find(|(_, mass)| {
            below += mass;
            below >= half
        })
        .map(|(value, _)| *value)
}

/// How much evidence the catalog's base rates are worth, in likes. Three likes of one kind then make a rate, not a rule.
const PSEUDO_LIKES: f64 = 5.0;

/// What the person's choices say about each value of a category column, −1 to 1; nothing if no chosen item has one. `known`
/// is the number of items that have a value.
///
/// With b the share of the catalog's items that have the value and p the smoothed share of the person's,
/// `p = (Σ mass with it + 5·b) / (Σ mass + 5)`, the affinity is `(p − b) / (p + b)`, which is tanh of half the log of the
/// ratio p/b: 0 where the person is like the catalog, toward ±1 the more they differ.
pub(crate) fn category_affinities(categories: &Categories, known: usize, chosen: &[Liked]) -> Option<Vec<f64>> {
    let mut masses = vec![0.0; categories.len()];
    let mut total = 0.0;
    for liked in chosen {
        let codes = categories.codes(liked.row);
        codes.iter().for_each(|code| masses[*code as usize] += liked.mass);
        if !codes.is_empty() {
            total += liked.mass;
        }
    }
    if total == 0.0 {
        return None;
    }
    let affinity = |(code, mass): (usize, &f64)| {
        let base = categories.count(code as u32) as f64 / known as f64;
        let person = (mass + PSEUDO_LIKES * base) / (total + PSEUDO_LIKES);
        (person - base) / (person + base)
    };
    Some(masses.iter().enumerate().map(affinity).collect())
}

/// The mean of the affinities of an item's values; 0 for an item without any.
pub(crate) fn category_column(categories: &Categories, rows: usize, affinities: &[f64]) -> AffinityColumn {
    let values = (0..rows).map(|row| {
        let codes = categories.codes(row);
        let sum: f64 = codes.iter().map(|code| affinities[*code as usize]).sum();
        if codes.is_empty() { 0.0 } else { sum / codes.len() as f64 }
    });
    AffinityColumn::new(values.collect())
}

/// The day that ages are counted from, in days since 1970.
pub(crate) fn recency_reference(column: &Column, reference: Reference, now_ms: i64) -> f64 {
    match reference {
        // Whole days: dates have no hours, and a list does not change from one minute to the next.
        Reference::Now => now_ms.div_euclid(DAY_MS) as f64,
        Reference::Newest => (0..column.len()).filter_map(|row| column.number(row)).fold(f64::MIN, f64::max),
    }
}

/// `½^(age / half-life)`, 0 to 1. What lies in the future is as new as can be; what has no date is not new.
pub(crate) fn recency_column(column: &Column, half_life_days: f64, reference_day: f64) -> AffinityColumn {
    let value = |day: f64| (-((reference_day - day).max(0.0) / half_life_days)).exp2();
    AffinityColumn::new((0..column.len()).map(|row| column.number(row).map_or(0.0, value)).collect())
}

/// `½^(distance / half-distance)`, 0 to 1; 0 for what has no place.
pub(crate) fn geo_column(
    latitude: &Column,
    longitude: &Column,
    half_distance_km: f64,
    from: Position,
) -> AffinityColumn {
    let value = |row: usize| {
        let place = Position { latitude: latitude.number(row)?, longitude: longitude.number(row)? };
        Some((-(distance_km(from, place) / half_distance_km)).exp2())
    };
    AffinityColumn::new((0..latitude.len()).map(|row| value(row).unwrap_or(0.0)).collect())
}

/// The way along the earth's surface (haversine formula, a sphere of the mean radius: within 0.6 % of the truth).
pub(crate) fn distance_km(a: Position, b: Position) -> f64 {
    const RADIUS_KM: f64 = 6371.0088;
    let (north, east) = ((b.latitude - a.latitude).to_radians(), (b.longitude - a.longitude).to_radians());
    let parallel = a.latitude.to_radians().cos() * b.latitude.to_radians().cos();
    let half = (north / 2.0).sin().powi(2) + parallel * (east / 2.0).sin().powi(2);
    2.0 * RADIUS_KM * half.sqrt().min(1.0).asin()
}

/// How well everybody likes an item, 0 to 1, by the columns that the catalog has for it.
///
/// Ratings, of which there are mean and number: smoothed rating × popularity.
///
/// With n ratings of mean r, k added ratings at the mean of all ratings, the smoothed rating is `(n·r + k·mean) / (n + k)`,
/// set to 0 for the least and 1 for the greatest of the catalog; the popularity is `ln(1 + n) / ln(1 + greatest n)`.
///
/// Choices, of which there are number n and faded number t: `ln(1 + m) / ln(1 + greatest m)` with `m = (n + t) / 2`.
pub(crate) fn prior_column(catalog: &Catalog, prior: &Prior) -> AffinityColumn {
    let numbers = |name: &str| catalog.column(name).map_or_else(|| vec![f64::NAN; catalog.len()], Column::numbers);
    AffinityColumn::new(match prior {
        Prior::Rated { rating, count, smoothing } => prior_values(&numbers(rating), &numbers(count), *smoothing),
        Prior::Chosen { popularity, trend, expected } => {
            let expected = expected.as_ref().map(|name| numbers(name)).unwrap_or_default();
            chosen_values(&numbers(popularity), &numbers(trend), &expected, catalog.len())
        }
    })
}

/// The values of [`prior_column`], from choices by row; NaN where there are none, or too few to tell: then those that could be expected
/// are in their place. Columns that are not there (shorter than `rows`) say nothing.
pub(crate) fn chosen_values(popularity: &[f64], trend: &[f64], expected: &[f64], rows: usize) -> Vec<f64> {
    let known = |column: &[f64], row: usize| column.get(row).copied().filter(|x| x.is_finite()).map(|x| x.max(0.0));
    let choices = |row: usize| match known(popularity, row) {
        Some(people) => 0.5 * (people + known(trend, row).unwrap_or(0.0)),
        None => known(expected, row).unwrap_or(0.0),
    };
    let logs: Vec<f64> = (0..rows).map(|row| choices(row).ln_1p()).collect();
    let most = logs.iter().fold(0.0f64, |most, log| most.max(*log));
    logs.into_iter().map(|log| if most > 0.0 { log / most } else { 0.0 }).collect()
}

/// The values of [`prior_column`], from ratings and counts by row; NaN where there is none.
pub(crate) fn prior_values(ratings: &[f64], counts: &[f64], smoothing: f64) -> Vec<f64> {
    // A rating without a count counts as none, and so does a count without a rating: neither says how well liked it is.
    let votes: Vec<f64> = ratings
        .iter()
        .zip(counts)
        .map(|(rating, count)| if rating.is_nan() || count.is_nan() { 0.0 } else { count.max(0.0) })
        .collect();
    let total: f64 = votes.iter().sum();
    if total == 0.0 {
        return vec![0.0; ratings.len()];
    }
    let weigh = |(rating, votes): (&f64, &f64)| if *votes > 0.0 { rating * votes } else { 0.0 };
    let mean = ratings.iter().zip(&votes).map(weigh).sum::<f64>() / total;
    let smoothed: Vec<f64> = ratings
        .iter()
        .zip(&votes)
        .map(
            |(rating, votes)| {
                if *votes > 0.0 { (votes * rating + smoothing * mean) / (votes + smoothing) } else { mean }
            },
        )
        .collect();
    let (least, greatest) =
        smoothed.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), r| (low.min(*r), high.max(*r)));
    let most = votes.iter().fold(0.0f64, |most, votes| most.max(*votes)).ln_1p();
    let values = smoothed.iter().zip(&votes).map(|(rating, votes)| {
        let quality = if greatest > least { (rating - least) / (greatest - least) } else { 1.0 };
        quality * votes.ln_1p() / most
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(prefer: Prefer, log: bool) -> Scale {
        Scale { prefer, min: 10.0, max: 1000.0, log, missing: Missing::Mean }
    }

    #[test]
    fn positions_are_clamped_and_may_be_logarithmic() {
        assert_eq!(scale(Prefer::High, false).position(505.0), 0.5);
        assert!((scale(Prefer::High, true).position(100.0) - 0.5).abs() < 1e-12);
        for log in [false, true] {
            assert_eq!(scale(Prefer::High, log).position(-5.0), 0.0);
            assert_eq!(scale(Prefer::High, log).position(5000.0), 1.0);
        }
    }

    #[test]
    fn the_usual_is_not_moved_by_one_odd_choice() {
        let usual = Usual::of(vec![(0.5, 1.0), (0.52, 1.0), (0.48, 1.0), (1.0, 1.0), (0.5, 1.0)]).unwrap();
        assert_eq!(usual.middle, 0.5);
        assert!(usual.affinity(0.5) == 1.0 && usual.affinity(1.0) < 0.01);
        assert_eq!(Usual::of(Vec::new()), None);
    }

    #[test]
    fn half_of_a_choice_fades() {
        let none = f64::NAN;
        let values =
            chosen_values(&[30.0, 10.0, none, 10.0, none], &[30.0, 0.0, none, 10.0], &[99.0, none, none, none, 2.0], 6);
        let expected = [1.0, 6f64.ln() / 31f64.ln(), 0.0, 11f64.ln() / 31f64.ln(), 3f64.ln() / 31f64.ln(), 0.0];
        assert!(values.iter().zip(expected).all(|(value, expected)| (value - expected).abs() < 1e-12), "{values:?}");
        assert_eq!(chosen_values(&[], &[], &[], 2), [0.0, 0.0]);
    }

    #[test]
    fn distances_are_those_of_the_earth() {
        let place = |latitude, longitude| Position { latitude, longitude };
        let (oslo, bergen) = (place(59.9139, 10.7522), place(60.3913, 5.3221));
        assert!((distance_km(oslo, bergen) - 305.0).abs() < 2.0);
        assert_eq!(distance_km(oslo, oslo), 0.0);
        let antipodes = distance_km(place(0.0, 0.0), place(0.0, 180.0));
        assert!((antipodes - 20_015.0).abs() < 1.0);
    }
}
