//! Which λ, and how many numbers per item: asked of the likes themselves.
//!
//! Some people are kept back. Factors are learned from the others, and for each setting of a small grid the later likes of
//! those kept back are predicted from their earlier ones, as the browser does it for somebody whom the catalog's owner never
//! met. The measure is NDCG@100, as in Steck 2019 (arXiv 1905.03375): with fewer places it is mostly noise. The usual
//! setting stays unless another one is better by more than two standard errors of the difference, person by person: another
//! export of the same site should not change the factors for nothing.

use nalgebra::DMatrix;
use rayon::prelude::*;
use serde::Serialize;

use super::factors::{LearnOptions, whole_factor};
use super::pairs::Pairs;
use super::spread::Spread;
use super::svd::{RightSide, Start, right_side};

/// What is tried, as shares of the usual λ.
const LAMBDAS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
/// So many standard errors another setting has to be better by. Of twenty settings one is better by one error by chance.
const ERRORS: f64 = 2.0;
/// The same for the numbers per item; more than [`LearnOptions::DIMS`] are more bytes than an item may have.
const CUTS: [usize; 4] = [16, 32, 48, LearnOptions::DIMS];
/// Every so many-th person is kept back.
const KEPT_BACK: usize = 5;
/// At most so many people: the error of a mean over these is below a hundredth.
const MOST_JUDGED: usize = 2000;
/// With fewer people than this the likes cannot tell.
const LEAST_JUDGED: usize = 20;
/// Somebody with fewer likes has no earlier and later ones to speak of.
const LEAST_LIKES: usize = 5;
/// So many places are looked at.
const PLACES: usize = 100;
/// Passes over the data for the choice. Learning goes on from where they came to.
const PASSES: usize = 2;

/// A setting, and how good it was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tried {
    /// The λ.
    pub lambda: f64,
    /// Numbers per item.
    pub dims: usize,
    /// The mean over the people kept back.
    #[serde(rename = "ndcg@100")]
    pub ndcg: f64,
}

/// How λ and the numbers per item were chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// So many people were kept back.
    pub people: usize,
    /// What was chosen.
    pub chosen: Tried,
    /// What it would be without a choice.
    pub usual: Tried,
    /// The standard error of the difference between the two; 0 if they are the same.
    pub error: f64,
    /// All that was tried.
    pub tried: Vec<Tried>,
}

/// One person kept back.
struct Judged<'a> {
    earlier: &'a [u32],
    later: &'a [u32],
}

/// The choice, and where learning from everybody can go on; nothing if there are too few people to choose by. `people` has the
/// likes of each person, the latest last, all of them below `items`. What the options have is not chosen.
pub(super) fn choose(
    people: &[Vec<u32>],
    items: usize,
    rank: usize,
    options: &LearnOptions,
) -> Option<(Choice, DMatrix<f64>)> {
    let able: Vec<usize> = (0..people.len()).filter(|person| people[*person].len() >= LEAST_LIKES).collect();
    let wanted = (able.len() / KEPT_BACK).min(MOST_JUDGED);
    if wanted < LEAST_JUDGED {
        return None;
    }
    let mut kept_back = vec![false; people.len()];
    (0..wanted).for_each(|at| kept_back[able[at * able.len() / wanted]] = true);
    let others: Vec<Vec<u32>> =
        people.iter().zip(&kept_back).filter(|(_, back)| !**back).map(|(likes, _)| likes.clone()).collect();
    let (of_others, of_all) = (counts(&others, items), counts(people, items));
    let spread = Spread::by_people(&of_others);
    let pairs = Pairs::of(&others, items, options.least_together);
    let side = right_side(&spread.of(&pairs), rank, Start::Anywhere { passes: PASSES });
    // λ is meant for all people; the others are fewer, and it is less for them.
    let fewer = mean(&of_others) / mean(&of_all);
    let judged: Vec<Judged<'_>> = (people.iter().zip(&kept_back))
        .filter(|(_, back)| **back)
        .map(|(likes, _)| {
            let (earlier, later) = likes.split_at(likes.len() * 4 / 5);
            Judged { earlier, later }
        })
        .collect();

    let usual_lambda = options.lambda.unwrap_or_else(|| LearnOptions::usual_lambda(mean(&of_all)));
    let lambdas =
        if options.lambda.is_some() { vec![usual_lambda] } else { LAMBDAS.map(|x| x * usual_lambda).to_vec() };
    let cuts: Vec<usize> = options.dims.map_or_else(|| CUTS.to_vec(), |dims| vec![dims]);
    let mut tried = Vec::new();
    let mut outcomes: Vec<Vec<f64>> = Vec::new();
    for lambda in lambdas {
        for (dims, people) in cuts.iter().zip(judge(&side, &spread, lambda * fewer, &cuts, &judged)) {
            tried.push(Tried { lambda, dims: *dims, ndcg: mean(&people) });
            outcomes.push(people);
        }
    }
    let is_usual =
        |tried: &Tried| (tried.lambda, tried.dims) == (usual_lambda, options.dims.unwrap_or(LearnOptions::DIMS));
    let usual = tried.iter().position(is_usual).expect("the usual setting is of the grid");
    let difference = |at: usize| -> (f64, f64) {
        let apart: Vec<f64> = outcomes[at].iter().zip(&outcomes[usual]).map(|(a, b)| a - b).collect();
        let mean = mean(&apart);
        let square: f64 = apart.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (apart.len() - 1) as f64;
        (mean, (square / apart.len() as f64).sqrt())
    };
    let better = (0..tried.len()).filter(|at| {
        let (mean, error) = difference(*at);
        mean > ERRORS * error
    });
    let chosen = better.max_by(|a, b| tried[*a].ndcg.total_cmp(&tried[*b].ndcg)).unwrap_or(usual);
    let error = difference(chosen).1;
    let choice =
        Choice { people: judged.len(), chosen: tried[chosen], usual: tried[usual], error, tried: tried.clone() };
    Some((choice, side.vectors))
}

/// How many people chose each item.
fn counts(people: &[Vec<u32>], items: usize) -> Vec<f64> {
    let mut counts = vec![0.0; items];
    people.iter().flatten().for_each(|item| counts[*item as usize] += 1.0);
    counts
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The NDCG of each person, for each of the cuts, which ascend.
fn judge(side: &RightSide, spread: &Spread, lambda: f64, cuts: &[usize], judged: &[Judged<'_>]) -> Vec<Vec<f64>> {
    let items = side.vectors.nrows();
    let most = cuts.iter().copied().max().unwrap_or(0).min(side.squares.len());
    let shrink = side.shrink(lambda);
    let mut factors = Vec::with_capacity(items * most);
    let mut gains = Vec::with_capacity(items);
    for item in 0..items {
        let (whole, gain) = whole_factor(side, spread, &shrink, item);
        factors.extend(whole[..most].iter().map(|x| *x as f32));
        gains.push(gain as f32);
    }
    let view = View { factors: &factors, gains: &gains, dims: most };
    // People together, so that a thread makes room for their scores once.
    const TOGETHER: usize = 32;
    let parts: Vec<Vec<Vec<f64>>> = judged.par_chunks(TOGETHER).map(|people| view.ndcgs(cuts, people)).collect();
    (0..cuts.len()).map(|cut| parts.iter().flat_map(|part| part[cut].iter().copied()).collect()).collect()
}

/// Factors as they are judged.
#[derive(Clone, Copy)]
struct View<'a> {
    factors: &'a [f32],
    gains: &'a [f32],
    dims: usize,
}

impl View<'_> {
    fn factor(&self, item: usize) -> &[f32] {
        &self.factors[item * self.dims..][..self.dims]
    }

    fn ndcgs(&self, cuts: &[usize], people: &[Judged<'_>]) -> Vec<Vec<f64>> {
        let mut all = vec![Vec::with_capacity(people.len()); cuts.len()];
        let mut person = vec![0.0f32; self.dims];
        let mut dots = vec![0.0f32; self.gains.len()];
        for Judged { earlier, later } in people {
            person.fill(0.0);
            for item in *earlier {
                person.iter_mut().zip(self.factor(*item as usize)).for_each(|(sum, x)| *sum += x);
            }
            dots.fill(0.0);
            let mut begin = 0;
            for (cut, all) in cuts.iter().zip(&mut all) {
                // A cut beyond what there is is the same as the one before it.
                let end = (*cut).clamp(begin, self.dims);
                for (item, dot) in dots.iter_mut().enumerate() {
                    let more = self.factor(item)[begin..end].iter().zip(&person[begin..end]);
                    *dot += more.map(|(a, b)| a * b).sum::<f32>();
                }
                begin = end;
                all.push(self.ndcg(&dots, earlier, later));
            }
        }
        all
    }

    fn ndcg(&self, dots: &[f32], earlier: &[u32], later: &[u32]) -> f64 {
        let mut ranked: Vec<(f32, u32)> =
            dots.iter().zip(self.gains).zip(0u32..).map(|((dot, gain), item)| (dot * gain, item)).collect();
        earlier.iter().for_each(|item| ranked[*item as usize].0 = f32::NEG_INFINITY);
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if ranked.len() > PLACES {
            ranked.select_nth_unstable_by(PLACES - 1, order);
            ranked.truncate(PLACES);
        }
        ranked.sort_unstable_by(order);
        let discount = |at: usize| 1.0 / ((at + 2) as f64).log2();
        let found = ranked.iter().enumerate().filter(|(_, (_, item))| later.contains(item)).map(|(at, _)| discount(at));
        found.sum::<f64>() / (0..later.len().min(PLACES)).map(discount).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200 people of four groups; a group likes its own 10 items, each person eight of them.
    fn groups() -> Vec<Vec<u32>> {
        (0..200u32).map(|p| (0..8).map(|n| p % 4 * 10 + (p / 4 * 3 + n) % 10).collect()).collect()
    }

    #[test]
    fn what_predicts_better_is_chosen() {
        let (choice, near) = choose(&groups(), 40, 40, &LearnOptions::default()).unwrap();
        assert_eq!((choice.people, choice.tried.len()), (40, LAMBDAS.len() * CUTS.len()));
        let best = choice.tried.iter().map(|tried| tried.ndcg).fold(0.0, f64::max);
        assert!(choice.chosen == choice.usual || choice.chosen.ndcg - choice.usual.ndcg > 2.0 * choice.error);
        assert!(best > 0.5 && choice.tried.iter().all(|tried| (0.0..=1.0).contains(&tried.ndcg)), "{choice:?}");
        assert_eq!(near.nrows(), 40);
    }

    #[test]
    fn what_is_given_is_not_chosen() {
        let options = LearnOptions { lambda: Some(7.0), dims: Some(3), ..LearnOptions::default() };
        let (choice, _) = choose(&groups(), 40, 40, &options).unwrap();
        assert_eq!((choice.tried.len(), choice.chosen.lambda, choice.chosen.dims), (1, 7.0, 3));
        assert_eq!(choice.error, 0.0);
    }

    #[test]
    fn too_few_people_choose_nothing() {
        assert!(choose(&groups()[..99], 40, 40, &LearnOptions::default()).is_none());
        let short: Vec<Vec<u32>> = groups().into_iter().map(|likes| likes[..4].to_vec()).collect();
        assert!(choose(&short, 40, 40, &LearnOptions::default()).is_none());
    }

    #[test]
    fn ndcg_is_that_of_the_first_places() {
        // Items in the order 2, 1, 0; item 3 was known before. The later likes are at places 1 and 3.
        let view = View { factors: &[], gains: &[1.0, 2.0, 1.0, 9.0], dims: 0 };
        let found = view.ndcg(&[0.1, 0.2, 0.9, 1.0], &[3], &[0, 2]);
        let expected = (1.0 + 0.5) / (1.0 + 1.0 / 3f64.log2());
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}
