//! What a ranking call answers with. Written as JSON, these are the shapes of the JavaScript package.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::catalog::Prefer;

/// A list of items, best first.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// The items asked for; with equal scores the lesser id (in byte order) comes first.
    pub hits: Vec<Hit>,
    /// How many items there were to choose from: those that passed the filter and were not left out as seen.
    pub eligible: usize,
    /// Where the list goes on, for the option `cursor`; nothing when this was the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Why there are no hits, if there are none, or why a text that was searched for says nothing. Either is an answer, not an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// The item's id.
    pub id: String,
    /// The sum of the parts' contributions. Higher is better; scores of different calls do not compare.
    pub score: f64,
    /// The display columns: dates as `"YYYY-MM-DD"`, tags as lists, missing values as null.
    pub item: Map<String, Value>,
    /// What the score is made of, if `explain` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<Part>>,
    /// What sets this item apart, if `explain` was asked for and something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What a second stage made of it (see [`Recommender::reranked`](crate::Recommender::reranked)): the list is in the order of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f64>,
    /// Where a stranger would find it, if `compare` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

/// An item's place in the list that a stranger would get: the same items to choose from, nothing personal in the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// 1 for the first.
    pub rank: usize,
    /// By how many places the item stands higher (positive) or lower for this person, diversity left out of account.
    pub rise: i64,
}

/// One summand of a score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The weight's name: a space of the catalog, `query`, `dislike` or `prior`.
    pub name: String,
    /// How well the item does in it: −1 to 1, or 0 to 1 for what is a value of the item itself.
    pub affinity: f64,
    /// The weight used.
    pub weight: f64,
    /// `weight · affinity`.
    pub contribution: f64,
}

/// What sets an item apart from the others, as data and as a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Which sort of reason it is.
    pub kind: ReasonKind,
    /// The name of the part that it explains.
    pub part: String,
    /// A sentence for people (English), made of `value`, `items` and `facts` and nothing else.
    pub text: String,
    /// The value that speaks for the item, where there is one: a category, a number as text, a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The person's own items behind it (or the item compared with), the largest share first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ReasonItem>,
    /// The other numbers and names in the sentence, for whoever says it in another language.
    pub facts: ReasonFacts,
}

/// What a reason's sentence says besides `value` and `items`; only what its kind has.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReasonFacts {
    /// `interest`, `crowd`: how many of the items it names, 1 or 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<usize>,
    /// `number`, `recency`: the name of the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// `number`: which values are good. With `near` the one that `items` names, or else what the person usually chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer: Option<Prefer>,
    /// `number`: the item's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// `prior`: the mean rating, where the catalog has ratings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// `prior`: of how many ratings that is the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<f64>,
    /// `prior`: how many people chose the item, where the catalog has no ratings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<f64>,
    /// `category`: how many of the person's items are of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<usize>,
    /// `category`: of how many that have a category in this column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<usize>,
    /// `geo`: how far away it is, in whole kilometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kilometres: Option<f64>,
}

/// Which sort of reason it is.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReasonKind {
    /// It is near what the person likes.
    Interest,
    /// It is near what the person chose lately.
    Momentum,
    /// It is near the text searched for.
    Query,
    /// It is near the item that similar ones were asked for.
    Similar,
    /// People choose it together with what the person likes.
    Crowd,
    /// Many like it.
    Prior,
    /// It is of a category that the person chooses.
    Category,
    /// A number of it is good, or near what the person chooses.
    Number,
    /// It is recent.
    Recency,
    /// It is near where the person is.
    Geo,
}

/// An item behind a reason or an interest.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonItem {
    /// The item's id.
    pub id: String,
    /// Its title, where the catalog shows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its share, 0 to 1; all shares of one reason, told or not, add up to 1.
    pub share: f64,
    /// `interest`: the type of the event that speaks most for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// That event's value, where it has one: the mark of a `rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// Something that the person likes, for people to look at: a group of liked items that are near each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterestInfo {
    /// A few words for it: the categories that set it apart, or else the title of its central item.
    pub label: String,
    /// How much of all liking it is, 0 to 1; all interests together are 1, and a muted one is 0.
    pub share: f64,
    /// The likes that it comes to: the sum of what its items count for.
    pub mass: f64,
    /// Whether the person has muted it: it is told here and counts nowhere.
    pub muted: bool,
    /// The ids of the events behind it.
    pub events: Vec<String>,
    /// The liked items in it, the largest share (of this interest) first.
    pub items: Vec<ReasonItem>,
    /// Items of the catalog nearest to it that the person has not seen, nearest first; `share` is the cosine.
    pub nearest: Vec<ReasonItem>,
    /// The categories that its items have more often than the catalog does, the most telling first.
    pub categories: Vec<String>,
    /// When the first of its events happened, in milliseconds since 1970.
    pub since: i64,
}

/// A column of the catalog, with what a filter control needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnInfo {
    /// The column's name.
    pub name: String,
    /// What its values are: `text`, `number`, `integer`, `boolean`, `date` or `tags`.
    #[serde(rename = "type")]
    pub column_type: &'static str,
    /// Whether hits carry it.
    pub display: bool,
    /// How many items have no value.
    pub missing: usize,
    /// The least value of a number, integer or date column (dates as `"YYYY-MM-DD"`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// The greatest value of a number, integer or date column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// The values of a tags, boolean or short text column, the most frequent first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<ValueCount>>,
}

/// A value and how many items have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueCount {
    /// The value.
    pub value: String,
    /// How many items have it.
    pub count: usize,
}
