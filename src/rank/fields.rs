//! Sums over a person's items, one value per row of the catalog: what lies near the likes, what lies near the dislikes.
//!
//! Both are sums of one column per liked or disliked item, added in the order of the log. A new event usually adds one
//! item at the end: then only its column is computed. Products that are not at hand leave the sum as far as it was. Anything else (an undo, an edit, a merge) starts anew, so that
//! the sum never depends on the way that led to it.

use super::column::Background;
use super::error::RankError;
use super::terms::Liked;
use super::vectors::VectorSpace;
use crate::profile::{Interest, Reader, Strategy, Writer, too_old};
use crate::vector::Scorer;

/// `Σ fade^(interests after it) · mass · response(cosine)` over the interests; NaN for items without a vector.
#[derive(Debug, Default)]
pub(crate) struct InterestField {
    summed: Vec<Interest>,
    /// What is left of an interest for each later one; 1 where time is no matter.
    fade: f64,
    sum: Vec<f64>,
    /// Whether the interests are those of the person as they are now.
    current: bool,
}

impl InterestField {
    pub(crate) fn sum(&self) -> &[f64] {
        &self.sum
    }

    pub(crate) fn is_current(&self) -> bool {
        self.current
    }

    pub(crate) fn is_current_at(&self, fade: f64) -> bool {
        self.current && self.fade == fade
    }

    /// The person changed.
    pub(crate) fn expire(&mut self) {
        self.current = false;
    }

    pub(crate) fn update(
        &mut self,
        interests: Vec<Interest>,
        fade: f64,
        strategy: &dyn Strategy,
        space: &VectorSpace,
        scorer: &dyn Scorer,
        rows: usize,
    ) -> Result<(), RankError> {
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
        space.cosines(scorer, &queries, |at, cosines| strategy.add_responses(cosines, new[at].mass, fade, sum));
        self.summed = interests;
        self.current = true;
        Ok(())
    }

    pub(crate) fn pack(&self, out: &mut Writer) {
        let current = self.current && self.fade == 1.0;
        out.number(u64::from(current));
        if current {
            out.count(self.summed.len());
            for interest in &self.summed {
                out.float(interest.mass);
                interest.vector.iter().for_each(|x| out.raw(&x.to_le_bytes()));
            }
            self.sum.iter().for_each(|sum| out.float(*sum));
        }
    }

    pub(crate) fn unpack(dims: usize, rows: usize, from: &mut Reader<'_>) -> Option<Self> {
        if from.below(2)? == 0 {
            return Some(Self::default());
        }
        let interest = |from: &mut Reader<'_>| {
            let mass = from.float()?;
            let (numbers, _) = from.raw(dims.checked_mul(4)?)?.as_chunks::<4>();
            Some(Interest { vector: numbers.iter().map(|x| f32::from_le_bytes(*x)).collect(), mass })
        };
        let summed = (0..from.count(8)?).map(|_| interest(from)).collect::<Option<Vec<_>>>()?;
        Some(Self { summed, fade: 1.0, sum: floats(rows, from)?, current: true })
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
        let mut others = vec![0.0; rows];
        space.cosines(scorer, &queries, |at, cosines| {
            others.copy_from_slice(cosines);
            others[new[at].row] = f64::NAN;
            add_penalties(cosines, &Background::of(&others), new[at].mass, sum);
        });
        self.summed = disliked.to_vec();
        Ok(&self.sum)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.summed.is_empty()
    }

    pub(crate) fn pack(&self, out: &mut Writer) {
        out.count(self.summed.len());
        for one in &self.summed {
            out.count(one.row);
            out.float(one.mass);
        }
        if !self.is_empty() {
            self.sum.iter().for_each(|sum| out.float(*sum));
        }
    }

    pub(crate) fn unpack(rows: usize, from: &mut Reader<'_>) -> Option<Self> {
        let disliked = (0..from.count(9)?).map(|_| Some(Liked { row: from.below(rows)?, mass: from.float()? }));
        let summed = disliked.collect::<Option<Vec<Liked>>>()?;
        let sum = if summed.is_empty() { Vec::new() } else { floats(rows, from)? };
        Some(Self { summed, sum })
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn floats(count: usize, from: &mut Reader<'_>) -> Option<Vec<f64>> {
    let (floats, _) = from.raw(count.checked_mul(8)?)?.as_chunks::<8>();
    Some(floats.iter().map(|float| f64::from_le_bytes(*float)).collect())
}

// A function of its own, called often: a browser exchanges slow code for fast code when a function is called anew.
#[inline(never)]
fn add_penalties(cosines: &[f64], background: &Background, mass: f64, sums: &mut [f64]) {
    for (sum, cosine) in sums.iter_mut().zip(cosines) {
        *sum += mass * penalty(background, *cosine);
    }
}

/// 0 to 1, never falling in the cosine.
pub(crate) fn penalty(background: &Background, cosine: f64) -> f64 {
    let above = background.spreads(cosine) - UNTOUCHED_SPREADS;
    // For most items by far, which then cost no tanh.
    if above <= 0.0 { 0.0 } else { (above / 4.0).tanh() }
}
