//! What was shown and ignored sinks for a while.

use std::collections::BTreeMap;

use super::column::AffinityColumn;
use super::term::{Term, TermKind};
use crate::catalog::Catalog;
use crate::profile::{Event, IMPRESSION};

/// After so long an impression counts half: most of it is forgotten after a weekend, nearly all after a week.
const HALF_LIFE_MS: f64 = 86_400_000.0;
/// Minutes are as exact as it gets, so that calls in quick succession find what was computed.
pub(crate) const MINUTE_MS: i64 = 60_000;

/// When items were shown since the person last did anything with them, by row.
pub(crate) fn ignored(catalog: &Catalog, events: &[Event]) -> BTreeMap<usize, Vec<i64>> {
    let mut ignored: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for event in events {
        if event.kind == IMPRESSION {
            ignored.entry(&event.item).or_default().push(event.time);
        } else {
            ignored.remove(event.item.as_str());
        }
    }
    ignored.into_iter().filter_map(|(item, times)| Some((catalog.row(item)?, times))).collect()
}

/// `−(1 − 2^(−Σ ½^(age / half-life)))` over the impressions of an item: 0 for what was not shown, −½ right after once, toward −1
/// the more often.
pub(crate) fn column(ignored: &BTreeMap<usize, Vec<i64>>, rows: usize, now_ms: i64) -> AffinityColumn {
    let mut values = vec![0.0; rows];
    for (row, times) in ignored {
        let age = |time: &i64| now_ms.saturating_sub(*time).max(0) as f64;
        let fresh: f64 = times.iter().map(|time| (-age(time) / HALF_LIFE_MS).exp2()).sum();
        values[*row] = (-fresh).exp2() - 1.0;
    }
    AffinityColumn::new(values)
}

/// The weight of a rotation of 1 in a call with these weights: twice what lies between the best and the worst item that there could be,
/// since an impression right now is worth a half.
pub(crate) fn unit(terms: &[Term], weights: &[f64]) -> f64 {
    /// Where nothing has a weight there is still an order of ids to sink in.
    const LEAST: f64 = 1.0;
    let range: f64 = terms.iter().zip(weights).map(|(term, weight)| term.kind.span() * weight.abs()).sum();
    2.0 * range.max(LEAST)
}

impl TermKind {
    /// How far the affinities of two items can lie apart; nothing for rotation itself.
    fn span(&self) -> f64 {
        match self {
            Self::Rotation => 0.0,
            Self::Vector(_) | Self::Collaborative(_) | Self::Category { .. } | Self::Query | Self::Momentum => 2.0,
            Self::Number { .. } | Self::Recency { .. } | Self::Geo { .. } | Self::Dislike | Self::Prior => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impressions_add_up_and_fade() {
        let now = 1_700_000_000_000;
        let day = HALF_LIFE_MS as i64;
        let ignored = BTreeMap::from([(0, vec![now]), (1, vec![now, now]), (2, vec![now - day]), (3, vec![now + day])]);
        let values = column(&ignored, 5, now).values;
        assert_eq!(values[..2], [-0.5, -0.75]);
        assert!((values[2] - (0.5f64.sqrt() - 1.0)).abs() < 1e-12, "half an impression after a day");
        assert_eq!(values[3..], [-0.5, 0.0], "what lies ahead is as if it were now");
    }
}
