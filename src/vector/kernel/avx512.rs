//! x86-64 with AVX-512 and VNNI: servers since 2019, Zen 4 and later.
//!
//! `vpdpwssd` multiplies 32 pairs of int16, adds neighbours and adds to the running sum, all in one. The byte form,
//! `vpdpbusd`, would save the widening but needs unsigned rows and two passes over a split query, which is slower.

use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_si256, _mm512_cvtepi8_epi16, _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_reduce_add_epi32, _mm512_reduce_add_ps, _mm512_setzero_ps, _mm512_setzero_si512,
};

use super::Kernel;
use super::tile::{self, Float32Lanes, Int8Lanes};

/// Holding one proves that this processor has AVX-512 F, BW and VNNI.
pub(crate) struct Avx512 {
    _proof: (),
}

impl Avx512 {
    pub(crate) fn try_new() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni"))
        .then_some(Self { _proof: () })
    }
}

impl Kernel for Avx512 {
    fn name(&self) -> &'static str {
        "avx512vnni"
    }

    fn sums_int8(&self, values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
        fn run(values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
            // SAFETY: this function has AVX-512 F, BW and VNNI.
            unsafe { tile::sums_int8::<Int8>(values, stride, queries, sums) }
        }
        // SAFETY: `self` exists only where AVX-512 F, BW and VNNI do (`try_new`).
        unsafe { run(values, stride, queries, sums) }
    }

    fn dots_float32(&self, values: &[f32], queries: &[&[f32]], dots: &mut [f32]) {
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
        fn run(values: &[f32], queries: &[&[f32]], dots: &mut [f32]) {
            // SAFETY: this function has AVX-512 F.
            unsafe { tile::dots_float32::<Float32>(values, queries[0].len(), queries, dots) }
        }
        // SAFETY: `self` exists only where AVX-512 F, BW and VNNI do (`try_new`).
        unsafe { run(values, queries, dots) }
    }
}

struct Int8;

// SAFETY: each method asks only for AVX-512 F, BW and VNNI, and reads no more than WIDTH values.
unsafe impl Int8Lanes for Int8 {
    const WIDTH: usize = 32;
    type Row = __m512i;
    type Sum = __m512i;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: AVX-512 is available, says the trait's contract.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn load(row: *const i8) -> __m512i {
        // SAFETY: AVX-512 BW is available and 32 bytes are readable, says the trait's contract.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(row.cast())) }
    }

    #[inline(always)]
    unsafe fn add(sum: __m512i, row: __m512i, query: *const i16) -> __m512i {
        // SAFETY: AVX-512 VNNI is available and 32 int16 are readable, says the trait's contract.
        unsafe { _mm512_dpwssd_epi32(sum, row, _mm512_loadu_si512(query.cast())) }
    }

    #[inline(always)]
    unsafe fn total(sum: __m512i) -> i32 {
        // SAFETY: AVX-512 is available, says the trait's contract.
        unsafe { _mm512_reduce_add_epi32(sum) }
    }
}

struct Float32;

// SAFETY: each method asks only for AVX-512 F, and reads no more than WIDTH values.
unsafe impl Float32Lanes for Float32 {
    const WIDTH: usize = 16;
    type Row = __m512;
    type Sum = __m512;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: AVX-512 is available, says the trait's contract.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(row: *const f32) -> __m512 {
        // SAFETY: AVX-512 is available and 16 floats are readable, says the trait's contract.
        unsafe { _mm512_loadu_ps(row) }
    }

    #[inline(always)]
    unsafe fn add(sum: __m512, row: __m512, query: *const f32) -> __m512 {
        // SAFETY: AVX-512 is available and 16 floats are readable, says the trait's contract.
        unsafe { _mm512_fmadd_ps(row, _mm512_loadu_ps(query), sum) }
    }

    #[inline(always)]
    unsafe fn total(sum: __m512) -> f32 {
        // SAFETY: AVX-512 is available, says the trait's contract.
        unsafe { _mm512_reduce_add_ps(sum) }
    }
}
