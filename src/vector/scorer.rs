//! Dot products of queries with every row: the work under ranking and search.

use super::error::{VectorError, VectorErrorKind};
use super::kernel::{self, Kernel, MAX_QUERIES};
use super::mask::{Mask, low_bits, set_bits};
use super::quantize::{Int8Query, checked_norm2};
use super::set::{Rows, VectorSet};

/// Computes dot products. Which instruction set does it is hidden behind this.
pub trait Scorer: Send + Sync {
    /// A short name for `status` and tests: `scalar`, `simd128`, `avx2`, …
    fn name(&self) -> &'static str;

    /// `out[q * set.len() + i]` = dot product of query `q` and row `i`; rows whose bit in `mask` is off get
    /// `f32::NEG_INFINITY`, which no finite vector can score.
    ///
    /// On int8 sets every scorer gives the same bits: the query is rounded to int16, the sum is exact, and the rest is
    /// `(sum as f32 * row scale) * query scale`. On float32 sets results are within `dims · 2⁻²⁴ · Σ|qᵢ·xᵢ|` of the truth.
    ///
    /// # Errors
    /// If a query has another length than the set or is not finite, if the mask is of another length, or if `out` is not
    /// `queries.len() * set.len()` long.
    fn dots(
        &self,
        set: &VectorSet,
        queries: &[&[f32]],
        mask: Option<&Mask>,
        out: &mut [f32],
    ) -> Result<(), VectorError>;

    /// Whether [`dots`](Self::dots) of these queries with all rows can be had at once. A scorer that has them made elsewhere, on
    /// a GPU, notes what it has not got and says no; see [`Ahead`](super::Ahead).
    fn at_hand(&self, _set: &VectorSet, _queries: &[&[f32]]) -> bool {
        true
    }
}

/// The fastest scorer that this processor can run.
pub fn best_scorer() -> Box<dyn Scorer> {
    available_scorers().pop().expect("the scalar scorer runs everywhere")
}

/// Every scorer that this processor can run: scalar, the oracle, first and the fastest last.
pub fn available_scorers() -> Vec<Box<dyn Scorer>> {
    kernel::available().into_iter().map(|kernel| Box::new(CpuScorer { kernel }) as Box<dyn Scorer>).collect()
}

struct CpuScorer {
    kernel: Box<dyn Kernel>,
}

impl Scorer for CpuScorer {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn dots(
        &self,
        set: &VectorSet,
        queries: &[&[f32]],
        mask: Option<&Mask>,
        out: &mut [f32],
    ) -> Result<(), VectorError> {
        let rows = set.len();
        if out.len() != queries.len() * rows {
            return Err(VectorErrorKind::Length { expected: queries.len() * rows, found: out.len() }.into());
        }
        for (at, query) in queries.iter().enumerate() {
            check_query(set, at, query)?;
        }
        check_mask(set, mask)?;
        if rows == 0 {
            return Ok(());
        }
        if mask.is_some() {
            out.fill(f32::NEG_INFINITY);
        }
        for (queries, out) in queries.chunks(MAX_QUERIES).zip(out.chunks_mut(MAX_QUERIES * rows)) {
            let queries: Vec<Query> = queries.iter().map(|query| Query::new(set, query)).collect();
            scan(&*self.kernel, set, &queries, mask, &mut |query, first, live, dots| {
                let out = &mut out[query * rows + first..][..dots.len()];
                if live == low_bits(dots.len()) {
                    out.copy_from_slice(dots);
                } else {
                    set_bits(live).for_each(|at| out[at] = dots[at]);
                }
            });
        }
        Ok(())
    }
}

/// Refuses queries of another length, and those that are not finite. `at` tells which in the error.
pub(crate) fn check_query(set: &VectorSet, at: usize, query: &[f32]) -> Result<f64, VectorError> {
    if query.len() != set.dims() {
        return Err(VectorErrorKind::Length { expected: set.dims(), found: query.len() }.into());
    }
    checked_norm2(at, query)
}

/// Refuses masks made for another number of rows.
pub(crate) fn check_mask(set: &VectorSet, mask: Option<&Mask>) -> Result<(), VectorError> {
    match mask {
        Some(mask) if mask.len() != set.len() => {
            Err(VectorErrorKind::MaskLength { rows: set.len(), bits: mask.len() }.into())
        }
        _ => Ok(()),
    }
}

/// A query in the form that the set's rows are multiplied with.
#[derive(Debug, Clone)]
pub(crate) enum Query {
    Int8(Int8Query),
    Float32(Vec<f32>),
}

impl Query {
    pub(crate) fn new(set: &VectorSet, query: &[f32]) -> Self {
        match set.precision() {
            super::Precision::Int8 => Self::Int8(Int8Query::new(query)),
            super::Precision::Float32 => Self::Float32(query.to_vec()),
        }
    }

    /// The query of an int8 set.
    pub(crate) fn int8(&self) -> Option<&Int8Query> {
        match self {
            Self::Int8(query) => Some(query),
            Self::Float32(_) => None,
        }
    }
}

/// Rows that are scored at a time: as many as a mask's word has bits. A block of 384 int8 values is 24 KiB and stays in
/// the first-level cache while each query passes over it.
pub(crate) const BLOCK: usize = 64;

/// A block with fewer live rows than this is scored row by row; with more, whole blocks are faster than picking.
pub(crate) const SPARSE: u32 = 16;

/// What is done with the dots of a block.
pub(crate) type Take<'a> = dyn FnMut(usize, usize, u64, &[f32]) + 'a;

/// Calls `take(query, first row, live bits, dots)` for every block and query, blocks in ascending order; passes over blocks
/// that the mask turns off entirely. `dots[i]` counts only where bit `i` of the live bits is on.
///
/// Queries (at most [`MAX_QUERIES`]), mask and set must have been checked.
pub(crate) fn scan(kernel: &dyn Kernel, set: &VectorSet, queries: &[Query], mask: Option<&Mask>, take: &mut Take<'_>) {
    let dims = set.dims();
    let int8: Vec<&[i16]> = queries.iter().filter_map(|query| Some(&query.int8()?.values[..])).collect();
    let float32: Vec<&[f32]> = queries
        .iter()
        .filter_map(|query| match query {
            Query::Float32(query) => Some(&query[..]),
            Query::Int8(_) => None,
        })
        .collect();
    let mut sums = [0_i32; MAX_QUERIES * BLOCK];
    let mut dots = [0_f32; MAX_QUERIES * BLOCK];
    each_block(set, mask, |first, live, block| {
        let rows = block.len(dims);
        let mut score = |at: usize, rows: usize, live: u64| {
            let count = queries.len() * rows;
            match block.slice(dims, at, rows) {
                Rows::Int8(these) => {
                    these.sums(kernel, 0..dims, &int8, &mut sums[..count]);
                    for ((query, sums), dots) in queries.iter().zip(sums.chunks(rows)).zip(dots.chunks_mut(rows)) {
                        let Query::Int8(query) = query else { unreachable!("made for an int8 set") };
                        for ((dot, sum), scale) in dots.iter_mut().zip(sums).zip(these.scales) {
                            *dot = (*sum as f32 * scale) * query.scale;
                        }
                    }
                }
                Rows::Float32 { values } => kernel.dots_float32(values, &float32, &mut dots[..count]),
            }
            for (query, dots) in dots[..count].chunks(rows).enumerate() {
                take(query, first + at, live, dots);
            }
        };
        if live.count_ones() < SPARSE && rows == BLOCK {
            set_bits(live).for_each(|bit| score(bit, 1, 1));
        } else {
            score(0, rows, live);
        }
    });
}

/// Calls `work(first row, live bits, rows)` for every block with a row that is on, in ascending order.
pub(crate) fn each_block<'a>(set: &'a VectorSet, mask: Option<&Mask>, mut work: impl FnMut(usize, u64, Rows<'a>)) {
    let dims = set.dims();
    for (chunk_first, chunk) in set.chunks() {
        let chunk_rows = chunk.len(dims);
        for at in (0..chunk_rows).step_by(BLOCK) {
            let (first, rows) = (chunk_first + at, BLOCK.min(chunk_rows - at));
            let live = mask.map_or(low_bits(rows), |mask| mask.bits(first, rows));
            if live != 0 {
                work(first, live, chunk.slice(dims, at, rows));
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vector::Precision;

    /// Seeded values in −1..1.
    pub(crate) fn noise(seed: u32, count: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect()
    }

    #[test]
    fn dots_are_dot_products() {
        for scorer in available_scorers() {
            for precision in [Precision::Int8, Precision::Float32] {
                for (dims, rows) in [(2, 1), (3, 64), (17, 65), (384, 130)] {
                    let mut set = VectorSet::new(dims, precision).unwrap();
                    set.push_rows(&noise(1, dims * rows)).unwrap();
                    let queries: Vec<_> = (0..11).map(|seed| noise(seed + 2, dims)).collect();
                    let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
                    let mut out = vec![0.0; queries.len() * rows];
                    scorer.dots(&set, &queries, None, &mut out).unwrap();
                    let mut row = vec![0.0; dims];
                    for (at, dot) in out.iter().enumerate() {
                        set.row_into(at % rows, &mut row);
                        let query = queries[at / rows];
                        let truth: f64 = row.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                        let error = (truth - f64::from(*dot)).abs();
                        // Half a step of the query per value at most, a step being 1/32,639 of its greatest value.
                        assert!(error < dims as f64 / 60_000.0, "{}: {dims} dims: {truth}, {dot}", scorer.name());
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_are_off_get_negative_infinity() {
        let mut set = VectorSet::new(5, Precision::Int8).unwrap();
        set.push_rows(&noise(1, 5 * 300)).unwrap();
        let query = noise(2, 5);
        for scorer in available_scorers() {
            let mut whole = vec![0.0; 300];
            scorer.dots(&set, &[&query], None, &mut whole).unwrap();
            for every in [1, 2, 40, 299, 1000] {
                let mut mask = Mask::none(300);
                (0..300).filter(|row| row % every == 1 % every).for_each(|row| mask.set(row, true));
                let mut out = vec![0.0; 300];
                scorer.dots(&set, &[&query], Some(&mask), &mut out).unwrap();
                for row in 0..300 {
                    let expected = if mask.get(row) { whole[row] } else { f32::NEG_INFINITY };
                    assert_eq!(out[row], expected, "{}: row {row}, every {every}", scorer.name());
                }
            }
        }
    }

    #[test]
    fn bad_questions_are_refused() {
        let mut set = VectorSet::new(2, Precision::Int8).unwrap();
        set.push_rows(&[1.0, 0.0]).unwrap();
        let scorer = best_scorer();
        let mut out = [0.0];
        let codes = [
            scorer.dots(&set, &[&[1.0]], None, &mut out).unwrap_err().code(),
            scorer.dots(&set, &[&[1.0, f32::NAN]], None, &mut out).unwrap_err().code(),
            scorer.dots(&set, &[&[1.0, 0.0]], Some(&Mask::all(2)), &mut out).unwrap_err().code(),
            scorer.dots(&set, &[&[1.0, 0.0]], None, &mut []).unwrap_err().code(),
        ];
        assert_eq!(codes, ["vector-length", "vector-not-finite", "vector-mask-length", "vector-length"]);
        scorer.dots(&set, &[], None, &mut []).unwrap();
    }
}
