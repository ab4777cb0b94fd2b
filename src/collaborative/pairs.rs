//! How many people chose two items together, for the pairs that enough people did: XᵀX of the people × items matrix of likes,
//! its small entries beside the diagonal set to zero.
//!
//! A pair that one or two people chose says more of them than of the items, so it is left out before anything is computed from
//! it. What remains is symmetric and need not be positive any more.

use nalgebra::DMatrix;
use rayon::prelude::*;

/// The most entries that are kept, each in both directions and of 8 bytes: 320 MB. Every pass over the data reads each of them,
/// with a row of the basis: 18.5 million likes over 60,000 items are learned from in two minutes on two cores, and were not in ten with four
/// times as many and float64.
const MOST_ENTRIES: usize = 40_000_000;
/// Up to this many people the pairs are told apart when it is sought from where on they fit.
const TOLD_APART: usize = 1024;
/// Rows that are counted and multiplied at a time.
pub(super) const TOGETHER: usize = 64;

/// A symmetric matrix of a row and a column per item, as far as its greatest eigenvectors need it.
pub(super) trait Counts {
    fn items(&self) -> usize;

    /// The matrix times this one, of a row per item. Sums are of float32: the basis is made orthogonal again after each pass, and what
    /// comes of it is kept in eight bits.
    fn times(&self, basis: &DMatrix<f64>) -> DMatrix<f64>;
}

/// An item's numbers in one piece, item after item: they are what is read and written together.
pub(super) fn by_item(basis: &DMatrix<f64>) -> Vec<f32> {
    basis.transpose().iter().map(|x| *x as f32).collect()
}

/// The entries beside the diagonal and those on it.
pub(super) struct Pairs {
    items: usize,
    /// Of so many rows each, in their order.
    parts: Vec<Part>,
    /// So many people have to have chosen both items of a pair.
    pub(super) least: usize,
    /// Pairs of that many.
    pub(super) kept: usize,
    /// Pairs that somebody chose, but fewer.
    pub(super) left_out: usize,
}

/// Rows one after another.
#[derive(Default)]
struct Part {
    columns: Vec<u32>,
    counts: Vec<f32>,
    /// Where each row ends.
    ends: Vec<usize>,
    left_out: usize,
}

impl Pairs {
    /// `people` has the items, each once, that each person chose. Where the pairs of `least` people are too many to be kept, it
    /// takes more people.
    pub(super) fn of(people: &[Vec<u32>], items: usize, least: usize) -> Self {
        let likers = Likers::of(people, items);
        let mut least = least.max(1);
        let bound: usize = people.iter().map(|likes| likes.len().saturating_mul(likes.len())).sum();
        if bound > MOST_ENTRIES {
            least = fitting(&likers.histogram(people), least, MOST_ENTRIES);
        }
        let parts = likers.each_part(people, |part: &mut Part, row, counts| {
            for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                if *count as usize >= least || column == row {
                    part.columns.push(column as u32);
                    part.counts.push(*count as f32);
                } else {
                    part.left_out += 1;
                }
            }
            part.ends.push(part.columns.len());
        });
        let entries: usize = parts.iter().map(|part| part.columns.len()).sum();
        let chosen = (0..items).filter(|item| !likers.of_item(*item).is_empty()).count();
        let left_out = parts.iter().map(|part| part.left_out).sum::<usize>() / 2;
        Self { items, parts, least, kept: (entries - chosen) / 2, left_out }
    }
}

impl Counts for Pairs {
    fn items(&self) -> usize {
        self.items
    }

    fn times(&self, basis: &DMatrix<f64>) -> DMatrix<f64> {
        let width = basis.ncols();
        let by_item = by_item(basis);
        let product: Vec<f64> = (self.parts.par_iter())
            .flat_map_iter(|part| part.times(&by_item, width).into_iter().map(f64::from))
            .collect();
        DMatrix::from_row_slice(self.items, width, &product)
    }
}

impl Part {
    /// The rows of the product.
    fn times(&self, by_item: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0f32; self.ends.len() * width];
        let mut begin = 0;
        for (sum, end) in product.chunks_exact_mut(width.max(1)).zip(&self.ends) {
            for (column, count) in self.columns[begin..*end].iter().zip(&self.counts[begin..*end]) {
                let other = &by_item[*column as usize * width..][..width];
                sum.iter_mut().zip(other).for_each(|(sum, x)| *sum += count * x);
            }
            begin = *end;
        }
        product
    }
}

/// The least number of people from `least` on at which no more than `most` entries are left; `histogram` has the number of
/// entries by how many people they are of, the last those of that many and more.
fn fitting(histogram: &[usize], least: usize, most: usize) -> usize {
    let mut left = 0;
    for people in (least..histogram.len()).rev() {
        left += histogram[people];
        if left > most {
            return (people + 1).max(least);
        }
    }
    least
}

/// Who chose each item.
pub(super) struct Likers {
    people: Vec<u32>,
    ends: Vec<usize>,
}

impl Likers {
    pub(super) fn of(people: &[Vec<u32>], items: usize) -> Self {
        let mut ends = vec![0usize; items];
        people.iter().flatten().for_each(|item| ends[*item as usize] += 1);
        let mut total = 0;
        for end in &mut ends {
            total += *end;
            *end = total;
        }
        let mut next: Vec<usize> = (0..items).map(|item| if item == 0 { 0 } else { ends[item - 1] }).collect();
        let mut likers = vec![0u32; total];
        for (person, likes) in (0u32..).zip(people) {
            for item in likes {
                let place = &mut next[*item as usize];
                likers[*place] = person;
                *place += 1;
            }
        }
        Self { people: likers, ends }
    }

    pub(super) fn of_item(&self, item: usize) -> &[u32] {
        let begin = if item == 0 { 0 } else { self.ends[item - 1] };
        &self.people[begin..self.ends[item]]
    }

    /// Shows each row of counts, a number per item, to the part that it is in.
    pub(super) fn each_part<T: Default + Send>(
        &self,
        people: &[Vec<u32>],
        take: impl Fn(&mut T, usize, &[u32]) + Sync,
    ) -> Vec<T> {
        let items = self.ends.len();
        let part = |counts: &mut Vec<u32>, part: usize| {
            let mut made = T::default();
            for row in part * TOGETHER..((part + 1) * TOGETHER).min(items) {
                counts.fill(0);
                for person in self.of_item(row) {
                    people[*person as usize].iter().for_each(|item| counts[*item as usize] += 1);
                }
                take(&mut made, row, counts);
            }
            made
        };
        (0..items.div_ceil(TOGETHER)).into_par_iter().map_init(|| vec![0u32; items], part).collect()
    }

    fn histogram(&self, people: &[Vec<u32>]) -> Vec<usize> {
        let parts = self.each_part(people, |histogram: &mut Vec<usize>, row, counts| {
            histogram.resize(TOLD_APART + 1, 0);
            let others = counts.iter().enumerate().filter(|(column, _)| *column != row);
            others.for_each(|(_, count)| histogram[(*count as usize).min(TOLD_APART)] += 1);
        });
        let mut total = vec![0; TOLD_APART + 1];
        parts.iter().for_each(|part| total.iter_mut().zip(part).for_each(|(total, own)| *total += own));
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items 0 and 1 were chosen together by three people, 1 and 2 by one; nobody chose item 3.
    fn people() -> Vec<Vec<u32>> {
        vec![vec![0, 1], vec![1, 0], vec![0, 1, 2], vec![2], vec![0]]
    }

    fn dense(pairs: &Pairs) -> DMatrix<f64> {
        pairs.times(&DMatrix::identity(pairs.items(), pairs.items()))
    }

    #[test]
    fn all_pairs_are_the_whole_product() {
        let pairs = Pairs::of(&people(), 4, 1);
        let expected = [4.0, 3.0, 1.0, 0.0, 3.0, 3.0, 1.0, 0.0, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(dense(&pairs), DMatrix::from_row_slice(4, 4, &expected));
        assert_eq!((pairs.kept, pairs.left_out), (3, 0));
    }

    #[test]
    fn pairs_of_few_people_are_left_out() {
        let pairs = Pairs::of(&people(), 4, 2);
        let expected = [4.0, 3.0, 0.0, 0.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(dense(&pairs), DMatrix::from_row_slice(4, 4, &expected), "the diagonal stays");
        assert_eq!((pairs.kept, pairs.left_out), (1, 2));
    }

    #[test]
    fn it_takes_more_people_where_pairs_do_not_fit() {
        // Entries of 0, 1, 2, … people.
        let histogram = [100, 50, 20, 10, 5, 2];
        assert_eq!(fitting(&histogram, 1, 1000), 1);
        assert_eq!(fitting(&histogram, 2, 17), 3);
        assert_eq!(fitting(&histogram, 4, 17), 4);
        assert_eq!(fitting(&histogram, 1, 1), 6, "and at the worst none is left");
        let likers = Likers::of(&people(), 4);
        assert_eq!(likers.histogram(&people())[..4], [6, 4, 0, 2]);
    }
}
