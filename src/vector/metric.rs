//! How do two vectors compare?

use super::error::{VectorError, VectorErrorKind};

/// How two vectors compare. Every score is a similarity: higher is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The cosine of the angle, −1 to 1. Rows and queries are brought to unit length; a zero vector scores 0.
    Cosine,
    /// The inner product `q · x`.
    Dot,
    /// The negative squared Euclidean distance `−‖q − x‖²`, at most 0; the distance is `(-score).sqrt()` whenever one is wanted.
    /// Not `1 / (1 + d)`: that makes all distances below 6·10⁻⁸ equal and costs a root a row. Among float32 vectors it is that of
    /// the differences themselves, to a rounding; among int8 vectors `2 q·x − ‖q‖² − ‖x‖²` of what is kept, whose terms of
    /// magnitude `‖q‖² + ‖x‖²` cancel: distances below 2⁻¹² of the vectors' length are not told apart, nor would int8 tell them.
    L2,
}

impl Metric {
    const NAMES: &'static [&'static str] = &["cosine", "dot", "l2"];

    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::L2 => "l2",
        }
    }

    /// The metric of that name.
    ///
    /// # Errors
    /// If there is none; the error lists those there are.
    pub fn from_name(name: &str) -> Result<Self, VectorError> {
        [Self::Cosine, Self::Dot, Self::L2].into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            VectorErrorKind::UnknownOption { option: "metric", found: name.into(), known: Self::NAMES }.into()
        })
    }
}
