//! Weights that go on learning on the device: from what its person chose of the lists that they were shown.
//!
//! The catalog brings weights and a [`PairwiseModel`]; with `learn` the log says what of it does not hold for this person. A list is a
//! run of impressions; what the person spoke for within a day, and was not shown again before, was chosen of it, and stands against what was shown above it and left, and
//! against the next one below (what was surely looked at; Joachims 2002, KDD, "click > skip above" and "no-click next"). Each item counts with
//! the affinities that it had for the person when the list was shown. The weights go no farther from the shipped ones
//! than the model's radius, and stay where they are with less evidence than its minimum.
//!
//! Nothing is kept: all of it follows from the log, so that undoing, erasing and importing work on it as on everything else, and without
//! `learn` the list is what it was.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use serde::Serialize;

use super::error::{RankError, RankErrorKind};
use super::options::RecommendOptions;
use super::outcomes::outcomes;
use super::pairwise::{Pairs, fit, moved, within};
use super::recommender::Recommender;
use super::term::ROTATION;
use crate::catalog::PairwiseModel;
use crate::profile::{Event, IMPRESSION};
use crate::vector::best_scorer;

/// Impressions with nothing between them, and no longer apart than this, are of one list.
const ONE_LIST_MS: i64 = 60_000;
/// The latest lists with a choice count: enough to learn a dozen weights from, and each costs a ranking once.
const MOST_LISTS: usize = 100;

/// What was learned from the person's own choices.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LearnedWeights {
    /// Pairs of an item that was chosen and one that was shown and left.
    pub pairs: usize,
    /// With fewer of them nothing is learned.
    pub least_pairs: usize,
    /// What each weight is multiplied by, by name; empty while nothing is learned.
    pub factors: std::collections::BTreeMap<String, f64>,
}

/// What was computed for the lists of the log.
#[derive(Debug, Default)]
pub(crate) struct LearningCache {
    /// The affinities of a list's items, item after item, by what they depend on.
    lists: HashMap<u64, Vec<f64>>,
    /// The factors of the terms, for a log.
    learned: Option<(u64, usize, Option<Vec<f64>>)>,
}

/// A list that was shown, and what became of it.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    /// The place of its first impression in the log: what came before was known then.
    begin: usize,
    time: i64,
    /// In the order of the places.
    rows: Vec<usize>,
    chosen: Vec<bool>,
}

impl Shown {
    /// The pairs of a chosen item and one that was looked at and left, as places in the list.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let Some(lowest) = self.chosen.iter().rposition(|chosen| *chosen) else { return Vec::new() };
        let looked_at = self.rows.len().min(lowest + 2);
        let places = |wanted: bool| (0..looked_at).filter(move |at| self.chosen[*at] == wanted);
        places(true).flat_map(|chosen| places(false).map(move |left| (chosen, left))).collect()
    }
}

impl Recommender {
    /// What the person's own choices have taught so far; nothing if the catalog has no model to learn with.
    pub fn learned(&mut self, now_ms: i64) -> Option<LearnedWeights> {
        let model = self.catalog.learning()?;
        let (pairs, factors) = self.learn(&model, now_ms);
        let names = self.feature_names().into_iter().map(str::to_owned);
        let factors = names.zip(factors.into_iter().flatten()).filter(|(_, factor)| *factor != 1.0).collect();
        Some(LearnedWeights { pairs, least_pairs: model.least_pairs, factors })
    }

    /// What the weights of a call are multiplied by, a factor per term; nothing if nothing is learned.
    ///
    /// # Errors
    ///
    /// A catalog without a model to learn with.
    pub(crate) fn learned_factors(&mut self, now_ms: i64) -> Result<Option<Vec<f64>>, RankError> {
        let Some(model) = self.catalog.learning() else {
            let message = "option `learn`: expected a catalog with a model to learn with, got one without; make one with `homebody \
                           tune --model logistic --apply`";
            return Err(RankError::new(RankErrorKind::BadOption, message));
        };
        let (_, factors) = self.learn(&model, now_ms);
        let terms = self.feature_terms();
        Ok(factors.map(|factors| {
            let mut by_term = vec![1.0; self.terms.len()];
            terms.into_iter().zip(factors).for_each(|(term, factor)| by_term[term] = factor);
            by_term
        }))
    }

    /// How many pairs the log has, and a factor per feature where they are enough.
    fn learn(&mut self, model: &PairwiseModel, now_ms: i64) -> (usize, Option<Vec<f64>>) {
        let log = fingerprint(self.log().events());
        if let Some((known, pairs, factors)) = &self.cache.learning.learned
            && *known == log
        {
            return (*pairs, factors.clone());
        }
        let lists = self.shown();
        let count = lists.iter().map(|list| list.pairs().len()).sum();
        let factors = (count >= model.least_pairs && count > 0).then(|| {
            let affinities = self.affinities(&lists, now_ms);
            self.fitted(model, &lists, &affinities)
        });
        self.cache.learning.learned = Some((log, count, factors.clone()));
        (count, factors)
    }

    fn fitted(&self, model: &PairwiseModel, lists: &[Shown], affinities: &[Vec<f64>]) -> Vec<f64> {
        let terms = self.feature_terms();
        // Rotation follows from the impressions themselves: it would learn that what was shown twice was not chosen the first time.
        let weight = |term: &usize| if self.terms[*term].name == ROTATION { 0.0 } else { self.terms[*term].weight };
        let weights: Vec<f64> = terms.iter().map(weight).collect();
        let mut pairs = Pairs::new(terms.len());
        for (list, values) in lists.iter().zip(affinities) {
            for (chosen, left) in list.pairs() {
                pairs.push(1.0, |term| values[chosen * terms.len() + term] - values[left * terms.len() + term]);
            }
        }
        let theta = within(fit(&pairs, &weights, model.scale, model.penalty), model.radius);
        moved(&vec![1.0; weights.len()], &theta)
    }

    /// The latest lists of which something was chosen, the oldest first.
    fn shown(&self) -> Vec<Shown> {
        let events = self.log().events();
        let taken_up = outcomes(events, &self.effects);
        let mut lists: Vec<Shown> = Vec::new();
        let mut last: Option<usize> = None;
        let mut places: Vec<Vec<(f64, usize, bool)>> = Vec::new();
        for (at, event) in events.iter().enumerate().filter(|(_, event)| event.kind == IMPRESSION) {
            let Some(row) = self.catalog.row(&event.item) else { continue };
            let goes_on = last.is_some_and(|last| last + 1 == at && event.time - events[last].time <= ONE_LIST_MS);
            if !goes_on {
                lists.push(Shown { begin: at, time: event.time, rows: Vec::new(), chosen: Vec::new() });
                places.push(Vec::new());
            }
            last = Some(at);
            let place = event.value.unwrap_or(places.last().map_or(0, Vec::len) as f64);
            let Some(items) = places.last_mut() else { continue };
            match items.iter_mut().find(|(_, other, _)| *other == row) {
                Some((.., chosen)) => *chosen |= taken_up[at],
                None => items.push((place, row, taken_up[at])),
            }
        }
        for (list, mut items) in lists.iter_mut().zip(places) {
            items.sort_by(|a, b| a.0.total_cmp(&b.0));
            (list.rows, list.chosen) = items.into_iter().map(|(_, row, chosen)| (row, chosen)).unzip();
        }
        lists.retain(|list| !list.pairs().is_empty());
        lists.split_off(lists.len().saturating_sub(MOST_LISTS))
    }

    /// What the features of each list's items were when it was shown, item after item.
    fn affinities(&mut self, lists: &[Shown], now_ms: i64) -> Vec<Vec<f64>> {
        let events = self.log().events().to_vec();
        // The past is gone through in one go: products that are made elsewhere cannot be waited for in the middle of it.
        let scorer = std::mem::replace(&mut self.scorer, best_scorer());
        let mut kept = HashMap::new();
        let mut all = Vec::with_capacity(lists.len());
        for list in lists {
            let key = fingerprint_of_list(&events[..list.begin], list);
            let values = match self.cache.learning.lists.remove(&key).or_else(|| kept.get(&key).cloned()) {
                Some(values) => values,
                None => self.rewound(&events[..list.begin], list.time, now_ms, |then| then.values_of(list)),
            };
            kept.insert(key, values.clone());
            all.push(values);
        }
        self.scorer = scorer;
        self.cache.learning.lists = kept;
        all
    }

    fn values_of(&mut self, list: &Shown) -> Vec<f64> {
        let options = RecommendOptions::default();
        let columns = self.feature_columns(&options, list.time).expect("a catalog takes its own defaults");
        let value = |row: usize| columns.iter().map(move |column| column.as_ref().map_or(0.0, |own| own.values[row]));
        list.rows.iter().flat_map(|row| value(*row)).collect()
    }
}

fn fingerprint(events: &[Event]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash_events(events, &mut hasher);
    hasher.finish()
}

fn fingerprint_of_list(before: &[Event], list: &Shown) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash_events(before, &mut hasher);
    (list.time, &list.rows).hash(&mut hasher);
    hasher.finish()
}

fn hash_events(events: &[Event], hasher: &mut DefaultHasher) {
    for Event { id, item, kind, value, time, .. } in events {
        (id, item, kind, value.map(f64::to_bits), time).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_and_left_stands_against_what_was_chosen() {
        let list =
            |chosen: &[bool]| Shown { begin: 0, time: 0, rows: (0..chosen.len()).collect(), chosen: chosen.to_vec() };
        assert_eq!(
            list(&[false, true, false, false]).pairs(),
            [(1, 0), (1, 2)],
            "the one above and the next one below"
        );
        assert_eq!(list(&[true]).pairs(), []);
        assert_eq!(list(&[false, false]).pairs(), []);
        assert_eq!(list(&[true, false, true]).pairs(), [(0, 1), (2, 1)]);
    }
}
