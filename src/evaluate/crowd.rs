//! What the people of a fold say of the items: counts, how they were liked, and the reference model that knows everybody.

use std::collections::HashMap;
use std::sync::OnceLock;

use nalgebra::{Cholesky, DMatrix};

use super::data::{Deed, History};
use super::split::Fold;
use crate::profile::MAX_MASS;

/// Figures of one fold, made of nothing but what the fold's crowd may know.
pub(crate) struct Crowd {
    /// How many people chose each item.
    pub(crate) counts: Vec<f64>,
    /// The same, each counted `½^(age / half-life)` against the newest event of the crowd.
    pub(crate) recent: Vec<f64>,
    /// How many people have an opinion of each item, and the mean of their opinions, −1 to 1.
    pub(crate) said: Vec<f64>,
    pub(crate) liking: Vec<f64>,
    /// People with at least one event that says something.
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
    /// The figures of what a fold knows. Of one person at most `most_likes` choices and as many opinions count, the latest, and each
    /// item once, however often the person came back to it.
    pub(crate) fn of(fold: &Fold, people: &[History], rows: usize, most_likes: usize) -> Self {
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
            let known = || fold.known(person, &history.deeds);
            for (row, _, signed) in latest(opinions(known()), most_likes, |(_, time, _)| *time) {
                crowd.said[row] += 1.0;
                crowd.liking[row] += signed;
            }
            for (row, time) in latest(last_choices(known()), most_likes, |(_, time)| *time) {
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

/// What one person has said of each item in the end: row, time and sign, ascending by row. The last statement counts and, where there is
/// none, the strongest of the events that speak for the item, unless it was taken back (as in a profile, see `Taste`).
fn opinions<'a>(deeds: impl Iterator<Item = &'a Deed>) -> Vec<(usize, i64, f64)> {
    #[derive(Default)]
    struct Heard {
        time: i64,
        stated: Option<f64>,
        strongest: f64,
        left: f64,
    }
    let mut heard: HashMap<usize, Heard> = HashMap::new();
    for deed in deeds.filter(|deed| deed.speaks()) {
        let heard = heard.entry(deed.row()).or_default();
        heard.time = deed.time;
        if deed.states() {
            heard.stated = Some(deed.signed());
        } else {
            heard.strongest = heard.strongest.max(deed.signed());
            heard.left = (heard.left + deed.signed()).clamp(0.0, MAX_MASS);
        }
    }
    let opinion = |(row, Heard { time, stated, strongest, left }): (usize, Heard)| {
        let signed = stated.or((left > 0.0).then_some(strongest))?;
        Some((row, time, signed))
    };
    let mut opinions: Vec<(usize, i64, f64)> = heard.into_iter().filter_map(opinion).collect();
    opinions.sort_unstable_by_key(|(row, ..)| *row);
    opinions
}

/// At most so many, those with the latest times; of one time those of the lesser rows go first.
fn latest<T>(mut all: Vec<T>, most: usize, time: impl Fn(&T) -> i64) -> Vec<T> {
    if all.len() > most {
        // Stable, as where factors are learned.
        all.sort_by_key(time);
        all.drain(..all.len() - most);
    }
    all
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

    fn crowd(people: &[History], rows: usize) -> Crowd {
        Crowd::of(&Fold::all(), people, rows, 1000)
    }

    #[test]
    fn one_person_has_one_opinion_of_an_item() {
        let day = 86_400_000;
        let view = |row: usize, days: i64| Deed::passing(row, days * day, 0.125);
        let history = |deeds: Vec<Deed>| History { user: String::new(), deeds };
        let told = |mut own: Vec<Deed>| {
            own.sort_by_key(|deed| deed.time);
            let others = [history(vec![Deed::of(0, 0, 1.0), Deed::of(1, 0, -1.0), view(2, 0)])];
            let people: Vec<History> = others.into_iter().chain([history(own)]).collect();
            let Crowd { counts, recent, said, liking, people, .. } = crowd(&people, 4);
            (counts, recent, said, liking, people)
        };
        let own = vec![Deed::of(0, 9, -1.0), Deed::of(1, 9, 0.5), view(2, 9), Deed::of(3, 9, 1.0)];
        let once = told(own.clone());
        assert_eq!((once.2.clone(), once.3.clone()), (vec![2.0, 2.0, 2.0, 1.0], vec![0.0, -0.25, 0.125, 1.0]));
        for repeated in &own {
            let again = (0..1000).map(|time| repeated.at(time % 9));
            assert_eq!(told(own.iter().copied().chain(again).collect()), once, "{repeated:?}");
        }
        // What is shown is nothing that somebody said; nor is what was put into a cart and taken out again.
        let shown = (0..1000).map(|time| Deed::passing(3, time, 0.0));
        assert_eq!(told(own.iter().copied().chain(shown).collect()), once);
        let cart = |signed: f64, at: i64| Deed::passing(3, at, signed);
        assert!(opinions([cart(0.5, 1), cart(-0.5, 2)].iter()).is_empty());
        assert_eq!(opinions([view(3, 0), cart(0.5, day)].iter()), [(3, day, 0.5)]);
        assert_eq!(opinions([Deed::of(3, 1, 1.0), view(3, 2), Deed::of(3, 3, 0.0)].iter()), [(3, 3, 0.0)]);
    }

    #[test]
    fn of_one_person_the_latest_likes_count() {
        let deeds = (0..8).map(|at| Deed::of(at, at as i64, 1.0)).collect();
        let people = [History { user: String::new(), deeds }];
        let crowd = Crowd::of(&Fold::all(), &people, 8, 3);
        let latest = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        assert_eq!((crowd.counts, crowd.said), (latest.to_vec(), latest.to_vec()));
    }

    #[test]
    fn a_person_counts_once_and_old_choices_fade() {
        let people = people(&[&[(0, 0, 1.0), (0, 30, 1.0), (1, 60, -1.0)], &[(0, 60, 0.5)], &[]]);
        let crowd = crowd(&people, 3);
        assert_eq!(choices(&Fold::all(), &people), [[0], [0]]);
        assert_eq!(crowd.counts, [2.0, 0.0, 0.0]);
        assert_eq!(crowd.recent, [1.5, 0.0, 0.0]);
        assert_eq!((crowd.people, crowd.said[0], crowd.liking[0]), (2, 2.0, 1.5 / 2.0));
        assert_eq!(crowd.liking[1], -1.0);
    }

    #[test]
    fn ease_is_its_closed_form() {
        // Two items chosen together by one person, one alone by another: XᵀX + λI = [[202, 1], [1, 201]].
        let people = people(&[&[(0, 0, 1.0), (1, 0, 1.0)], &[(0, 0, 1.0)]]);
        let crowd = crowd(&people, 2);
        let ease = |chosen: &[usize]| crowd.ease(chosen, || choices(&Fold::all(), &people));
        // P = [[201, −1], [−1, 202]] / det; B_01 = −P_01 / P_11 = 1/202; B_10 = 1/201.
        let close = |a: &[f64], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&ease(&[0]), [0.0, 1.0 / 202.0]), "{:?}", ease(&[0]));
        assert!(close(&ease(&[1]), [1.0 / 201.0, 0.0]));
        assert!(close(&ease(&[0, 1]), [1.0 / 201.0, 1.0 / 202.0]));
    }
}
