//! What is known of each candidate, for a ranker outside of this library.

use serde::Serialize;

use super::call::{Call, Subject};
use super::error::RankError;
use super::options::RecommendOptions;
use super::recommender::Recommender;

/// The features of a list of candidates: a row per item, a column per name, all of them finite.
///
/// A feature is the affinity of a term, −1 to 1 (see [`Part::affinity`](crate::Part::affinity)), whatever its weight, and 0 where
/// the term says nothing. The names are those of [`Recommender::weights`], in that order, without `query`, which a
/// recommendation does not have. The same catalog gives the same columns to everybody.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// What the columns are.
    pub names: Vec<String>,
    /// The items, in the order of the list.
    pub ids: Vec<String>,
    /// Row after row: `values[row * names.len() + column]`.
    pub values: Vec<f64>,
}

impl Features {
    /// The features of one item, in the order of the names.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.names.len()..][..self.names.len()]
    }
}

impl Recommender {
    /// The features of the items that [`recommend`](Self::recommend) would list: the first stage of a ranking in two.
    ///
    /// # Errors
    ///
    /// What [`recommend`](Self::recommend) refuses.
    pub fn features(&mut self, options: &RecommendOptions, now_ms: i64) -> Result<Features, RankError> {
        let list = self.recommend(options, now_ms)?;
        let asked = self.asked(options, false)?;
        let query = self.terms.iter().position(|term| term.name == super::term::QUERY);
        let weights = (0..self.terms.len()).map(|term| f64::from(u8::from(Some(term) != query))).collect();
        let active = self.active(&Call::of_person(Subject::Person, weights, &asked, now_ms))?;
        let mut columns: Vec<(&str, Option<&super::call::Active>)> = (self.terms.iter().enumerate())
            .filter(|(at, _)| Some(*at) != query)
            .map(|(at, term)| (term.name.as_str(), active.iter().find(|active| active.term == at)))
            .collect();
        columns.sort_by_key(|(name, _)| *name);
        let mut values = Vec::with_capacity(list.hits.len() * columns.len());
        for row in list.hits.iter().filter_map(|hit| self.catalog.row(&hit.id)) {
            values.extend(columns.iter().map(|(_, active)| active.map_or(0.0, |active| active.column.values[row])));
        }
        let names = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        Ok(Features { names, ids: list.hits.into_iter().map(|hit| hit.id).collect(), values })
    }
}
