//! A column of affinities: one number per item, what it means, and how raw similarities become one.

/// One affinity per row, and their mean over the catalog: what an item has to exceed for the affinity to be its merit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AffinityColumn {
    pub(crate) values: Vec<f64>,
    pub(crate) mean: f64,
}

impl AffinityColumn {
    pub(crate) fn new(values: Vec<f64>) -> Self {
        let mean = if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 };
        Self { values, mean }
    }

    /// Raw similarities (NaN where an item has none) against the background of the catalog, `own` rows left out of it:
    /// the items that the similarity is to. Each of them is a spike, and a dozen spikes would be most of the spread of a
    /// kernel's sum, so that everything else would seem alike the more a person likes.
    pub(crate) fn calibrated(raw: Vec<f64>, own: impl Iterator<Item = usize>) -> Self {
        Self::calibrated_over(SPREADS, raw, own)
    }

    /// The same with tanh(1) at so many spreads above the mean.
    pub(crate) fn calibrated_over(spreads: f64, mut raw: Vec<f64>, own: impl Iterator<Item = usize>) -> Self {
        let mut others = raw.clone();
        own.for_each(|row| others[row] = f64::NAN);
        let background = Background::of(&others);
        raw.iter_mut().for_each(|value| *value = (background.spreads(*value) / spreads).tanh());
        Self::new(raw)
    }

    /// Gives these rows this value.
    pub(crate) fn set(&mut self, rows: impl Iterator<Item = usize>, value: f64) {
        rows.for_each(|row| self.values[row] = value);
        *self = Self::new(std::mem::take(&mut self.values));
    }
}

/// At this many spreads above the mean an affinity is tanh(1) = 0.76, −1 to 1 in all: it rises with the value, and means the same for
/// every model and catalog. The nearest of some thousand items are 4 to 8 spreads out, so that the curve still tells them apart, while
/// the mass of the items is on its straight part.
const SPREADS: f64 = 4.0;

/// What one similarity is over the whole catalog: its mean and its spread (standard deviation).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Background {
    pub(crate) mean: f64,
    pub(crate) spread: f64,
}

impl Background {
    /// Of all values but NaN, which stands for "has none".
    #[inline(never)]
    pub(crate) fn of(values: &[f64]) -> Self {
        let (mut count, mut sum) = (0.0, 0.0);
        for value in values.iter().filter(|value| !value.is_nan()) {
            count += 1.0;
            sum += value;
        }
        if count == 0.0 {
            return Self { mean: 0.0, spread: 0.0 };
        }
        let mean = sum / count;
        // In a second pass: the difference of two large sums would be rounding noise for a nearly constant column.
        let squares: f64 = values.iter().filter(|value| !value.is_nan()).map(|value| (value - mean).powi(2)).sum();
        Self { mean, spread: (squares / count).sqrt() }
    }

    /// How many spreads a value is above the mean; 0 where all values are alike, and for NaN.
    pub(crate) fn spreads(&self, value: f64) -> f64 {
        /// Below this a spread is the rounding of f32 dot products.
        const LEAST: f64 = 1e-9;
        if value.is_nan() || self.spread < LEAST { 0.0 } else { (value - self.mean) / self.spread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn none() -> std::iter::Empty<usize> {
        std::iter::empty()
    }

    #[test]
    fn columns_without_difference_say_nothing() {
        assert_eq!(AffinityColumn::calibrated(vec![0.3; 5], none()).values, [0.0; 5]);
        assert_eq!(AffinityColumn::calibrated(vec![f64::NAN; 2], none()).values, [0.0; 2]);
        assert_eq!(AffinityColumn::calibrated(Vec::new(), none()), AffinityColumn { values: Vec::new(), mean: 0.0 });
    }

    #[test]
    fn the_items_compared_with_are_no_background() {
        let alone = AffinityColumn::calibrated(vec![0.1, 0.2, 0.3], none());
        let beside = AffinityColumn::calibrated(vec![0.1, 0.2, 0.3, 50.0], [3].into_iter());
        assert_eq!(beside.values[..3], alone.values);
        assert!(beside.values[3] > 0.999);
    }

    #[test]
    fn the_spread_is_a_standard_deviation() {
        let background = Background::of(&[2.0, 4.0, f64::NAN, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((background.mean, background.spread), (5.0, 2.0));
        assert_eq!(background.spreads(9.0), 2.0);
        // The column, without the value that is none: 13 is four spreads above the others' mean.
        let raw = vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, 13.0];
        assert_eq!(AffinityColumn::calibrated(raw.clone(), [8].into_iter()).values[8], 1f64.tanh());
        let wider = AffinityColumn::calibrated_over(8.0, raw, [8].into_iter());
        assert_eq!((wider.values[8], wider.values[0]), (0.5f64.tanh(), (-1.5f64 / 8.0).tanh()));
    }

    proptest! {
        #[test]
        fn affinities_keep_the_order_and_do_not_depend_on_scale(
            raw in prop::collection::vec(-1.0f64..1.0, 2..50), scale in 0.01f64..100.0, shift in -5.0f64..5.0
        ) {
            let column = AffinityColumn::calibrated(raw.clone(), none());
            let moved = AffinityColumn::calibrated(raw.iter().map(|value| value * scale + shift).collect(), none());
            for i in 0..raw.len() {
                prop_assert!(column.values[i].abs() <= 1.0);
                prop_assert!((column.values[i] - moved.values[i]).abs() < 1e-6);
                for j in 0..raw.len() {
                    prop_assert!(raw[i] < raw[j] || column.values[i] >= column.values[j]);
                }
            }
        }
    }
}
