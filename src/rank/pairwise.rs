//! A pairwise logistic model over the parts of a score: which weights tell what was chosen from what was not.
//!
//! For an item i that was chosen and an item j that was not, with x their affinities, the model says
//! `P(i before j) = σ(s · Σ_t w_t · (x_it − x_jt))` (BPR's loss; Rendle et al. 2009, arXiv 1205.2618), with `w_t = w⁰_t · exp(θ_t)`: weights
//! keep their sign, and what is 0 stays 0. Least is `Σ −ln P + ½ · penalty · ‖θ‖²`, which leans on the weights w⁰ that it begins with
//! the more, the fewer pairs there are. Scores stay sums of the same parts.

/// Pairs of items, as what the terms say of the chosen one minus what they say of the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairs {
    terms: usize,
    /// Pair after pair, a difference per term.
    differences: Vec<f64>,
    /// How much each pair counts.
    counts: Vec<f64>,
}

impl Pairs {
    pub(crate) fn new(terms: usize) -> Self {
        Self { terms, ..Self::default() }
    }

    /// Adds a pair; `difference` is called once per term.
    pub(crate) fn push(&mut self, count: f64, difference: impl Fn(usize) -> f64) {
        self.differences.extend((0..self.terms).map(difference));
        self.counts.push(count);
    }

    fn each(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.differences.chunks_exact(self.terms.max(1)).zip(self.counts.iter().copied())
    }

    /// What all pairs count together.
    #[cfg(feature = "cli")]
    pub(crate) fn total(&self) -> f64 {
        self.counts.iter().sum()
    }
}

/// Steps that a fit takes at most; it is at rest after a handful.
const MOST_STEPS: usize = 50;
/// At rest: the next step would lower the loss by less than this share.
const AT_REST: f64 = 1e-10;

/// The θ that is least for these pairs.
pub(crate) fn fit(pairs: &Pairs, weights: &[f64], scale: f64, penalty: f64) -> Vec<f64> {
    let terms = weights.len();
    let mut theta = vec![0.0; terms];
    let mut loss = loss_of(pairs, weights, &theta, scale, penalty);
    // Levenberg's damping: more where a step overshoots.
    let mut damping = 1e-6;
    for _ in 0..MOST_STEPS {
        let (gradient, curvature) = slopes(pairs, weights, &theta, scale, penalty);
        let mut matrix = curvature;
        (0..terms).for_each(|term| matrix[term * terms + term] *= 1.0 + damping);
        let Some(step) = solve(matrix, &gradient) else { break };
        let next: Vec<f64> = theta.iter().zip(&step).map(|(theta, step)| theta - step).collect();
        let lower = loss_of(pairs, weights, &next, scale, penalty);
        if lower < loss {
            let at_rest = loss - lower < AT_REST * loss;
            (theta, loss, damping) = (next, lower, damping / 4.0);
            if at_rest {
                break;
            }
        } else if damping < 1e6 {
            damping *= 8.0;
        } else {
            break;
        }
    }
    theta
}

/// θ no longer than the radius: the farthest that the weights may go from those that were shipped.
pub(crate) fn within(mut theta: Vec<f64>, radius: f64) -> Vec<f64> {
    let length = theta.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > radius {
        theta.iter_mut().for_each(|x| *x *= radius / length);
    }
    theta
}

/// `w⁰ · exp(θ)`.
pub(crate) fn moved(weights: &[f64], theta: &[f64]) -> Vec<f64> {
    weights.iter().zip(theta).map(|(weight, theta)| weight * theta.exp()).collect()
}

/// The scale under which the weights as they are explain the pairs best, from a thousandth to a thousand.
#[cfg(feature = "cli")]
pub(crate) fn scale_of(pairs: &Pairs, weights: &[f64]) -> f64 {
    let still = vec![0.0; weights.len()];
    let loss = |log: f64| loss_of(pairs, weights, &still, log.exp(), 0.0);
    // The loss has one valley over the logarithm of the scale: golden section search.
    let (mut low, mut high) = (0.001f64.ln(), 1000.0f64.ln());
    let golden = (5.0f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    low.midpoint(high).exp()
}

/// `ln(1 + exp(−x))`, without overflow.
fn softplus(x: f64) -> f64 {
    (-x.abs()).exp().ln_1p() + (-x).max(0.0)
}

fn loss_of(pairs: &Pairs, weights: &[f64], theta: &[f64], scale: f64, penalty: f64) -> f64 {
    let own = moved(weights, theta);
    let margin = |pair: &[f64]| scale * pair.iter().zip(&own).map(|(x, w)| x * w).sum::<f64>();
    let told: f64 = pairs.each().map(|(pair, count)| count * softplus(margin(pair))).sum();
    told + 0.5 * penalty * theta.iter().map(|x| x * x).sum::<f64>()
}

/// Gradient, and the Gauss–Newton matrix, which is positive definite whatever the pairs.
fn slopes(pairs: &Pairs, weights: &[f64], theta: &[f64], scale: f64, penalty: f64) -> (Vec<f64>, Vec<f64>) {
    let terms = weights.len();
    let own: Vec<f64> = moved(weights, theta).into_iter().map(|weight| scale * weight).collect();
    let mut gradient: Vec<f64> = theta.iter().map(|theta| penalty * theta).collect();
    let mut matrix = vec![0.0; terms * terms];
    let mut slope = vec![0.0; terms];
    for (pair, count) in pairs.each() {
        slope.iter_mut().zip(pair).zip(&own).for_each(|((slope, x), w)| *slope = x * w);
        let wrong = 1.0 / (1.0 + slope.iter().sum::<f64>().exp());
        let bend = count * wrong * (1.0 - wrong);
        for (a, slope_a) in slope.iter().enumerate() {
            gradient[a] -= count * wrong * slope_a;
            matrix[a * terms..][..terms].iter_mut().zip(&slope).for_each(|(cell, b)| *cell += bend * slope_a * b);
        }
    }
    // A weight of 0 has no slope: without something on the diagonal there were no solution for it.
    (0..terms).for_each(|term| matrix[term * terms + term] += penalty.max(1e-9));
    (gradient, matrix)
}

/// Solves a positive definite system by Cholesky's decomposition. Of a dozen unknowns, in the browser: the linear algebra of the native
/// build would be many times this module there.
fn solve(mut matrix: Vec<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    for column in 0..n {
        for row in column..n {
            let known: f64 = (0..column).map(|at| matrix[row * n + at] * matrix[column * n + at]).sum();
            let left = matrix[row * n + column] - known;
            matrix[row * n + column] = if row == column {
                if left <= 0.0 || !left.is_finite() {
                    return None;
                }
                left.sqrt()
            } else {
                left / matrix[column * n + column]
            };
        }
    }
    let mut solution = right.to_vec();
    for row in 0..n {
        let known: f64 = (0..row).map(|at| matrix[row * n + at] * solution[at]).sum();
        solution[row] = (solution[row] - known) / matrix[row * n + row];
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|at| matrix[at * n + row] * solution[at]).sum();
        solution[row] = (solution[row] - known) / matrix[row * n + row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first term tells chosen from not, the second says nothing, the third has no weight.
    fn pairs(count: usize) -> Pairs {
        let mut pairs = Pairs::new(3);
        for at in 0..count {
            let swing = [0.4, -0.3, 0.1, -0.2][at % 4];
            let told = if at % 5 == 0 { -0.2 } else { 0.5 };
            pairs.push(1.0, |term| [told, swing, 1.0][term]);
        }
        pairs
    }

    #[test]
    fn the_slopes_are_those_of_the_loss() {
        let (pairs, weights, theta) = (pairs(20), [1.0, 0.5, 0.0], [0.2, -0.1, 0.3]);
        let (gradient, _) = slopes(&pairs, &weights, &theta, 1.5, 0.7);
        for term in 0..3 {
            let at = |step: f64| {
                let mut moved = theta;
                moved[term] += step;
                loss_of(&pairs, &weights, &moved, 1.5, 0.7)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[term] - slope).abs() < 1e-6, "{term}: {} and {slope}", gradient[term]);
        }
    }

    #[test]
    fn what_tells_gains_weight_and_zero_stays() {
        let weights = [1.0, 1.0, 0.0];
        let theta = fit(&pairs(400), &weights, 1.0, 1.0);
        let own = moved(&weights, &theta);
        assert!(own[0] > 1.5 && own[1] < 0.8 && own[2] == 0.0, "{own:?}");
        let (gradient, _) = slopes(&pairs(400), &weights, &theta, 1.0, 1.0);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-4), "at rest: {gradient:?}");
    }

    #[test]
    fn few_pairs_hardly_move_it_and_the_radius_holds() {
        let weights = [1.0, 1.0, 0.0];
        let length = |theta: &[f64]| theta.iter().map(|x| x * x).sum::<f64>().sqrt();
        let (few, many) = (fit(&pairs(4), &weights, 1.0, 10.0), fit(&pairs(4000), &weights, 1.0, 10.0));
        assert!(length(&few) < 0.2 && length(&many) > 0.5, "{few:?}, {many:?}");
        let held = within(many.clone(), 0.3);
        assert!((length(&held) - 0.3).abs() < 1e-12);
        assert!((held[0] / held[1] - many[0] / many[1]).abs() < 1e-9, "in the same direction");
        assert_eq!(within(few.clone(), 0.3), few);
        assert_eq!(fit(&Pairs::new(3), &weights, 1.0, 1.0), [0.0; 3]);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn the_scale_is_where_the_loss_is_least() {
        let (pairs, weights) = (pairs(100), [1.0, 0.2, 0.0]);
        let scale = scale_of(&pairs, &weights);
        let loss = |scale: f64| loss_of(&pairs, &weights, &[0.0; 3], scale, 0.0);
        assert!(loss(scale) < loss(scale * 1.05) && loss(scale) < loss(scale / 1.05), "{scale}");
    }

    #[test]
    fn a_system_is_solved() {
        let solution = solve(vec![4.0, 2.0, 2.0, 3.0], &[8.0, 8.0]).unwrap();
        assert!((solution[0] - 1.0).abs() < 1e-12 && (solution[1] - 2.0).abs() < 1e-12);
        assert_eq!(solve(vec![0.0], &[1.0]), None);
    }
}
