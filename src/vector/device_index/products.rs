//! Every product, where the best few are not enough.

use super::super::error::VectorError;
use super::super::gpu::PendingSums;
use super::super::index::Prepared;
use super::super::kernel::MAX_QUERIES;
use super::super::mask::Mask;
use super::super::scorer::{Query, check_mask};
use super::super::set::Rows;
use super::{Device, DeviceIndex, State};

impl DeviceIndex {
    /// The inner product of each query with each row, in the order in which rows were added (a removal moves the last row into
    /// the gap): `products[q * len + row]`, `f32::NEG_INFINITY` where the mask is off. Under [`Metric::Cosine`] both are of
    /// unit length. For ranking, which wants all of them; int8 products are the same bits on every device, float32 ones within
    /// `dims · 2⁻²³ · Σ|qᵢ·xᵢ|`.
    ///
    /// [`Metric::Cosine`]: super::Metric::Cosine
    ///
    /// # Errors
    /// As [`Index::search`](super::Index::search).
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
        let mut out = vec![f32::NEG_INFINITY; sums.len()];
        for (first, rows) in index.set().chunks() {
            for at in 0..rows.len(index.dims()) {
                let row = first + at;
                if mask.is_some_and(|mask| !mask.get(row)) {
                    continue;
                }
                for (query, prepared) in prepared.iter().enumerate() {
                    let place = query * index.len() + row;
                    out[place] = match (rows, &prepared.query) {
                        // As `scorer::scan` finishes its sums.
                        (Rows::Int8 { scales, .. }, Query::Int8(query)) => {
                            (sums[place] as i32 as f32 * scales[at]) * query.scale
                        }
                        _ => f32::from_bits(sums[place]),
                    };
                }
            }
        }
        Ok(out)
    }
}

impl State {
    fn begin_products(&mut self, prepared: &[Prepared], mask: Option<&Mask>) -> Vec<PendingSums> {
        if self.status.device == Device::Cpu || self.index.is_empty() {
            return Vec::new();
        }
        let Self { index, gpu, .. } = self;
        let begin = |batch: &[Prepared]| {
            let queries: Vec<Query> = batch.iter().map(|prepared| prepared.query.clone()).collect();
            gpu.as_mut().ok_or("it is gone")?.begin_sums(index, &queries, mask)
        };
        match prepared.chunks(MAX_QUERIES).map(begin).collect::<Result<_, String>>() {
            Ok(pending) => pending,
            Err(reason) => {
                self.put_aside(&reason);
                Vec::new()
            }
        }
    }
}
