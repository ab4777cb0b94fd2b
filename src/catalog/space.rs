//! A space: one way in which items compare.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "cli")]
use crate::collaborative::{Factors, Figures};
#[cfg(feature = "cli")]
use crate::vector::Precision;
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
    /// What people like together: item factors learned from everybody's choices.
    Collaborative {
        /// Factors per item (int8 with a scale each), in row order, of any length below 1. Zeros: nothing is known.
        vectors: Arc<VectorSet>,
        /// What each item's dot product is multiplied with, at least 1.
        gains: Arc<[f32]>,
        /// The factors of an average like of the crowd.
        average: Arc<[f32]>,
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

/// Weights beyond this are a mistake; up to it, sums cannot overflow.
pub(crate) const LARGEST_WEIGHT: f64 = 1e6;

/// The columns that a catalog gets of the [figures](crate::Figures) of its crowd.
pub const POPULARITY: &str = "crowd_popularity";
/// See [`Figures::trend`](crate::Figures::trend).
pub const TREND: &str = "crowd_trend";
/// See [`Figures::approval`](crate::Figures::approval).
pub const APPROVAL: &str = "crowd_approval";
/// See [`Figures::expected`](crate::Figures::expected).
pub const EXPECTED: &str = "crowd_expected";

/// What a coordinate can be: so many degrees either way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Degrees {
    pub(crate) name: &'static str,
    pub(crate) most: f64,
}

pub(crate) const LATITUDE: Degrees = Degrees { name: "latitude", most: 90.0 };
pub(crate) const LONGITUDE: Degrees = Degrees { name: "longitude", most: 180.0 };

impl std::fmt::Display for Degrees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a {} from -{} to {} degrees", self.name, self.most, self.most)
    }
}

/// The columns of a catalog's map.
pub(crate) const MAP_X: &str = "map_x";
pub(crate) const MAP_Y: &str = "map_y";

/// The name of the space that `homebody build --interactions` makes.
#[cfg(feature = "cli")]
pub(crate) const COLLABORATIVE: &str = "collaborative";
/// Its weight: of 3 to 10 about the best on the rolling split of MovieLens-100K (`docs/quality.md`).
#[cfg(feature = "cli")]
pub(crate) const COLLABORATIVE_WEIGHT: f64 = 6.0;

#[cfg(feature = "cli")]
impl From<&Factors> for Space {
    /// Quantized as a catalog's files would have it.
    fn from(factors: &Factors) -> Self {
        let mut vectors = VectorSet::new(factors.dims, Precision::Int8).expect("factors have a length");
        vectors.push_quantized(&factors.values).expect("factors are finite");
        let kind = SpaceKind::Collaborative {
            vectors: Arc::new(vectors),
            gains: factors.gains.clone().into(),
            average: factors.average.clone().into(),
        };
        Self { name: COLLABORATIVE.to_owned(), weight: COLLABORATIVE_WEIGHT, kind }
    }
}

impl SpaceKind {
    /// The name of the kind in schema and manifest.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Collaborative { .. } => "collaborative",
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

/// The name of the scenario that counts where a call names none: its weights are the defaults of every call, the rest of it is
/// what a recommendation goes by.
pub(crate) const DEFAULT_SCENARIO: &str = "default";

/// A preset for ranking calls, named by the catalog's owner. What a call says itself wins over it. The one with the name
/// `default` counts where a call names none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// Weights by name; others keep their default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
    /// Which items are considered, in the language of `where`.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// 0: purely by score; 1: as different from each other as possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity: Option<f64>,
    /// How much of the person is in the list, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// How far what was shown and ignored sinks for a while, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<f64>,
    /// At most so many items per value of a column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caps: BTreeMap<String, usize>,
    /// Whether nearness to what the person likes fades within a session.
    #[serde(default, alias = "session_recency", skip_serializing_if = "Option::is_none")]
    pub session_recency: Option<bool>,
    /// Whether weights are learned from the person's own choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn: Option<bool>,
    /// Whether items that count as seen are considered too.
    #[serde(default, alias = "include_seen", skip_serializing_if = "Option::is_none")]
    pub include_seen: Option<bool>,
}

/// A pairwise logistic model whose weights are those of the default scenario: what a device needs to go on learning from the
/// choices of its own person (see [`RecommendOptions::learn`](crate::RecommendOptions::learn)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PairwiseModel {
    /// What a difference of scores is multiplied by to be the logarithm of odds.
    pub scale: f64,
    /// How much the shipped weights count, in pairs that would say so.
    pub penalty: f64,
    /// The farthest that weights may go from the shipped ones: the most that the length of all `ln(weight / shipped)` may be.
    pub radius: f64,
    /// With fewer pairs of a chosen item and one that was shown and left, nothing is learned.
    pub least_pairs: usize,
}

/// A group of items that a new person can choose to begin with, named by the catalog's owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Segment {
    /// For people.
    pub label: String,
    /// Which items are of it, in the language of `where`.
    #[serde(rename = "where")]
    pub filter: Value,
}

/// What the catalog's owner says of one type of event. What is not said stays as the library has it for that type.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EffectRule {
    /// How much the event speaks for the item, −1 (against it) to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// How far an exponential moving average moves toward the item, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// After this many days the event says half.
    #[serde(default, alias = "half_life_days", skip_serializing_if = "Option::is_none")]
    pub half_life_days: Option<f64>,
    /// The only spaces in which the event says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spaces: Option<Vec<String>>,
    /// Whether the person states an opinion, which replaces the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<bool>,
    /// Whether the item then counts as seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<bool>,
    /// The value is a mark: the worst one, the one that says nothing, the best one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<[f64; 3]>,
    /// The value is an amount, and this much of it says all there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<f64>,
}

#[cfg(feature = "cli")]
impl EffectRule {
    /// These rules over those: types of both have one rule of both.
    pub(crate) fn all_over(rules: &BTreeMap<String, Self>, below: &BTreeMap<String, Self>) -> BTreeMap<String, Self> {
        let mut all = below.clone();
        for (kind, rule) in rules {
            let rule = below.get(kind).map_or_else(|| rule.clone(), |below| rule.over(below));
            all.insert(kind.clone(), rule);
        }
        all
    }

    /// What this rule says and, of what it does not say, what the one below says. `marks` and `full` are one thing, what the value means:
    /// who says either says that of both.
    fn over(&self, below: &Self) -> Self {
        let says_value = self.marks.is_some() || self.full.is_some();
        let (marks, full) = if says_value { (self.marks, self.full) } else { (below.marks, below.full) };
        Self {
            weight: self.weight.or(below.weight),
            alpha: self.alpha.or(below.alpha),
            half_life_days: self.half_life_days.or(below.half_life_days),
            spaces: self.spaces.clone().or_else(|| below.spaces.clone()),
            statement: self.statement.or(below.statement),
            seen: self.seen.or(below.seen),
            marks,
            full,
        }
    }
}

#[cfg(feature = "cli")]
impl Prior {
    /// Of the columns that are made from interactions.
    pub(crate) fn chosen() -> Self {
        Self::Chosen { popularity: POPULARITY.to_owned(), trend: TREND.to_owned(), expected: None }
    }

    /// The same of the columns that these figures have: where times are not known, the trend is the popularity.
    pub(crate) fn of_figures(figures: &Figures) -> Self {
        let trend = if figures.trend.is_some() { TREND } else { POPULARITY };
        let expected = figures.expected.as_ref().map(|_| EXPECTED.to_owned());
        Self::Chosen { popularity: POPULARITY.to_owned(), trend: trend.to_owned(), expected }
    }
}

/// Where a catalog's knowledge of everybody's taste is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Prior {
    /// In columns that the schema names.
    Rated {
        /// Number column with the mean rating.
        rating: String,
        /// Number column with how many ratings that mean is of; missing counts as 0.
        count: String,
        /// How many ratings at the catalog's mean are added to each item, so that one enthusiast does not make a favourite.
        smoothing: f64,
    },
    /// In columns that were made from interactions.
    Chosen {
        /// Number column with how many people chose the item; missing counts as 0.
        popularity: String,
        /// Number column with the same, older choices counted less.
        trend: String,
        /// Number column with how many choices (the mean of the two) might be expected of an item that has no popularity.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
    },
}
