//! Proof that a GPU's candidates hold the answer.
//!
//! Let `t` be the least score among the best `k` of the candidates, scored by the CPU. A row that the GPU left out has a
//! GPU score below `least`, so its CPU score is below `least + error`, where `error` bounds how far the two can be apart. If that
//! is at most `t`, no such row can be among the best `k`, not even by a tie.
//!
//! WGSL promises less than IEEE 754: a conversion from integer and every operation may round to either neighbour, and
//! subnormal numbers may become 0. The bounds below grant one unit of the last place (2⁻²³) to each GPU operation.

use super::super::Precision;
use super::answer::Candidates;

/// What bounds the difference between the GPU's and the CPU's score of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding {
    pub(crate) precision: Precision,
    pub(crate) dims: usize,
    /// The query's length.
    pub(crate) query_norm: f64,
    /// The quantized query's scale; 1 for float32.
    pub(crate) query_scale: f64,
    /// The length of the longest row, or more. Only float32 sets and distances need it.
    pub(crate) max_norm: f64,
    /// Whether scores are `2·dot − |x|² − |q|²`.
    pub(crate) distance: bool,
}

impl Rounding {
    /// The bound for a row whose GPU score is `score`.
    fn error(self, score: f64) -> f64 {
        const ULP: f64 = 1.0 / (1 << 23) as f64;
        let smallest = f64::from(f32::MIN_POSITIVE);
        let product = self.query_norm * self.max_norm;
        let (dot, flushed) = match self.precision {
            // Conversion and two products on the GPU, three half units on the CPU: below 8 units together. A scale that
            // is flushed to 0 takes a whole sum (below 2³¹) with it.
            Precision::Int8 => (8.0 * ULP * score.abs(), smallest * (2_147_483_648.0 * self.query_scale + 2.0)),
            // A rounding a product and an addition, on the GPU whole units, on the CPU at most as much.
            Precision::Float32 => (
                2.0 * (self.dims as f64 + 2.0) * ULP * product,
                smallest * self.dims as f64 * (self.query_norm + self.max_norm + 2.0),
            ),
        };
        if !self.distance {
            return dot + flushed;
        }
        // Every term is at most (|q| + |x|)², and each device makes three roundings of such magnitude.
        let largest = (self.query_norm + self.max_norm).powi(2);
        let dot = match self.precision {
            Precision::Int8 => 16.0 * ULP * product,
            Precision::Float32 => 2.0 * dot,
        };
        dot + 8.0 * ULP * largest + 2.0 * flushed + smallest
    }
}

/// Whether the best `limit` rows are certainly among the candidates. `worst` is the CPU's score of the last of the best
/// `limit` candidates, `None` if there are fewer than `limit`.
pub(crate) fn certify(candidates: &Candidates, worst: Option<f32>, rounding: Rounding) -> bool {
    if candidates.overflow {
        return false;
    }
    let Some(least) = candidates.least else { return true };
    let Some(worst) = worst else { return false };
    let mut least = f64::from(least);
    if rounding.distance {
        // The shader leaves out what is the same for every row.
        least -= rounding.query_norm * rounding.query_norm;
    }
    least + rounding.error(least) <= f64::from(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rounding = Rounding {
        precision: Precision::Int8,
        dims: 384,
        query_norm: 1.0,
        query_scale: 1e-5,
        max_norm: 1.0,
        distance: false,
    };

    fn candidates(least: Option<f32>) -> Candidates {
        Candidates { rows: Vec::new(), least, overflow: false }
    }

    #[test]
    fn a_clear_gap_is_proof_and_a_tie_is_none() {
        assert!(certify(&candidates(Some(0.5)), Some(0.6), PLAIN));
        assert!(certify(&candidates(Some(-0.6)), Some(-0.5), PLAIN));
        assert!(!certify(&candidates(Some(0.5)), Some(0.5), PLAIN));
        assert!(!certify(&candidates(Some(-0.5)), Some(-0.5), PLAIN));
        assert!(!certify(&candidates(Some(0.0)), Some(-0.0), PLAIN));
        assert!(certify(&candidates(None), None, PLAIN), "every row that is on is a candidate");
        assert!(!certify(&Candidates { overflow: true, ..candidates(None) }, Some(1.0), PLAIN));
    }

    #[test]
    fn float32_and_distances_ask_for_a_wider_gap() {
        let float32 = Rounding { precision: Precision::Float32, ..PLAIN };
        assert!(certify(&candidates(Some(0.5)), Some(0.500_01), PLAIN));
        assert!(!certify(&candidates(Some(0.5)), Some(0.500_01), float32));
        assert!(certify(&candidates(Some(0.5)), Some(0.501), float32));
        let distance = Rounding { distance: true, max_norm: 1000.0, ..PLAIN };
        assert!(!certify(&candidates(Some(0.5)), Some(-0.45), distance), "1,000² has no such digits");
        assert!(certify(&candidates(Some(-3.0)), Some(-1.0), distance));
    }
}
