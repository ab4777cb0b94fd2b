//! From token vectors to one unit vector.

use super::error::{EmbedError, EmbedErrorKind};
use super::manifest::Pooling;

/// Pools `hidden` (`tokens × dims`, row-major) into a vector of unit length.
///
/// There is no mask: texts are never padded here, so every row belongs to the text.
pub(crate) fn pool(hidden: &[f32], dims: usize, pooling: Pooling) -> Result<Vec<f32>, EmbedError> {
    assert!(dims > 0 && !hidden.is_empty() && hidden.len().is_multiple_of(dims), "hidden states are whole rows");
    let mut vector = match pooling {
        Pooling::Cls => hidden[..dims].to_vec(),
        // The mean's divisor falls out when the length is made 1.
        Pooling::Mean => {
            let mut sum = vec![0f32; dims];
            for row in hidden.chunks_exact(dims) {
                for (s, x) in sum.iter_mut().zip(row) {
                    *s += x;
                }
            }
            sum
        }
    };
    let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if !norm.is_finite() || norm == 0.0 {
        return Err(EmbedError::new(
            EmbedErrorKind::Run,
            format!("the pooled vector has length {norm}, so it has no direction"),
        ));
    }
    let scale = (1.0 / norm) as f32;
    vector.iter_mut().for_each(|x| *x *= scale);
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_weighs_every_row_alike_and_cls_takes_the_first() {
        let hidden = [3.0, 0.0, 0.0, 4.0, 3.0, 4.0];
        let mean = pool(&hidden, 2, Pooling::Mean).unwrap();
        let norm = (36f32 + 64.0).sqrt();
        assert!((mean[0] - 6.0 / norm).abs() < 1e-6 && (mean[1] - 8.0 / norm).abs() < 1e-6, "{mean:?}");
        assert_eq!(pool(&hidden, 2, Pooling::Cls).unwrap(), [1.0, 0.0]);
    }

    #[test]
    fn a_vector_without_direction_is_an_error() {
        for hidden in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0]] {
            assert_eq!(pool(&hidden, 2, Pooling::Mean).unwrap_err().kind(), EmbedErrorKind::Run, "{hidden:?}");
        }
    }
}
