//! The inner loops: one file per instruction set, all with the same face.
//!
//! A kernel multiplies a block of rows that lie one after the other with one or more queries. It knows nothing of scales,
//! masks or similarities. For int8 its sums are exact (see [`super::quantize`] for why they cannot overflow), hence equal on
//! every kernel; for float32 each result is within `dims · 2⁻²⁴ · Σ|qᵢ·xᵢ|` of the true value, whatever the kernel.
//!
//! Availability is a value: a kernel that needs an instruction set can be made only where the processor has it, and holding
//! one is what its `unsafe` blocks lean on.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "AVX2 intrinsics on raw pointers; each block names the check it leans on")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "AVX-512 intrinsics on raw pointers; each block names the check it leans on")]
mod avx512;
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "NEON intrinsics on raw pointers; each block names the check it leans on")]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[allow(unsafe_code, reason = "simd128 intrinsics on raw pointers; each block names the check it leans on")]
mod simd128;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
#[allow(unsafe_code, reason = "calls the lanes of an instruction set; each block names the check it leans on")]
mod tile;

pub(crate) use scalar::Scalar;

/// The most queries that share one pass over the rows: a block of those stays in the nearest cache while [tiles](self) of up to
/// four queries go over it twice.
pub(crate) const MAX_QUERIES: usize = 8;

/// The widest step of any kernel: 32 int8 of a 512 bit register of int16.
pub(crate) const MAX_WIDTH: usize = 32;

/// One instruction set's inner loops.
pub(crate) trait Kernel: Send + Sync {
    /// A short name for people and tests.
    fn name(&self) -> &'static str;

    /// `sums[q * rows + r] = Σᵢ queries[q][i] · values[r * stride + i]`, exactly.
    ///
    /// There are 1 to [`MAX_QUERIES`] queries of equal length, `dims`, one sum per query and row, and rows begin `stride` (at
    /// least `dims`) values apart: only the first `dims` of each are read, and only those of the last row need to be there.
    fn sums_int8(&self, values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]);

    /// The same for floats, within the module's bound; rows follow each other without a gap.
    fn dots_float32(&self, values: &[f32], queries: &[&[f32]], dots: &mut [f32]);
}

/// What every kernel may rely on: `dims` and `rows`. Checked once per block, which costs nothing beside the block.
fn check_shapes<V, Q, S>(values: &[V], stride: usize, queries: &[&[Q]], sums: &[S]) -> (usize, usize) {
    assert!((1..=MAX_QUERIES).contains(&queries.len()), "1 to {MAX_QUERIES} queries, not {}", queries.len());
    let dims = queries[0].len();
    assert!(0 < dims && dims <= stride, "rows of {dims} values that begin {stride} apart");
    assert!(queries.iter().all(|query| query.len() == dims), "queries of different lengths");
    assert!(sums.len().is_multiple_of(queries.len()), "one sum per query and row");
    let rows = sums.len() / queries.len();
    // A product that wraps would let anything pass.
    let needed = rows.checked_sub(1).map_or(Some(0), |before| before.checked_mul(stride)?.checked_add(dims));
    let len = values.len();
    assert!(needed.is_some_and(|needed| needed <= len), "{rows} rows of {dims} values, {stride} apart, in {len}");
    (dims, rows)
}

/// Every kernel that this processor can run, the plain one first and the fastest last.
pub(crate) fn available() -> Vec<Box<dyn Kernel>> {
    let mut kernels: Vec<Box<dyn Kernel>> = vec![Box::new(Scalar)];
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    kernels.extend(simd128::Simd128::try_new().map(|kernel| Box::new(kernel) as _));
    #[cfg(target_arch = "aarch64")]
    kernels.extend(neon::Neon::try_new().map(|kernel| Box::new(kernel) as _));
    #[cfg(target_arch = "x86_64")]
    {
        kernels.extend(avx2::Avx2::try_new().map(|kernel| Box::new(kernel) as _));
        kernels.extend(avx512::Avx512::try_new().map(|kernel| Box::new(kernel) as _));
    }
    kernels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dims around every lane width and its tails.
    const DIMS: [usize; 24] =
        [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 127, 128, 383, 384, 385, 4096];

    fn bytes(seed: u64, count: usize) -> impl Iterator<Item = u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .take(count)
    }

    #[test]
    fn int8_sums_are_those_of_scalar_exactly() {
        for kernel in available() {
            for dims in DIMS {
                for rows in [1, 2, 3, 4, 5, 63, 64] {
                    for count in 1..=MAX_QUERIES {
                        let values: Vec<i8> = bytes(1, dims * rows).map(|byte| byte as i8).collect();
                        let queries: Vec<Vec<i16>> = (0..count)
                            .map(|at| bytes(2 + at as u64, dims).map(|byte| (i16::from(byte as i8)) * 30).collect())
                            .collect();
                        let queries: Vec<&[i16]> = queries.iter().map(|query| &query[..]).collect();
                        let (mut expected, mut sums) = (vec![0; count * rows], vec![-1; count * rows]);
                        Scalar.sums_int8(&values, dims, &queries, &mut expected);
                        kernel.sums_int8(&values, dims, &queries, &mut sums);
                        assert_eq!(sums, expected, "{}: {dims} dims, {rows} rows, {count} queries", kernel.name());
                    }
                }
            }
        }
    }

    #[test]
    fn rows_may_begin_further_apart_than_they_are_long() {
        for kernel in available() {
            for (dims, stride) in [(1, 2), (15, 17), (16, 384), (33, 40), (160, 384), (384, 384)] {
                for rows in [0, 1, 2, 3, 64] {
                    for count in [1, 2, 8] {
                        // No more than is needed: the last row ends with its last value.
                        let len = if rows == 0 { 0 } else { (rows - 1) * stride + dims };
                        let values: Vec<i8> = bytes(5, len).map(|byte| byte as i8).collect();
                        let queries: Vec<Vec<i16>> = (0..count)
                            .map(|at| bytes(6 + at as u64, dims).map(|byte| i16::from(byte as i8)).collect())
                            .collect();
                        let queries: Vec<&[i16]> = queries.iter().map(|query| &query[..]).collect();
                        let mut sums = vec![-1; count * rows];
                        kernel.sums_int8(&values, stride, &queries, &mut sums);
                        for (at, sum) in sums.iter().enumerate() {
                            let row = &values[at % rows * stride..][..dims];
                            let pairs = row.iter().zip(queries[at / rows]);
                            let expected: i32 = pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
                            assert_eq!(*sum, expected, "{}: {dims} of {stride}, {rows} rows", kernel.name());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_greatest_sums_do_not_overflow() {
        for kernel in available() {
            for (dims, magnitude) in [(384, 32_639), (514, 32_639), (4096, 4_095)] {
                for (value, query) in [(-128, magnitude), (-128, -magnitude), (127, magnitude)] {
                    let (values, query) = (vec![value as i8; dims], vec![query as i16; dims]);
                    let mut sums = [0];
                    kernel.sums_int8(&values, dims, &[&query], &mut sums);
                    assert_eq!(i64::from(sums[0]), dims as i64 * value * i64::from(query[0]), "{}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn float32_dots_stay_within_the_bound() {
        for kernel in available() {
            for dims in DIMS {
                for rows in [1, 3, 64] {
                    for count in 1..=MAX_QUERIES {
                        let value = |byte: u8| f32::from(byte as i8) * 0.013;
                        let values: Vec<f32> = bytes(3, dims * rows).map(value).collect();
                        let queries: Vec<Vec<f32>> =
                            (0..count).map(|at| bytes(4 + at as u64, dims).map(value).collect()).collect();
                        let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
                        let mut dots = vec![f32::NAN; count * rows];
                        kernel.dots_float32(&values, &queries, &mut dots);
                        for (at, dot) in dots.iter().enumerate() {
                            let pairs = || values[at % rows * dims..][..dims].iter().zip(queries[at / rows]);
                            let truth: f64 = pairs().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                            let size: f64 = pairs().map(|(a, b)| f64::from((a * b).abs())).sum();
                            let bound = dims as f64 * 2_f64.powi(-24) * size;
                            let error = (truth - f64::from(*dot)).abs();
                            assert!(error <= bound, "{}: {dims} dims: {truth} and {dot}", kernel.name());
                        }
                    }
                }
            }
        }
    }
}
