//! Weights by a pairwise logistic model, trained on what people chose and what they did not.

use super::columns::{Case, Columns};
use super::search::scaled;
use super::{TuneRequest, TuneStep};
use crate::catalog::PairwiseModel;
use crate::evaluate::setting::Setting;
use crate::evaluate::split::hash;
use crate::evaluate::statistics::mean;
use crate::rank::{Pairs, fit, moved, scale_of};

/// So many items that were not chosen stand against each one that was; half of them from the top of the list, where a mistake is seen,
/// half from anywhere.
const AGAINST: usize = 20;
/// So far goes the top of the list.
const TOP: usize = 100;
/// What the start counts for, as shares of the pairs: the one with which the metric is best is taken.
const PENALTIES: [f64; 4] = [0.1, 0.01, 0.001, 0.0001];
/// The settings that are looked at.
pub(super) const TRIED: usize = PENALTIES.len();
/// Scale and weights are found in turn; each knows the other well enough after so many.
const TURNS: usize = 3;

/// What a device may do with the model; see `rank::learning` for what the numbers mean, and `docs/ranking.md` for where they come from.
const DEVICE_PENALTY: f64 = 10.0;
const DEVICE_RADIUS: f64 = std::f64::consts::LN_2;
const DEVICE_LEAST_PAIRS: usize = 100;

pub(super) fn learn(
    columns: &Columns,
    request: &TuneRequest,
    progress: &(dyn Fn(TuneStep) + Sync),
) -> (Setting, PairwiseModel) {
    let start = &columns.start;
    let pairs = pairs(columns, start, request.seed);
    let mut best: Option<(f64, Vec<f64>)> = None;
    for (at, share) in PENALTIES.into_iter().enumerate() {
        let mut theta = vec![0.0; start.len()];
        for _ in 0..TURNS {
            let scale = scale_of(&pairs, &moved(start, &theta));
            theta = fit(&pairs, start, scale, share * pairs.total());
        }
        let weights = scaled(columns, &moved(start, &theta));
        let judged = mean(&columns.judge(&weights, request.metric));
        progress(TuneStep::Searching(at + 1, judged));
        if best.as_ref().is_none_or(|(before, _)| judged > *before) {
            best = Some((judged, weights));
        }
    }
    let (_, weights) = best.expect("there are penalties");
    let scale = scale_of(&pairs, &weights);
    let mut setting = request.start.clone();
    setting.options.weights.extend(columns.by_name(&weights));
    let model =
        PairwiseModel { scale, penalty: DEVICE_PENALTY, radius: DEVICE_RADIUS, least_pairs: DEVICE_LEAST_PAIRS };
    (setting, model)
}

/// The pairs of all cases; each case counts the same.
fn pairs(columns: &Columns, weights: &[f64], seed: u64) -> Pairs {
    let mut pairs = Pairs::new(columns.terms.len());
    for (number, case) in columns.cases.iter().enumerate() {
        let others: Vec<usize> = (0..case.candidates).filter(|at| !case.good.contains(at)).collect();
        let top: Vec<usize> = case.list(&case.scores(weights), TOP + case.good.len());
        let top: Vec<usize> = top.into_iter().filter(|at| !case.good.contains(at)).collect();
        if others.is_empty() {
            continue;
        }
        let count = 1.0 / (case.good.len() * AGAINST) as f64;
        for chosen in &case.good {
            for at in 0..AGAINST {
                let from = if at % 2 == 0 { &top } else { &others };
                let drawn = hash(seed, &[number as u64, *chosen as u64, at as u64]) % from.len() as u64;
                push(&mut pairs, case, *chosen, from[drawn as usize], count);
            }
        }
    }
    pairs
}

fn push(pairs: &mut Pairs, case: &Case, chosen: usize, other: usize, count: f64) {
    pairs.push(count, |term| case.affinity(term, chosen) - case.affinity(term, other));
}
