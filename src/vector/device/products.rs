//! Every product, where the best few are not enough.

use super::super::error::VectorError;
use super::super::gpu::{GpuVectors, PendingSums};
use super::super::index::Prepared;
use super::super::mask::Mask;
use super::super::scorer::{Query, check_mask};
use super::super::set::{Rows, VectorSet};
use super::index::{DeviceIndex, State};
use super::{Device, Tried};

impl DeviceIndex {
    /// The inner product of each query with each row, in the order in which rows were added (a removal moves the last row into
    /// the gap): `products[q * len + row]`, `f32::NEG_INFINITY` where the mask is off. Under [`Metric::Cosine`] both are of
    /// unit length. For ranking, which wants all of them; int8 products are the same bits on every device, float32 ones within
    /// `dims · 2⁻²³ · Σ|qᵢ·xᵢ|`.
    ///
    /// [`Metric::Cosine`]: crate::Metric::Cosine
    ///
    /// # Errors
    /// As [`Index::search`](crate::Index::search).
    pub async fn products(&self, queries: &[&[f32]], mask: Option<&Mask>) -> Result<Vec<f32>, VectorError> {
        let (version, prepared, pending) = {
            let state = &mut *self.state.borrow_mut();
            check_mask(state.index.set(), mask)?;
            let prepared = state.index.prepare(0, queries)?;
            let pending = state.begin_products(&prepared, mask);
            (state.index.version(), prepared, pending)
        };
        let mut sums = Vec::new();
        for pending in pending {
            match pending.read().await {
                Ok(read) => sums.extend(read),
                Err(reason) => {
                    self.put_aside(&reason);
                    break;
                }
            }
        }
        let index = &self.state.borrow().index;
        if version != index.version() || sums.len() != prepared.len() * index.len() {
            return index.products(queries, mask);
        }
        let queries: Vec<&Query> = prepared.iter().map(|prepared| &prepared.query).collect();
        Ok(finished(index.set(), &queries, &sums, mask))
    }
}

/// The products of which a GPU made the sums, finished as `scorer::scan` finishes its own.
pub(super) fn finished(set: &VectorSet, queries: &[&Query], sums: &[u32], mask: Option<&Mask>) -> Vec<f32> {
    let mut out = vec![f32::NEG_INFINITY; sums.len()];
    for (first, rows) in set.chunks() {
        let count = rows.len(set.dims());
        for (at, query) in queries.iter().enumerate() {
            let place = at * set.len() + first;
            let (sums, out) = (&sums[place..][..count], &mut out[place..][..count]);
            let live = |row: usize| mask.is_none_or(|mask| mask.get(first + row));
            match (rows, query) {
                (Rows::Int8(rows), Query::Int8(query)) => {
                    for (row, ((out, sum), scale)) in out.iter_mut().zip(sums).zip(rows.scales).enumerate() {
                        if live(row) {
                            *out = (*sum as i32 as f32 * scale) * query.scale;
                        }
                    }
                }
                _ => {
                    for (row, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
                        if live(row) {
                            *out = f32::from_bits(*sum);
                        }
                    }
                }
            }
        }
    }
    out
}

impl State {
    fn begin_products(&mut self, prepared: &[Prepared], mask: Option<&Mask>) -> Vec<PendingSums> {
        if self.on.status.device == Device::Cpu || self.index.is_empty() {
            return Vec::new();
        }
        let Self { index, on } = self;
        let together = on.gpu.as_ref().map_or(1, GpuVectors::most_queries);
        let begin = |batch: &[Prepared]| {
            let queries: Vec<Query> = batch.iter().map(|prepared| prepared.query.clone()).collect();
            on.gpu.as_mut().ok_or("it is gone")?.begin_sums(index, &queries, mask)
        };
        match prepared.chunks(together).map(begin).collect::<Result<_, String>>() {
            Ok(pending) => pending,
            Err(reason) => {
                self.put_aside(&reason);
                Vec::new()
            }
        }
    }
}
