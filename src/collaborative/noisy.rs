//! How many people like each item and each pair of items, give or take the noise that privacy takes.
//!
//! [`NoisyCounts::of`] is the only place where people are looked at: everything that is shipped is made of what it returns. Every
//! pair of items has noise, most of all those that nobody likes both of: what is zero must not be told from what is not.
//!
//! The greatest eigenvalues of XᵀX stand out of those of the noise, which lie within `±2σ√n` (Wigner's semicircle). What stands out is too
//! large and its vector turned by what is known for a spike in such noise (Benaych-Georges and Nadakuditi 2011, arXiv 0910.2120): with θ
//! the eigenvalue without noise, it is found at `θ + nσ²/θ`, and the squared cosine of the two vectors is `1 − nσ²/θ²`. Both are
//! undone. On MovieLens-100K that is worth more than half of what the noise costs at ε = 3, and leaving out small counts, as is done
//! without noise, costs more than it brings.

use nalgebra::DMatrix;
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::pairs::{Counts, Likers, TOGETHER, by_item};
use super::privacy::{Privacy, PrivacyError};
use super::svd::RightSide;

/// The most items whose pairs are looked at, those with the greatest counts: each pair has a number of 4 bytes, in both
/// directions, so that they are 900 MB. The others have what their texts say.
const MOST_ITEMS: usize = 15_000;

/// Noisy counts of all items, and of the pairs of those that stand out.
pub(super) struct NoisyCounts {
    /// The standard deviation of the noise.
    pub(super) deviation: f64,
    /// An item's count has to be at least this to stand out.
    pub(super) cut: f64,
    /// By row, whole numbers, some below 0.
    pub(super) counts: Vec<f64>,
    /// The rows that stand out, ascending.
    pub(super) supported: Vec<usize>,
    /// Of `supported`, [`TOGETHER`] rows each.
    parts: Vec<Vec<f32>>,
}

impl NoisyCounts {
    /// Of the latest likes of each person (each item once, the latest last). Items with fewer than `least_people` do not stand out,
    /// nor do those that noise alone could have made: of all items that nobody likes, one is expected to pass.
    ///
    /// # Errors
    ///
    /// The system has no randomness.
    pub(super) fn of(
        people: &[Vec<u32>],
        items: usize,
        least_people: usize,
        privacy: &Privacy,
    ) -> Result<Self, PrivacyError> {
        let generator = privacy.generator()?;
        let deviation = privacy.deviation();
        let bounded: Vec<&[u32]> =
            people.iter().map(|likes| &likes[likes.len().saturating_sub(privacy.likes())..]).collect();
        let mut counts = vec![0.0f64; items];
        bounded.iter().copied().flatten().for_each(|row| counts[*row as usize] += 1.0);
        let mut noise = Noise::new(&generator, 0, deviation);
        counts.iter_mut().for_each(|count| *count = noise.on(*count));

        let cut = (deviation * stands_out(items)).max(least_people as f64);
        let mut supported: Vec<usize> = (0..items).filter(|row| counts[*row] >= cut).collect();
        supported.sort_by(|a, b| counts[*b].total_cmp(&counts[*a]).then(a.cmp(b)));
        supported.truncate(MOST_ITEMS);
        supported.sort_unstable();

        let mut place = vec![u32::MAX; items];
        supported.iter().zip(0u32..).for_each(|(row, at)| place[*row] = at);
        let kept = |likes: &&[u32]| -> Vec<u32> {
            likes.iter().map(|row| place[*row as usize]).filter(|at| *at != u32::MAX).collect()
        };
        let likes: Vec<Vec<u32>> = bounded.iter().map(kept).collect();
        let mut parts = Likers::of(&likes, supported.len()).each_part(&likes, |part: &mut Vec<f32>, row, together| {
            // Each row has a stream of its own, so that rows can be made in any order.
            let mut noise = Noise::new(&generator, 1 + row as u64, deviation);
            let begin = part.len();
            part.resize(begin + together.len(), 0.0);
            let row_of = &mut part[begin..];
            row_of[row] = counts[supported[row]] as f32;
            for (value, count) in row_of.iter_mut().zip(together).skip(row + 1) {
                *value = noise.on(f64::from(*count)) as f32;
            }
        });
        mirror(&mut parts, supported.len());
        Ok(Self { deviation, cut, counts, supported, parts })
    }

    /// The eigenvalues and eigenvectors without what noise adds to them; those that noise alone has are zero.
    pub(super) fn cleaned(&self, mut side: RightSide) -> RightSide {
        let most = self.supported.len() as f64 * self.deviation.powi(2);
        for (at, square) in side.squares.iter_mut().enumerate() {
            let under = square.powi(2) - 4.0 * most;
            let spike = if under > 0.0 && *square > 0.0 { (*square + under.sqrt()) / 2.0 } else { 0.0 };
            let cosine = if spike > 0.0 { (1.0 - most / spike.powi(2)).max(0.0).sqrt() } else { 0.0 };
            *square = spike;
            side.vectors.column_mut(at).scale_mut(cosine);
        }
        side
    }
}

impl Counts for NoisyCounts {
    fn items(&self) -> usize {
        self.supported.len()
    }

    fn times(&self, basis: &DMatrix<f64>) -> DMatrix<f64> {
        let (items, width) = (self.items(), basis.ncols());
        let by_item = by_item(basis);
        let rows = |part: &Vec<f32>| {
            let mut product = vec![0.0f32; part.len() / items.max(1) * width];
            for (sum, row) in product.chunks_exact_mut(width.max(1)).zip(part.chunks_exact(items.max(1))) {
                for (count, other) in row.iter().zip(by_item.chunks_exact(width.max(1))) {
                    sum.iter_mut().zip(other).for_each(|(sum, x)| *sum += count * x);
                }
            }
            product
        };
        let product: Vec<f64> =
            self.parts.par_iter().flat_map_iter(|part| rows(part).into_iter().map(f64::from)).collect();
        DMatrix::from_row_slice(items, width, &product)
    }
}

/// One stream of Gaussian noise.
struct Noise {
    generator: ChaCha20Rng,
    deviation: f64,
}

impl Noise {
    fn new(generator: &ChaCha20Rng, stream: u64, deviation: f64) -> Self {
        let mut generator = generator.clone();
        generator.set_stream(stream);
        generator.set_word_pos(0);
        Self { generator, deviation }
    }

    /// The whole count with whole noise on it, which is the rounded sum: the digits of any other one could tell what was added to it
    /// (Mironov 2012, "On significance of the least significant bits for differential privacy").
    fn on(&mut self, count: f64) -> f64 {
        let noise: f64 = self.generator.sample(StandardNormal);
        count + (self.deviation * noise).round()
    }
}

/// How many standard deviations noise exceeds in one of so many numbers.
fn stands_out(numbers: usize) -> f64 {
    let share = 1.0 / numbers.max(2) as f64;
    let (mut low, mut high) = (0.0f64, 40.0f64);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if 0.5 * libm::erfc(middle / std::f64::consts::SQRT_2) > share { low = middle } else { high = middle }
    }
    high
}

/// Copies what is right of the diagonal to its left, tile by tile.
fn mirror(parts: &mut [Vec<f32>], items: usize) {
    for at in 0..parts.len() {
        let (above, rest) = parts.split_at_mut(at);
        let below = &mut rest[0];
        let first = at * TOGETHER;
        for row in 0..below.len() / items {
            for (tile, source) in above.iter().enumerate() {
                for column in 0..TOGETHER {
                    below[row * items + tile * TOGETHER + column] = source[column * items + first + row];
                }
            }
            for column in 0..row {
                below[row * items + first + column] = below[column * items + first + row];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::privacy::NoiseSource;
    use super::*;

    fn privacy(epsilon: f64, likes: usize, seed: u64) -> Privacy {
        Privacy::new(epsilon, 1e-5, likes, NoiseSource::Seeded(seed)).unwrap()
    }

    /// 300 people who like 20 of 40 items each.
    fn people() -> Vec<Vec<u32>> {
        (0..300u32).map(|person| (0..20).map(|n| (person * 3 + n * (1 + person % 2)) % 40).collect()).collect()
    }

    /// The whole matrix of the items that stand out.
    fn dense(noisy: &NoisyCounts) -> DMatrix<f64> {
        noisy.times(&DMatrix::identity(noisy.items(), noisy.items()))
    }

    /// The upper triangle of XᵀX, as it is.
    fn exact(people: &[Vec<u32>], items: usize, likes: usize) -> Vec<f64> {
        let mut all = vec![0.0; items * items];
        for person in people {
            let latest = &person[person.len().saturating_sub(likes)..];
            for a in latest {
                latest.iter().filter(|b| *b >= a).for_each(|b| all[*a as usize * items + *b as usize] += 1.0);
            }
        }
        all
    }

    #[test]
    fn nobody_moves_the_counts_further_than_promised() {
        // With next to no noise the counts are those of the bounded likes: what one person more changes is the sensitivity at most,
        // and exactly that for whoever likes as much as counts and more.
        let everybody = people();
        let items = 60;
        let extremes: [Vec<u32>; 6] = [
            vec![],
            vec![7],
            (0..20).collect(),
            (0..60).collect(),
            (0..60).rev().collect(),
            (0..59).step_by(2).collect(),
        ];
        for likes in [1, 5, 20] {
            let privacy = privacy(100.0, likes, 1);
            let before = exact(&everybody, items, likes);
            for extreme in &extremes {
                let after = exact(&[everybody.clone(), vec![extreme.clone()]].concat(), items, likes);
                let moved = before.iter().zip(&after).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                let allowed = privacy.sensitivity();
                assert!(moved <= allowed + 1e-12, "{} likes of {likes}: {moved} {allowed}", extreme.len());
                if extreme.len() >= likes {
                    assert!((moved - allowed).abs() < 1e-12, "{moved} {allowed}");
                }
            }
        }
    }

    #[test]
    fn what_is_counted_is_what_the_bound_is_of() {
        // The same noise on both: the difference is what one person adds, and nothing of theirs beyond the latest likes.
        let everybody = people();
        let greedy: Vec<u32> = (0..40).collect();
        let of = |people: &[Vec<u32>]| NoisyCounts::of(people, 40, 1, &privacy(100.0, 5, 3)).unwrap();
        let (before, after) = (of(&everybody), of(&[everybody.clone(), vec![greedy]].concat()));
        assert_eq!((before.supported.len(), after.supported.len()), (40, 40), "all stand out of so little noise");
        let moved = dense(&after) - dense(&before);
        let square: f64 = (0..40).flat_map(|a| (a..40).map(move |b| (a, b))).map(|at| moved[at].powi(2)).sum();
        assert_eq!(square.sqrt(), privacy(100.0, 5, 3).sensitivity());
        assert!((0..35).all(|row| moved.row(row).iter().all(|x| *x == 0.0)), "only the latest five count");
    }

    #[test]
    fn every_entry_has_noise_of_the_promised_spread() {
        // 2,000 people like all of 400 items, so that all stand out and each entry is 2,000 without noise.
        let everybody: Vec<Vec<u32>> = (0..2000u32).map(|_| (0..400).collect()).collect();
        let bound = privacy(8.0, 400, 6);
        let noisy = NoisyCounts::of(&everybody, 400, 0, &bound).unwrap();
        assert_eq!(noisy.supported.len(), 400);
        let values = dense(&noisy);
        let spread = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt())
        };
        let beside: Vec<f64> = (0..400).flat_map(|a| (a + 1..400).map(move |b| (a, b))).map(|at| values[at]).collect();
        let (mean, deviation) = spread(&beside);
        assert!((deviation / bound.deviation() - 1.0).abs() < 0.01, "{deviation} {}", bound.deviation());
        assert!((mean - 2000.0).abs() < 5.0 * bound.deviation() / (beside.len() as f64).sqrt(), "{mean}");
        let (_, deviation) = spread(&noisy.counts);
        assert!((deviation / bound.deviation() - 1.0).abs() < 0.15, "{deviation}");
        // One in 1/(σ√2π) is the exact one by chance.
        let exact = beside.iter().filter(|value| **value == 2000.0).count() as f64;
        let expected = beside.len() as f64 / (bound.deviation() * (2.0 * std::f64::consts::PI).sqrt());
        assert!((exact - expected).abs() < 5.0 * expected.sqrt(), "{exact} {expected}");
        assert_eq!(values, values.transpose());
    }

    #[test]
    fn what_nobody_likes_has_noise_too() {
        let privacy = privacy(1.0, 20, 5);
        let mut nobody = NoisyCounts::of(&[], 400, 0, &privacy).unwrap();
        assert!(nobody.supported.len() < 8, "{} of nothing stand out", nobody.supported.len());
        let square = nobody.counts.iter().map(|count| count.powi(2)).sum::<f64>() / 400.0;
        assert!((square.sqrt() / privacy.deviation() - 1.0).abs() < 0.15, "{}", square.sqrt());
        nobody.counts.sort_by(f64::total_cmp);
        nobody.counts.dedup();
        assert!(nobody.counts.len() > 100);
    }

    #[test]
    fn the_seed_decides_the_noise() {
        let of = |seed: u64| NoisyCounts::of(&people(), 40, 1, &privacy(20.0, 20, seed)).unwrap();
        assert_eq!((of(1).counts, dense(&of(1))), (of(1).counts, dense(&of(1))));
        assert_ne!(of(1).counts, of(2).counts);
    }

    #[test]
    fn a_spike_is_found_where_it_was_before_the_noise() {
        // θ = 10·σ√n, and what noise makes of it by the formula above.
        let noisy =
            NoisyCounts { deviation: 2.0, cut: 0.0, counts: vec![], supported: (0..25).collect(), parts: vec![] };
        let (spike, most) = (100.0, 25.0 * 4.0);
        let found = spike + most / spike;
        let vectors = DMatrix::from_element(25, 2, 0.2);
        let side = noisy.cleaned(RightSide { squares: vec![found, 19.9], vectors });
        assert!((side.squares[0] - spike).abs() < 1e-9, "{:?}", side.squares);
        assert_eq!(side.squares[1], 0.0, "2σ√n is 20: this one is noise");
        assert!((side.vectors.column(0).norm_squared() - (1.0 - most / spike.powi(2))).abs() < 1e-12);
    }

    #[test]
    fn the_share_beyond_so_many_deviations_is_that_of_one() {
        for (numbers, expected) in [(44, 1.9996), (741, 2.9999), (31_574, 4.0)] {
            assert!((stands_out(numbers) - expected).abs() < 0.01, "{numbers}: {}", stands_out(numbers));
        }
    }
}
