//! From scores to a list: the best rows, spread out, one per group of variants, so many per category; and where each of them
//! stands for a stranger.
//!
//! Everything is done in the order of the list and ends with it: nothing here sorts the catalog to show twenty items.

use std::collections::HashMap;

use super::asked::Asked;
use super::call::{Active, parts};
use super::diversity::{Likeness, POOL, SpreadOut};
use super::hit::{Baseline, Hit};
use super::limits::Caps;
use super::recommender::Recommender;
use super::rerank::second_stage;
use super::sum::{BestFirst, PartColumn, RankedRow, places, sums};
use super::term::TermKind;
use crate::catalog::Categories;
use crate::vector::Mask;

impl Recommender {
    /// `Σ weight · affinity` of every row.
    pub(crate) fn scores(&self, active: &[Active]) -> Vec<f64> {
        sums(&parts(active), self.catalog.len())
    }

    /// The rows of the mask from the best on, of each group of variants only the best.
    pub(crate) fn best_first<'a>(
        &'a self,
        scores: &'a [f64],
        mask: &'a Mask,
        batch: usize,
    ) -> impl Iterator<Item = RankedRow> + 'a {
        let mut first_of_group = self.variants.as_ref().map(super::limits::Variants::first_of_group);
        let stays = move |ranked: &RankedRow| first_of_group.as_mut().is_none_or(|first| first(ranked.row));
        BestFirst::new(scores, mask, batch).filter(stays)
    }

    /// The first `wanted` rows of the mask, as far as variants and caps leave so many, the best of them as different from each other
    /// as asked for. With a second stage the rows that it has scores for come first, in its order.
    pub(crate) fn ordered(
        &self,
        scores: &[f64],
        mask: &Mask,
        asked: &Asked,
        wanted: usize,
        reranked: Option<&HashMap<usize, f64>>,
    ) -> Vec<RankedRow> {
        let columns = self.catalog.columns();
        let capped = |(at, most): &(usize, usize)| Some((columns[*at].categories()?, *most));
        let mut caps = Caps::new(asked.caps.iter().filter_map(capped));
        asked.cursor.rows.iter().for_each(|row| caps.count(*row));
        let mut first = self.best_first(scores, mask, wanted.max(POOL));
        // The rows of the second stage were the best of the first, as far as they are still in the mask.
        let second: Vec<RankedRow> = match reranked {
            Some(second) => second_stage(first.by_ref().take(second.len().max(POOL)).collect(), second),
            None => Vec::new(),
        };
        let mut best = second.into_iter().chain(first);
        if asked.diversity == 0.0 {
            return caps.take(best, wanted);
        }
        let pool: Vec<RankedRow> = best.by_ref().take(POOL).collect();
        let likeness = self.likeness(&pool);
        caps.take(SpreadOut::new(pool, likeness, asked.diversity).chain(best), wanted)
    }

    pub(crate) fn likeness(&self, pool: &[RankedRow]) -> Likeness<'_> {
        let categories = self.terms.iter().filter_map(|term| match &term.kind {
            TermKind::Category { column } => self.named(column)?.categories(),
            _ => None,
        });
        let categories: Vec<&Categories> = categories.collect();
        Likeness::new(pool.iter().map(|ranked| ranked.row).collect(), &self.spaces, categories)
    }

    /// Where each hit stands for a stranger, and how far from there it is for this person.
    pub(crate) fn compare(&self, hits: &mut [Hit], rows: &[usize], scores: &[f64], active: &[Active], eligible: &Mask) {
        let stranger: Vec<PartColumn<'_>> =
            (active.iter()).filter(|active| !self.terms[active.term].kind.is_personal()).map(Active::part).collect();
        let ranks = places(&sums(&stranger, self.catalog.len()), eligible, rows);
        let personal = places(scores, eligible, rows);
        for ((hit, rank), personal) in hits.iter_mut().zip(ranks).zip(personal) {
            hit.baseline = Some(Baseline { rank, rise: rank as i64 - personal as i64 });
        }
    }
}
