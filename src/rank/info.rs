//! What there is: columns for filter controls, figures about the profile.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::habits::{Drift, HitShare};
use super::hit::{ColumnInfo, ValueCount};
use super::recommender::Recommender;
use crate::catalog::{Column, ColumnType};

/// A text column with more different values than this is no list to choose from.
const MOST_TEXTS: usize = 100;
/// So many tags at most are listed, the most frequent ones.
const MOST_TAGS: usize = 1000;

/// A few figures about a profile. They never leave the device unless the application sends them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// How many events there are.
    pub events: usize,
    /// How many different items they speak of.
    pub items: usize,
    /// Events of each type that occurs.
    pub by_type: BTreeMap<String, usize>,
    /// Events whose item is not in this catalog: kept, without effect for now.
    pub unknown_items: usize,
    /// Events whose type is not in the table of effects: likewise.
    pub unknown_types: usize,
    /// Items of this catalog that the person likes.
    pub liked: usize,
    /// Items of this catalog that the person dislikes.
    pub disliked: usize,
    /// Items of this catalog that count as seen.
    pub seen: usize,
    /// How often an item was shown, as far as events of type [`IMPRESSION`](crate::IMPRESSION) tell.
    pub impressions: usize,
    /// What became of them, place by place; those without a place first.
    pub hit_shares: Vec<HitShare>,
    /// Items of this catalog that were shown at least once, as a share of all.
    pub coverage: f64,
    /// How much the share of impressions that were taken up changed; nothing with fewer than a hundred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit_share_drift: Option<Drift>,
    /// How much what the person likes changed; nothing with fewer than ten liked items, or without a vector space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interests_drift: Option<Drift>,
    /// Time of the oldest event, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// Time of the newest event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
}

impl Recommender {
    /// The catalog's columns, with what a filter control needs.
    pub fn columns(&self) -> Vec<ColumnInfo> {
        self.catalog.columns().iter().map(info).collect()
    }

    /// A few figures about the profile.
    pub fn metrics(&self) -> Metrics {
        let events = self.log().events();
        let mut by_type = BTreeMap::new();
        for event in events {
            *by_type.entry(event.kind.clone()).or_insert(0) += 1;
        }
        let habits = self.habits();
        Metrics {
            events: events.len(),
            items: events.iter().map(|event| &event.item).collect::<BTreeSet<_>>().len(),
            by_type,
            unknown_items: events.iter().filter(|event| self.catalog.row(&event.item).is_none()).count(),
            unknown_types: events.iter().filter(|event| self.effects.get(&event.kind).is_none()).count(),
            liked: self.person.whole().likes.len(),
            disliked: self.person.whole().dislikes.len(),
            seen: self.catalog.len() - self.person.unseen.count(),
            impressions: habits.impressions,
            hit_shares: habits.by_position,
            coverage: habits.shown as f64 / self.catalog.len().max(1) as f64,
            hit_share_drift: habits.hit_share_drift,
            interests_drift: habits.interests_drift,
            first: events.first().map(|event| event.time),
            last: events.last().map(|event| event.time),
        }
    }
}

fn info(column: &Column) -> ColumnInfo {
    let (min, max) = range(column);
    ColumnInfo {
        name: column.name().to_owned(),
        column_type: column.column_type().name(),
        display: column.display,
        missing: column.missing(),
        min,
        max,
        values: values(column),
    }
}

fn range(column: &Column) -> (Option<Value>, Option<Value>) {
    let known = || (0..column.len()).filter_map(|row| column.number(row).map(|number| (number, row)));
    let value = |found: Option<(f64, usize)>| found.map(|(_, row)| column.value(row));
    (value(known().min_by(|a, b| a.0.total_cmp(&b.0))), value(known().max_by(|a, b| a.0.total_cmp(&b.0))))
}

fn values(column: &Column) -> Option<Vec<ValueCount>> {
    let count = |(value, count): (&str, usize)| ValueCount { value: value.to_owned(), count };
    match column.column_type() {
        ColumnType::Tags | ColumnType::Boolean => {
            Some(column.categories()?.by_count().into_iter().take(MOST_TAGS).map(count).collect())
        }
        ColumnType::Text => {
            let mut counts: HashMap<&str, usize> = HashMap::new();
            for text in (0..column.len()).filter_map(|row| column.text(row)) {
                *counts.entry(text).or_default() += 1;
                if counts.len() > MOST_TEXTS {
                    return None;
                }
            }
            let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
            counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            Some(counts.into_iter().map(count).collect())
        }
        ColumnType::Number | ColumnType::Integer | ColumnType::Date => None,
    }
}
