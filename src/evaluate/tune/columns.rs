//! What each case's terms say of each item: made once, so that other weights cost a sum and no ranking.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{TuneMetric, TuneRequest, TuneStep};
use crate::evaluate::error::EvaluateError;
use crate::evaluate::judge::World;
use crate::evaluate::setting::Setting;
use crate::evaluate::split::hash;
use crate::evaluate::statistics::People;
use crate::rank::{Recommender, Settings};

/// All columns together take no more than this; of more cases a sample is looked at.
const MOST_BYTES: usize = 1 << 30;

/// A term whose weight is searched for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SearchedTerm {
    pub(super) name: String,
    /// Whether it depends on the person.
    pub(super) personal: bool,
    /// Where the search begins.
    pub(super) weight: f64,
}

/// What the terms say of the candidates of each case.
pub(super) struct Columns {
    pub(super) terms: Vec<SearchedTerm>,
    /// The weights of the setting.
    pub(super) start: Vec<f64>,
    pub(super) cases: Vec<Case>,
}

pub(super) struct Case {
    person: usize,
    /// A column per term, an affinity per candidate, times the strength with which the term counts for this person; empty where the
    /// term says nothing.
    columns: Vec<Vec<f32>>,
    pub(super) candidates: usize,
    /// Places among the candidates.
    pub(super) good: BTreeSet<usize>,
}

/// The features of the catalog as a setting weighs them.
pub(super) fn defaults(world: &World<'_>, setting: &Setting) -> Result<Vec<SearchedTerm>, EvaluateError> {
    let refused = |error| EvaluateError::setting(format!("setting {}: {error}", setting.name()));
    let mut by_name: BTreeMap<String, SearchedTerm> = BTreeMap::new();
    for catalog in world.catalogs() {
        let recommender = Recommender::new(catalog.clone(), Settings::default()).map_err(refused)?;
        for (name, (personal, weight)) in recommender.feature_names().into_iter().zip(recommender.feature_defaults()) {
            let weight = setting.options.weights.get(name).copied().unwrap_or(weight);
            by_name.insert(name.to_owned(), SearchedTerm { name: name.to_owned(), personal, weight });
        }
    }
    Ok(by_name.into_values().collect())
}

impl Columns {
    /// Makes the columns of these cases under a setting.
    pub(super) fn of(
        world: &World<'_>,
        cases: &[usize],
        setting: &Setting,
        request: &TuneRequest,
        progress: &(dyn Fn(TuneStep) + Sync),
    ) -> Result<Self, EvaluateError> {
        let terms = defaults(world, setting)?;
        let cases = sample(cases, world.catalog.len() * terms.len() * size_of::<f32>(), request.seed);
        let refused = |error| EvaluateError::setting(format!("setting {}: {error}", setting.name()));
        let preparing = |done, all| progress(TuneStep::Preparing(done, all));
        let made = world.each(&cases, std::slice::from_ref(setting), request.jobs, &preparing, |judge, case| {
            let candidates = judge.candidates(case);
            let recommender = judge.person(0, case)?;
            let columns = recommender.feature_columns(&setting.options, case.time).map_err(refused)?;
            let strengths = recommender.feature_strengths(&setting.options).map_err(refused)?;
            let names = recommender.feature_names();
            let column = |term: &SearchedTerm| {
                let at = names.iter().position(|name| *name == term.name);
                let spoken = at.and_then(|at| Some((columns[at].as_ref()?, strengths[at])));
                spoken.map_or_else(Vec::new, |(column, strength)| {
                    candidates.rows().map(|row| (strength * column.values[row]) as f32).collect()
                })
            };
            let columns = terms.iter().map(column).collect();
            let good = candidates.rows().enumerate().filter(|(_, row)| case.good.contains(row));
            Ok(Case {
                person: case.person,
                columns,
                candidates: candidates.count(),
                good: good.map(|(at, _)| at).collect(),
            })
        })?;
        // A term that is silent in every case cannot be told a weight for.
        let spoken: Vec<bool> =
            (0..terms.len()).map(|term| made.iter().any(|case| !case.columns[term].is_empty())).collect();
        let keep = |cells: Vec<Vec<f32>>| {
            cells.into_iter().zip(&spoken).filter(|(_, spoken)| **spoken).map(|(cell, _)| cell).collect()
        };
        let cases = made.into_iter().map(|case| Case { columns: keep(case.columns), ..case }).collect();
        let terms: Vec<SearchedTerm> =
            terms.into_iter().zip(&spoken).filter(|(_, spoken)| **spoken).map(|(term, _)| term).collect();
        let start = terms.iter().map(|term| term.weight).collect();
        Ok(Self { terms, start, cases })
    }

    /// The metric of each case with these weights.
    pub(super) fn judge(&self, weights: &[f64], metric: TuneMetric) -> Vec<f64> {
        self.judge_first(weights, metric, self.cases.len())
    }

    /// The same for the first few cases.
    pub(super) fn judge_first(&self, weights: &[f64], metric: TuneMetric, cases: usize) -> Vec<f64> {
        let judge = |case: &Case| {
            let scores = case.scores(weights);
            let list = case.list(&scores, metric.places);
            match metric.measure {
                super::Measure::ReciprocalRank => case.reciprocal_rank(&scores),
                _ => metric.of(&list, &case.good),
            }
        };
        self.cases[..cases].par_iter().map(judge).collect()
    }

    /// Whose the cases are.
    pub(super) fn people(&self) -> People {
        People::of(self.cases.iter().map(|case| case.person))
    }

    /// Weights by name.
    pub(super) fn by_name(&self, weights: &[f64]) -> BTreeMap<String, f64> {
        self.terms.iter().zip(weights).map(|(term, weight)| (term.name.clone(), *weight)).collect()
    }
}

impl Case {
    pub(super) fn scores(&self, weights: &[f64]) -> Vec<f64> {
        let mut scores = vec![0.0; self.candidates];
        for (column, weight) in self.columns.iter().zip(weights).filter(|(_, weight)| **weight != 0.0) {
            scores.iter_mut().zip(column).for_each(|(score, affinity)| *score += weight * f64::from(*affinity));
        }
        scores
    }

    /// What the terms say of a candidate.
    pub(super) fn affinity(&self, term: usize, candidate: usize) -> f64 {
        self.columns[term].get(candidate).map_or(0.0, |affinity| f64::from(*affinity))
    }

    /// The first candidates by score, of equal scores the lesser one first.
    pub(super) fn list(&self, scores: &[f64], places: usize) -> Vec<usize> {
        let order = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        let mut list: Vec<usize> = (0..self.candidates).collect();
        if places < list.len() {
            list.select_nth_unstable_by(places, order);
            list.truncate(places);
        }
        list.sort_unstable_by(order);
        list
    }

    fn reciprocal_rank(&self, scores: &[f64]) -> f64 {
        let order = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        let Some(best) = self.good.iter().copied().min_by(order) else { return 0.0 };
        let before = (0..self.candidates).filter(|other| order(other, &best).is_lt()).count();
        1.0 / (before + 1) as f64
    }
}

/// As many of the cases as fit, in an order by chance, so that the first few of them are a sample too.
fn sample(cases: &[usize], bytes: usize, seed: u64) -> Vec<usize> {
    let mut cases = cases.to_vec();
    cases.sort_by_key(|case| hash(seed, &[*case as u64]));
    cases.truncate((MOST_BYTES / bytes.max(1)).max(1));
    cases
}
