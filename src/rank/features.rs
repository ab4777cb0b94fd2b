//! What is known of each candidate, for a ranker outside of this library.

use std::sync::Arc;

use serde::Serialize;

use super::call::{Call, Subject};
use super::column::AffinityColumn;
use super::error::RankError;
use super::options::RecommendOptions;
use super::recommender::Recommender;
use super::term::TermKind;

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
        let rows: Vec<usize> = list.hits.iter().filter_map(|hit| self.catalog.row(&hit.id)).collect();
        self.features_of(&rows, options, now_ms)
    }

    /// The features of these rows, in their order.
    pub(crate) fn features_of(
        &mut self,
        rows: &[usize],
        options: &RecommendOptions,
        now_ms: i64,
    ) -> Result<Features, RankError> {
        let columns = self.feature_columns(options, now_ms)?;
        let mut values = Vec::with_capacity(rows.len() * columns.len());
        for row in rows {
            values.extend(columns.iter().map(|column| column.as_ref().map_or(0.0, |column| column.values[*row])));
        }
        let names = self.feature_names().into_iter().map(str::to_owned).collect();
        Ok(Features { names, ids: rows.iter().map(|row| self.catalog.id(*row).to_owned()).collect(), values })
    }

    /// The names of the features, in their order.
    pub(crate) fn feature_names(&self) -> Vec<&str> {
        self.feature_terms().into_iter().map(|term| self.terms[term].name.as_str()).collect()
    }

    /// For each feature whether its term is personal, and the weight when a call gives none.
    #[cfg(feature = "cli")]
    pub(crate) fn feature_defaults(&self) -> Vec<(bool, f64)> {
        let default = |term: usize| (self.terms[term].kind.is_personal(), self.terms[term].weight);
        self.feature_terms().into_iter().map(default).collect()
    }

    /// A column per feature, as a recommendation has it; nothing where the term says nothing.
    pub(crate) fn feature_columns(
        &mut self,
        options: &RecommendOptions,
        now_ms: i64,
    ) -> Result<Vec<Option<Arc<AffinityColumn>>>, RankError> {
        self.set_present(now_ms);
        let asked = self.asked(&self.by_default(options), false)?;
        let terms = self.feature_terms();
        let mut weights = vec![0.0; self.terms.len()];
        terms.iter().for_each(|term| weights[*term] = 1.0);
        let active = self.active(&Call::of_person(Subject::Person, weights, &asked, now_ms))?;
        let column = |term: &usize| active.iter().find(|active| active.term == *term).map(|one| one.column.clone());
        Ok(terms.iter().map(column).collect())
    }

    /// What the weight of each feature is multiplied by for this person.
    #[cfg(feature = "cli")]
    pub(crate) fn feature_strengths(&self, options: &RecommendOptions) -> Result<Vec<f64>, RankError> {
        let mut asked = self.asked(&self.by_default(options), false)?;
        asked.given.clear();
        let strength = self.strength(&asked);
        Ok(self.feature_terms().into_iter().map(|term| strength.of(&self.terms[term])).collect())
    }

    /// The terms that features are of.
    pub(crate) fn feature_terms(&self) -> Vec<usize> {
        let mut terms: Vec<usize> = (0..self.terms.len()).collect();
        terms.retain(|term| !matches!(self.terms[*term].kind, TermKind::Query));
        terms.sort_by_key(|term| &self.terms[*term].name);
        terms
    }
}
