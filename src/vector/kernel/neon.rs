//! 64-bit Arm: NEON is part of the base architecture, so the check is the target itself.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, vaddq_s32, vaddvq_f32, vaddvq_s32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32,
    vget_high_s16, vget_low_s8, vget_low_s16, vld1q_f32, vld1q_s8, vld1q_s16, vmlal_s16, vmovl_high_s8, vmovl_s8,
};

use super::Kernel;
use super::tile::{self, Float32Lanes, Int8Lanes};

/// Holding one proves that this processor has NEON.
pub(crate) struct Neon {
    _proof: (),
}

impl Neon {
    pub(crate) fn try_new() -> Option<Self> {
        cfg!(target_feature = "neon").then_some(Self { _proof: () })
    }
}

impl Kernel for Neon {
    fn name(&self) -> &'static str {
        "neon"
    }

    fn sums_int8(&self, values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
        // SAFETY: `self` exists only where NEON does (`try_new`).
        unsafe { tile::sums_int8::<Int8>(values, stride, queries, sums) }
    }

    fn dots_float32(&self, values: &[f32], queries: &[&[f32]], dots: &mut [f32]) {
        // SAFETY: `self` exists only where NEON does (`try_new`).
        unsafe { tile::dots_float32::<Float32>(values, queries[0].len(), queries, dots) }
    }
}

struct Int8;

// SAFETY: each method asks only for NEON, and reads no more than WIDTH values.
unsafe impl Int8Lanes for Int8 {
    const WIDTH: usize = 16;
    type Row = int8x16_t;
    // Two sums, so that the four multiply-adds of a step do not wait for one another in a single chain.
    type Sum = [int32x4_t; 2];

    #[inline(always)]
    unsafe fn zero() -> [int32x4_t; 2] {
        // SAFETY: NEON is available, says the trait's contract.
        unsafe { [vdupq_n_s32(0); 2] }
    }

    #[inline(always)]
    unsafe fn load(row: *const i8) -> int8x16_t {
        // SAFETY: NEON is available and 16 bytes are readable, says the trait's contract.
        unsafe { vld1q_s8(row) }
    }

    #[inline(always)]
    unsafe fn add(sum: [int32x4_t; 2], row: int8x16_t, query: *const i16) -> [int32x4_t; 2] {
        // SAFETY: NEON is available and 16 int16 are readable, says the trait's contract.
        unsafe {
            let (low, high) = (vmovl_s8(vget_low_s8(row)), vmovl_high_s8(row));
            let (query_low, query_high) = (vld1q_s16(query), vld1q_s16(query.add(8)));
            let first = vmlal_s16(sum[0], vget_low_s16(low), vget_low_s16(query_low));
            let second = vmlal_s16(sum[1], vget_high_s16(low), vget_high_s16(query_low));
            [
                vmlal_s16(first, vget_low_s16(high), vget_low_s16(query_high)),
                vmlal_s16(second, vget_high_s16(high), vget_high_s16(query_high)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn total(sum: [int32x4_t; 2]) -> i32 {
        // SAFETY: NEON is available, says the trait's contract.
        unsafe { vaddvq_s32(vaddq_s32(sum[0], sum[1])) }
    }
}

struct Float32;

// SAFETY: each method asks only for NEON, and reads no more than WIDTH values.
unsafe impl Float32Lanes for Float32 {
    const WIDTH: usize = 4;
    type Row = float32x4_t;
    type Sum = float32x4_t;

    #[inline(always)]
    unsafe fn zero() -> float32x4_t {
        // SAFETY: NEON is available, says the trait's contract.
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn load(row: *const f32) -> float32x4_t {
        // SAFETY: NEON is available and 4 floats are readable, says the trait's contract.
        unsafe { vld1q_f32(row) }
    }

    #[inline(always)]
    unsafe fn add(sum: float32x4_t, row: float32x4_t, query: *const f32) -> float32x4_t {
        // SAFETY: NEON is available and 4 floats are readable, says the trait's contract.
        unsafe { vfmaq_f32(sum, row, vld1q_f32(query)) }
    }

    #[inline(always)]
    unsafe fn total(sum: float32x4_t) -> f32 {
        // SAFETY: NEON is available, says the trait's contract.
        unsafe { vaddvq_f32(sum) }
    }
}
