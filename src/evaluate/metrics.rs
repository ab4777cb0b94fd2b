//! How good one list is, and how good many are: the metrics with their published definitions.
//!
//! A list is rows of the catalog, best first; what counts as good is the set of rows that the person chose later (binary
//! relevance). Nothing is sampled: the list ranks every item that the person did not know.

use std::collections::{BTreeMap, BTreeSet};

/// What one list is worth to one person.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// Hit rate: 1 if at least one good item is among the first k.
    pub hit_rate: f64,
    /// Normalized discounted cumulative gain at k (Järvelin and Kekäläinen 2002), see [`ndcg`].
    pub ndcg: f64,
    /// The share of the good items that is among the first k.
    pub recall: f64,
    /// Reciprocal rank (Voorhees 1999): 1 / the place of the first good item in the whole list, 0 if there is none.
    pub reciprocal_rank: f64,
}

impl Quality {
    /// Of a whole list, looked at down to place `k`.
    pub fn of(list: &[usize], good: &BTreeSet<usize>, k: usize) -> Self {
        let places = |list: &[usize]| -> Vec<usize> {
            list.iter().enumerate().filter(|(_, row)| good.contains(row)).map(|(at, _)| at).collect()
        };
        let top = places(&list[..k.min(list.len())]);
        Self {
            hit_rate: f64::from(u8::from(!top.is_empty())),
            ndcg: ndcg(&top, good.len(), k),
            recall: if good.is_empty() { 0.0 } else { top.len() as f64 / good.len() as f64 },
            reciprocal_rank: list.iter().position(|row| good.contains(row)).map_or(0.0, |at| 1.0 / (at + 1) as f64),
        }
    }
}

/// `DCG / IDCG` with `DCG = Σ 1 / log2(place + 1)` over the good items among the first `k` (places counted from 1), and
/// `IDCG` the same for a list that has all `good` of them at its top. `places` counts from 0.
pub fn ndcg(places: &[usize], good: usize, k: usize) -> f64 {
    let gain = |at: usize| 1.0 / ((at + 2) as f64).log2();
    let ideal: f64 = (0..good.min(k)).map(gain).sum();
    if ideal == 0.0 { 0.0 } else { places.iter().filter(|at| **at < k).fold(0.0, |sum, at| sum + gain(*at)) / ideal }
}

/// The share of the items that could be listed which is in at least one list (catalog coverage; Ge, Delgado-Battenfeld and Jannach 2010).
pub fn coverage<'a>(lists: impl Iterator<Item = &'a [usize]>, items: usize) -> f64 {
    let shown: BTreeSet<usize> = lists.flatten().copied().collect();
    if items == 0 { 0.0 } else { shown.len() as f64 / items as f64 }
}

/// Intra-list diversity: the mean of `1 − likeness` over all pairs of a list (Ziegler et al. 2005, as a distance).
/// `None` for a list of fewer than two items.
pub fn intra_list_diversity(list: &[usize], likeness: impl Fn(usize, usize) -> f64) -> Option<f64> {
    let pairs = list.len() * list.len().saturating_sub(1) / 2;
    let mut sum = 0.0;
    for (at, a) in list.iter().enumerate() {
        sum += list[..at].iter().map(|b| 1.0 - likeness(*a, *b)).sum::<f64>();
    }
    (pairs > 0).then(|| sum / pairs as f64)
}

/// Mean self-information of a list in bits (Zhou et al. 2010; Vargas and Castells 2011): `−log2` of the share of people who
/// chose the item. Counted as `(count + 1) / (people + 1)`, so that an item nobody chose has a finite surprise.
pub fn novelty(list: &[usize], counts: &[f64], people: usize) -> Option<f64> {
    let bits = |row: &usize| -((counts[*row] + 1.0) / (people as f64 + 1.0)).log2();
    (!list.is_empty()).then(|| list.iter().map(bits).sum::<f64>() / list.len() as f64)
}

/// Popularity bias of a list: the mean share of people who chose its items (average recommendation popularity,
/// Abdollahpouri, Burke and Mobasher 2019).
pub fn popularity_bias(list: &[usize], counts: &[f64], people: usize) -> Option<f64> {
    let share = |row: &usize| counts[*row] / people.max(1) as f64;
    (!list.is_empty()).then(|| list.iter().map(share).sum::<f64>() / list.len() as f64)
}

/// Miscalibration (Steck 2018): `KL(p ‖ q̃) = Σ p·log2(p / q̃)` in bits between the categories p of what the person chose and
/// q of the list, with `q̃ = 0.99·q + 0.01·p`. 0 is a list with the person's own proportions. `None` without categories on
/// either side.
pub fn miscalibration(history: &BTreeMap<u32, f64>, list: &BTreeMap<u32, f64>) -> Option<f64> {
    /// As in the paper: keeps the divergence finite for categories that the list lacks.
    const ALPHA: f64 = 0.01;
    let (own, shown): (f64, f64) = (history.values().sum(), list.values().sum());
    if own <= 0.0 || shown <= 0.0 {
        return None;
    }
    let term = |(code, mass): (&u32, &f64)| {
        let p = mass / own;
        let q = list.get(code).copied().unwrap_or(0.0) / shown;
        if p == 0.0 { 0.0 } else { p * (p / ((1.0 - ALPHA) * q + ALPHA * p)).log2() }
    };
    Some(history.iter().map(term).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(rows: &[usize]) -> BTreeSet<usize> {
        rows.iter().copied().collect()
    }

    #[test]
    fn one_good_item_in_third_place() {
        // By hand: gain 1/log2(4) = 0.5 of an ideal 1/log2(2) = 1.
        let quality = Quality::of(&[7, 3, 5, 1], &good(&[5]), 10);
        assert_eq!(quality, Quality { hit_rate: 1.0, ndcg: 0.5, recall: 1.0, reciprocal_rank: 1.0 / 3.0 });
    }

    #[test]
    fn two_of_three_good_items_at_the_first_and_third_place() {
        // DCG = 1 + 0.5; IDCG at 3 = 1 + 1/log2(3) + 0.5 = 2.1309297535714578.
        let quality = Quality::of(&[4, 9, 6, 2], &good(&[4, 6, 8]), 3);
        assert!((quality.ndcg - 1.5 / 2.130_929_753_571_457_8).abs() < 1e-15);
        assert!((quality.recall - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!((quality.hit_rate, quality.reciprocal_rank), (1.0, 1.0));
    }

    #[test]
    fn beyond_k_only_the_reciprocal_rank_sees_it() {
        let quality = Quality::of(&[1, 2, 3, 4], &good(&[4]), 2);
        assert_eq!(quality, Quality { hit_rate: 0.0, ndcg: 0.0, recall: 0.0, reciprocal_rank: 0.25 });
        assert_eq!(Quality::of(&[1, 2], &good(&[9]), 2), Quality::default());
        assert_eq!(Quality::of(&[], &good(&[]), 2), Quality::default());
    }

    #[test]
    fn more_good_items_than_places_are_a_perfect_list_too() {
        let quality = Quality::of(&[1, 2], &good(&[1, 2, 3]), 2);
        assert_eq!((quality.ndcg, quality.recall), (1.0, 2.0 / 3.0));
    }

    #[test]
    fn lists_together_cover_a_share_of_the_catalog() {
        let lists = [vec![0, 1], vec![1, 2]];
        assert_eq!(coverage(lists.iter().map(Vec::as_slice), 12), 0.25);
        assert_eq!(coverage([].into_iter(), 0), 0.0);
    }

    #[test]
    fn diversity_is_the_mean_distance_of_pairs() {
        let likeness = |a: usize, b: usize| if a + b == 1 { 1.0 } else { 0.25 };
        // Pairs: (0,1) distance 0, (0,2) and (1,2) distance 0.75.
        assert_eq!(intra_list_diversity(&[0, 1, 2], likeness), Some(0.5));
        assert_eq!(intra_list_diversity(&[0], likeness), None);
    }

    #[test]
    fn novelty_and_popularity_bias_by_hand() {
        // Of 7 people 3 chose row 0 and nobody row 1: (3+1)/8 is one bit, (0+1)/8 three.
        assert_eq!(novelty(&[0, 1], &[3.0, 0.0], 7), Some(2.0));
        assert_eq!(popularity_bias(&[0, 1], &[3.0, 0.0], 6), Some(0.25));
        assert_eq!((novelty(&[], &[], 3), popularity_bias(&[], &[], 3)), (None, None));
    }

    #[test]
    fn miscalibration_by_hand() {
        let half = BTreeMap::from([(0, 1.0), (1, 1.0)]);
        assert_eq!(miscalibration(&half, &BTreeMap::from([(0, 3.0), (1, 3.0)])), Some(0.0));
        // p = ½, ½ and q = 1, 0: ½·log2(½ / 0.995) + ½·log2(½ / 0.005).
        let expected = 0.5 * (0.5f64 / 0.995).log2() + 0.5 * (0.5f64 / 0.005).log2();
        let one_sided = miscalibration(&half, &BTreeMap::from([(0, 2.0)])).unwrap();
        assert!((one_sided - expected).abs() < 1e-12, "{one_sided}");
        assert_eq!(miscalibration(&BTreeMap::new(), &half), None);
    }
}
