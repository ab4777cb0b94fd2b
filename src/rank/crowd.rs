//! A collaborative space as ranking sees it: what goes with what the person likes, by what people choose together.
//!
//! The catalog has factors f and a gain c for each item (see `collaborative`). The person is
//! `u = 60·(4/(4 + Σ mass))² · average + Σ fade_h·√mass_h · f_h` over what they like, and the raw affinity of an item is
//! `c_i · (u · f_i)`. The pseudo-likes, drawn from everybody's, are what little evidence leans on; they fade as the person's own
//! likes add up. The root is between a like that counts whole, as EASE has it, and its mass: on the rolling split of
//! MovieLens-100K it is better than both.
//!
//! Marks count here from the middle of their scale on, as they did when the factors were learned, and not around the person's
//! own mean. The background is that of the items that people chose: factors that were guessed from a text are small, and hundreds
//! of them would make everything else stand out.

use std::sync::Arc;

use super::column::AffinityColumn;
use super::error::RankError;
use super::terms::Liked;
use crate::vector::{Scorer, VectorSet};

/// So many likes is the crowd worth to somebody of whom nothing is known. With ten, lists after three to ten events were worse
/// than popularity (`docs/crowd.md`).
const CROWD_LIKES: f64 = 60.0;
/// At so much evidence, in likes, the crowd is worth a quarter of that. It fades with the square, so that it is gone where
/// somebody's own likes say enough.
const CROWD_FADES: f64 = 4.0;

/// At this many spreads above the background an affinity is tanh(1). What goes with somebody's likes is further out than what is alike, the
/// more so the larger the catalog: over four spreads the best of some thousand items were no longer told apart (`docs/crowd.md`).
const SPREADS: f64 = 6.0;

#[derive(Debug)]
pub(crate) struct CrowdSpace {
    vectors: Arc<VectorSet>,
    gains: Arc<[f32]>,
    average: Arc<[f32]>,
    /// Whether anything is known of the item.
    known: Vec<bool>,
    /// The rows whose factors are of their text alone: their gain is 1, which no factors from likes have.
    guessed: Vec<usize>,
}

impl CrowdSpace {
    pub(crate) fn new(vectors: Arc<VectorSet>, gains: Arc<[f32]>, average: Arc<[f32]>) -> Self {
        let mut factors = vec![0.0f32; vectors.dims()];
        let known = (0..vectors.len()).map(|row| {
            vectors.row_into(row, &mut factors);
            factors.iter().any(|x| *x != 0.0)
        });
        let known: Vec<bool> = known.collect();
        let guessed = (0..known.len()).filter(|row| known[*row] && gains[*row] == 1.0).collect();
        Self { vectors, gains, average, known, guessed }
    }

    /// The affinity of every item to somebody with these likes, the oldest first, each counted `fade` times as much as the one
    /// after it; nothing if nothing is known of any of them.
    ///
    /// # Errors
    ///
    /// As [`VectorSpace::ready`](super::vectors::VectorSpace::ready).
    pub(crate) fn person(
        &self,
        scorer: &dyn Scorer,
        likes: &[Liked],
        fade: f64,
    ) -> Result<Option<AffinityColumn>, RankError> {
        let mass: f64 = likes.iter().map(|liked| liked.mass).sum();
        let worth = (CROWD_LIKES * (CROWD_FADES / (CROWD_FADES + mass)).powi(2)) as f32;
        let crowd = self.average.iter().map(|x| worth * x).collect();
        self.column(scorer, crowd, likes, fade)
    }

    /// The affinity of every item to this one.
    ///
    /// # Errors
    ///
    /// As [`person`](Self::person).
    pub(crate) fn item(&self, scorer: &dyn Scorer, row: usize) -> Result<Option<AffinityColumn>, RankError> {
        self.column(scorer, vec![0.0; self.vectors.dims()], &[Liked { row, mass: 1.0 }], 1.0)
    }

    fn column(
        &self,
        scorer: &dyn Scorer,
        mut sum: Vec<f32>,
        likes: &[Liked],
        fade: f64,
    ) -> Result<Option<AffinityColumn>, RankError> {
        if !likes.iter().any(|liked| self.known[liked.row]) {
            return Ok(None);
        }
        let mut factors = vec![0.0f32; self.vectors.dims()];
        let mut faded = 1.0;
        for liked in likes.iter().rev() {
            self.vectors.row_into(liked.row, &mut factors);
            let weight = (faded * liked.mass.sqrt()) as f32;
            sum.iter_mut().zip(&factors).for_each(|(sum, x)| *sum += weight * x);
            faded *= fade;
        }
        if !scorer.at_hand(&self.vectors, &[&sum]) {
            return Err(RankError::pending());
        }
        let mut dots = vec![0.0f32; self.vectors.len()];
        scorer
            .dots(&self.vectors, &[&sum], None, &mut dots)
            .expect("sums of factors are finite and of the set's length");
        let raw = dots.iter().zip(&*self.gains).zip(&self.known);
        let raw = raw.map(|((dot, gain), known)| if *known { f64::from(*dot) * f64::from(*gain) } else { f64::NAN });
        let no_background = likes.iter().map(|liked| liked.row).chain(self.guessed.iter().copied());
        Ok(Some(AffinityColumn::calibrated_over(SPREADS, raw.collect(), no_background)))
    }

    /// Whether anything is known of the item.
    pub(crate) fn knows(&self, row: usize) -> bool {
        self.known[row]
    }

    pub(crate) fn vectors(&self) -> &Arc<VectorSet> {
        &self.vectors
    }

    /// How many factors an item has.
    pub(crate) fn dims(&self) -> usize {
        self.vectors.dims()
    }

    /// The factors of an item. The product of those of two is how much liking one says for the other: above 0 if people choose
    /// them together more than chance would have it.
    pub(crate) fn factors_into(&self, row: usize, out: &mut [f32]) {
        self.vectors.row_into(row, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{Precision, available_scorers};

    /// Items 0 and 1 go together, 2 goes with neither, of 3 nothing is known. People chose item 2 most.
    fn space() -> CrowdSpace {
        let mut set = VectorSet::new(2, Precision::Int8).unwrap();
        set.push_quantized(&[0.6, 0.0, 0.5, 0.1, 0.0, 0.7, 0.0, 0.0]).unwrap();
        CrowdSpace::new(Arc::new(set), Arc::from([1.5f32, 1.4, 2.0, 1.0]), Arc::from([0.001f32, 0.02]))
    }

    fn liked(row: usize) -> Liked {
        Liked { row, mass: 1.0 }
    }

    #[test]
    fn what_is_chosen_together_goes_together() {
        for scorer in available_scorers() {
            let column = space().person(&*scorer, &[Liked { row: 0, mass: 2.0 }; 4], 1.0).unwrap().unwrap();
            assert!(column.values[1] > column.values[2], "{}: {:?}", scorer.name(), column.values);
            assert_eq!(column.values[3], 0.0, "what is not known is neither near nor far");
        }
        let factors = |row: usize| {
            let mut factors = [0.0; 2];
            space().factors_into(row, &mut factors);
            factors
        };
        let together = |a: usize, b: usize| crate::profile::dot(&factors(a), &factors(b));
        assert!(together(0, 1) > 0.0 && together(0, 2).abs() < 1e-6);
    }

    #[test]
    fn the_crowd_fades_as_evidence_adds_up() {
        let scorer = crate::vector::best_scorer();
        let space = space();
        // A like so weak that the crowd still decides.
        let weak = space.person(&*scorer, &[Liked { row: 0, mass: 0.0001 }], 1.0).unwrap().unwrap();
        assert!(weak.values[2] > weak.values[1], "{:?}", weak.values);
        let strong = space.person(&*scorer, &[Liked { row: 0, mass: 2.0 }; 4], 1.0).unwrap().unwrap();
        assert!(strong.values[1] > strong.values[2], "{:?}", strong.values);
        // Likeness to an item has no crowd in it.
        let near = space.item(&*scorer, 0).unwrap().unwrap();
        assert!(near.values[1] > near.values[2]);
    }

    #[test]
    fn what_was_liked_before_fades() {
        let scorer = crate::vector::best_scorer();
        // The latest like is one of which nothing is known: with the others faded the crowd decides.
        let likes = [liked(0), liked(0), liked(0), liked(3)];
        let column = |fade: f64| space().person(&*scorer, &likes, fade).unwrap().unwrap();
        assert!(column(1.0).values[1] > column(1.0).values[2]);
        assert!(column(0.1).values[1] < column(0.1).values[2]);
    }

    #[test]
    fn likes_of_which_nothing_is_known_say_nothing() {
        let scorer = crate::vector::best_scorer();
        assert!(space().person(&*scorer, &[liked(3)], 1.0).unwrap().is_none());
        assert!(space().person(&*scorer, &[], 1.0).unwrap().is_none());
        assert!(space().item(&*scorer, 3).unwrap().is_none());
    }
}
