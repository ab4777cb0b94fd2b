//! What a manifest says of each column and each space.

use serde::{Deserialize, Serialize};

use crate::catalog::space::{Missing, Prefer, Reference};

/// A column in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Unique within the catalog.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether results carry it.
    pub display: bool,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// 64-bit floating point, finite.
    Number,
    /// 64-bit signed.
    Integer,
    /// True or false.
    Boolean,
    /// A calendar day, as days since 1970-01-01.
    Date,
    /// Any number of different texts.
    Tags,
}

impl ColumnType {
    /// As schema and manifest write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Tags => "tags",
        }
    }
}

/// A space in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpaceEntry {
    /// Unique within the catalog.
    pub name: String,
    /// Default weight.
    pub weight: f64,
    /// The rest.
    #[serde(flatten)]
    pub kind: SpaceKindEntry,
}

/// The kinds of [`SpaceEntry`]; the fields are those of [`SpaceKind`](crate::SpaceKind), with vectors as a file.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum SpaceKindEntry {
    /// The meaning of a text.
    Text {
        /// How the text was put together.
        template: String,
        /// Which of `files` holds the vectors.
        file: String,
        /// Mean of the unit vectors.
        mean: Vec<f32>,
    },
    /// What people like together.
    Collaborative {
        /// Which of `files` holds factors and gains.
        file: String,
        /// The factors of an average like of the crowd; as many as an item has.
        average: Vec<f32>,
        /// How many people it was learned from; not said where they are promised privacy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        people: Option<usize>,
        /// Items that fewer people chose have no factors of their own.
        least_people: usize,
        /// How it was learned; catalogs of the first builds do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        learned: Option<LearnedWith>,
    },
    /// A number.
    Number {
        /// The column.
        column: String,
        /// Which end is better.
        prefer: Prefer,
        /// Where the scale begins.
        min: f64,
        /// Where the scale ends.
        max: f64,
        /// Whether the scale is logarithmic.
        log: bool,
        /// What an item without a value counts as.
        missing: Missing,
    },
    /// Equal or not.
    Category {
        /// The column.
        column: String,
        /// Whether an item can have several values.
        many: bool,
    },
    /// How new.
    Recency {
        /// The column.
        column: String,
        /// After this many days a thing counts half.
        half_life_days: f64,
        /// What age is counted from.
        reference: Reference,
    },
    /// Where.
    Geo {
        /// The column with degrees north.
        latitude: String,
        /// The column with degrees east.
        longitude: String,
        /// At this distance a thing counts half.
        half_distance_km: f64,
    },
}

/// The numbers that factors were learned with, and what one person could add to them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LearnedWith {
    /// Numbers per item.
    pub dims: usize,
    /// Where that number comes from.
    pub dims_from: Origin,
    /// The λ of EASE: how much evidence two items needed to count as chosen together.
    pub lambda: f64,
    /// What an item's own λ went by: it was `λ·(1 + n/this)` where n people chose it. Nothing where all items had the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_people: Option<f64>,
    /// Where that number comes from.
    pub lambda_from: Origin,
    /// Pairs of items that fewer people chose both of did not count; 0 if all did.
    pub least_together: usize,
    /// Of one person at most so many likes counted, the latest.
    pub most_likes: usize,
    /// What is promised to each person, if anything is: everything in the catalog that was made of their likes keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Promise>,
}

/// Where a number that factors are learned with comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It is what is used where nothing else is said.
    #[default]
    Default,
    /// Somebody gave it.
    Given,
    /// People kept back had it.
    Validation,
}

impl Origin {
    /// As the manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Given => "given",
            Self::Validation => "validation",
        }
    }
}

/// What is promised to each person whose likes were counted: differential privacy of everything that was made of the counts, toward
/// one person with all that they did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// The ε.
    pub epsilon: f64,
    /// The δ.
    pub delta: f64,
    /// The standard deviation of the noise of every count.
    pub noise: f64,
}
