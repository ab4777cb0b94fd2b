//! x86-64 with AVX2 and FMA: nearly every desktop and server since 2013.

use std::arch::x86_64::{
    __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_cvtsi128_si32, _mm_cvtss_f32, _mm_loadu_si128, _mm_movehdup_ps,
    _mm_movehl_ps, _mm_shuffle_epi32, _mm256_add_epi32, _mm256_castps256_ps128, _mm256_castsi256_si128,
    _mm256_cvtepi8_epi16, _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_ps, _mm256_setzero_si256,
};

use super::Kernel;
use super::tile::{self, Float32Lanes, Int8Lanes};

/// Holding one proves that this processor has AVX2 and FMA.
pub(crate) struct Avx2 {
    _proof: (),
}

impl Avx2 {
    pub(crate) fn try_new() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self { _proof: () })
    }
}

impl Kernel for Avx2 {
    fn name(&self) -> &'static str {
        "avx2"
    }

    fn sums_int8(&self, values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
        #[target_feature(enable = "avx2,fma")]
        fn run(values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
            // SAFETY: this function has AVX2.
            unsafe { tile::sums_int8::<Int8>(values, stride, queries, sums) }
        }
        // SAFETY: `self` exists only where AVX2 and FMA do (`try_new`).
        unsafe { run(values, stride, queries, sums) }
    }

    fn dots_float32(&self, values: &[f32], queries: &[&[f32]], dots: &mut [f32]) {
        #[target_feature(enable = "avx2,fma")]
        fn run(values: &[f32], queries: &[&[f32]], dots: &mut [f32]) {
            // SAFETY: this function has AVX2 and FMA.
            unsafe { tile::dots_float32::<Float32>(values, queries[0].len(), queries, dots) }
        }
        // SAFETY: `self` exists only where AVX2 and FMA do (`try_new`).
        unsafe { run(values, queries, dots) }
    }
}

struct Int8;

// SAFETY: each method asks only for AVX2, and reads no more than WIDTH values.
unsafe impl Int8Lanes for Int8 {
    const WIDTH: usize = 16;
    type Row = __m256i;
    type Sum = __m256i;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: AVX2 is available, says the trait's contract.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(row: *const i8) -> __m256i {
        // SAFETY: AVX2 is available and 16 bytes are readable, says the trait's contract.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(row.cast())) }
    }

    #[inline(always)]
    unsafe fn add(sum: __m256i, row: __m256i, query: *const i16) -> __m256i {
        // SAFETY: AVX2 is available and 16 int16 are readable, says the trait's contract.
        unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(row, _mm256_loadu_si256(query.cast()))) }
    }

    #[inline(always)]
    unsafe fn total(sum: __m256i) -> i32 {
        // SAFETY: AVX2 is available, says the trait's contract.
        unsafe {
            let four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
        }
    }
}

struct Float32;

// SAFETY: each method asks only for AVX2 and FMA, and reads no more than WIDTH values.
unsafe impl Float32Lanes for Float32 {
    const WIDTH: usize = 8;
    type Row = __m256;
    type Sum = __m256;

    #[inline(always)]
    unsafe fn zero() -> __m256 {
        // SAFETY: AVX2 is available, says the trait's contract.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(row: *const f32) -> __m256 {
        // SAFETY: AVX2 is available and 8 floats are readable, says the trait's contract.
        unsafe { _mm256_loadu_ps(row) }
    }

    #[inline(always)]
    unsafe fn add(sum: __m256, row: __m256, query: *const f32) -> __m256 {
        // SAFETY: FMA is available and 8 floats are readable, says the trait's contract.
        unsafe { _mm256_fmadd_ps(row, _mm256_loadu_ps(query), sum) }
    }

    #[inline(always)]
    unsafe fn total(sum: __m256) -> f32 {
        // SAFETY: AVX2 is available, says the trait's contract.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ps(two, _mm_movehdup_ps(two)))
        }
    }
}
