//! Which values of int8 rows lie together?
//!
//! Rows may lie whole, one after another, as Arrow has them, or in parts: the first values of all rows of a chunk together, the
//! rest of them behind. Whoever reads rows asks for a range of their values ([`Int8Rows::pieces`]) and gets it in as many
//! pieces as it lies in.

use std::ops::Range;

use arrow_buffer::ScalarBuffer;

use super::kernel::{Kernel, MAX_QUERIES};
use super::scorer::BLOCK;
use super::set::Store;

/// The values of a chunk's rows.
#[derive(Debug, Clone)]
pub(super) struct Int8Values {
    /// At least one; ascending and without gaps.
    parts: Vec<Part>,
}

/// Some values of every row, those of a row together.
#[derive(Debug, Clone)]
struct Part {
    /// Which values of a row.
    range: Range<usize>,
    values: Store<i8>,
}

/// Rows of a chunk, as they are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Int8Rows<'a> {
    parts: &'a [Part],
    /// The first of them in the chunk.
    first: usize,
    /// One a row.
    pub(crate) scales: &'a [f32],
}

/// A range of the values of some rows that lie `stride` apart.
#[derive(Debug, Clone)]
pub(crate) struct Piece<'a> {
    /// Which values of a row.
    pub(crate) range: Range<usize>,
    /// Begins with those of the first row and ends with those of the last.
    pub(crate) values: &'a [i8],
    pub(crate) stride: usize,
}

impl Int8Values {
    /// Rows that lie whole in a buffer.
    pub(super) fn shared(dims: usize, values: ScalarBuffer<i8>) -> Self {
        Self { parts: vec![Part { range: 0..dims, values: Store::Shared(values) }] }
    }

    /// Room for rows of our own, in parts that begin at 0 and at each of `places`, which ascend and lie within the row.
    pub(super) fn with_capacity(dims: usize, places: &[usize], rows: usize) -> Self {
        let starts = std::iter::once(0).chain(places.iter().copied());
        let ends = places.iter().copied().chain([dims]);
        let part =
            |(start, end)| Part { range: start..end, values: Store::Owned(Vec::with_capacity(rows * (end - start))) };
        Self { parts: starts.zip(ends).map(part).collect() }
    }

    pub(super) fn is_owned(&self) -> bool {
        self.parts.iter().all(|part| matches!(part.values, Store::Owned(_)))
    }

    pub(super) fn push(&mut self, row: &[i8]) {
        for part in &mut self.parts {
            part.values.to_mut().extend_from_slice(&row[part.range.clone()]);
        }
    }

    pub(super) fn replace(&mut self, at: usize, row: &[i8]) {
        for part in &mut self.parts {
            let width = part.range.len();
            part.values.to_mut()[at * width..][..width].copy_from_slice(&row[part.range.clone()]);
        }
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        for part in &mut self.parts {
            part.values.truncate(rows * part.range.len());
        }
    }

    /// The rows with these scales, from the first on.
    pub(super) fn rows<'a>(&'a self, scales: &'a [f32]) -> Int8Rows<'a> {
        Int8Rows { parts: &self.parts, first: 0, scales }
    }
}

impl<'a> Int8Rows<'a> {
    pub(crate) fn len(self) -> usize {
        self.scales.len()
    }

    /// `rows` of these from `at` on.
    pub(crate) fn slice(self, at: usize, rows: usize) -> Self {
        Self { first: self.first + at, scales: &self.scales[at..][..rows], ..self }
    }

    /// Where the values in `range` of these rows lie, in the order of the values. None for no rows.
    pub(crate) fn pieces(self, range: Range<usize>) -> impl Iterator<Item = Piece<'a>> {
        let rows = self.len();
        self.parts.iter().filter_map(move |part| {
            let common = range.start.max(part.range.start)..range.end.min(part.range.end);
            if rows == 0 || common.is_empty() {
                return None;
            }
            let stride = part.range.len();
            let start = self.first * stride + common.start - part.range.start;
            let values = &part.values.as_slice()[start..][..(rows - 1) * stride + common.len()];
            Some(Piece { range: common, values, stride })
        })
    }

    /// The values of a row, in as many slices as they lie in.
    pub(crate) fn row(self, at: usize, range: Range<usize>) -> impl Iterator<Item = &'a [i8]> {
        self.slice(at, 1).pieces(range).map(|piece| piece.values)
    }

    /// The sum of products of one row's values in `range` with those of a query.
    pub(crate) fn sum(self, kernel: &dyn Kernel, at: usize, range: Range<usize>, query: &[i16]) -> i32 {
        let piece = |piece: Piece<'_>| {
            let mut sum = [0];
            kernel.sums_int8(piece.values, piece.stride, &[&query[piece.range]], &mut sum);
            sum[0]
        };
        self.slice(at, 1).pieces(range).map(piece).sum()
    }

    /// Sums of products of the values in `range` with those of the queries, a sum per query and row: added to what `sums` has,
    /// or in its place if the range begins at 0.
    pub(crate) fn sums(self, kernel: &dyn Kernel, range: Range<usize>, queries: &[&[i16]], sums: &mut [i32]) {
        for piece in self.pieces(range) {
            let mut parts = [&[][..]; MAX_QUERIES];
            for (part, query) in parts.iter_mut().zip(queries) {
                *part = &query[piece.range.clone()];
            }
            let parts = &parts[..queries.len()];
            if piece.range.start == 0 {
                kernel.sums_int8(piece.values, piece.stride, parts, sums);
            } else {
                let mut more = [0; MAX_QUERIES * BLOCK];
                let more = &mut more[..sums.len()];
                kernel.sums_int8(piece.values, piece.stride, parts, more);
                // All of it together fits, so that a part of it does.
                sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += *more);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernel::{Scalar, available};
    use super::*;

    fn rows(values: &Int8Values, scales: &[f32], range: Range<usize>) -> Vec<Vec<i8>> {
        (0..scales.len()).map(|at| values.rows(scales).row(at, range.clone()).flatten().copied().collect()).collect()
    }

    #[test]
    fn rows_come_out_as_they_went_in() {
        let mut values = Int8Values::shared(3, ScalarBuffer::from(vec![1, 2, 3, 4, 5, 6]));
        assert!(!values.is_owned());
        assert_eq!(rows(&values, &[1.0; 2], 1..3), [[2, 3], [5, 6]]);
        values.replace(1, &[7, 8, 9]);
        values.push(&[10, 11, 12]);
        assert!(values.is_owned());
        assert_eq!(rows(&values, &[1.0; 3], 0..3), [[1, 2, 3], [7, 8, 9], [10, 11, 12]]);
        values.truncate(1);
        assert_eq!(rows(&values, &[1.0], 0..2), [[1, 2]]);
        assert_eq!(values.rows(&[]).pieces(0..3).count(), 0);
    }

    #[test]
    fn in_parts_the_first_values_of_all_rows_lie_together() {
        let mut values = Int8Values::with_capacity(5, &[2, 3], 3);
        values.push(&[1, 2, 3, 4, 5]);
        values.push(&[6, 7, 8, 9, 10]);
        values.push(&[11, 12, 13, 14, 15]);
        values.replace(1, &[-6, -7, -8, -9, -10]);
        let scales = [1.0; 3];
        let pieces = |range| {
            let pieces = values.rows(&scales).slice(1, 2).pieces(range);
            pieces.map(|piece| (piece.range, piece.values.to_vec(), piece.stride)).collect::<Vec<_>>()
        };
        assert_eq!(pieces(0..2), [(0..2, vec![-6, -7, 11, 12], 2)]);
        assert_eq!(pieces(1..3), [(1..2, vec![-7, 11, 12], 2), (2..3, vec![-8, 13], 1)]);
        assert_eq!(pieces(4..5), [(4..5, vec![-10, 14, 15], 2)]);
        assert_eq!(rows(&values, &scales, 0..5)[1], [-6, -7, -8, -9, -10]);
        values.truncate(2);
        assert_eq!(rows(&values, &scales[..2], 1..4), [[2, 3, 4], [-7, -8, -9]]);
    }

    #[test]
    fn sums_are_the_same_however_rows_lie() {
        let dims = 100;
        let row = |row: usize| (0..dims).map(|at| ((at * 37 + row * 11) % 256) as u8 as i8).collect::<Vec<_>>();
        let queries: Vec<Vec<i16>> =
            (0..3).map(|query| (0..dims).map(|at| (at * 91 + query) as i16 - 4000).collect()).collect();
        let queries: Vec<&[i16]> = queries.iter().map(|query| &query[..]).collect();
        let scales = [1.0; 40];
        let sums = |places: &[usize], kernel: &dyn Kernel, borders: &[usize]| {
            let mut values = Int8Values::with_capacity(dims, places, 40);
            (0..40).for_each(|at| values.push(&row(at)));
            let mut sums = vec![7; 3 * 40];
            for range in borders.windows(2).map(|ends| ends[0]..ends[1]) {
                values.rows(&scales).sums(kernel, range, &queries, &mut sums);
            }
            sums
        };
        let expected = sums(&[], &Scalar, &[0, dims]);
        for kernel in available() {
            for places in [&[][..], &[32], &[32, 64], &[1, 50, 99]] {
                assert_eq!(sums(places, &*kernel, &[0, dims]), expected, "{} {places:?}", kernel.name());
                assert_eq!(sums(places, &*kernel, &[0, 32, 64, dims]), expected, "{} {places:?}", kernel.name());
            }
        }
    }
}
