//! A list in two stages: the best items by the weighted sum, put into the order of somebody else's numbers.
//!
//! The score of a hit stays that of the first stage, and so do its parts and its reason: they say why the item came this far. What the
//! second stage made of it is [`Hit::rerank`](crate::Hit::rerank).

use std::collections::HashMap;

use super::asked::Asked;
use super::call::{Call, Subject};
use super::error::{RankError, RankErrorKind};
use super::features::Features;
use super::hit::Recommendation;
use super::options::RecommendOptions;
use super::recommender::Recommender;
use super::sum::RankedRow;
use crate::vector::Mask;

/// So many of the best go into the second stage: beyond them the first stage is trusted.
pub const SHORTLIST: usize = 1000;

impl Recommender {
    /// The features of the best [`SHORTLIST`] items of a recommendation, by the weighted sum alone: whatever `limit`, `offset`, `diversity` and
    /// `caps` make of the list comes after the second stage.
    ///
    /// # Errors
    ///
    /// What [`recommend`](Self::recommend) refuses.
    pub fn shortlist(&mut self, options: &RecommendOptions, now_ms: i64) -> Result<Features, RankError> {
        self.set_present(now_ms);
        let asked = self.asked(&self.by_default(options), false)?;
        let mut mask = self.eligible(&asked)?;
        self.leave_out_shown(&mut mask, &asked);
        self.shortlist_by(&mask, asked, options, now_ms)
    }

    /// The same of the rows of a mask, with the options as defaults (see [`order`](Self::order)): for an evaluation, which decides by
    /// itself what is known.
    #[cfg(feature = "cli")]
    pub(crate) fn shortlist_of(
        &mut self,
        mask: &Mask,
        options: &RecommendOptions,
        now_ms: i64,
    ) -> Result<Features, RankError> {
        self.set_present(now_ms);
        let mut asked = self.asked(&self.by_default(options), false)?;
        asked.given.clear();
        self.shortlist_by(mask, asked, options, now_ms)
    }

    fn shortlist_by(
        &mut self,
        mask: &Mask,
        mut asked: Asked,
        options: &RecommendOptions,
        now_ms: i64,
    ) -> Result<Features, RankError> {
        asked.caps.clear();
        asked.diversity = 0.0;
        let weights = self.personal_weights(&asked, now_ms)?;
        let active = self.active(&Call::of_person(Subject::Person, weights, &asked, now_ms))?;
        let rows = self.ordered(&self.scores(&active), mask, &asked, SHORTLIST, None);
        let rows: Vec<usize> = rows.into_iter().map(|ranked| ranked.row).collect();
        self.features_of(&rows, options, now_ms)
    }

    /// The list of [`recommend`](Self::recommend) with these items in the order of these scores (the higher, the better), before all others.
    /// Pages, diversity and caps are of the list so ordered.
    ///
    /// # Errors
    ///
    /// Scores that are not one finite number per item, an item that the catalog does not have, and what
    /// [`recommend`](Self::recommend) refuses.
    pub fn reranked(
        &mut self,
        options: &RecommendOptions,
        ids: &[String],
        scores: &[f64],
        now_ms: i64,
    ) -> Result<Recommendation, RankError> {
        if ids.len() != scores.len() || scores.iter().any(|score| !score.is_finite()) {
            let finite = scores.iter().filter(|score| score.is_finite()).count();
            let message = format!("expected a finite score for each of {} items, got {finite}", ids.len());
            return Err(RankError::new(RankErrorKind::BadOption, message));
        }
        let mut by_row = HashMap::with_capacity(ids.len());
        for (id, score) in ids.iter().zip(scores) {
            let Some(row) = self.catalog.row(id) else {
                let message = format!("expected the id of an item of this catalog, got `{id}`");
                return Err(RankError::new(RankErrorKind::UnknownItem, message));
            };
            by_row.insert(row, *score);
        }
        self.set_present(now_ms);
        let asked = self.asked(&self.by_default(options), false)?;
        let weights = self.personal_weights(&asked, now_ms)?;
        self.rank(&Call::of_person(Subject::Person, weights, &asked, now_ms).reranked(&by_row), None)
    }
}

/// The rows of the first stage in the order of the second, equal scores in the order of rows; what has no score comes after, as it came.
pub(crate) fn second_stage(mut ranked: Vec<RankedRow>, scores: &HashMap<usize, f64>) -> Vec<RankedRow> {
    let least = scores.values().copied().fold(f64::INFINITY, f64::min);
    let mut others = 0.0;
    for ranked in &mut ranked {
        ranked.score = scores.get(&ranked.row).copied().unwrap_or_else(|| {
            others += 1.0;
            if least.is_finite() { least - others } else { -others }
        });
    }
    ranked.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then_with(|| {
            let scored = |row: &RankedRow| scores.contains_key(&row.row);
            scored(b).cmp(&scored(a)).then(a.row.cmp(&b.row))
        })
    });
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_stage_orders_what_it_knows_and_leaves_the_rest_behind() {
        let row = |row, score| RankedRow { row, score };
        let first = vec![row(3, 9.0), row(1, 8.0), row(7, 7.0), row(2, 6.0), row(5, 5.0)];
        let second = HashMap::from([(3, -1.0), (1, 0.5), (2, 0.5)]);
        let rows: Vec<usize> = second_stage(first, &second).into_iter().map(|ranked| ranked.row).collect();
        assert_eq!(rows, [1, 2, 3, 7, 5]);
    }
}
