//! What all SIMD kernels share: how rows and queries are cut into tiles, and what happens at the ends.
//!
//! A tile is two rows × up to four queries whose running sums all stay in registers: a load of a query serves both rows, and
//! widening a row, the most expensive step, is paid once for four queries. More queries go over the rows in a second turn, while
//! a block of those is still in the nearest cache: with eight at once, one register is too few for what else a step needs, and
//! x86 has sixteen. Memory is still read nearly in order (four rows at a time take 0.7 × the instructions, but 1.2 × the time once
//! the rows come from main memory, and 3 × when only the first part of each is read).
//!
//! An instruction set contributes the few operations of [`Int8Lanes`] or [`Float32Lanes`]. They and the loops here are
//! `inline(always)`, so that they are compiled inside the caller's `#[target_feature]` function.

use super::{MAX_QUERIES, MAX_WIDTH, check_shapes};

/// Rows of a tile.
const ROWS: usize = 2;

/// Queries of a tile at most.
const TOGETHER: usize = 4;

/// The int8 × int16 operations of one instruction set.
///
/// # Safety
/// Whoever implements it promises to read at most `WIDTH` values from each pointer, to ask for no alignment, and to need no
/// instructions but those of its instruction set.
pub(super) unsafe trait Int8Lanes {
    /// Values per step; at most [`MAX_WIDTH`].
    const WIDTH: usize;
    type Row: Copy;
    type Sum: Copy;
    /// # Safety
    /// The instruction set is available.
    unsafe fn zero() -> Self::Sum;
    /// # Safety
    /// The instruction set is available; `row` can be read for `WIDTH` values.
    unsafe fn load(row: *const i8) -> Self::Row;
    /// # Safety
    /// The instruction set is available; `query` can be read for `WIDTH` values.
    unsafe fn add(sum: Self::Sum, row: Self::Row, query: *const i16) -> Self::Sum;
    /// # Safety
    /// The instruction set is available.
    unsafe fn total(sum: Self::Sum) -> i32;
}

/// The float32 operations of one instruction set.
///
/// # Safety
/// As for [`Int8Lanes`].
pub(super) unsafe trait Float32Lanes {
    /// Values per step; at most [`MAX_WIDTH`].
    const WIDTH: usize;
    type Row: Copy;
    type Sum: Copy;
    /// # Safety
    /// As for [`Int8Lanes::zero`].
    unsafe fn zero() -> Self::Sum;
    /// # Safety
    /// As for [`Int8Lanes::load`].
    unsafe fn load(row: *const f32) -> Self::Row;
    /// # Safety
    /// As for [`Int8Lanes::add`].
    unsafe fn add(sum: Self::Sum, row: Self::Row, query: *const f32) -> Self::Sum;
    /// # Safety
    /// As for [`Int8Lanes::total`].
    unsafe fn total(sum: Self::Sum) -> f32;
}

/// Writes the drivers for one element type; they differ in nothing but their types.
macro_rules! driver {
    ($name:ident, $tile:ident, $strip:ident, $lanes:ident, $value:ty, $query:ty, $sum:ty) => {
        /// Multiplies all rows with all queries.
        ///
        /// # Safety
        /// The instruction set of `L` is available.
        #[inline(always)]
        pub(super) unsafe fn $name<L: $lanes>(
            values: &[$value],
            stride: usize,
            queries: &[&[$query]],
            sums: &mut [$sum],
        ) {
            const { assert!(L::WIDTH <= MAX_WIDTH) };
            const NO_TAILS: [[$query; MAX_WIDTH]; MAX_QUERIES] = [[0 as $query; MAX_WIDTH]; MAX_QUERIES];
            let (dims, rows) = check_shapes(values, stride, queries, sums);
            // The last, partial step reads the row's last WIDTH values, some of which were counted already: those meet
            // zeros here. So no step reads beyond a row.
            let rest = dims % L::WIDTH;
            let mut tails;
            let tails = if rest == 0 {
                &NO_TAILS
            } else {
                tails = NO_TAILS;
                for (tail, query) in tails.iter_mut().zip(queries) {
                    let end = if dims < L::WIDTH { rest } else { L::WIDTH };
                    tail[end - rest..end].copy_from_slice(&query[dims - rest..]);
                }
                &tails
            };
            let together = queries.len().div_ceil(queries.len().div_ceil(TOGETHER));
            for (first, queries) in (0..).step_by(together).zip(queries.chunks(together)) {
                let (sums, tails) = (&mut sums[first * rows..][..queries.len() * rows], &tails[first..]);
                // SAFETY: passed on from the caller; `check_shapes` has checked the lengths that `$strip` relies on.
                unsafe {
                    match queries.len() {
                        1 => $strip::<L, 1>(values, stride, queries, tails, dims, rows, sums),
                        2 => $strip::<L, 2>(values, stride, queries, tails, dims, rows, sums),
                        3 => $strip::<L, 3>(values, stride, queries, tails, dims, rows, sums),
                        _ => $strip::<L, TOGETHER>(values, stride, queries, tails, dims, rows, sums),
                    }
                }
            }
        }

        /// All rows, two at a time and the last of an odd number by itself.
        ///
        /// # Safety
        /// The instruction set of `L` is available; there are `Q` queries of `dims` values, `rows` rows and `Q * rows` sums.
        #[cfg_attr(target_arch = "wasm32", inline(never))]
        #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
        unsafe fn $strip<L: $lanes, const Q: usize>(
            values: &[$value],
            stride: usize,
            queries: &[&[$query]],
            tails: &[[$query; MAX_WIDTH]],
            dims: usize,
            rows: usize,
            sums: &mut [$sum],
        ) {
            let queries: [&[$query]; Q] = std::array::from_fn(|at| queries[at]);
            let whole = rows - rows % ROWS;
            for first in (0..whole).step_by(ROWS) {
                let tile = &values[first * stride..][..(ROWS - 1) * stride + dims];
                // SAFETY: passed on; the tile holds so many rows.
                let totals = unsafe { $tile::<L, ROWS, Q>(tile, stride, &queries, tails, dims) };
                for (query, totals) in totals.iter().enumerate() {
                    sums[query * rows + first..][..ROWS].copy_from_slice(totals);
                }
            }
            for row in whole..rows {
                // SAFETY: passed on; one row.
                let totals =
                    unsafe { $tile::<L, 1, Q>(&values[row * stride..][..dims], stride, &queries, tails, dims) };
                for (query, totals) in totals.iter().enumerate() {
                    sums[query * rows + row] = totals[0];
                }
            }
        }

        /// One tile.
        ///
        /// # Safety
        /// The instruction set of `L` is available; `tile` holds `R` rows of `dims` values that begin `stride` apart, and each
        /// query `dims` values.
        #[inline(always)]
        unsafe fn $tile<L: $lanes, const R: usize, const Q: usize>(
            tile: &[$value],
            stride: usize,
            queries: &[&[$query]; Q],
            tails: &[[$query; MAX_WIDTH]],
            dims: usize,
        ) -> [[$sum; R]; Q] {
            let whole = dims - dims % L::WIDTH;
            // SAFETY: loads at `row * stride + at` with `at + WIDTH <= dims` stay inside row `row` of the tile, those of queries
            // inside the query; a tail has MAX_WIDTH >= WIDTH values, and so has the copy of a row that is shorter than a step.
            unsafe {
                let mut sums = [[L::zero(); R]; Q];
                let rows: [*const $value; R] = std::array::from_fn(|row| tile.as_ptr().add(row * stride));
                let starts: [*const $query; Q] = std::array::from_fn(|query| queries[query].as_ptr());
                let mut at = 0;
                while at < whole {
                    let loaded: [L::Row; R] = std::array::from_fn(|row| L::load(rows[row].add(at)));
                    for query in 0..Q {
                        for row in 0..R {
                            sums[query][row] = L::add(sums[query][row], loaded[row], starts[query].add(at));
                        }
                    }
                    at += L::WIDTH;
                }
                if whole != dims {
                    for row in 0..R {
                        let loaded = if whole == 0 {
                            let mut short = [0 as $value; MAX_WIDTH];
                            short[..dims].copy_from_slice(&tile[row * stride..][..dims]);
                            L::load(short.as_ptr())
                        } else {
                            L::load(rows[row].add(dims - L::WIDTH))
                        };
                        for query in 0..Q {
                            sums[query][row] = L::add(sums[query][row], loaded, tails[query].as_ptr());
                        }
                    }
                }
                std::array::from_fn(|query| std::array::from_fn(|row| L::total(sums[query][row])))
            }
        }
    };
}

driver!(sums_int8, tile_int8, strip_int8, Int8Lanes, i8, i16, i32);
driver!(dots_float32, tile_float32, strip_float32, Float32Lanes, f32, f32, f32);
