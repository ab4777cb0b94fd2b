//! What is in a catalog? Figures about its columns and spaces, and what they suggest for its schema.

use serde::Serialize;

use super::column::Column;
use super::manifest::{ColumnType, LearnedWith, Promise, SpaceEntry, SpaceKindEntry};
use super::reader::Catalog;
use super::space::{APPROVAL, EXPECTED, MAP_X, MAP_Y, POPULARITY, SpaceKind, TREND};
use crate::vector::VectorSet;

/// Figures about a catalog.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogSummary {
    /// The name that the schema gives.
    pub name: String,
    /// The content hash.
    pub version: String,
    /// Number of items.
    pub items: usize,
    /// The columns in their order.
    pub columns: Vec<ColumnSummary>,
    /// The spaces in their order.
    pub spaces: Vec<SpaceSummary>,
    /// Bytes of all files but the manifest.
    pub bytes: u64,
    /// The same for each item.
    pub bytes_per_item: f64,
}

/// Figures about a column.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnSummary {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether results carry it.
    pub display: bool,
    /// Items without a value.
    pub missing: usize,
    /// Different values; for tags, different tags.
    pub distinct: usize,
    /// Of numbers, integers and dates that are not all missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberSummary>,
    /// The most frequent values of text, boolean, integer and tags columns, when some value is there twice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<TopValue>,
    /// Lines for a `[[space]]` over this column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<String>,
}

/// How numbers are spread. Dates are days since 1970-01-01.
#[derive(Debug, Clone, Serialize)]
pub struct NumberSummary {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// Shares of the values with the value that they do not exceed: see [`QUANTILES`].
    pub quantiles: Vec<Quantile>,
}

/// The value that a share of all values does not exceed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Quantile {
    /// From 0 to 1.
    pub share: f64,
    /// One of the values.
    pub value: f64,
}

/// A value and how many items have it.
#[derive(Debug, Clone, Serialize)]
pub struct TopValue {
    /// The value as text.
    pub value: String,
    /// Items.
    pub count: usize,
}

/// Figures about a space.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpaceSummary {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: &'static str,
    /// The default weight.
    pub weight: f64,
    /// The rest of what the manifest says, for reading: `rating, high, 1 to 10`.
    pub about: String,
    /// Bytes of its vectors for each item; 0 for spaces without.
    pub bytes_per_item: f64,
    /// Items that have nothing to be compared by.
    pub missing: usize,
}

/// The shares of [`NumberSummary::quantiles`].
pub const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// Values shown of a column; more would not be read.
const TOP_VALUES: usize = 10;
/// How many times larger than the median the 95 % quantile is at least when a logarithmic scale is suggested: on a linear
/// one, half of the items would then be in the lowest fifth.
const LOG_RATIO: f64 = 5.0;

impl CatalogSummary {
    /// Counts what there is.
    pub fn of(catalog: &Catalog) -> Self {
        let bytes = catalog.manifest().files.iter().map(|file| file.bytes).sum();
        Self {
            name: catalog.name().to_owned(),
            version: catalog.version().to_owned(),
            items: catalog.len(),
            columns: catalog
                .columns()
                .iter()
                .map(|column| summarize(column, can_have_space(catalog, column)))
                .collect(),
            spaces: catalog.manifest().spaces.iter().map(|entry| summarize_space(catalog, entry)).collect(),
            bytes,
            bytes_per_item: bytes as f64 / catalog.len().max(1) as f64,
        }
    }
}

/// Whether a schema could have a space of numbers over this column: not over what building adds, which it cannot name, nor over places,
/// of which none is better than another.
fn can_have_space(catalog: &Catalog, column: &Column) -> bool {
    let name = column.name();
    let is_place = |space: &SpaceEntry| match &space.kind {
        SpaceKindEntry::Geo { latitude, longitude, .. } => latitude == name || longitude == name,
        _ => false,
    };
    let made = [MAP_X, MAP_Y, POPULARITY, TREND, APPROVAL, EXPECTED];
    !made.contains(&name) && !catalog.manifest().spaces.iter().any(is_place)
}

fn summarize(column: &Column, can_have_space: bool) -> ColumnSummary {
    let mut values: Vec<f64> = (0..column.len()).filter_map(|row| column.number(row)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let categories = column.categories();
    let distinct = match categories {
        Some(categories) => categories.len(),
        None => values.chunk_by(|a, b| a == b).count(),
    };
    let mut top: Vec<TopValue> = Vec::new();
    if let Some(categories) = categories {
        let by_count = categories.by_count();
        if by_count.first().is_some_and(|(_, count)| *count > 1) {
            let first = by_count.into_iter().take(TOP_VALUES);
            top = first.map(|(value, count)| TopValue { value: value.to_owned(), count }).collect();
        }
    }
    let numbers = NumberSummary::of(&values);
    let suggestions = match (&numbers, column.column_type()) {
        (Some(numbers), ColumnType::Number | ColumnType::Integer) if can_have_space => suggest(numbers),
        _ => Vec::new(),
    };
    ColumnSummary {
        name: column.name().to_owned(),
        column_type: column.column_type(),
        display: column.display,
        missing: column.missing(),
        distinct,
        numbers,
        top,
        suggestions,
    }
}

impl NumberSummary {
    /// `sorted` is ascending and finite.
    fn of(sorted: &[f64]) -> Option<Self> {
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        let quantiles = QUANTILES.into_iter().map(|share| Quantile { share, value: quantile(sorted, share) });
        Some(Self { min, max, mean, quantiles: quantiles.collect() })
    }

    fn quantile(&self, share: f64) -> f64 {
        self.quantiles.iter().find(|quantile| quantile.share == share).map_or(f64::NAN, |quantile| quantile.value)
    }
}

/// The smallest value that at least a share of all values does not exceed (nearest rank).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// A range that leaves out the hundredth at either end, so that a single extreme value does not squeeze all the others
/// together, and a logarithmic scale for what is spread over orders of magnitude.
fn suggest(numbers: &NumberSummary) -> Vec<String> {
    let (median, high) = (numbers.quantile(0.5), numbers.quantile(0.95));
    let log = numbers.quantile(0.01) > 0.0 && high / median >= LOG_RATIO;
    let (low, top) = (numbers.quantile(0.01), numbers.quantile(0.99));
    let (low, top) = match log {
        true => (round_to(low, magnitude(low) - 1, f64::floor), round_to(top, magnitude(top) - 1, f64::ceil)),
        // A hundredth of the range is nothing on a linear scale.
        false => {
            let digit = magnitude(top - low) - 1;
            (round_to(low, digit, f64::floor), round_to(top, digit, f64::ceil))
        }
    };
    if low >= top {
        return Vec::new();
    }
    let mut lines = vec![format!("range = [{low}, {top}]  # 98 % of the values, rounded outwards")];
    if log {
        let ratio = (high / median).round();
        lines.push(format!("scale = \"log\"  # the highest 5 % are {ratio} times the median and more"));
    }
    lines
}

/// The power of ten of the first digit; 0 for 0.
fn magnitude(value: f64) -> i32 {
    if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 }
}

/// Rounds so that the last digit is that of `10^digit`.
fn round_to(value: f64, digit: i32, round: fn(f64) -> f64) -> f64 {
    // By dividing, because powers of ten below 1 are not exact.
    match digit < 0 {
        true => round(value * 10_f64.powi(-digit)) / 10_f64.powi(-digit),
        false => round(value / 10_f64.powi(digit)) * 10_f64.powi(digit),
    }
}

/// How many rows have nothing but zeros.
fn empty_rows(vectors: &VectorSet) -> usize {
    let mut values = vec![0.0; vectors.dims()];
    let empty = |row: &usize| {
        vectors.row_into(*row, &mut values);
        values.iter().all(|&value| value == 0.0)
    };
    (0..vectors.len()).filter(empty).count()
}

/// How a collaborative space was learned, as far as its catalog says.
fn learned_with(entry: &SpaceKindEntry) -> Option<String> {
    let SpaceKindEntry::Collaborative { people, least_people, learned: Some(learned), .. } = entry else { return None };
    let LearnedWith { dims_from, lambda, lambda_from, least_together, most_likes, privacy, .. } = learned;
    let people = people.map_or_else(String::new, |people| format!(" {people} people,"));
    let mut told = format!(
        ":{people} λ {lambda} ({}), values {}, {least_people} people for an item",
        lambda_from.name(),
        dims_from.name()
    );
    match privacy {
        None => told.push_str(&format!(", {least_together} for a pair, {most_likes} likes of one")),
        Some(Promise { epsilon, delta, noise }) => told.push_str(&format!(
            " by noisy count, {most_likes} likes of one, private with ε {epsilon} and δ {delta} (noise {noise:.1})"
        )),
    }
    Some(told)
}

fn summarize_space(catalog: &Catalog, entry: &SpaceEntry) -> SpaceSummary {
    let missing_in = |name: &str| catalog.column(name).map_or(0, Column::missing);
    let (mut bytes_per_item, mut missing, mut kind, mut about) = (0.0, 0, "", String::new());
    if let Some(space) = catalog.space(&entry.name) {
        kind = space.kind.name();
        match &space.kind {
            SpaceKind::Text { template, vectors, .. } => {
                about = format!("{} dims, {template}", vectors.dims());
                // An int8 a value and a float32 scale.
                bytes_per_item = (vectors.dims() + 4) as f64;
                missing = empty_rows(vectors);
            }
            SpaceKind::Collaborative { vectors, .. } => {
                about = format!("{} factors, learned from what people chose", vectors.dims());
                about.extend(learned_with(&entry.kind));
                // An int8 a factor, a float32 scale and a float32 gain.
                bytes_per_item = (vectors.dims() + 8) as f64;
                missing = empty_rows(vectors);
            }
            SpaceKind::Number { column, prefer, min, max, log, missing: rule } => {
                let scale = if *log { "log" } else { "linear" };
                let (prefer, rule) = (format!("{prefer:?}").to_lowercase(), format!("{rule:?}").to_lowercase());
                about = format!("{column}, {prefer}, {min} to {max}, {scale}, missing {rule}");
                missing = missing_in(column);
            }
            SpaceKind::Category { column, many } => {
                about = format!("{column}, {}", if *many { "several values" } else { "one value" });
                missing = missing_in(column);
            }
            SpaceKind::Recency { column, half_life_days, reference } => {
                let reference = format!("{reference:?}").to_lowercase();
                about = format!("{column}, half after {half_life_days} days, from {reference}");
                missing = missing_in(column);
            }
            SpaceKind::Geo { latitude, longitude, half_distance_km } => {
                about = format!("{latitude}, {longitude}, half at {half_distance_km} km");
                missing = missing_in(latitude).max(missing_in(longitude));
            }
        }
    }
    SpaceSummary { name: entry.name.clone(), kind, weight: entry.weight, about, bytes_per_item, missing }
}

/// A number of a column as people read it: dates as `YYYY-MM-DD`.
#[cfg(feature = "cli")]
pub(crate) fn readable(column_type: ColumnType, value: f64) -> String {
    match column_type {
        ColumnType::Date => super::date::Day(value as i32).to_string(),
        _ if value.fract() == 0.0 => format!("{value}"),
        // Enough to compare by.
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_are_there() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.01), 1.0);
        assert_eq!(quantile(&values, 0.5), 50.0);
        assert_eq!(quantile(&values, 0.99), 99.0);
        assert_eq!(quantile(&[7.0], 0.01), 7.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.0);
    }

    #[test]
    fn ranges_are_rounded_outwards() {
        let range =
            |values: &[f64]| suggest(&NumberSummary::of(values).unwrap())[0].split("  ").next().unwrap().to_owned();
        assert_eq!(range(&[1944.0, 1990.0, 2010.0]), "range = [1944, 2010]");
        assert_eq!(range(&[2.63, 6.4, 8.58]), "range = [2.6, 8.6]");
        assert_eq!(range(&[-1234.0, 0.0, 1234.0]), "range = [-1300, 1300]");
        assert_eq!(range(&[0.0, 9.91]), "range = [0, 10]");
        assert_eq!(round_to(0.1 + 0.2, -2, f64::ceil), 0.31, "outwards, even if by very little");
    }

    #[test]
    fn a_log_scale_is_suggested_for_what_spreads_over_magnitudes() {
        let votes: Vec<f64> = (0..1000).map(|i| 10_f64.powf(1.0 + f64::from(i) / 200.0).round()).collect();
        let lines = suggest(&NumberSummary::of(&votes).unwrap());
        assert!(lines[0].starts_with("range = [11, 890000]"), "{lines:?}");
        assert!(lines[1].starts_with("scale = \"log\""), "{lines:?}");
        let ratings: Vec<f64> = (0..1000).map(|i| f64::from(i) / 100.0).collect();
        assert_eq!(suggest(&NumberSummary::of(&ratings).unwrap()).len(), 1);
        assert!(suggest(&NumberSummary::of(&[5.0; 9]).unwrap()).is_empty(), "no range");
    }
}
