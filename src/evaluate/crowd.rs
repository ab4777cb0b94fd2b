//! What the people of a fold say of the items: counts, how they were liked, and the reference model that knows everybody.

use std::sync::OnceLock;

use nalgebra::{Cholesky, DMatrix};

use super::data::{Deed, History};
use super::split::Fold;

/// Figures of one fold, made of nothing but what the fold's crowd may know.
pub(crate) struct Crowd {
    /// How many people chose each item.
    pub(crate) counts: Vec<f64>,
    /// The same, each counted `½^(age / half-life)` against the newest event of the crowd.
    pub(crate) recent: Vec<f64>,
    /// How many people said anything of each item, and the mean of what they said, −1 to 1.
    pub(crate) said: Vec<f64>,
    pub(crate) liking: Vec<f64>,
    /// People with at least one event.
    pub(crate) people: usize,
    ease: OnceLock<DMatrix<f64>>,
}

/// After this time a choice counts half in the recent popularity.
const HALF_LIFE_MS: f64 = 30.0 * 86_400_000.0;

/// The regularization of EASE: on MovieLens-100K everything from 100 to 400 is within its interval.
const EASE_LAMBDA: f64 = 200.0;

/// Beyond this EASE is left out: its matrix has a number per pair of items (5,000 items: 200 MB, a minute of solving).
pub(crate) const EASE_MOST_ITEMS: usize = 5000;

impl Crowd {
    pub(crate) fn of(fold: &Fold, people: &[History], rows: usize) -> Self {
        let known = || people.iter().enumerate().map(|(person, history)| fold.known(person, &history.deeds));
        let newest = known().flatten().map(|deed| deed.time).max().unwrap_or(0);
        let mut crowd = Self {
            counts: vec![0.0; rows],
            recent: vec![0.0; rows],
            said: vec![0.0; rows],
            liking: vec![0.0; rows],
            people: known().filter_map(|mut deeds| deeds.next()).count(),
            ease: OnceLock::new(),
        };
        for (person, history) in people.iter().enumerate() {
            for deed in fold.known(person, &history.deeds) {
                crowd.said[deed.row()] += 1.0;
                crowd.liking[deed.row()] += deed.signed();
            }
            for (row, time) in last_choices(fold.known(person, &history.deeds)) {
                crowd.counts[row] += 1.0;
                crowd.recent[row] += (-((newest - time) as f64) / HALF_LIFE_MS).exp2();
            }
        }
        for (liking, said) in crowd.liking.iter_mut().zip(&crowd.said).filter(|(_, said)| **said > 0.0) {
            *liking /= said;
        }
        crowd
    }

    /// The scores of EASE for somebody who chose these rows (Steck 2019, arXiv 1905.03375): with X the people × items matrix
    /// of choices and P = (XᵀX + λI)⁻¹, B_ij = −P_ij / P_jj with a diagonal of 0, and the scores are x·B.
    /// `everybody` is asked once for what each person of the crowd chose.
    pub(crate) fn ease(&self, chosen: &[usize], everybody: impl FnOnce() -> Vec<Vec<u32>>) -> Vec<f64> {
        let weights = self.ease.get_or_init(|| self.solve(&everybody()));
        let mut scores = vec![0.0; self.counts.len()];
        for row in chosen {
            // B is kept transposed, so that a row of B is a column here and lies in one piece.
            for (score, weight) in scores.iter_mut().zip(weights.column(*row).iter()) {
                *score += weight;
            }
        }
        scores
    }

    fn solve(&self, people: &[Vec<u32>]) -> DMatrix<f64> {
        let rows = self.counts.len();
        let mut gram = DMatrix::from_diagonal_element(rows, rows, EASE_LAMBDA);
        for chosen in people {
            for a in chosen {
                for b in chosen {
                    gram[(*a as usize, *b as usize)] += 1.0;
                }
            }
        }
        let mut inverse = Cholesky::new(gram).expect("XᵀX + λI is positive definite").inverse();
        // Row i of Bᵀ is divided by P_ii.
        let diagonal: Vec<f64> = (0..rows).map(|row| inverse[(row, row)]).collect();
        for mut column in inverse.column_iter_mut() {
            column.iter_mut().zip(&diagonal).for_each(|(value, diagonal)| *value /= -diagonal);
        }
        inverse.fill_diagonal(0.0);
        inverse
    }
}

/// The rows that each person of a fold's crowd chose, the latest choice last; nobody who chose nothing.
pub(crate) fn choices(fold: &Fold, people: &[History]) -> Vec<Vec<u32>> {
    let rows = |(person, history): (usize, &History)| -> Vec<u32> {
        let mut chosen = last_choices(fold.known(person, &history.deeds));
        chosen.sort_by_key(|(_, time)| *time);
        chosen.into_iter().map(|(row, _)| u32::try_from(row).expect("rows are numbered with 32 bits")).collect()
    };
    people.iter().enumerate().map(rows).filter(|rows| !rows.is_empty()).collect()
}

/// The rows that somebody chose, ascending, with the last time: one person counts once for an item.
fn last_choices<'a>(deeds: impl Iterator<Item = &'a Deed>) -> Vec<(usize, i64)> {
    let mut chosen: Vec<(usize, i64)> = deeds.filter(|deed| deed.good()).map(|deed| (deed.row(), deed.time)).collect();
    chosen.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    chosen.dedup_by_key(|(row, _)| *row);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(people: &[&[(usize, i64, f64)]]) -> Vec<History> {
        let deed = |(row, days, signed): &(usize, i64, f64)| Deed::of(*row, days * 86_400_000, *signed);
        let history =
            |deeds: &&[(usize, i64, f64)]| History { user: String::new(), deeds: deeds.iter().map(deed).collect() };
        people.iter().map(history).collect()
    }

    #[test]
    fn a_person_counts_once_and_old_choices_fade() {
        let people = people(&[&[(0, 0, 1.0), (0, 30, 1.0), (1, 60, -1.0)], &[(0, 60, 0.5)], &[]]);
        let crowd = Crowd::of(&Fold::all(), &people, 3);
        assert_eq!(choices(&Fold::all(), &people), [[0], [0]]);
        assert_eq!(crowd.counts, [2.0, 0.0, 0.0]);
        assert_eq!(crowd.recent, [1.5, 0.0, 0.0]);
        assert_eq!((crowd.people, crowd.said[0], crowd.liking[0]), (2, 3.0, 2.5 / 3.0));
        assert_eq!(crowd.liking[1], -1.0);
    }

    #[test]
    fn ease_is_its_closed_form() {
        // Two items chosen together by one person, one alone by another: XᵀX + λI = [[202, 1], [1, 201]].
        let people = people(&[&[(0, 0, 1.0), (1, 0, 1.0)], &[(0, 0, 1.0)]]);
        let crowd = Crowd::of(&Fold::all(), &people, 2);
        let ease = |chosen: &[usize]| crowd.ease(chosen, || choices(&Fold::all(), &people));
        // P = [[201, −1], [−1, 202]] / det; B_01 = −P_01 / P_11 = 1/202; B_10 = 1/201.
        let close = |a: &[f64], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&ease(&[0]), [0.0, 1.0 / 202.0]), "{:?}", ease(&[0]));
        assert!(close(&ease(&[1]), [1.0 / 201.0, 0.0]));
        assert!(close(&ease(&[0, 1]), [1.0 / 201.0, 1.0 / 202.0]));
    }
}
