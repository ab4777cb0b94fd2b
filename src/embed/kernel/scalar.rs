//! The plain kernel: the definition as a loop, and the oracle of all others.

use super::{Kernel, Matrix, Shape, check, check_product};

/// Runs anywhere.
pub(crate) struct Scalar;

/// The smallest width there is: outputs are dequantized in eights.
const WIDTH: usize = 8;

impl Kernel for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn block(&self) -> usize {
        1
    }

    fn multiply(&self, activations: &[i16], rows: usize, panel: &[i8], pairs: usize, out: &mut [i32]) {
        check(activations, rows, panel, pairs, out, WIDTH);
        for row in 0..rows {
            let inputs = &activations[row * pairs * 2..][..pairs * 2];
            let mut sums = [0i32; WIDTH];
            for (pair, weights) in inputs.chunks_exact(2).zip(panel.chunks_exact(2 * WIDTH)) {
                for (channel, sum) in sums.iter_mut().enumerate() {
                    let even = i32::from(pair[0]) * i32::from(weights[2 * channel]);
                    let odd = i32::from(pair[1]) * i32::from(weights[2 * channel + 1]);
                    *sum = sum.wrapping_add(even).wrapping_add(odd);
                }
            }
            out[row * WIDTH..][..WIDTH].copy_from_slice(&sums);
        }
    }

    fn product(&self, a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &mut [f32], out_stride: usize) {
        check_product(a, b, shape, out, out_stride);
        for row in 0..shape.rows {
            let out = &mut out[row * out_stride..][..shape.columns];
            out.fill(0.0);
            for k in 0..shape.depth {
                let x = a.values[k * a.stride + row];
                for (sum, &y) in out.iter_mut().zip(&b.values[k * b.stride..]) {
                    *sum += x * y;
                }
            }
        }
    }
}
