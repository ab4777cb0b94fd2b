//! The catalog's vectors for the baselines, which use them as tutorials do: whole, and not centred unless said.

use std::sync::OnceLock;

use crate::catalog::{Catalog, SpaceKind};
use crate::profile;

/// Unit vectors of the first vector space, row after row; rows without a vector are zeros.
pub(crate) struct Content {
    dims: usize,
    raw: Vec<f32>,
    centred: Vec<f32>,
    /// Centred cosines of a row with every row, computed when first asked for.
    near: Vec<OnceLock<Vec<f32>>>,
}

impl Content {
    /// Nothing if no space has vectors.
    pub(crate) fn of(catalog: &Catalog) -> Option<Self> {
        let (vectors, mean) = catalog.spaces().iter().find_map(|space| match &space.kind {
            SpaceKind::Text { vectors, mean, .. } => Some((vectors, mean)),
            _ => None,
        })?;
        let dims = vectors.dims();
        let mut raw = vec![0.0f32; dims * catalog.len()];
        for (row, out) in raw.chunks_mut(dims).enumerate() {
            vectors.row_into(row, out);
        }
        let mut centred = raw.clone();
        for vector in centred.chunks_mut(dims).filter(|vector| vector.iter().any(|x| *x != 0.0)) {
            vector.iter_mut().zip(&**mean).for_each(|(x, m)| *x -= m);
            normalize(vector);
        }
        let near = (0..catalog.len()).map(|_| OnceLock::new()).collect();
        Some(Self { dims, raw, centred, near })
    }

    pub(crate) fn raw(&self, row: usize) -> &[f32] {
        &self.raw[row * self.dims..][..self.dims]
    }

    pub(crate) fn dims(&self) -> usize {
        self.dims
    }

    /// The centred unit vector of a row; zeros where there is none.
    pub(crate) fn centred(&self, row: usize) -> &[f32] {
        &self.centred[row * self.dims..][..self.dims]
    }

    /// The raw cosine of a query with every row.
    pub(crate) fn cosines(&self, query: &[f32]) -> Vec<f64> {
        self.raw.chunks(self.dims).map(|vector| f64::from(dot(query, vector))).collect()
    }

    /// The centred cosine of this row with every row.
    pub(crate) fn near(&self, row: usize) -> &[f32] {
        self.near[row].get_or_init(|| {
            let own = self.centred(row);
            self.centred.chunks(self.dims).map(|vector| dot(own, vector)).collect()
        })
    }

    /// How alike two items are: their centred cosine, at least 0.
    pub(crate) fn likeness(&self, a: usize, b: usize) -> f64 {
        f64::from(dot(self.centred(a), self.centred(b))).max(0.0)
    }
}

pub(crate) fn normalize(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// A sum of float32 products, which float64 only carries.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    profile::dot(a, b) as f32
}
