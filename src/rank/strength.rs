//! How much the person counts beside the crowd: little after one like, nearly all after ten.

use super::asked::Asked;
use super::recommender::Recommender;
use super::term::{Term, TermKind};

/// After so many likes, the person counts half of what they will count in the end. `docs/crowd.md` has what it is worth.
const HALF_LIKES: f64 = 3.0;

/// What the weights of personal terms are multiplied by.
#[derive(Debug)]
pub(crate) enum Strength<'a> {
    /// Said by the call or its scenario: all personal weights.
    Given(f64),
    /// Nothing said: the weights of what likes make grow with the evidence, toward 1, but those that the call gives. What somebody said
    /// against an item, and having been shown and ignored, count whole from the first event on.
    Grown(f64, &'a Asked),
}

impl Strength<'_> {
    /// The factor for a term.
    pub(crate) fn of(&self, term: &Term) -> f64 {
        let kind = &term.kind;
        match self {
            Self::Given(strength) if kind.is_personal() => *strength,
            Self::Grown(strength, asked) if kind.grows() && !asked.given.contains(&term.name) => *strength,
            _ => 1.0,
        }
    }
}

impl TermKind {
    /// Whether one like is little for it to go by.
    fn grows(&self) -> bool {
        matches!(self, Self::Momentum) || self.is_of_space()
    }
}

impl Recommender {
    /// The strength of a call: what it asks for, or `e / (e + 3)` for evidence e, the likes, each counted as much as it counts and
    /// at most once. Where there is no crowd to ask, or it knows nothing of what the person likes, all is whole. Dislikes are no evidence: they must
    /// not strengthen what would lower an item that they have nothing to do with.
    pub(crate) fn strength<'a>(&self, asked: &'a Asked) -> Strength<'a> {
        if let Some(strength) = asked.strength {
            return Strength::Given(strength);
        }
        let likes = &self.person.whole().likes;
        let crowd_knows = self.terms.iter().any(|term| match &term.kind {
            TermKind::Collaborative(space) => likes.iter().any(|liked| space.knows(liked.row)),
            _ => false,
        });
        if !crowd_knows {
            return Strength::Given(1.0);
        }
        let evidence: f64 = likes.iter().map(|liked| liked.mass.min(1.0)).sum();
        Strength::Grown(evidence / (evidence + HALF_LIKES), asked)
    }
}
