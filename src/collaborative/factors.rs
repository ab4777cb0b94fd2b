//! Item factors from likes.

use nalgebra::DMatrix;
use serde::Serialize;

use super::Learned;
use super::choose::{Choice, choose};
use super::content;
use super::figures::{Figures, Tallies};
use super::noisy::NoisyCounts;
use super::pairs::Pairs;
use super::privacy::{Privacy, PrivacyError};
use super::spread::Spread;
use super::svd::{PASSES, RightSide, Start, right_side};
use crate::catalog::{Origin, Promise};

/// What is learned, and what one person may add to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnOptions {
    /// How many numbers an item gets. If nothing is said, up to [`DIMS`](Self::DIMS), as people kept back have it.
    pub dims: Option<usize>,
    /// The λ of EASE, above 0: how much evidence two items need to count as chosen together. An item that n people chose has
    /// `λ·(1 + n/n̄)`, n̄ being the mean of n over the items; with `privacy` all have λ. If nothing is said, what people kept back have it.
    pub lambda: Option<f64>,
    /// Items that fewer people chose get no factors of their own, and their choices are not looked at.
    pub least_people: usize,
    /// Pairs of items that fewer people chose both of count as if nobody had. Where there are more than 20 million pairs, it takes
    /// as many people as leave no more.
    pub least_together: usize,
    /// Of one person at most so many likes count, the latest: nobody shapes the factors alone.
    pub most_likes: usize,
    /// What is promised to each person, if anything is. Then all counts have noise, λ and `dims` are the usual ones where nothing is said,
    /// all pairs count (`least_together` does not), and of a person so many likes as the promise says (`most_likes` does not).
    pub privacy: Option<Privacy>,
}

impl LearnOptions {
    /// How many numbers an item gets where there are too few people to choose by: 72 bytes with the scale and the gain.
    pub const DIMS: usize = 64;
    /// The λ of EASE where there are too few people to choose by, in how many people chose an item on average. From 1 to 3 it is flat on
    /// MovieLens-100K (`docs/crowd.md`).
    pub const LAMBDA: f64 = 2.0;
    /// The λ of EASE with [`privacy`](Self::privacy), where it is the same for all items.
    pub const PRIVATE_LAMBDA: f64 = 200.0;

    /// What is used where nothing is said and nothing chosen: [`LAMBDA`](Self::LAMBDA) times the mean, to two digits.
    pub(super) fn usual_lambda(mean: f64) -> f64 {
        let exact = Self::LAMBDA * mean;
        let digit = 10f64.powf(exact.log10().floor() - 1.0);
        // Divided where it can be: a tenth is no binary fraction, and 1.1 should be written so.
        if digit >= 1.0 { (exact / digit).round() * digit } else { (exact / digit).round() / digit.recip().round() }
    }
}

impl Default for LearnOptions {
    /// λ and the numbers per item chosen by the likes themselves; items, and pairs of them, that five people chose; 1,000 likes.
    fn default() -> Self {
        Self { dims: None, lambda: None, least_people: 5, least_together: 5, most_likes: 1000, privacy: None }
    }
}

/// What items are about, as vectors of `dims` numbers.
#[derive(Clone, Copy)]
pub struct ItemContent<'a> {
    /// The length of a vector.
    pub dims: usize,
    /// Writes the centred vector of a row (of its text, length 1; of its categories) to a place of that length; false where nothing is known
    /// of the item.
    pub vector: &'a dyn Fn(usize, &mut [f32]) -> bool,
}

/// What was learned, by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// Numbers per item.
    pub dims: usize,
    /// Row after row; zeros for an item of which nothing is known.
    pub values: Vec<f32>,
    /// The gain of each item (see the module), at least 1; 1 for an item without factors.
    pub gains: Vec<f32>,
    /// The sum of the factors of all likes, by the number of likes: what one like drawn from the crowd's likes is on average.
    pub average: Vec<f32>,
    /// What it was learned from.
    pub report: LearnReport,
}

/// What factors were learned from, and what was left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LearnReport {
    /// People with at least one like that counts; nothing where they are promised privacy, as with all counts without noise.
    pub people: Option<usize>,
    /// Likes that count.
    pub likes: Option<usize>,
    /// Items with factors from likes.
    pub items: usize,
    /// Items with factors from their text alone.
    pub from_text: usize,
    /// Items that somebody liked, but fewer people than it takes.
    pub too_few: Option<usize>,
    /// Of one person at most so many likes count.
    pub most_likes: usize,
    /// Likes beyond that.
    pub beyond: Option<usize>,
    /// How many people an item takes; with noise, how great its noisy count has to be.
    pub least_people: usize,
    /// How many people a pair of items takes; 0 with noise, where all pairs of those items count.
    pub least_together: usize,
    /// Pairs of items that enough people chose both of.
    pub pairs: usize,
    /// Pairs that somebody chose both of, but too few.
    pub pairs_left_out: usize,
    /// Numbers per item.
    pub dims: usize,
    /// How many of them say anything: fewer people than numbers, or people alike, leave zeros.
    pub saying: usize,
    /// Where that number comes from.
    pub dims_from: Origin,
    /// The λ of EASE.
    pub lambda: f64,
    /// What an item's own λ goes by: it is `λ·(1 + n/this)` where n people chose it. Nothing where all have the same.
    pub mean_people: Option<f64>,
    /// Where that number comes from.
    pub lambda_from: Origin,
    /// How these two were chosen; nothing where there were too few people, or both were given.
    pub choice: Option<Choice>,
    /// What is promised to each person, if anything is.
    pub privacy: Option<Promise>,
}

/// Singular values that are computed, for the gains: more than are kept, since a gain is of the whole factor.
const COMPUTED: usize = 256;
/// So many likes are what an item's text is worth. From 1 to 5 it is flat (`docs/crowd.md`).
const TEXT_LIKES: f64 = 3.0;
/// A gain beyond this would be one item's own popularity and not what goes with it.
const LEAST_REST: f64 = 1e-3;

/// Learns what the likes of many people say of a catalog's items. `people` has the rows that each person liked, each row once, the
/// latest last; `tallies` has the sums of everything they said, by row; `content` says what items are about, for those that too few people
/// chose.
///
/// There are no factors if there is nothing to learn them from: no item was liked by as many people as it takes, or there are fewer than
/// two such items. With [`LearnOptions::privacy`] everything comes from noisy counts, and then there are no figures either where there
/// are no factors.
///
/// # Errors
///
/// The system has no randomness for the noise.
///
/// # Panics
///
/// If a row is not among those of the tallies.
pub fn learn(
    people: &[Vec<u32>],
    tallies: &Tallies<'_>,
    content: Option<ItemContent<'_>>,
    options: &LearnOptions,
) -> Result<Learned, PrivacyError> {
    let items = tallies.counts.len();
    let content = content.map(|about| content::matrix(items, about));
    let mut learned = match &options.privacy {
        Some(privacy) => privately(people, items, content.as_ref(), options, privacy)?,
        None => Learned {
            factors: plainly(people, items, content.as_ref(), options),
            figures: Figures::of(tallies, options.least_people),
        },
    };
    if let (Some(figures), Some(content)) = (&mut learned.figures, &content) {
        figures.expect(content);
    }
    Ok(learned)
}

/// Factors from the counts as they are.
fn plainly(
    people: &[Vec<u32>],
    items: usize,
    content: Option<&DMatrix<f64>>,
    options: &LearnOptions,
) -> Option<Factors> {
    let (least_people, most_likes) = (options.least_people, options.most_likes);
    let mut report = LearnReport { least_people, most_likes, ..LearnReport::default() };
    let latest = |likes: &Vec<u32>| likes[likes.len().saturating_sub(most_likes)..].to_vec();
    report.beyond = Some(people.iter().map(|likes| likes.len().saturating_sub(most_likes)).sum());
    let bounded: Vec<Vec<u32>> = people.iter().map(latest).collect();
    let mut counts = vec![0.0f64; items];
    bounded.iter().flatten().for_each(|row| counts[*row as usize] += 1.0);
    let enough = |row: &usize| counts[*row] >= least_people.max(1) as f64;
    let supported: Vec<usize> = (0..items).filter(enough).collect();
    report.too_few = Some((0..items).filter(|row| counts[*row] > 0.0 && !enough(row)).count());
    if supported.len() < 2 {
        return None;
    }

    let mut place = vec![u32::MAX; items];
    supported.iter().zip(0u32..).for_each(|(row, at)| place[*row] = at);
    let kept = |likes: &Vec<u32>| -> Vec<u32> {
        likes.iter().map(|row| place[*row as usize]).filter(|at| *at != u32::MAX).collect()
    };
    let likes: Vec<Vec<u32>> = bounded.iter().map(kept).filter(|likes: &Vec<u32>| !likes.is_empty()).collect();
    drop(bounded);
    report.people = Some(likes.len());
    report.likes = Some(likes.iter().map(Vec::len).sum());

    let rank = rank(options, supported.len());
    let given = options.lambda.is_some() && options.dims.is_some();
    let of_supported: Vec<f64> = supported.iter().map(|row| counts[*row]).collect();
    let spread = Spread::by_people(&of_supported);
    let choice = if given { None } else { choose(&likes, supported.len(), rank, options) };
    let start = choice.as_ref().map_or(Start::Anywhere { passes: PASSES }, |(_, near)| Start::Near(near));
    let pairs = Pairs::of(&likes, supported.len(), options.least_together);
    (report.least_together, report.pairs, report.pairs_left_out) = (pairs.least, pairs.kept, pairs.left_out);
    let side = right_side(&spread.of(&pairs), rank, start);
    report.choice = choice.map(|(choice, _)| choice);
    Some(finish(side, &spread, &counts, &supported, content, options, report))
}

/// Factors and figures from counts with noise alone, so that everything in them keeps the promise. λ and the numbers per item are what the
/// options have or the usual ones, for the likes themselves must not choose; of the figures there are only the counts, since times
/// and opinions would take more noise.
fn privately(
    people: &[Vec<u32>],
    items: usize,
    content: Option<&DMatrix<f64>>,
    options: &LearnOptions,
    privacy: &Privacy,
) -> Result<Learned, PrivacyError> {
    let noisy = NoisyCounts::of(people, items, options.least_people, privacy)?;
    let nothing = Learned { factors: None, figures: None };
    if noisy.supported.len() < 2 {
        return Ok(nothing);
    }
    let (epsilon, delta, noise) = (privacy.epsilon(), privacy.delta(), noisy.deviation);
    let report = LearnReport {
        least_people: noisy.cut.ceil() as usize,
        most_likes: privacy.likes(),
        pairs: noisy.supported.len() * (noisy.supported.len() - 1) / 2,
        privacy: Some(Promise { epsilon, delta, noise }),
        ..LearnReport::default()
    };
    let side = right_side(&noisy, rank(options, noisy.supported.len()), Start::Anywhere { passes: PASSES });
    let side = noisy.cleaned(side);
    if side.squares.iter().all(|square| *square == 0.0) {
        return Ok(nothing);
    }
    // What noise does to eigenvalues can be undone where it is the same everywhere, so that λ is too.
    let spread = Spread::even(noisy.supported.len());
    let factors = finish(side, &spread, &noisy.counts, &noisy.supported, content, options, report);
    Ok(Learned { factors: Some(factors), figures: Some(Figures::counted(&noisy.counts, noisy.cut)) })
}

/// An eigenvalue below this share of the greatest is 0 but for rounding, which is that of float32 where counts are multiplied.
const RANK: f64 = 1e-6;

/// How many eigenvectors are computed.
fn rank(options: &LearnOptions, supported: usize) -> usize {
    COMPUTED.max(options.dims.unwrap_or(LearnOptions::DIMS)).min(supported)
}

/// Factors from eigenvectors of the supported items; `counts` has how many people like each item.
fn finish(
    side: RightSide,
    spread: &Spread,
    counts: &[f64],
    supported: &[usize],
    content: Option<&DMatrix<f64>>,
    options: &LearnOptions,
    mut report: LearnReport,
) -> Factors {
    let items = counts.len();
    report.items = supported.len();
    let chosen = report.choice.as_ref().map(|choice| choice.chosen);
    let origin = |given: bool| match (given, chosen) {
        (true, _) => Origin::Given,
        (false, Some(_)) => Origin::Validation,
        (false, None) => Origin::Default,
    };
    let usual = spread.mean.map_or(LearnOptions::PRIVATE_LAMBDA, LearnOptions::usual_lambda);
    report.lambda = options.lambda.or(chosen.map(|chosen| chosen.lambda)).unwrap_or(usual);
    report.mean_people = spread.mean;
    report.dims = options.dims.or(chosen.map(|chosen| chosen.dims)).unwrap_or(LearnOptions::DIMS);
    (report.lambda_from, report.dims_from) = (origin(options.lambda.is_some()), origin(options.dims.is_some()));
    let dims = report.dims;
    let least = RANK * side.squares.iter().copied().fold(0.0, f64::max);
    report.saying = side.squares.iter().filter(|square| **square > least).count().min(dims);
    let shrink = side.shrink(report.lambda);
    let mut factors = DMatrix::<f64>::zeros(items, dims);
    let mut gains = vec![1.0f64; items];
    for (at, row) in supported.iter().enumerate() {
        let (whole, gain) = whole_factor(&side, spread, &shrink, at);
        gains[*row] = gain;
        factors.row_mut(*row).iter_mut().zip(&whole).for_each(|(out, x)| *out = *x);
    }
    if let Some(content) = content {
        report.from_text = blend_with_text(&mut factors, &mut gains, counts, supported, content);
    }

    let likes: f64 = supported.iter().map(|row| counts[*row]).sum();
    let mut average = vec![0.0f64; dims];
    for row in supported {
        let share = counts[*row] / likes;
        average.iter_mut().zip(factors.row(*row).iter()).for_each(|(sum, x)| *sum += share * x);
    }
    Factors {
        dims,
        values: (0..items).flat_map(|row| factors.row(row).iter().map(|x| *x as f32).collect::<Vec<f32>>()).collect(),
        gains: gains.into_iter().map(|gain| gain as f32).collect(),
        average: average.into_iter().map(|x| x as f32).collect(),
        report,
    }
}

/// The factor of an item before the cut, and its gain.
pub(super) fn whole_factor(side: &RightSide, spread: &Spread, shrink: &[f64], item: usize) -> (Vec<f64>, f64) {
    let mut whole: Vec<f64> = side.vectors.row(item).iter().zip(shrink).map(|(v, shrink)| v * shrink).collect();
    let square: f64 = whole.iter().map(|x| x * x).sum();
    let gain = spread.undo(item, &mut whole, (1.0 - square).max(LEAST_REST));
    (whole, gain)
}

/// Moves each item toward what its text says, the less the more people chose it; how many have nothing but their text.
fn blend_with_text(
    factors: &mut DMatrix<f64>,
    gains: &mut [f64],
    counts: &[f64],
    supported: &[usize],
    content: &DMatrix<f64>,
) -> usize {
    let items = factors.nrows();
    let Some(predicted) = content::predict(content, factors, supported) else { return 0 };
    let mut own = vec![false; items];
    supported.iter().for_each(|row| own[*row] = true);
    let mut from_text = 0;
    for row in (0..items).filter(|row| content.row(*row).iter().any(|x| *x != 0.0)) {
        let likes = if own[row] { counts[row] } else { 0.0 };
        let text = TEXT_LIKES / (likes + TEXT_LIKES);
        let blended = factors.row(row) * (1.0 - text) + predicted.row(row) * text;
        factors.set_row(row, &blended);
        if !own[row] {
            // A gain makes up for what is an item's own of its factors; of a guess nothing is. Ranking tells guesses by it.
            gains[row] = 1.0;
            from_text += 1;
        }
    }
    from_text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 60 people of two groups; a group likes its own ten items, each person without one of them.
    fn groups() -> Vec<Vec<u32>> {
        (0..60u32).map(|p| (0..20u32).filter(|i| i / 10 == p % 2 && i % 10 != p % 7).collect()).collect()
    }

    fn plain() -> LearnOptions {
        LearnOptions { dims: Some(20), lambda: Some(10.0), ..LearnOptions::default() }
    }

    #[test]
    fn uncut_factors_are_ease() {
        let (people, items) = (groups(), 20);
        let learned = plainly(&people, items, None, &plain()).unwrap();
        let mut gram = DMatrix::<f64>::zeros(items, items);
        for likes in &people {
            for a in likes {
                likes.iter().for_each(|b| gram[(*a as usize, *b as usize)] += 1.0);
            }
        }
        let counts = gram.diagonal();
        (0..items).for_each(|i| gram[(i, i)] += 10.0 * (1.0 + counts[i] / counts.mean()));
        assert_eq!(learned.report.mean_people, Some(counts.mean()));
        let p = gram.try_inverse().unwrap();
        let factor = |row: usize| &learned.values[row * 20..][..20];
        for i in 0..items {
            for j in (0..items).filter(|j| *j != i) {
                let expected = -p[(i, j)] / p[(j, j)];
                let dot: f64 = factor(i).iter().zip(factor(j)).map(|(a, b)| f64::from(a * b)).sum();
                let found = dot * f64::from(learned.gains[j]);
                assert!((found - expected).abs() < 1e-4, "{i} {j}: {found} {expected}");
            }
        }
    }

    #[test]
    fn the_usual_lambda_is_twice_the_mean() {
        let usual = [53.99, 0.55, 4.8, 7.3, 1000.0, 0.04].map(LearnOptions::usual_lambda);
        assert_eq!(usual, [110.0, 1.1, 9.6, 15.0, 2000.0, 0.08]);
        // 60 people with eight or nine of ten likes each.
        let report = plainly(&groups(), 20, None, &LearnOptions { lambda: None, ..plain() }).unwrap().report;
        let mean = groups().iter().map(Vec::len).sum::<usize>() as f64 / 20.0;
        assert_eq!((report.mean_people, report.lambda_from), (Some(mean), Origin::Default), "too few to choose by");
        assert_eq!(report.lambda, LearnOptions::usual_lambda(mean));
    }

    #[test]
    fn where_likes_are_private_all_items_have_one_lambda() {
        let privacy = Privacy::new(50.0, 1e-5, 20, super::super::privacy::NoiseSource::Seeded(1)).unwrap();
        let people: Vec<Vec<u32>> = (0..5).flat_map(|_| groups()).collect();
        let options = LearnOptions { privacy: Some(privacy), ..LearnOptions::default() };
        let learned = privately(&people, 20, None, &options, &privacy).unwrap().factors.unwrap();
        assert_eq!((learned.report.mean_people, learned.report.lambda), (None, LearnOptions::PRIVATE_LAMBDA));
    }

    #[test]
    fn items_of_too_few_people_are_left_out_and_counted() {
        let mut people = groups();
        people[0].push(20);
        people[1].push(20);
        let learned = plainly(&people, 21, None, &plain()).unwrap();
        assert_eq!((learned.report.items, learned.report.too_few, learned.report.people), (20, Some(1), Some(60)));
        assert!(learned.values[20 * 20..].iter().all(|x| *x == 0.0));
        assert_eq!(learned.gains[20], 1.0);
        assert!(plainly(&people[..4], 21, None, &plain()).is_none(), "four people are too few for any item");
        assert!(plainly(&[], 21, None, &plain()).is_none());
    }

    #[test]
    fn how_many_numbers_say_anything_is_told() {
        // Three kinds of people, whatever their number: three directions.
        let people: Vec<Vec<u32>> = (0..30).map(|person| (0..6).map(|at| person % 3 * 6 + at).collect()).collect();
        let learned = plainly(&people, 18, None, &plain()).unwrap();
        assert_eq!((learned.report.dims, learned.report.saying), (20, 3));
        // Two groups of people who each leave out one of seven items.
        assert_eq!(plainly(&groups(), 20, None, &plain()).unwrap().report.saying, 14);
    }

    #[test]
    fn nobody_adds_more_than_allowed() {
        let people: Vec<Vec<u32>> = groups();
        let options = LearnOptions { most_likes: 4, ..plain() };
        let report = plainly(&people, 20, None, &options).unwrap().report;
        assert!(report.likes.unwrap() <= 60 * 4 && report.beyond.unwrap() > 0);
        assert_eq!((report.lambda_from, report.dims_from, report.most_likes), (Origin::Given, Origin::Given, 4));
    }

    #[test]
    fn a_new_item_gets_the_factors_of_its_kind() {
        // Item 20 is new; its text is that of the first group's.
        let content = |row: usize, out: &mut [f32]| {
            let first = row < 10 || row == 20;
            out.copy_from_slice(if first { &[1.0, 0.0] } else { &[0.0, 1.0] });
            true
        };
        let content = content::matrix(21, ItemContent { dims: 2, vector: &content });
        let learned = plainly(&groups(), 21, Some(&content), &plain()).unwrap();
        assert_eq!(learned.gains[20], 1.0, "a guess has no gain");
        assert_eq!(learned.report.from_text, 1);
        let dot = |a: usize, b: usize| -> f32 {
            learned.values[a * 20..][..20].iter().zip(&learned.values[b * 20..][..20]).map(|(a, b)| a * b).sum()
        };
        assert!(dot(20, 3) > 0.0 && dot(20, 3) > 4.0 * dot(20, 13).abs(), "{} {}", dot(20, 3), dot(20, 13));
        assert!(learned.values.iter().chain(&learned.gains).all(|x| x.is_finite()));
    }
}
