//! The figures of an evaluation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::DataReport;
use super::judge::{PLACES, Request};
use super::metrics::{Quality, coverage};
use super::statistics::{Comparison, Estimate, People, bootstrap, compare, mean};

/// What one system's list for one case came to.
pub(crate) struct Outcome {
    /// At each of [`PLACES`].
    pub(crate) quality: [Quality; PLACES.len()],
    pub(crate) diversity: Option<f64>,
    pub(crate) novelty: Option<f64>,
    pub(crate) popularity_bias: Option<f64>,
    pub(crate) miscalibration: Option<f64>,
    pub(crate) top: Vec<usize>,
}

/// A case, with the outcome of each system.
pub(crate) struct Judged {
    /// Whose it is, as an index into the people.
    pub(crate) person: usize,
    pub(crate) group: Option<usize>,
    pub(crate) outcomes: Vec<Outcome>,
}

/// The figures of one protocol.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its name.
    pub protocol: &'static str,
    /// What random choices began with.
    pub seed: u64,
    /// What was read.
    pub data: DataReport,
    /// Who is judged.
    pub people: JudgedPeople,
    /// How many lists each system made.
    pub lists: usize,
    /// All cases together or, where the protocol asks several times, apart by how many events were known.
    pub groups: Vec<GroupReport>,
}

/// How many people are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JudgedPeople {
    /// Whose lists are looked at.
    pub judged: usize,
    /// Who could be judged; more, where a sample is.
    pub able: usize,
}

/// The figures of cases that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupReport {
    /// How many events were known, where that is what the group has in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<usize>,
    /// How many cases it has.
    pub lists: usize,
    /// How many people they are of: intervals and tests are over people.
    pub people: usize,
    /// The systems, the settings first.
    pub systems: Vec<SystemReport>,
    /// The second setting (or the ranker) against the first, NDCG@10, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// The figures of one system.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemReport {
    /// Its name.
    pub name: String,
    /// Means over the cases with 95 % intervals: `ndcg@10`, `hit_rate@10`, `recall@10`, the same at 20, `mrr`.
    pub metrics: BTreeMap<String, Estimate>,
    /// At 10 places: `coverage`, `diversity`, `novelty` (bits), `popularity_bias`, `miscalibration` (bits), as far as the
    /// catalog has what they need.
    pub beyond: BTreeMap<String, f64>,
}

pub(crate) fn report(
    request: &Request,
    data: DataReport,
    people: JudgedPeople,
    names: &[String],
    settings: usize,
    judged: &[Judged],
    listable: usize,
) -> Report {
    let mut groups: Vec<Option<usize>> = judged.iter().map(|case| case.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let group = |known: &Option<usize>| {
        let cases: Vec<&Judged> = judged.iter().filter(|case| case.group == *known).collect();
        let whose = People::of(cases.iter().map(|case| case.person));
        let systems = names.iter().enumerate().map(|(at, name)| {
            let outcomes: Vec<&Outcome> = cases.iter().map(|case| &case.outcomes[at]).collect();
            system(name, &outcomes, &whose, listable, request.seed)
        });
        let ndcg = |at: usize| -> Vec<f64> { cases.iter().map(|case| case.outcomes[at].quality[0].ndcg).collect() };
        let comparison = (settings >= 2).then(|| compare(&ndcg(0), &ndcg(1), &whose, request.seed));
        GroupReport { known: *known, lists: cases.len(), people: whose.count(), systems: systems.collect(), comparison }
    };
    let groups = groups.iter().map(group).collect();
    Report { protocol: request.protocol.name(), seed: request.seed, data, people, lists: judged.len(), groups }
}

fn system(name: &str, outcomes: &[&Outcome], whose: &People, listable: usize, seed: u64) -> SystemReport {
    let mut metrics = BTreeMap::new();
    let mut add = |name: String, value: &dyn Fn(&Outcome) -> f64| {
        let values: Vec<f64> = outcomes.iter().map(|outcome| value(outcome)).collect();
        metrics.insert(name, bootstrap(&values, whose, seed));
    };
    for (at, k) in PLACES.iter().enumerate() {
        add(format!("ndcg@{k}"), &|outcome| outcome.quality[at].ndcg);
        add(format!("hit_rate@{k}"), &|outcome| outcome.quality[at].hit_rate);
        add(format!("recall@{k}"), &|outcome| outcome.quality[at].recall);
    }
    add("mrr".to_owned(), &|outcome| outcome.quality[0].reciprocal_rank);
    let mut beyond = BTreeMap::new();
    let mut add = |name: &str, value: &dyn Fn(&Outcome) -> Option<f64>| {
        let values: Vec<f64> = outcomes.iter().filter_map(|outcome| value(outcome)).collect();
        if !values.is_empty() {
            beyond.insert(name.to_owned(), mean(&values));
        }
    };
    add("diversity", &|outcome| outcome.diversity);
    add("novelty", &|outcome| outcome.novelty);
    add("popularity_bias", &|outcome| outcome.popularity_bias);
    add("miscalibration", &|outcome| outcome.miscalibration);
    beyond.insert("coverage".to_owned(), coverage(outcomes.iter().map(|outcome| outcome.top.as_slice()), listable));
    SystemReport { name: name.to_owned(), metrics, beyond }
}
