//! The plain kernel: the definition as a loop, and the oracle of all others.

use super::{Kernel, check};

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
}
