//! Item factors from likes.

use nalgebra::DMatrix;
use serde::Serialize;

use super::choose::{Choice, choose};
use super::content;
use super::pairs::Pairs;
use super::svd::{PASSES, RightSide, Start, right_side};

/// What is learned, and what one person may add to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnOptions {
    /// How many numbers an item gets. If nothing is said, up to [`DIMS`](Self::DIMS), as people kept back have it.
    pub dims: Option<usize>,
    /// The λ of EASE, above 0: how much evidence two items need to count as chosen together. If nothing is said, what people
    /// kept back have it.
    pub lambda: Option<f64>,
    /// Items that fewer people chose get no factors of their own, and their choices are not looked at.
    pub least_people: usize,
    /// Pairs of items that fewer people chose both of count as if nobody had. Where there are more than 20 million pairs, it takes
    /// as many people as leave no more.
    pub least_together: usize,
    /// Of one person at most so many likes count, the latest: nobody shapes the factors alone.
    pub most_likes: usize,
}

impl LearnOptions {
    /// How many numbers an item gets where there are too few people to choose by: 72 bytes with the scale and the gain.
    pub const DIMS: usize = 64;
    /// The λ of EASE where there are too few people to choose by. From 100 to 400 it is flat on MovieLens-100K.
    pub const LAMBDA: f64 = 200.0;
}

impl Default for LearnOptions {
    /// λ and the numbers per item chosen by the likes themselves; items, and pairs of them, that five people chose; 1,000 likes.
    fn default() -> Self {
        Self { dims: None, lambda: None, least_people: 5, least_together: 5, most_likes: 1000 }
    }
}

/// What items are about, as vectors of `dims` numbers.
#[derive(Clone, Copy)]
pub struct ItemContent<'a> {
    /// The length of a vector.
    pub dims: usize,
    /// Writes the centred unit vector of a row to a place of that length; false where the item has none.
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
    /// People with at least one like that counts.
    pub people: usize,
    /// Likes that count.
    pub likes: usize,
    /// Items with factors from likes.
    pub items: usize,
    /// Items with factors from their text alone.
    pub from_text: usize,
    /// Items that somebody liked, but fewer people than it takes.
    pub too_few: usize,
    /// Likes beyond what one person may add.
    pub beyond: usize,
    /// How many people an item takes.
    pub least_people: usize,
    /// How many people a pair of items takes.
    pub least_together: usize,
    /// Pairs of items that enough people chose both of.
    pub pairs: usize,
    /// Pairs that somebody chose both of, but too few.
    pub pairs_left_out: usize,
    /// Numbers per item.
    pub dims: usize,
    /// The λ of EASE.
    pub lambda: f64,
    /// How these two were chosen; nothing where there were too few people, or both were given.
    pub choice: Option<Choice>,
}

/// Singular values that are computed, for the gains: more than are kept, since a gain is of the whole factor.
const COMPUTED: usize = 256;
/// So many likes are what an item's text is worth.
const TEXT_LIKES: f64 = 5.0;
/// A gain beyond this would be one item's own popularity and not what goes with it.
const LEAST_REST: f64 = 1e-3;

/// Learns factors for `items` items. `people` has the rows that each person liked, each row once, the latest last;
/// `content` says what items are about, for those that too few people chose.
///
/// Nothing if there is nothing to learn: no item was liked by as many people as it takes, or there are fewer than two such
/// items.
///
/// # Panics
///
/// If a row is not below `items`.
pub fn learn(
    people: &[Vec<u32>],
    items: usize,
    content: Option<ItemContent<'_>>,
    options: &LearnOptions,
) -> Option<Factors> {
    let mut report = LearnReport { least_people: options.least_people, ..LearnReport::default() };
    let latest = |likes: &Vec<u32>| likes[likes.len().saturating_sub(options.most_likes)..].to_vec();
    report.beyond = people.iter().map(|likes| likes.len().saturating_sub(options.most_likes)).sum();
    let bounded: Vec<Vec<u32>> = people.iter().map(latest).collect();
    let mut counts = vec![0usize; items];
    bounded.iter().flatten().for_each(|row| counts[*row as usize] += 1);
    let supported: Vec<usize> = (0..items).filter(|row| counts[*row] >= options.least_people.max(1)).collect();
    report.too_few = counts.iter().filter(|count| **count > 0 && **count < options.least_people).count();
    if supported.len() < 2 {
        return None;
    }

    let mut place = vec![u32::MAX; items];
    supported.iter().zip(0u32..).for_each(|(row, at)| place[*row] = at);
    let kept = |likes: &Vec<u32>| -> Vec<u32> {
        likes.iter().map(|row| place[*row as usize]).filter(|at| *at != u32::MAX).collect()
    };
    let likes: Vec<Vec<u32>> = bounded.iter().map(kept).filter(|likes: &Vec<u32>| !likes.is_empty()).collect();
    report.people = likes.len();
    report.likes = likes.iter().map(Vec::len).sum();
    report.items = supported.len();

    let rank = COMPUTED.max(options.dims.unwrap_or(LearnOptions::DIMS)).min(supported.len());
    let given = options.lambda.is_some() && options.dims.is_some();
    let choice = if given { None } else { choose(&likes, supported.len(), rank, options) };
    let start = choice.as_ref().map_or(Start::Anywhere { passes: PASSES }, |(_, near)| Start::Near(near));
    let pairs = Pairs::of(&likes, supported.len(), options.least_together);
    (report.least_together, report.pairs, report.pairs_left_out) = (pairs.least, pairs.kept, pairs.left_out);
    let side = right_side(&pairs, rank, start);
    report.choice = choice.map(|(choice, _)| choice);
    let chosen = report.choice.as_ref().map(|choice| choice.chosen);
    report.lambda = chosen.map_or_else(|| options.lambda.unwrap_or(LearnOptions::LAMBDA), |chosen| chosen.lambda);
    report.dims = chosen.map_or_else(|| options.dims.unwrap_or(LearnOptions::DIMS), |chosen| chosen.dims);
    let dims = report.dims;
    let shrink = side.shrink(report.lambda);
    let mut factors = DMatrix::<f64>::zeros(items, dims);
    let mut gains = vec![1.0f64; items];
    for (at, row) in supported.iter().enumerate() {
        let (whole, gain) = whole_factor(&side, &shrink, at);
        gains[*row] = gain;
        factors.row_mut(*row).iter_mut().zip(&whole).for_each(|(out, x)| *out = *x);
    }
    if let Some(content) = content {
        report.from_text = blend_with_text(&mut factors, &mut gains, &counts, &supported, content);
    }

    let mut average = vec![0.0f64; dims];
    for row in &supported {
        let share = counts[*row] as f64 / report.likes as f64;
        average.iter_mut().zip(factors.row(*row).iter()).for_each(|(sum, x)| *sum += share * x);
    }
    Some(Factors {
        dims,
        values: (0..items).flat_map(|row| factors.row(row).iter().map(|x| *x as f32).collect::<Vec<f32>>()).collect(),
        gains: gains.into_iter().map(|gain| gain as f32).collect(),
        average: average.into_iter().map(|x| x as f32).collect(),
        report,
    })
}

/// The factor of an item before the cut, and its gain.
pub(super) fn whole_factor(side: &RightSide, shrink: &[f64], item: usize) -> (Vec<f64>, f64) {
    let whole: Vec<f64> = side.vectors.row(item).iter().zip(shrink).map(|(v, shrink)| v * shrink).collect();
    let square: f64 = whole.iter().map(|x| x * x).sum();
    (whole, 1.0 / (1.0 - square).max(LEAST_REST))
}

/// Moves each item toward what its text says, the less the more people chose it; how many have nothing but their text.
fn blend_with_text(
    factors: &mut DMatrix<f64>,
    gains: &mut [f64],
    counts: &[usize],
    supported: &[usize],
    about: ItemContent<'_>,
) -> usize {
    let items = factors.nrows();
    let mut content = DMatrix::<f64>::zeros(items, about.dims);
    let mut buffer = vec![0.0f32; about.dims];
    for row in 0..items {
        if (about.vector)(row, &mut buffer) {
            content.row_mut(row).iter_mut().zip(&buffer).for_each(|(out, x)| *out = f64::from(*x));
        }
    }
    let Some(predicted) = content::predict(&content, factors, supported) else { return 0 };
    let mut own = vec![false; items];
    supported.iter().for_each(|row| own[*row] = true);
    let mut from_text = 0;
    for row in (0..items).filter(|row| content.row(*row).iter().any(|x| *x != 0.0)) {
        let likes = if own[row] { counts[row] as f64 } else { 0.0 };
        let text = TEXT_LIKES / (likes + TEXT_LIKES);
        let blended = factors.row(row) * (1.0 - text) + predicted.row(row) * text;
        factors.set_row(row, &blended);
        if !own[row] {
            gains[row] = 1.0 / (1.0 - blended.norm_squared()).max(LEAST_REST);
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
        let learned = learn(&people, items, None, &plain()).unwrap();
        let mut gram = DMatrix::<f64>::from_diagonal_element(items, items, 10.0);
        for likes in &people {
            for a in likes {
                likes.iter().for_each(|b| gram[(*a as usize, *b as usize)] += 1.0);
            }
        }
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
    fn items_of_too_few_people_are_left_out_and_counted() {
        let mut people = groups();
        people[0].push(20);
        people[1].push(20);
        let learned = learn(&people, 21, None, &plain()).unwrap();
        assert_eq!((learned.report.items, learned.report.too_few, learned.report.people), (20, 1, 60));
        assert!(learned.values[20 * 20..].iter().all(|x| *x == 0.0));
        assert_eq!(learned.gains[20], 1.0);
        assert!(learn(&people[..4], 21, None, &plain()).is_none(), "four people are too few for any item");
        assert!(learn(&[], 21, None, &plain()).is_none());
    }

    #[test]
    fn nobody_adds_more_than_allowed() {
        let people: Vec<Vec<u32>> = groups();
        let options = LearnOptions { most_likes: 4, ..plain() };
        let report = learn(&people, 20, None, &options).unwrap().report;
        assert!(report.likes <= 60 * 4 && report.beyond > 0);
    }

    #[test]
    fn a_new_item_gets_the_factors_of_its_kind() {
        // Item 20 is new; its text is that of the first group's.
        let content = |row: usize, out: &mut [f32]| {
            let first = row < 10 || row == 20;
            out.copy_from_slice(if first { &[1.0, 0.0] } else { &[0.0, 1.0] });
            true
        };
        let learned = learn(&groups(), 21, Some(ItemContent { dims: 2, vector: &content }), &plain()).unwrap();
        assert_eq!(learned.report.from_text, 1);
        let dot = |a: usize, b: usize| -> f32 {
            learned.values[a * 20..][..20].iter().zip(&learned.values[b * 20..][..20]).map(|(a, b)| a * b).sum()
        };
        assert!(dot(20, 3) > 0.0 && dot(20, 3) > 4.0 * dot(20, 13).abs(), "{} {}", dot(20, 3), dot(20, 13));
        assert!(learned.values.iter().chain(&learned.gains).all(|x| x.is_finite()));
    }
}
