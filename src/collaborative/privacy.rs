//! How much may one person show in what is shipped? (ε, δ)-differential privacy of counts.
//!
//! What is counted is how many people like each item and each pair of items: the upper triangle of XᵀX, its diagonal included.
//! Of one person at most the latest `likes` count, so that a person who joins or leaves changes at most `likes` entries of the diagonal
//! and `likes·(likes − 1)/2` beside it by one each: the triangle moves by no more than `√(likes·(likes + 1)/2)`. Gaussian noise for
//! that is added to every entry, those that nobody counts in as well, and whatever is made of the noisy counts alone needs no more of it
//! (Dwork and Roth 2014, "The algorithmic foundations of differential privacy", proposition 2.1).
//!
//! The noise is the least that does: the analytic calibration of Balle and Wang 2018 (arXiv 1805.06530, theorem 8). With it, two files
//! that differ by one person, with all that they did, give any catalog with probabilities that differ by a factor of at most e^ε,
//! but for a δ.

use std::f64::consts::SQRT_2;
use std::fmt;

use libm::erfc;
use rand::{SeedableRng, TryRngCore};
use rand_chacha::ChaCha20Rng;

/// What is promised to each person, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Privacy {
    epsilon: f64,
    delta: f64,
    likes: usize,
    source: NoiseSource,
}

/// Where the noise comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseSource {
    /// A key that the operating system draws, anew each time, for a cipher (ChaCha20): nobody can take the noise off again.
    System,
    /// A number: the same noise each time, which anybody who knows the number can take off. For measuring what the noise costs,
    /// and for tests; what is made with it must not be shipped.
    Seeded(u64),
}

impl Privacy {
    /// The usual δ: one in a hundred thousand. It has to be well below one by the number of people.
    pub const DELTA: f64 = 1e-5;
    /// The usual number of likes that count of one person. More say more and need more noise; on MovieLens-100K 20 and 50 are
    /// alike (`docs/crowd.md`).
    pub const LIKES: usize = 20;
    /// Beyond this ε promises nothing at all, and e^ε soon has no value.
    const MOST_EPSILON: f64 = 100.0;

    /// A promise of ε and δ, where at most so many likes of one person count.
    ///
    /// # Errors
    ///
    /// An ε that is not above 0 and at most 100, a δ that is not between 0 and 1, no likes at all.
    pub fn new(epsilon: f64, delta: f64, likes: usize, source: NoiseSource) -> Result<Self, PrivacyError> {
        if !(epsilon > 0.0 && epsilon <= Self::MOST_EPSILON) {
            return Err(PrivacyError::new(PrivacyErrorKind::Epsilon, format!("got {epsilon}")));
        }
        if !(delta > 0.0 && delta < 1.0) {
            return Err(PrivacyError::new(PrivacyErrorKind::Delta, format!("got {delta}")));
        }
        if likes == 0 {
            return Err(PrivacyError::new(PrivacyErrorKind::Likes, "got 0"));
        }
        Ok(Self { epsilon, delta, likes, source })
    }

    /// The ε.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The δ.
    pub fn delta(&self) -> f64 {
        self.delta
    }

    /// Of one person at most so many likes count, the latest.
    pub fn likes(&self) -> usize {
        self.likes
    }

    /// Where the noise comes from.
    pub fn source(&self) -> NoiseSource {
        self.source
    }

    /// The same promise with noise of another source.
    pub fn with_source(self, source: NoiseSource) -> Self {
        Self { source, ..self }
    }

    /// How far one person can move the counts, in the Euclidean norm of the upper triangle.
    pub fn sensitivity(&self) -> f64 {
        let likes = self.likes as f64;
        (likes * (likes + 1.0) / 2.0).sqrt()
    }

    /// The standard deviation of the noise of each count.
    pub fn deviation(&self) -> f64 {
        calibrated(self.epsilon, self.delta) * self.sensitivity()
    }

    /// The generator of this noise.
    pub(super) fn generator(&self) -> Result<ChaCha20Rng, PrivacyError> {
        match self.source {
            NoiseSource::Seeded(seed) => Ok(ChaCha20Rng::seed_from_u64(seed)),
            NoiseSource::System => {
                let mut key = [0u8; 32];
                rand::rngs::OsRng.try_fill_bytes(&mut key).map_err(|error| {
                    PrivacyError::new(PrivacyErrorKind::NoRandomness, format!("the operating system says: {error}"))
                })?;
                Ok(ChaCha20Rng::from_seed(key))
            }
        }
    }
}

/// The least standard deviation, by the sensitivity, of Gaussian noise that is (ε, δ)-private.
///
/// Balle and Wang's theorem 8: noise of standard deviation σ is, if and only if
/// `Φ(1/2σ − εσ) − e^ε·Φ(−1/2σ − εσ) ≤ δ` with a sensitivity of 1. The left side falls as σ grows.
fn calibrated(epsilon: f64, delta: f64) -> f64 {
    let (mut low, mut high) = (1e-6f64, 1e9f64);
    // Until the two are neighbours; the upper one is always enough.
    for _ in 0..200 {
        let middle = (low * high).sqrt();
        if middle <= low || middle >= high {
            break;
        }
        if spent(epsilon, middle) > delta {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The least δ at this ε of noise with this standard deviation, by the sensitivity.
fn spent(epsilon: f64, deviation: f64) -> f64 {
    let (half, shift) = (0.5 / deviation, epsilon * deviation);
    // The normal distribution function.
    let below = |x: f64| 0.5 * erfc(-x / SQRT_2);
    below(half - shift) - epsilon.exp() * below(-half - shift)
}

/// A promise that cannot be made, or not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyError {
    kind: PrivacyErrorKind,
    found: String,
}

/// What was wrong.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrivacyErrorKind {
    /// An ε that is no number above 0, or so large that it promises nothing.
    Epsilon,
    /// A δ that is no number between 0 and 1.
    Delta,
    /// Nothing of a person counts.
    Likes,
    /// The operating system has no random numbers.
    NoRandomness,
}

impl PrivacyError {
    fn new(kind: PrivacyErrorKind, found: impl Into<String>) -> Self {
        Self { kind, found: found.into() }
    }

    /// Which case this is.
    pub fn kind(&self) -> PrivacyErrorKind {
        self.kind
    }

    /// A name for this case that stays the same from version to version.
    pub fn code(&self) -> &'static str {
        match self.kind {
            PrivacyErrorKind::Epsilon => "privacy-epsilon",
            PrivacyErrorKind::Delta => "privacy-delta",
            PrivacyErrorKind::Likes => "privacy-likes",
            PrivacyErrorKind::NoRandomness => "privacy-randomness",
        }
    }
}

impl fmt::Display for PrivacyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = match self.kind {
            PrivacyErrorKind::Epsilon => "expected an ε above 0 and at most 100 (1 to 8 are usual)",
            PrivacyErrorKind::Delta => "expected a δ above 0 and below 1 (well below one by the number of people)",
            PrivacyErrorKind::Likes => "expected at least one like of a person to count",
            PrivacyErrorKind::NoRandomness => {
                "noise needs random numbers that nobody can guess; build on another machine"
            }
        };
        write!(f, "{expected}, {}", self.found)
    }
}

impl std::error::Error for PrivacyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calibration_is_the_published_one() {
        // The first is what the program of the paper's authors gives; all were solved at 50 digits with mpmath.
        for (epsilon, delta, expected) in [
            (1.0, 1e-5, 3.730_631_634_815_942),
            (3.0, 1e-5, 1.390_593_456_674_536_7),
            (8.0, 1e-5, 0.600_229_072_198_951_6),
            (20.0, 1e-5, 0.290_041_418_032_795_8),
            (0.1, 1e-6, 36.304_690_426_195_78),
            (0.01, 0.5, 0.737_017_317_201_807_4),
            (100.0, 1e-9, 0.106_226_479_775_111_2),
            (1.0, 1e-12, 6.557_822_067_458_85),
        ] {
            let found = calibrated(epsilon, delta);
            assert!((found / expected - 1.0).abs() < 1e-9, "{epsilon} {delta}: {found} {expected}");
            assert!(spent(epsilon, found) <= delta);
            assert!(spent(epsilon, found * (1.0 - 1e-6)) > delta, "and no smaller one does");
        }
    }

    #[test]
    fn it_is_less_than_the_classical_noise() {
        // √(2·ln(1.25/δ))/ε of Dwork and Roth 2014, theorem A.1, for ε below 1.
        for epsilon in [0.1, 0.5, 0.9] {
            assert!(calibrated(epsilon, 1e-5) < (2.0 * (1.25f64 / 1e-5).ln()).sqrt() / epsilon);
        }
    }

    #[test]
    fn promises_that_nobody_can_keep_are_refused() {
        let refused = |epsilon: f64, delta: f64, likes: usize| {
            Privacy::new(epsilon, delta, likes, NoiseSource::System).map_err(|error| error.kind())
        };
        for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 100.1] {
            assert_eq!(refused(epsilon, 1e-5, 20), Err(PrivacyErrorKind::Epsilon), "{epsilon}");
        }
        for delta in [0.0, 1.0, -1e-5, 2.0, f64::NAN, f64::INFINITY] {
            assert_eq!(refused(1.0, delta, 20), Err(PrivacyErrorKind::Delta), "{delta}");
        }
        assert_eq!(refused(1.0, 1e-5, 0), Err(PrivacyErrorKind::Likes));
        assert!(refused(100.0, 1e-5, 20).is_ok());
    }

    #[test]
    fn noise_of_the_system_is_another_each_time() {
        use rand::Rng;
        let privacy = Privacy::new(1.0, 1e-5, 20, NoiseSource::System).unwrap();
        let draw = |privacy: &Privacy| privacy.generator().unwrap().random::<u64>();
        assert_ne!(draw(&privacy), draw(&privacy));
        let seeded = privacy.with_source(NoiseSource::Seeded(7));
        assert_eq!(draw(&seeded), draw(&seeded));
    }
}
