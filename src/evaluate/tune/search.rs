//! Random search with successive halving, then coordinate by coordinate.
//!
//! Weights count by their ratios, so they are varied by factors. Random search (Bergstra and Bengio 2012, JMLR 13) finds where it is
//! worth looking: many weights are judged on a few cases, the better third on three times as many, and so on (successive halving,
//! Jamieson and Talwalkar 2016, arXiv 1502.07943). The best few are then refined one weight at a time. What lies within the
//! standard error of the best, and nearer to the start, is preferred (the one-standard-error rule, Breiman et al. 1984).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::columns::Columns;
use super::{TuneMetric, TuneRequest, TuneStep, events, gain};
use crate::evaluate::error::EvaluateError;
use crate::evaluate::judge::World;
use crate::evaluate::setting::Setting;
use crate::evaluate::statistics::mean;

/// A weight is varied up to this many doublings, either way.
const DOUBLINGS: f64 = 3.0;
/// One weight in ten is left out altogether.
const LEFT_OUT: f64 = 0.1;
/// And half of them stay: few things changed at once are easier to tell apart.
const KEPT: f64 = 0.5;
/// Each stage keeps a third, for three times as many cases.
const THIRD: usize = 3;
/// So few cases tell nothing.
const LEAST_CASES: usize = 30;
/// So many of the best are refined.
const REFINED: usize = 3;
/// A refinement looks this far, in doublings, and then half as far, and a quarter.
const STEPS: [f64; 3] = [1.0, 0.5, 0.25];

/// Counts the settings that are looked at, and tells.
pub(super) struct Counter<'a> {
    looked_at: usize,
    progress: &'a (dyn Fn(TuneStep) + Sync),
}

impl Counter<'_> {
    fn judge(&mut self, columns: &Columns, weights: &[f64], metric: TuneMetric, cases: usize) -> f64 {
        self.looked_at += 1;
        mean(&columns.judge_first(weights, metric, cases))
    }

    fn tell(&self, best: f64) {
        (self.progress)(TuneStep::Searching(self.looked_at, best));
    }
}

/// The setting that was found, and how many were looked at.
pub(super) fn search(
    world: &World<'_>,
    cases: &[usize],
    columns: Columns,
    request: &TuneRequest,
    progress: &(dyn Fn(TuneStep) + Sync),
) -> Result<(Setting, usize), EvaluateError> {
    let mut counter = Counter { looked_at: 0, progress };
    let metric = request.metric;
    let mut found = (request.start.clone(), columns);
    let mut weights = of_weights(&found.1, metric, request, &mut counter);
    if request.events {
        for changed in events::changes(world, &request.start) {
            // Each on top of what was taken before.
            let Some(setting) = changed(&found.0) else { continue };
            let columns = Columns::of(world, cases, &setting, request, progress)?;
            if columns.terms.len() != found.1.terms.len() {
                continue;
            }
            let refined = refine(&columns, weights.clone(), &STEPS[1..2], metric, &mut counter);
            let (gained, error) =
                gain(&found.1.judge(&weights, metric), &columns.judge(&refined, metric), &columns.people());
            // What events mean is not changed for less than what chance brings.
            if gained > error {
                found = (setting, columns);
                weights = refined;
            }
        }
    }
    let (mut setting, columns) = found;
    weights = nearer_to_start(&columns, &weights, metric);
    setting.options.weights.extend(columns.by_name(&scaled(&columns, &weights)));
    Ok((setting, counter.looked_at))
}

/// The best weights for these columns.
fn of_weights(columns: &Columns, metric: TuneMetric, request: &TuneRequest, counter: &mut Counter<'_>) -> Vec<f64> {
    let all = columns.cases.len();
    let mut random = ChaCha8Rng::seed_from_u64(request.seed);
    let mut tried: Vec<Vec<f64>> = vec![columns.start.clone()];
    tried.extend((1..request.trials.max(1)).map(|_| drawn(columns, &mut random)));
    let mut cases = stages(request.trials, all);
    loop {
        let mut judged: Vec<(f64, Vec<f64>)> =
            tried.into_iter().map(|weights| (counter.judge(columns, &weights, metric, cases), weights)).collect();
        // Stable: of equal ones the one that was drawn first.
        judged.sort_by(|a, b| b.0.total_cmp(&a.0));
        counter.tell(judged[0].0);
        let keep = if cases == all { REFINED } else { judged.len().div_ceil(THIRD).max(REFINED) };
        judged.truncate(keep);
        tried = judged.into_iter().map(|(_, weights)| weights).collect();
        if cases == all {
            break;
        }
        cases = (cases * THIRD).min(all);
    }
    // Where the search began is always one of those that are refined.
    tried.push(columns.start.clone());
    let refined = tried.into_iter().map(|weights| {
        let weights = refine(columns, weights, &STEPS, metric, counter);
        (mean(&columns.judge(&weights, metric)), weights)
    });
    let refined: Vec<(f64, Vec<f64>)> = refined.collect();
    let best = refined.into_iter().reduce(|best, other| if other.0 > best.0 { other } else { best });
    best.expect("at least the start").1
}

/// How many cases the first stage looks at, so that the last one has all of them and a few weights.
fn stages(trials: usize, all: usize) -> usize {
    let (mut cases, mut left) = (all, trials);
    while left > THIRD * REFINED && cases / THIRD >= LEAST_CASES {
        (cases, left) = (cases / THIRD, left / THIRD);
    }
    cases
}

fn drawn(columns: &Columns, random: &mut ChaCha8Rng) -> Vec<f64> {
    let draw = |at: usize| {
        let (kept, doublings): (f64, f64) = (random.random(), random.random_range(-DOUBLINGS..DOUBLINGS));
        if kept < KEPT {
            columns.start[at]
        } else if kept < KEPT + LEFT_OUT {
            0.0
        } else {
            base(columns, at) * doublings.exp2()
        }
    };
    (0..columns.terms.len()).map(draw).collect()
}

/// What is multiplied: where the search began or, for a term that was left out, a quarter of what a term usually has.
fn base(columns: &Columns, at: usize) -> f64 {
    if columns.start[at] != 0.0 {
        return columns.start[at];
    }
    let others: Vec<f64> = columns.start.iter().filter(|weight| **weight > 0.0).copied().collect();
    if others.is_empty() { 1.0 } else { mean(&others) / 4.0 }
}

/// Changes one weight after the other as long as that helps.
fn refine(
    columns: &Columns,
    mut weights: Vec<f64>,
    steps: &[f64],
    metric: TuneMetric,
    counter: &mut Counter<'_>,
) -> Vec<f64> {
    let all = columns.cases.len();
    let mut best = counter.judge(columns, &weights, metric, all);
    for step in steps {
        /// Enough to come to rest; a bound, so that it ends.
        const ROUNDS: usize = 8;
        for _ in 0..ROUNDS {
            let before = best;
            for at in 0..weights.len() {
                let here = weights[at];
                let base = base(columns, at);
                let others = if here == 0.0 {
                    vec![base, base / 4.0]
                } else {
                    vec![here * step.exp2(), here * (-step).exp2(), 0.0]
                };
                // Beyond what the random search looks at, a weight grows without end where it is alone in what it says.
                for other in others.into_iter().filter(|other| other.abs() <= base.abs() * DOUBLINGS.exp2()) {
                    let kept = std::mem::replace(&mut weights[at], other);
                    let judged = counter.judge(columns, &weights, metric, all);
                    // More than the rounding of a sum.
                    if judged > best + 1e-9 {
                        best = judged;
                    } else {
                        weights[at] = kept;
                    }
                }
            }
            counter.tell(best);
            if best <= before {
                break;
            }
        }
    }
    weights
}

/// The weights nearest to the start, on the way from what was found, that are within the standard error of the best.
fn nearer_to_start(columns: &Columns, weights: &[f64], metric: TuneMetric) -> Vec<f64> {
    let found = scaled(columns, weights);
    let (best, people) = (columns.judge(&found, metric), columns.people());
    for share in [0.25, 0.5, 0.75] {
        let way = |(from, to): (&f64, &f64)| {
            // Along ratios where there are some.
            if from * to > 0.0 { from * (to / from).powf(share) } else { from + share * (to - from) }
        };
        let between: Vec<f64> = columns.start.iter().zip(&found).map(way).collect();
        let (lost, error) = gain(&columns.judge(&between, metric), &best, &people);
        if lost <= error {
            return between;
        }
    }
    found
}

/// The same ranking by weights whose personal ones together are what they were: a search weighs its text against them.
pub(super) fn scaled(columns: &Columns, weights: &[f64]) -> Vec<f64> {
    let sum = |weights: &[f64]| -> f64 {
        let personal = weights.iter().zip(&columns.terms).filter(|(_, term)| term.personal);
        personal.map(|(weight, _)| weight.max(0.0)).sum()
    };
    let (was, is) = (sum(&columns.start), sum(weights));
    let factor = if was > 0.0 && is > 0.0 { was / is } else { 1.0 };
    // Three digits: no data says more.
    weights.iter().map(|weight| format!("{:.2e}", weight * factor).parse().expect("a number")).collect()
}
