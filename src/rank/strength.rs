//! How much the person counts beside everybody: little after one like, nearly all after ten.

use super::asked::Asked;
use super::recommender::Recommender;
use super::term::TermKind;

/// After so many likes, what is known of the person counts half of what it will count in the end. `docs/quality.md` has the table that it
/// was chosen from.
const HALF_LIKES: f64 = 3.0;

/// What the weights of personal terms are multiplied by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Strength {
    /// Said by the call or its scenario: all personal weights.
    Given(f64),
    /// From evidence: the weights of what likes make, 0 without any and toward 1. What somebody said against an item, and having
    /// been shown and ignored, count whole from the first event on.
    Grown(f64),
}

impl Strength {
    /// The factor for a term.
    pub(crate) fn of(self, kind: &TermKind) -> f64 {
        match self {
            Self::Given(strength) if kind.is_personal() => strength,
            Self::Grown(strength) if kind.is_of_space() || matches!(kind, TermKind::Momentum) => strength,
            _ => 1.0,
        }
    }
}

impl Recommender {
    /// The strength of a call: what it asks for, or `e / (e + 3)` for evidence e, the likes of items of this catalog, each
    /// counted as much as it counts and at most once. Dislikes are no part of it: they must not strengthen what would lower an item
    /// that they have nothing to do with.
    pub(crate) fn strength(&self, asked: &Asked) -> Strength {
        let evidence: f64 = self.person.whole().likes.iter().map(|liked| liked.mass.min(1.0)).sum();
        asked.strength.map_or(Strength::Grown(evidence / (evidence + HALF_LIKES)), Strength::Given)
    }
}
