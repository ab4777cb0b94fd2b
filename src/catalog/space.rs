//! A space: one way in which items compare.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::vector::VectorSet;

/// One way in which items of a catalog compare, with its vectors where it has any.
#[derive(Debug, Clone)]
pub struct Space {
    /// Unique within the catalog; also the name of the weight.
    pub name: String,
    /// Default weight when a ranking gives none.
    pub weight: f64,
    /// What is compared, and how.
    pub kind: SpaceKind,
}

/// What a [`Space`] compares. Columns are named; the catalog's reader has checked that they exist with a fitting type.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub enum SpaceKind {
    /// The meaning of a text.
    Text {
        /// How the text was put together from columns.
        template: String,
        /// One unit vector per item (int8 with a scale each), in row order. An item without any text has scale 0 and
        /// only zeros.
        vectors: Arc<VectorSet>,
        /// The mean of the unit vectors of the items that have a text, before they were made int8. Not unit length.
        mean: Arc<[f32]>,
    },
    /// A number.
    Number {
        /// A number or integer column.
        column: String,
        /// Which end is better.
        prefer: Prefer,
        /// Where the scale begins; values below count as this.
        min: f64,
        /// Where the scale ends; values above count as this. Always greater than `min`.
        max: f64,
        /// Whether equal ratios (rather than equal differences) are equal steps. Then `min` is positive.
        log: bool,
        /// What an item without a value counts as.
        missing: Missing,
    },
    /// A text, boolean or integer with few different values, or tags.
    Category {
        /// The column.
        column: String,
        /// Whether an item can have several values (a tags column).
        many: bool,
    },
    /// How new something is.
    Recency {
        /// A date column.
        column: String,
        /// After this many days a thing counts half.
        half_life_days: f64,
        /// What age is counted from.
        reference: Reference,
    },
    /// Where something is.
    Geo {
        /// A number column, degrees north.
        latitude: String,
        /// A number column, degrees east.
        longitude: String,
        /// At this distance a thing counts half.
        half_distance_km: f64,
    },
}

impl SpaceKind {
    /// The name of the kind in schema and manifest.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Number { .. } => "number",
            Self::Category { .. } => "category",
            Self::Recency { .. } => "recency",
            Self::Geo { .. } => "geo",
        }
    }
}

/// Which values of a number are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// Small ones: prices.
    Low,
    /// Large ones: ratings.
    High,
    /// Ones near to those of the items the person liked: running times.
    Near,
}

/// What an item counts as in a number space when it has no value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// As the mean position on the scale of the items that have one: it neither lifts nor sinks the item.
    Mean,
    /// As the worse end of the scale (for [`Prefer::Near`]: as far as can be).
    Worst,
    /// As this value of the column.
    Value(f64),
}

/// What the age of an item is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// The time of the ranking: for news, offers, events.
    Now,
    /// The newest date in the catalog: for collections that are no longer added to, and for results that must not change
    /// from day to day.
    Newest,
}

/// How well an item is liked by everybody, for persons of whom nothing is known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// Number column with the mean rating.
    pub rating: String,
    /// Number column with how many ratings that mean is of; missing counts as 0.
    pub count: String,
    /// How many ratings at the catalog's mean are added to each item, so that one enthusiast does not make a favourite.
    pub smoothing: f64,
}
