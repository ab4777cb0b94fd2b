//! Products that were made before they are asked for.
//!
//! Ranking is a plain function; a GPU answers later. So the ranker says which products it will need ([`Scorer::at_hand`]) before it
//! needs them. Where they are made elsewhere they are noted as wanted and the call ends early; whoever made the call has them
//! made, puts them here and calls again, and then finds them at hand.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::VectorError;
use super::mask::Mask;
use super::scorer::{Scorer, best_scorer};
use super::set::VectorSet;

/// Products at hand may take so much memory; whatever a call needs beyond that the CPU makes.
const MOST_BYTES: usize = 64 << 20;

/// A scorer whose products of some sets are made elsewhere and put at hand before. What is not at hand the CPU makes, with the
/// same bits. Clones share what they have.
///
/// ```
/// # use std::sync::Arc;
/// # use homebody::{Ahead, Precision, Scorer, VectorSet};
/// let mut rows = VectorSet::new(2, Precision::Int8)?;
/// rows.push_quantized(&[1.0, 0.0,  0.0, 1.0])?;
/// let (rows, query) = (Arc::new(rows), [0.6, 0.8]);
/// let ahead = Ahead::new();
/// assert!(ahead.at_hand(&rows, &[&query]), "the CPU has everything at hand");
/// ahead.expect(vec![Arc::clone(&rows)]);
/// assert!(!ahead.at_hand(&rows, &[&query]));
/// let wanted = ahead.take_wanted();
/// assert_eq!(wanted[0].queries, [query]);
/// ahead.put(&wanted[0], &[0.6, 0.8]);
/// assert!(ahead.at_hand(&rows, &[&query]));
/// # Ok::<(), homebody::VectorError>(())
/// ```
#[derive(Clone)]
pub struct Ahead {
    cpu: Arc<dyn Scorer>,
    shared: Arc<Mutex<Shared>>,
}

/// Queries whose products with a set are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The set, one of those given to [`Ahead::expect`].
    pub set: Arc<VectorSet>,
    /// The queries, each once.
    pub queries: Vec<Vec<f32>>,
}

#[derive(Default)]
struct Shared {
    sets: Vec<Arc<VectorSet>>,
    wanted: Vec<Wanted>,
    made: Vec<Made>,
    /// Everything is the CPU's for now.
    on_cpu: bool,
}

struct Made {
    set: Arc<VectorSet>,
    query: Vec<f32>,
    products: Vec<f32>,
}

impl Shared {
    fn expected(&self, set: &VectorSet) -> Option<&Arc<VectorSet>> {
        self.sets.iter().find(|known| std::ptr::eq(Arc::as_ptr(known), set)).filter(|_| !self.on_cpu)
    }

    fn made(&self, set: &VectorSet, query: &[f32]) -> Option<&Made> {
        self.made.iter().find(|made| std::ptr::eq(Arc::as_ptr(&made.set), set) && made.query == query)
    }

    fn bytes(&self) -> usize {
        let made: usize = self.made.iter().map(|made| made.products.len()).sum();
        let wanted: usize = self.wanted.iter().map(|wanted| wanted.queries.len() * wanted.set.len()).sum();
        (made + wanted) * size_of::<f32>()
    }
}

impl Ahead {
    /// The fastest scorer of this processor, to which nothing is made ahead yet.
    pub fn new() -> Self {
        Self { cpu: best_scorer().into(), shared: Arc::default() }
    }

    /// From now on products of these sets, and of no others, are made elsewhere. They are told apart by where they are.
    pub fn expect(&self, sets: Vec<Arc<VectorSet>>) {
        self.shared().sets = sets;
    }

    /// What was asked for and not at hand.
    pub fn take_wanted(&self) -> Vec<Wanted> {
        std::mem::take(&mut self.shared().wanted)
    }

    /// Puts at hand what was wanted: for each query one product per row of the set, one query after another.
    pub fn put(&self, wanted: &Wanted, products: &[f32]) {
        let mut shared = self.shared();
        for (query, products) in wanted.queries.iter().zip(products.chunks_exact(wanted.set.len().max(1))) {
            let (set, query) = (Arc::clone(&wanted.set), query.clone());
            shared.made.push(Made { set, query, products: products.to_vec() });
        }
    }

    /// Does something for which the CPU makes whatever is not at hand.
    pub fn on_cpu<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Also when `work` panics.
        struct Reset<'a>(&'a Ahead);
        impl Drop for Reset<'_> {
            fn drop(&mut self) {
                self.0.shared().on_cpu = false;
            }
        }
        self.shared().on_cpu = true;
        let _reset = Reset(self);
        work()
    }

    /// Forgets what was made and what is wanted: the call is over.
    pub fn clear(&self) {
        let mut shared = self.shared();
        shared.made = Vec::new();
        shared.wanted = Vec::new();
    }

    /// Writes the products that were made, if all of them were.
    fn copy_made(&self, set: &VectorSet, queries: &[&[f32]], out: &mut [f32]) -> bool {
        let shared = self.shared();
        let made: Option<Vec<&Made>> = queries.iter().map(|query| shared.made(set, query)).collect();
        let Some(made) = made else { return false };
        for (out, made) in out.chunks_mut(set.len().max(1)).zip(made) {
            out.copy_from_slice(&made.products);
        }
        true
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Ahead {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared();
        f.debug_struct("Ahead")
            .field("sets", &shared.sets.len())
            .field("made", &shared.made.len())
            .finish_non_exhaustive()
    }
}

impl Scorer for Ahead {
    fn name(&self) -> &'static str {
        self.cpu.name()
    }

    fn at_hand(&self, set: &VectorSet, queries: &[&[f32]]) -> bool {
        let mut shared = self.shared();
        let Some(own) = shared.expected(set).map(Arc::clone) else { return true };
        let mut missing: Vec<Vec<f32>> = Vec::new();
        for query in queries {
            if shared.made(set, query).is_none() && !missing.iter().any(|missing| missing == query) {
                missing.push(query.to_vec());
            }
        }
        let bytes = missing.len() * set.len() * size_of::<f32>();
        if missing.is_empty() || shared.bytes() + bytes > MOST_BYTES {
            return true;
        }
        shared.wanted.push(Wanted { set: own, queries: missing });
        false
    }

    fn dots(
        &self,
        set: &VectorSet,
        queries: &[&[f32]],
        mask: Option<&Mask>,
        out: &mut [f32],
    ) -> Result<(), VectorError> {
        // The lock is let go before the CPU scans: other threads need not wait for that.
        if mask.is_none() && out.len() == queries.len() * set.len() && self.copy_made(set, queries, out) {
            return Ok(());
        }
        self.cpu.dots(set, queries, mask, out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scorer::tests::noise;
    use super::*;
    use crate::vector::Precision;

    fn set(dims: usize, rows: usize) -> Arc<VectorSet> {
        let mut set = VectorSet::new(dims, Precision::Int8).unwrap();
        set.push_rows(&noise(1, dims * rows)).unwrap();
        Arc::new(set)
    }

    #[test]
    fn what_is_put_is_what_comes_out_and_the_rest_is_made() {
        let (own, other) = (set(8, 100), set(8, 30));
        let ahead = Ahead::new();
        ahead.expect(vec![Arc::clone(&own)]);
        let (a, b) = (noise(2, 8), noise(3, 8));
        assert!(ahead.at_hand(&other, &[&a]), "nobody makes those");
        assert!(!ahead.at_hand(&own, &[&a, &b, &a]));
        let wanted = ahead.take_wanted().remove(0);
        assert!(Arc::ptr_eq(&wanted.set, &own));
        assert_eq!(wanted.queries, [a.clone(), b.clone()]);
        assert!(ahead.take_wanted().is_empty());
        let made: Vec<f32> = (0..200).map(|n| n as f32).collect();
        ahead.put(&wanted, &made);
        assert!(ahead.at_hand(&own, &[&b, &a]));
        let mut out = vec![0.0; 200];
        ahead.dots(&own, &[&b, &a], None, &mut out).unwrap();
        assert_eq!((&out[..100], &out[100..]), (&made[100..], &made[..100]));

        // One that was not made: all of it by the CPU, and a mask too.
        let (c, mut expected) = (noise(4, 8), vec![0.0; 200]);
        best_scorer().dots(&own, &[&a, &c], None, &mut expected).unwrap();
        ahead.dots(&own, &[&a, &c], None, &mut out).unwrap();
        assert_eq!(out, expected);
        ahead.dots(&own, &[&a], Some(&Mask::none(100)), &mut out[..100]).unwrap();
        assert!(out[..100].iter().all(|dot| *dot == f32::NEG_INFINITY));
        assert_eq!(ahead.dots(&own, &[&a], None, &mut out[..7]).unwrap_err().code(), "vector-length");

        assert!(!ahead.at_hand(&own, &[&c]));
        assert!(ahead.on_cpu(|| ahead.at_hand(&own, &[&c])), "nobody waits now");
        ahead.clear();
        assert!(!ahead.at_hand(&own, &[&a]), "a new call has nothing");
    }

    #[test]
    fn memory_is_bounded() {
        let rows = MOST_BYTES / size_of::<f32>() / 3;
        let mut wide = VectorSet::new(2, Precision::Int8).unwrap();
        wide.push_quantized(&vec![1.0; 2 * rows]).unwrap();
        let wide = Arc::new(wide);
        let ahead = Ahead::new();
        ahead.expect(vec![Arc::clone(&wide)]);
        let queries: Vec<Vec<f32>> = (0..4).map(|seed| noise(seed, 2)).collect();
        let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
        assert!(ahead.at_hand(&wide, &queries), "four are too many, so the CPU makes them");
        assert!(!ahead.at_hand(&wide, &queries[..3]));
        assert!(ahead.at_hand(&wide, &queries[3..]), "no room beside the three that are on their way");
    }
}
