//! Sums over a person's items, one value per row of the catalog: what lies near the likes, what lies near the dislikes.
//!
//! Both are sums of one column per liked or disliked item, added in the order of the log. A new event usually adds one
//! item at the end: then only its column is computed. Products that are not at hand leave the sum as far as it was. Anything else (an undo, an edit, a merge) starts anew, so that
//! the sum never depends on the way that led to it.

use super::column::Background;
use super::error::RankError;
use super::terms::Liked;
use super::vectors::VectorSpace;
use crate::profile::{Interest, Strategy, too_old};
use crate::vector::Scorer;

/// `Σ fade^(interests after it) · mass · response(cosine)` over the interests; NaN for items without a vector.
#[derive(Debug, Default)]
pub(crate) struct InterestField {
    summed: Vec<Interest>,
    /// What is left of an interest for each later one; 1 where time is no matter.
    fade: f64,
    sum: Vec<f64>,
}

impl InterestField {
    pub(crate) fn update(
        &mut self,
        interests: Vec<Interest>,
        fade: f64,
        strategy: &dyn Strategy,
        space: &VectorSpace,
        scorer: &dyn Scorer,
        rows: usize,
    ) -> Result<&[f64], RankError> {
        let kept = self.summed.len();
        let goes_on = self.sum.len() == rows && self.fade == fade;
        if !goes_on || interests.len() < kept || interests[..kept] != self.summed[..] {
            self.summed.clear();
            self.sum = vec![0.0; rows];
            self.fade = fade;
        }
        let new = &interests[self.summed.len()..];
        let queries: Vec<&[f32]> = new.iter().map(|interest| &interest.vector[..]).collect();
        space.ready(scorer, &queries)?;
        let sum = &mut self.sum;
        space.cosines(scorer, &queries, |at, cosines| {
            let mass = new[at].mass;
            for (sum, cosine) in sum.iter_mut().zip(cosines) {
                *sum = fade * *sum + mass * strategy.response(*cosine);
            }
        });
        self.summed = interests;
        Ok(&self.sum)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The most dislikes that are looked at, the latest ones: a bound on time, as for the likes of a kernel.
pub(crate) const MOST_DISLIKES: usize = 256;
/// An item that is no more like a disliked one than this many spreads above the catalog's mean is not touched at all: in a
/// normal distribution 84 % of the items. One spread and not two: in a catalog of a few large kinds, an item's own kind
/// is less than two spreads out, and "not interested" has to lower it.
pub(crate) const UNTOUCHED_SPREADS: f64 = 1.0;

/// `Σ mass · penalty(likeness)` over the dislikes in one vector space, where the penalty is 0 up to [`UNTOUCHED_SPREADS`] and goes
/// to 1 above.
#[derive(Debug, Default)]
pub(crate) struct DislikeField {
    summed: Vec<Liked>,
    sum: Vec<f64>,
}

impl DislikeField {
    pub(crate) fn update(
        &mut self,
        disliked: &[Liked],
        space: &VectorSpace,
        scorer: &dyn Scorer,
        rows: usize,
    ) -> Result<&[f64], RankError> {
        let disliked = &disliked[too_old(disliked.len(), MOST_DISLIKES)..];
        let kept = self.summed.len();
        if self.sum.len() != rows || disliked.len() < kept || disliked[..kept] != self.summed[..] {
            self.summed.clear();
            self.sum = vec![0.0; rows];
        }
        let new: Vec<&Liked> = disliked[self.summed.len()..].iter().filter(|one| space.has(one.row)).collect();
        let vectors = space.centred(new.iter().map(|one| one.row));
        let queries: Vec<&[f32]> = vectors.iter().map(|(_, vector)| &vector[..]).collect();
        space.ready(scorer, &queries)?;
        let sum = &mut self.sum;
        space.cosines(scorer, &queries, |at, cosines| {
            let one = new[at];
            let mut others = cosines.to_vec();
            others[one.row] = f64::NAN;
            let background = Background::of(&others);
            for (sum, cosine) in sum.iter_mut().zip(cosines) {
                *sum += one.mass * penalty(&background, *cosine);
            }
        });
        self.summed = disliked.to_vec();
        Ok(&self.sum)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// 0 to 1, never falling in the cosine.
pub(crate) fn penalty(background: &Background, cosine: f64) -> f64 {
    let above = background.spreads(cosine) - UNTOUCHED_SPREADS;
    // For most items by far, which then cost no tanh.
    if above <= 0.0 { 0.0 } else { (above / 4.0).tanh() }
}
