//! The oracle: as plain as it can be, and what every other kernel is compared with.

use super::{Kernel, check_shapes};

/// No instruction set in particular.
pub(crate) struct Scalar;

impl Kernel for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn sums_int8(&self, values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
        let (_, rows) = check_shapes(values, stride, queries, sums);
        for (query, sums) in queries.iter().zip(sums.chunks_mut(rows.max(1))) {
            for (row, sum) in values.chunks(stride).zip(sums) {
                *sum = row.iter().zip(*query).map(|(value, query)| i32::from(*value) * i32::from(*query)).sum();
            }
        }
    }

    fn dots_float32(&self, values: &[f32], queries: &[&[f32]], dots: &mut [f32]) {
        let dims = queries[0].len();
        let (_, rows) = check_shapes(values, dims, queries, dots);
        for (query, dots) in queries.iter().zip(dots.chunks_mut(rows.max(1))) {
            for (row, dot) in values.chunks_exact(dims).zip(dots) {
                // In f64, where products of two f32 are exact and the sum is good to far more than an f32 can show.
                *dot = row.iter().zip(*query).map(|(value, query)| f64::from(*value) * f64::from(*query)).sum::<f64>()
                    as f32;
            }
        }
    }
}
