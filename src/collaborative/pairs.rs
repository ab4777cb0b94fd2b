//! How many people chose two items together, for the pairs that enough people did: XᵀX of the people × items matrix of likes,
//! its small entries beside the diagonal set to zero.
//!
//! A pair that one or two people chose says more of them than of the items, so it is left out before anything is computed from
//! it. What remains is symmetric and need not be positive any more.

use nalgebra::DMatrix;

/// The most entries that are kept, each in both directions and of 8 bytes: 1.2 GB.
const MOST_ENTRIES: usize = 150_000_000;
/// Up to this many people the pairs are told apart when it is sought from where on they fit.
const TOLD_APART: usize = 1024;

/// The entries beside the diagonal and those on it, by row.
pub(super) struct Pairs {
    items: usize,
    /// Row `r` is in part `r mod parts`, at place `r / parts`.
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
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.max(1));
        let mut least = least.max(1);
        let bound: usize = people.iter().map(|likes| likes.len().saturating_mul(likes.len())).sum();
        if bound > MOST_ENTRIES {
            least = fitting(&likers.histogram(people, threads), least, MOST_ENTRIES);
        }
        let parts = likers.each_row(people, threads, |part: &mut Part, row, counts| {
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

    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// The matrix times this one, of a row per item.
    pub(super) fn times(&self, basis: &DMatrix<f64>) -> DMatrix<f64> {
        // An item's numbers in one piece: they are what is read and written together.
        let by_item = basis.transpose();
        let products: Vec<DMatrix<f64>> = std::thread::scope(|scope| {
            let by_item = &by_item;
            let work = |part| scope.spawn(move || Part::times(part, by_item));
            let handles: Vec<_> = self.parts.iter().map(work).collect();
            handles.into_iter().map(|handle| handle.join().expect("sums do not panic")).collect()
        });
        let parts = self.parts.len();
        DMatrix::from_fn(self.items, basis.ncols(), |row, column| products[row % parts][(column, row / parts)])
    }
}

impl Part {
    /// A column per row of the part.
    fn times(&self, by_item: &DMatrix<f64>) -> DMatrix<f64> {
        let mut product = DMatrix::<f64>::zeros(by_item.nrows(), self.ends.len());
        let mut begin = 0;
        for (at, end) in self.ends.iter().enumerate() {
            let mut sum = product.column_mut(at);
            for (column, count) in self.columns[begin..*end].iter().zip(&self.counts[begin..*end]) {
                let count = f64::from(*count);
                sum.iter_mut().zip(by_item.column(*column as usize).iter()).for_each(|(sum, x)| *sum += count * x);
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
struct Likers {
    people: Vec<u32>,
    ends: Vec<usize>,
}

impl Likers {
    fn of(people: &[Vec<u32>], items: usize) -> Self {
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

    fn of_item(&self, item: usize) -> &[u32] {
        let begin = if item == 0 { 0 } else { self.ends[item - 1] };
        &self.people[begin..self.ends[item]]
    }

    /// Shows each row of counts, a number per item, to one of the parts.
    fn each_row<T: Default + Send>(
        &self,
        people: &[Vec<u32>],
        parts: usize,
        take: impl Fn(&mut T, usize, &[u32]) + Sync,
    ) -> Vec<T> {
        let items = self.ends.len();
        std::thread::scope(|scope| {
            let take = &take;
            let work = |part: usize| {
                scope.spawn(move || {
                    let mut made = T::default();
                    let mut counts = vec![0u32; items];
                    for row in (part..items).step_by(parts) {
                        counts.fill(0);
                        for person in self.of_item(row) {
                            people[*person as usize].iter().for_each(|item| counts[*item as usize] += 1);
                        }
                        take(&mut made, row, &counts);
                    }
                    made
                })
            };
            let handles: Vec<_> = (0..parts).map(work).collect();
            handles.into_iter().map(|handle| handle.join().expect("counting does not panic")).collect()
        })
    }

    fn histogram(&self, people: &[Vec<u32>], threads: usize) -> Vec<usize> {
        let parts = self.each_row(people, threads, |histogram: &mut Vec<usize>, row, counts| {
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
        assert_eq!(likers.histogram(&people(), 2)[..4], [6, 4, 0, 2]);
    }
}
