//! The matrix products of an encoder: int16 activations with int8 weights, and the two float products of attention. One
//! trait, a back end per instruction set.
//!
//! # Integer products
//!
//! A kernel multiplies rows of activations with one *panel* of weights, a fixed number of output channels, and gives
//! exact 32-bit sums. What the numbers mean (scales, bias, activation function) is no business of a kernel: see
//! [`super::linear`]. All back ends agree bit for bit with [`Scalar`], in any order of summation, because integer
//! addition has no rounding, and because it wraps: a sum that fits in 32 bits is right even if a partial sum did not.
//!
//! Both operands are read in pairs of neighbouring inputs `k, k + 1`, which is what the multiply-add instructions of
//! x86 (`pmaddwd`, `vpdpwssd`) and wasm (`i32x4.dot_i16x8_s`) consume. A panel of `WIDTH` channels with `pairs` pairs
//! of inputs is stored as `pairs × WIDTH × 2` bytes:
//!
//! ```text
//! pair 0: w[0,c0] w[1,c0] w[0,c1] w[1,c1] … w[0,cW] w[1,cW]
//! pair 1: w[2,c0] w[3,c0] …
//! ```
//!
//! Odd input counts and the last panel are filled with zeros.
//!
//! Rows of activations come in *blocks* of as many rows as the kernel has in its registers at a time; the last block may be
//! smaller. A block of `R` rows is `pairs × R × 2` values, so that a kernel walks through both operands with one pointer
//! each:
//!
//! ```text
//! pair 0: a[0,r0] a[1,r0] a[0,r1] a[1,r1] … a[0,rR] a[1,rR]
//! pair 1: a[2,r0] a[3,r0] …
//! ```
//!
//! # Float products
//!
//! [`Kernel::product`] is `Aᵀ · B` for two matrices of as many rows: a step along the inner dimension is a step along the rows
//! of both, so a tile reads neighbours from each. Both products of attention have this form if scores are kept transposed,
//! one column per query: `Sᵀ = (Kᵀ)ᵀ · Qᵀ`, then `C = (Sᵀ)ᵀ · V`. Each sum runs in the order of the rows, on every target; where
//! multiply-and-add is one instruction it rounds once instead of twice.

pub(crate) mod math;
mod scalar;

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "NEON intrinsics; each block names the check it leans on")]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[allow(unsafe_code, reason = "vector loads through raw pointers; each block names the bound it leans on")]
mod simd128;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "AVX2 and AVX-512 intrinsics; each block names the check it leans on")]
mod x86;

pub(crate) use scalar::Scalar;

use math::Matrix;

/// One way to multiply. See the [module](self) for the layout.
pub(crate) trait Kernel: Send + Sync {
    /// The instruction set, for status lines and test messages.
    fn name(&self) -> &'static str;

    /// Output channels per panel, a multiple of 8.
    fn width(&self) -> usize;

    /// Rows of activations per block, at most 8.
    fn block(&self) -> usize;

    /// Writes `out[row * width + channel] = Σ_k a[k, row] · w[k, channel]`, wrapping at 32 bits.
    ///
    /// `panel` holds `pairs × width × 2` weights, `activations` at least `rows × pairs × 2` values and `out` at least
    /// `rows × width`.
    ///
    /// # Panics
    /// If a slice is shorter than that.
    fn multiply(&self, activations: &[i16], rows: usize, panel: &[i8], pairs: usize, out: &mut [i32]);

    /// Writes `out[row * out_stride + column] = Σ_k a[k, row] · b[k, column]`, and nothing between the rows.
    ///
    /// # Panics
    /// If a slice is too short for `shape`, or the columns are no multiple of 8.
    fn product(&self, a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &mut [f32], out_stride: usize);
}

/// The size of a float product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows of both operands: the terms of each sum.
    pub(crate) depth: usize,
    /// Columns of the first operand and rows of the result.
    pub(crate) rows: usize,
    /// Columns of the second operand and of the result, a multiple of [`COLUMNS`].
    pub(crate) columns: usize,
}

/// Columns of float products come in eights.
pub(crate) const COLUMNS: usize = 8;

/// The fastest kernel that this CPU can run.
pub(crate) fn best() -> &'static dyn Kernel {
    available().pop().expect("the scalar kernel is always there")
}

/// Every kernel that this CPU can run, the scalar one first and the fastest last.
pub(crate) fn available() -> Vec<&'static dyn Kernel> {
    #[allow(unused_mut, reason = "targets without a vector kernel add nothing")]
    let mut kernels: Vec<&'static dyn Kernel> = vec![&Scalar];
    #[cfg(target_arch = "x86_64")]
    kernels.extend(x86::available());
    #[cfg(target_arch = "aarch64")]
    kernels.extend(neon::available());
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    kernels.extend(simd128::available());
    kernels
}

/// Checks the lengths that [`Kernel::multiply`] asks for, once per call, so that the loops need not.
#[inline]
fn check(activations: &[i16], rows: usize, panel: &[i8], pairs: usize, out: &[i32], width: usize) {
    // A product that wraps would let anything pass.
    let holds = |len: usize, sizes: [usize; 3]| {
        sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).is_some_and(|needed| needed <= len)
    };
    assert!(holds(activations.len(), [rows, pairs, 2]), "activations are whole rows");
    assert!(holds(panel.len(), [pairs, width, 2]), "the panel is whole");
    assert!(holds(out.len(), [rows, width, 1]), "there is room for every sum");
}

/// Checks what [`Kernel::product`] asks for, once per call, so that the loops need not.
#[inline]
fn check_product(a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &[f32], out_stride: usize) {
    let Shape { depth, rows, columns } = shape;
    // The last row of a matrix need not be filled up to the distance between rows.
    let holds = |len: usize, count: usize, stride: usize, width: usize| {
        count == 0
            || width == 0
            || (count - 1).checked_mul(stride).and_then(|n| n.checked_add(width)).is_some_and(|n| n <= len)
    };
    assert!(columns.is_multiple_of(COLUMNS), "columns come in eights");
    assert!(holds(a.values.len(), depth, a.stride, rows), "the first operand is whole");
    assert!(holds(b.values.len(), depth, b.stride, columns), "the second operand is whole");
    assert!(holds(out.len(), rows, out_stride, columns), "there is room for every sum");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Compares with the definition: exactly if the values are small integers, else to the rounding of each term.
    fn check_product_against_definition(shape: Shape, gaps: [usize; 3], value: impl Fn(usize) -> f32, exact: bool) {
        let Shape { depth, rows, columns } = shape;
        let (sa, sb, sc) = (rows + gaps[0], columns + gaps[1], columns + gaps[2]);
        let a: Vec<f32> = (0..depth * sa).map(&value).collect();
        let b: Vec<f32> = (0..depth * sb).map(|i| value(i * 5 + 3)).collect();
        for kernel in available() {
            let mut out = vec![123.5; rows * sc];
            let (a_rows, b_rows) = (Matrix { values: &a, stride: sa }, Matrix { values: &b, stride: sb });
            kernel.product(a_rows, b_rows, shape, &mut out, sc);
            for row in 0..rows {
                for column in 0..columns {
                    let terms = (0..depth).map(|k| f64::from(a[k * sa + row]) * f64::from(b[k * sb + column]));
                    let (want, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                    let bound = if exact { 0.0 } else { size * depth as f64 * f64::from(f32::EPSILON) };
                    let got = f64::from(out[row * sc + column]);
                    let name = kernel.name();
                    assert!((got - want).abs() <= bound, "{name}, {shape:?} at {row}, {column}: {got} for {want}");
                }
                assert!(out[row * sc + columns..(row + 1) * sc].iter().all(|&x| x == 123.5), "wrote between the rows");
            }
        }
    }

    #[test]
    fn float_products_of_any_shape_are_those_of_the_definition() {
        for depth in [0, 1, 2, 3, 5, 32, 33] {
            for rows in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16] {
                for columns in [0, 8, 16, 24, 32, 40] {
                    let shape = Shape { depth, rows, columns };
                    check_product_against_definition(
                        shape,
                        [depth % 3, rows % 5, 1],
                        |i| (i * 7 % 23) as f32 - 11.0,
                        true,
                    );
                }
            }
        }
    }

    #[test]
    fn sizes_that_wrap_are_refused() {
        for kernel in available() {
            let rows = 1 << (usize::BITS - 1);
            let run = || kernel.multiply(&[], rows, &[0; 64], 1, &mut []);
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err(), "{}", kernel.name());
        }
    }

    #[test]
    fn float_products_refuse_what_is_too_short() {
        let values = [1.0; 64];
        let matrix = |stride| Matrix { values: &values, stride };
        for kernel in available() {
            let fails = |a, b, shape, room: usize, stride| {
                let run = || kernel.product(matrix(a), matrix(b), shape, &mut vec![0.0; room], stride);
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
            };
            let shape = Shape { depth: 4, rows: 3, columns: 8 };
            assert!(!fails(16, 16, shape, 24, 8), "{}", kernel.name());
            assert!(fails(21, 16, shape, 24, 8), "{}: 66 values of the first", kernel.name());
            assert!(fails(16, 19, shape, 24, 8), "{}: 65 values of the second", kernel.name());
            assert!(fails(16, 16, shape, 23, 8), "{}: 24 results", kernel.name());
            assert!(fails(16, 16, Shape { columns: 12, ..shape }, 64, 12), "{}: no eights", kernel.name());
            assert!(fails(usize::MAX / 2, 16, shape, 24, 8), "{}: a distance past all memory", kernel.name());
        }
    }

    /// The sums by the definition, in 64 bits, from weights that are not packed: `weights[k * channels + channel]`.
    fn by_definition(activations: &[i16], rows: usize, weights: &[i8], depth: usize, channels: usize) -> Vec<i64> {
        let mut sums = vec![0i64; rows * channels];
        for row in 0..rows {
            for k in 0..depth {
                for c in 0..channels {
                    sums[row * channels + c] +=
                        i64::from(activations[row * depth + k]) * i64::from(weights[k * channels + c]);
                }
            }
        }
        sums
    }

    fn pack(weights: &[i8], depth: usize, width: usize) -> Vec<i8> {
        let mut panel = vec![0; depth.div_ceil(2) * width * 2];
        for k in 0..depth {
            for c in 0..width {
                panel[(k / 2) * width * 2 + c * 2 + k % 2] = weights[k * width + c];
            }
        }
        panel
    }

    /// Where a row lies among `rows` rows in blocks of `block`: the place of its first pair, and the distance between its pairs.
    fn row_place(row: usize, rows: usize, block: usize, pairs: usize) -> (usize, usize) {
        let first = row - row % block;
        let in_block = block.min(rows - first);
        (first * pairs * 2 + (row - first) * 2, in_block * 2)
    }

    fn check_against_definition(
        rows: usize,
        depth: usize,
        activation: impl Fn(usize) -> i16,
        weight: impl Fn(usize) -> i8,
    ) {
        for kernel in available() {
            let width = kernel.width();
            let pairs = depth.div_ceil(2);
            let activations: Vec<i16> = (0..rows * depth).map(&activation).collect();
            // What lies behind the last input is multiplied with a weight of zero.
            let mut blocks = vec![77; rows * pairs * 2];
            for row in 0..rows {
                let (first, step) = row_place(row, rows, kernel.block(), pairs);
                for k in 0..depth {
                    blocks[first + k / 2 * step + k % 2] = activations[row * depth + k];
                }
            }
            let weights: Vec<i8> = (0..depth * width).map(&weight).collect();
            let mut out = vec![0x5555_5555; rows * width + 3];
            kernel.multiply(&blocks, rows, &pack(&weights, depth, width), pairs, &mut out);
            let expected = by_definition(&activations, rows, &weights, depth, width);
            for (i, &sum) in expected.iter().enumerate() {
                assert_eq!(
                    out[i],
                    sum as i32,
                    "{} differs at row {}, channel {} of {rows} rows, depth {depth}",
                    kernel.name(),
                    i / width,
                    i % width
                );
            }
            assert_eq!(&out[rows * width..], [0x5555_5555; 3], "{} wrote past its sums", kernel.name());
        }
    }

    #[test]
    fn extreme_values_and_odd_shapes_give_exact_sums() {
        for rows in 1..=19 {
            for depth in [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65] {
                check_against_definition(
                    rows,
                    depth,
                    |i| if i % 2 == 0 { i16::MAX } else { -i16::MAX },
                    |i| if i % 3 == 0 { i8::MAX } else { i8::MIN },
                );
            }
        }
        // All of one sign, at the model's own depths: the largest sums there are, and past them sums that wrap.
        for depth in [383, 384, 385, 1536, 3072] {
            check_against_definition(5, depth, |_| i16::MAX, |_| i8::MIN);
            check_against_definition(5, depth, |_| -i16::MAX, |_| i8::MIN);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_values_give_exact_sums(
            rows in 1usize..24, depth in 1usize..200,
            activations in prop::collection::vec(-i16::MAX..=i16::MAX, 64..512),
            weights in prop::collection::vec(any::<i8>(), 64..512),
        ) {
            check_against_definition(rows, depth, |i| activations[i * 7 % activations.len()], |i| weights[i * 11 % weights.len()]);
        }

        #[test]
        fn any_floats_give_their_sums(
            depth in 1usize..80, rows in 1usize..20, eights in 1usize..6, gaps in prop::array::uniform3(0usize..9),
            values in prop::collection::vec(-100f32..100.0, 64..256),
        ) {
            let shape = Shape { depth, rows, columns: eights * COLUMNS };
            check_product_against_definition(shape, gaps, |i| values[i * 13 % values.len()], false);
        }
    }
}
