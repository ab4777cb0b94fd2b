//! What a GPU keeps a copy of.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::metric::Metric;
use super::super::set::VectorSet;
use super::TILE;

/// Vectors that write down which of them changed.
pub(crate) trait Source {
    fn set(&self) -> &VectorSet;

    fn metric(&self) -> Metric;

    /// What is taken from twice the product for a distance, by row; empty for other metrics.
    fn norms2(&self) -> &[f32];

    /// Keeps a list of changes from now on, at first of everything.
    fn watch(&mut self);

    /// The tiles that changed since the last time; some may not exist any more.
    fn take_touched(&mut self) -> BTreeSet<usize>;
}

/// Rows that stay as they are, of which products are wanted.
pub(crate) struct Unchanging {
    set: Arc<VectorSet>,
    touched: BTreeSet<usize>,
}

impl Unchanging {
    pub(crate) fn new(set: Arc<VectorSet>) -> Self {
        Self { set, touched: BTreeSet::new() }
    }
}

impl Source for Unchanging {
    fn set(&self) -> &VectorSet {
        &self.set
    }

    fn metric(&self) -> Metric {
        Metric::Dot
    }

    fn norms2(&self) -> &[f32] {
        &[]
    }

    fn watch(&mut self) {
        self.touched = (0..self.set.len().div_ceil(TILE)).collect();
    }

    fn take_touched(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.touched)
    }
}
