//! WebAssembly with fixed-width SIMD: every browser since 2023.
//!
//! `i32x4.dot_i16x8_s` multiplies eight pairs of int16 and adds neighbours; on x86 it is one `pmaddwd`. Rows are widened
//! by `i16x8.load8x8_s`, which is one `pmovsxbw` from memory.

use std::arch::wasm32::{
    f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, i16x8_load_extend_i8x8, i32x4_add, i32x4_dot_i16x8,
    i32x4_extract_lane, i32x4_shuffle, i32x4_splat, v128, v128_load,
};

use super::Kernel;
use super::tile::{self, Float32Lanes, Int8Lanes};

/// Holding one proves that the module was built with `simd128`: it would not have loaded where that is missing.
pub(crate) struct Simd128 {
    _proof: (),
}

impl Simd128 {
    pub(crate) fn try_new() -> Option<Self> {
        cfg!(target_feature = "simd128").then_some(Self { _proof: () })
    }
}

impl Kernel for Simd128 {
    fn name(&self) -> &'static str {
        "simd128"
    }

    fn sums_int8(&self, values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
        // SAFETY: `self` exists only where simd128 does (`try_new`).
        unsafe { tile::sums_int8::<Int8>(values, stride, queries, sums) }
    }

    fn dots_float32(&self, values: &[f32], queries: &[&[f32]], dots: &mut [f32]) {
        // SAFETY: `self` exists only where simd128 does (`try_new`).
        unsafe { tile::dots_float32::<Float32>(values, queries[0].len(), queries, dots) }
    }
}

struct Int8;

// SAFETY: each method asks only for simd128, and reads no more than WIDTH values.
unsafe impl Int8Lanes for Int8 {
    const WIDTH: usize = 8;
    type Row = v128;
    type Sum = v128;

    #[inline(always)]
    unsafe fn zero() -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    unsafe fn load(row: *const i8) -> v128 {
        // SAFETY: 8 bytes are readable, says the trait's contract; wasm loads need no alignment.
        unsafe { i16x8_load_extend_i8x8(row) }
    }

    #[inline(always)]
    unsafe fn add(sum: v128, row: v128, query: *const i16) -> v128 {
        // SAFETY: 8 int16 are readable, says the trait's contract.
        i32x4_add(sum, i32x4_dot_i16x8(row, unsafe { v128_load(query.cast()) }))
    }

    #[inline(always)]
    unsafe fn total(sum: v128) -> i32 {
        let halves = i32x4_add(sum, i32x4_shuffle::<2, 3, 0, 1>(sum, sum));
        i32x4_extract_lane::<0>(halves).wrapping_add(i32x4_extract_lane::<1>(halves))
    }
}

struct Float32;

// SAFETY: each method asks only for simd128, and reads no more than WIDTH values.
unsafe impl Float32Lanes for Float32 {
    const WIDTH: usize = 4;
    type Row = v128;
    type Sum = v128;

    #[inline(always)]
    unsafe fn zero() -> v128 {
        f32x4_splat(0.0)
    }

    #[inline(always)]
    unsafe fn load(row: *const f32) -> v128 {
        // SAFETY: 4 floats are readable, says the trait's contract.
        unsafe { v128_load(row.cast()) }
    }

    #[inline(always)]
    unsafe fn add(sum: v128, row: v128, query: *const f32) -> v128 {
        // SAFETY: 4 floats are readable, says the trait's contract.
        f32x4_add(sum, f32x4_mul(row, unsafe { v128_load(query.cast()) }))
    }

    #[inline(always)]
    unsafe fn total(sum: v128) -> f32 {
        let halves = f32x4_add(sum, i32x4_shuffle::<2, 3, 0, 1>(sum, sum));
        f32x4_extract_lane::<0>(halves) + f32x4_extract_lane::<1>(halves)
    }
}
