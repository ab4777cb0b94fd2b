//! Which items are considered at all: the `where` of a call, read from JSON and turned into one bit per item before
//! anything is scored.
//!
//! A filter is an object. Each key is a column with what its value must be, or `and`, `or`, `not` with further filters; all
//! keys of one object must hold. What a value must be is the value itself (of tags: one of them) or an object of tests that
//! must all hold: `gt`, `gte`, `lt`, `lte`, `between` (both ends included), `in`, `any`, `all`, `not`, `exists`. Dates are
//! written `"YYYY-MM-DD"`. The key `id` stands for the item's id where the catalog has no column of that name.
//!
//! A missing value fulfils no test but `exists: false`; the opposite of a test that a missing value does not fulfil is
//! fulfilled by it (`{"rating": {"not": {"gt": 5}}}` includes the unrated).

mod compile;
mod parse;

use serde_json::Value;

/// What an item must be like to be considered.
///
/// ```
/// use homebody::Filter;
/// let filter = Filter::from_json(&serde_json::json!({
///     "year": {"gte": 1980, "lt": 1990},
///     "or": [{"genres": {"any": ["Adventure", "Science Fiction"]}}, {"director": "Ridley Scott"}],
/// }))?;
/// assert!(Filter::from_json(&serde_json::json!({"year": {"above": 1980}})).is_err());
/// # Ok::<(), homebody::RankError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(pub(crate) Node);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Column { name: String, test: Test },
}

/// What must hold for the value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Every(Vec<Test>),
    Not(Box<Test>),
    Exists(bool),
    Equal(Value),
    Order(Order, Value),
    Between(Value, Value),
    In(Vec<Value>),
    AnyOf(Vec<Value>),
    AllOf(Vec<Value>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Self::Greater => "gt",
            Self::GreaterOrEqual => "gte",
            Self::Less => "lt",
            Self::LessOrEqual => "lte",
        }
    }

    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
        }
    }
}

impl Test {
    /// The operator as it is written.
    fn operator(&self) -> &'static str {
        match self {
            Self::Every(_) => "tests",
            Self::Not(_) => "not",
            Self::Exists(_) => "exists",
            Self::Equal(_) => "=",
            Self::Order(order, _) => order.name(),
            Self::Between(..) => "between",
            Self::In(_) => "in",
            Self::AnyOf(_) => "any",
            Self::AllOf(_) => "all",
        }
    }
}
