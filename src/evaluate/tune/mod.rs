//! Which setting ranks best? A search on one part of what people did, and its proof on another.
//!
//! [`tune`] divides the cases of a protocol in two: the search sees the first part only; the second, later in time where the
//! protocol has a time and of other people where it has not, judges what was found against where the search began. What comes
//! out are settings (the weights of the terms, what events say, whether likes fade within a session) and the evidence for them. A gain that
//! the second part does not confirm is told as none.
//!
//! - `columns`: what each case's terms say of each item, once, so that other weights cost a sum and no ranking.
//! - `search`: random search with successive halving over samples of the cases, then coordinate by coordinate.
//! - `logistic`: the same weights by a pairwise logistic model.
//!
//! What it does not do: choose a strategy, or diversity, which costs accuracy by intent.

mod columns;
mod events;
mod logistic;
mod search;

use std::collections::BTreeMap;

use serde::Serialize;

use self::columns::Columns;
use super::data::Interactions;
use super::error::EvaluateError;
use super::judge::World;
use super::metrics::Quality;
use super::setting::Setting;
use super::split::{Part, Protocol};
use super::statistics::{Comparison, Estimate, People, bootstrap, compare, mean};
use crate::catalog::{Catalog, PairwiseModel};
use crate::collaborative::LearnOptions;

/// What a setting is judged by while it is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TuneMetric {
    measure: Measure,
    places: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Ndcg,
    HitRate,
    Recall,
    ReciprocalRank,
}

/// How weights are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TuneMethod {
    /// By trying: what is searched for is the metric itself.
    Search,
    /// By a pairwise logistic model, whose loss stands for any such metric.
    Logistic,
}

/// What is to be tuned, and how.
#[derive(Debug, Clone)]
pub struct TuneRequest {
    /// How the cases are made.
    pub protocol: Protocol,
    /// What a setting is judged by.
    pub metric: TuneMetric,
    /// How weights are found.
    pub method: TuneMethod,
    /// Where the search begins; what it does not look for stays.
    pub start: Setting,
    /// How many weights the random search tries.
    pub trials: usize,
    /// Whether what events say, and fading within a session, are searched for too.
    pub events: bool,
    /// Whether, and how, each fold learns a collaborative space from its crowd.
    pub learn: Option<LearnOptions>,
    /// Of those who can be judged at most so many people are, a sample that the seed decides.
    pub most_people: usize,
    /// What random choices begin with.
    pub seed: u64,
    /// How many threads work.
    pub jobs: usize,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Tuned {
    /// The setting that was found, whether or not it is better than the start.
    pub setting: Setting,
    /// The model behind the weights, if they are learned by one.
    pub model: Option<PairwiseModel>,
    /// What speaks for it.
    pub evidence: Proof,
}

/// Before and after, where it was searched and where it was not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The protocol.
    pub protocol: &'static str,
    /// The metric.
    pub metric: String,
    /// What random choices began with.
    pub seed: u64,
    /// How many settings were looked at.
    pub settings: usize,
    /// The part that the search saw; it flatters what was found.
    pub search: BeforeAfter,
    /// The part that the search did not see.
    pub test: BeforeAfter,
    /// Whether the test confirms the gain: the mean is higher, and so much that chance alone would do as well in fewer than one case
    /// in twenty (with other people, not other lists of the same).
    pub significant: bool,
    /// The weights where the search began, by name.
    pub weights_before: BTreeMap<String, f64>,
    /// The weights that were found, by name.
    pub weights_after: BTreeMap<String, f64>,
}

/// A metric of two settings on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BeforeAfter {
    /// How many cases.
    pub lists: usize,
    /// How many people they are of: intervals and the test are over people.
    pub people: usize,
    /// The start, with a 95 % interval.
    pub before: Estimate,
    /// What was found, with a 95 % interval.
    pub after: Estimate,
    /// The second against the first, case by case.
    pub comparison: Comparison,
}

/// What is told of a search that is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TuneStep {
    /// So many of so many cases were prepared.
    Preparing(usize, usize),
    /// So many settings were looked at, and the best has this mean.
    Searching(usize, f64),
    /// So many of so many cases were judged.
    Judging(usize, usize),
}

/// A difference that chance alone brings in fewer cases than this counts.
const SIGNIFICANT: f64 = 0.05;

impl TuneMetric {
    /// The names that [`parse`](Self::parse) takes.
    pub const NAMES: &'static str = "ndcg@K, hit_rate@K, recall@K (K from 1 on) and mrr";

    /// Reads the name of a metric.
    ///
    /// # Errors
    ///
    /// Another name; the message lists the known ones.
    pub fn parse(name: &str) -> Result<Self, EvaluateError> {
        let unknown = || EvaluateError::setting(format!("metric: expected one of {}, got `{name}`", Self::NAMES));
        if name == "mrr" {
            return Ok(Self { measure: Measure::ReciprocalRank, places: 1 });
        }
        let (measure, places) = name.split_once('@').ok_or_else(unknown)?;
        let measure = match measure {
            "ndcg" => Measure::Ndcg,
            "hit_rate" => Measure::HitRate,
            "recall" => Measure::Recall,
            _ => return Err(unknown()),
        };
        let places = places.parse().ok().filter(|places| *places > 0).ok_or_else(unknown)?;
        Ok(Self { measure, places })
    }

    /// As it is written.
    pub fn name(self) -> String {
        match self.measure {
            Measure::Ndcg => format!("ndcg@{}", self.places),
            Measure::HitRate => format!("hit_rate@{}", self.places),
            Measure::Recall => format!("recall@{}", self.places),
            Measure::ReciprocalRank => "mrr".to_owned(),
        }
    }

    fn of(self, list: &[usize], good: &std::collections::BTreeSet<usize>) -> f64 {
        let quality = Quality::of(list, good, self.places);
        match self.measure {
            Measure::Ndcg => quality.ndcg,
            Measure::HitRate => quality.hit_rate,
            Measure::Recall => quality.recall,
            Measure::ReciprocalRank => quality.reciprocal_rank,
        }
    }
}

/// Searches for a setting, and judges it where the search did not look.
///
/// # Errors
///
/// Too few people for both parts; a start that the catalog refuses, or that names a scenario, whose weights would count twice.
pub fn tune(
    catalog: &Catalog,
    data: &Interactions,
    request: &TuneRequest,
    progress: &(dyn Fn(TuneStep) + Sync),
) -> Result<Tuned, EvaluateError> {
    if let Some(scenario) = &request.start.options.scenario {
        return Err(EvaluateError::setting(format!(
            "setting {}: expected no scenario to begin a search with, got `{scenario}`; write its weights into the setting",
            request.start.name()
        )));
    }
    let world = World::new(catalog, data, request.protocol, request.learn, request.most_people, request.seed)?;
    let [searched, test] =
        [Part::Search, Part::Test].map(|part| world.split.part(request.protocol, part, request.seed));
    check(&searched, &test, request.protocol)?;
    let columns = Columns::of(&world, &searched, &request.start, request, progress)?;
    let (before, searched_people) = (columns.judge(&columns.start, request.metric), columns.people());
    let (setting, model, settings) = match request.method {
        TuneMethod::Search => {
            let (setting, settings) = search::search(&world, &searched, columns, request, progress)?;
            (setting, None, settings)
        }
        TuneMethod::Logistic => {
            let (setting, model) = logistic::learn(&columns, request, progress);
            (setting, Some(model), logistic::TRIED)
        }
    };
    let setting = setting.named("tuned");
    let found = Columns::of(&world, &searched, &setting, request, progress)?;
    let after = found.judge(&found.start, request.metric);
    let pair = [request.start.clone().named("before"), setting];
    let judging = |done, all| progress(TuneStep::Judging(done, all));
    let judged = world.each(&test, &pair, request.jobs, &judging, |judge, case| {
        let candidates = judge.candidates(case);
        let value = |list: Vec<usize>| request.metric.of(&list, &case.good);
        Ok((value(judge.ours(0, case, &candidates)?), value(judge.ours(1, case, &candidates)?)))
    })?;
    let (test_before, test_after): (Vec<f64>, Vec<f64>) = judged.into_iter().unzip();
    let test_people = People::of(test.iter().map(|at| world.split.cases[*at].person));
    let test = BeforeAfter::of(&test_before, &test_after, &test_people, request.seed);
    let [_, setting] = pair;
    let evidence = Proof {
        protocol: request.protocol.name(),
        metric: request.metric.name(),
        seed: request.seed,
        settings,
        search: BeforeAfter::of(&before, &after, &searched_people, request.seed),
        test,
        significant: test.comparison.p_value < SIGNIFICANT && test.comparison.difference.mean > 0.0,
        weights_before: found.by_name(&columns_start(&world, request, &found)?),
        weights_after: found.by_name(&found.start),
    };
    Ok(Tuned { setting, model, evidence })
}

/// The start's weights, in the order of the columns.
fn columns_start(world: &World<'_>, request: &TuneRequest, columns: &Columns) -> Result<Vec<f64>, EvaluateError> {
    let defaults = columns::defaults(world, &request.start)?;
    let by_name: BTreeMap<String, f64> = defaults.into_iter().map(|term| (term.name, term.weight)).collect();
    Ok(columns.terms.iter().map(|term| by_name.get(&term.name).copied().unwrap_or(0.0)).collect())
}

fn check(searched: &[usize], test: &[usize], protocol: Protocol) -> Result<(), EvaluateError> {
    /// With fewer cases an interval says nothing.
    const LEAST_CASES: usize = 10;
    if searched.len().min(test.len()) >= LEAST_CASES {
        return Ok(());
    }
    Err(EvaluateError::nothing(format!(
        "{}: expected at least {LEAST_CASES} lists to search on and as many to test on, found {} and {}; take a protocol that judges more \
         people, or more interactions",
        protocol.name(),
        searched.len(),
        test.len()
    )))
}

impl BeforeAfter {
    fn of(before: &[f64], after: &[f64], people: &People, seed: u64) -> Self {
        Self {
            lists: before.len(),
            people: people.count(),
            before: bootstrap(before, people, seed),
            after: bootstrap(after, people, seed),
            comparison: compare(before, after, people, seed),
        }
    }
}

/// Mean of the differences, and its standard error over people.
fn gain(before: &[f64], after: &[f64], people: &People) -> (f64, f64) {
    let differences: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    (mean(&differences), people.standard_error(&differences))
}
