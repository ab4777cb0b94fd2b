//! The terms of a catalog's ranking: one per space, and the built-in ones.

use std::collections::BTreeMap;

use super::crowd::CrowdSpace;
use super::error::{RankError, RankErrorKind, listed};
use super::terms::Scale;
use super::vectors::VectorSpace;
use crate::catalog::{Catalog, DEFAULT_SCENARIO, Prefer, Prior, Reference, SpaceKind};

/// The weight of the text searched for.
pub(crate) const QUERY: &str = "query";
/// The weight of the penalty for being like what the person dislikes.
pub(crate) const DISLIKE: &str = "dislike";
/// The weight of where the person is heading.
pub(crate) const MOMENTUM: &str = "momentum";
/// The weight of the penalty for having been shown and ignored.
pub(crate) const ROTATION: &str = "rotation";
/// The weight of everybody's taste.
pub(crate) const PRIOR: &str = "prior";

/// The query counts as much as all that is personal together (or this, if that is less), so that `personalize` is the share
/// of the person beside the text, whatever spaces a catalog has.
const LEAST_QUERY_WEIGHT: f64 = 1.0;
/// A tenth of what a space with weight 1 can give: the most that costs nothing of what people then liked and still spares them some of what they
/// disliked. 0.2 costs 1 %, 0.5 up to 15 % (`docs/quality.md`, "Where the defaults come from").
const DISLIKE_WEIGHT: f64 = 0.1;
/// What everybody likes decides while nothing else is known, and leans on the list afterwards.
const PRIOR_WEIGHT: f64 = 0.3;
/// Choices of a site's own people say more than ratings from anywhere. Beside the collaborative space that the same people teach, weights from 0.5
/// to 2 are alike, and 1.5 is the best of them by a hair (`docs/crowd.md`).
const CHOSEN_WEIGHT: f64 = 1.5;
/// Without factors the count is all that is known of the crowd; with less, lists lose to plain popularity on the rolling split.
const CHOSEN_ALONE_WEIGHT: f64 = 2.0;

/// Off: on the data sets of the reference evaluation it helps only with the very next item and loses everywhere else.
const MOMENTUM_WEIGHT: f64 = 0.0;

const BUILT_IN: [&str; 5] = [QUERY, DISLIKE, MOMENTUM, ROTATION, PRIOR];

/// What `homebody build --interactions` adds: a scenario or an effect may name it in a catalog that was built without.
pub(crate) const LEARNED_LATER: [&str; 2] = ["collaborative", PRIOR];

/// One summand of every score.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) name: String,
    /// The weight when a call gives none.
    pub(crate) weight: f64,
    pub(crate) kind: TermKind,
}

#[derive(Debug)]
pub(crate) enum TermKind {
    /// Nearness in the vector space of this index.
    Vector(usize),
    /// What goes with what the person likes.
    Collaborative(CrowdSpace),
    Number {
        column: String,
        scale: Scale,
    },
    Category {
        column: String,
    },
    Recency {
        column: String,
        half_life_days: f64,
        reference: Reference,
    },
    Geo {
        latitude: String,
        longitude: String,
        half_distance_km: f64,
    },
    Query,
    Dislike,
    Momentum,
    Rotation,
    Prior,
}

impl TermKind {
    /// Whether it is a space's that depends on the person.
    pub(crate) fn is_of_space(&self) -> bool {
        self.is_personal() && !matches!(self, Self::Dislike | Self::Momentum | Self::Rotation)
    }

    /// Whether the term depends on the person (or on the item that similar ones are sought for), and not on the item alone.
    pub(crate) fn is_personal(&self) -> bool {
        match self {
            Self::Vector(_) | Self::Collaborative(_) | Self::Category { .. } => true,
            Self::Dislike | Self::Momentum | Self::Rotation => true,
            Self::Number { scale, .. } => scale.prefer == Prefer::Near,
            Self::Recency { .. } | Self::Geo { .. } | Self::Query | Self::Prior => false,
        }
    }
}

/// The terms of a catalog: its spaces in their order, then query, dislike and rotation, and, where there is
/// something to tell them by, momentum and prior.
pub(crate) struct Terms {
    pub(crate) terms: Vec<Term>,
    pub(crate) spaces: Vec<VectorSpace>,
    /// The index of the vector space that texts are searched in.
    pub(crate) text_space: Option<usize>,
}

impl Terms {
    pub(crate) fn of(catalog: &Catalog) -> Result<Self, RankError> {
        let mut all = Self { terms: Vec::new(), spaces: Vec::new(), text_space: None };
        for space in catalog.spaces() {
            if BUILT_IN.contains(&space.name.as_str()) {
                let message = format!(
                    "expected a space with a name of its own, got `{}`; {} are built in",
                    space.name,
                    listed(&BUILT_IN)
                );
                return Err(RankError::new(RankErrorKind::UnfitCatalog, message));
            }
            let kind = match &space.kind {
                SpaceKind::Text { vectors, mean, .. } => {
                    all.text_space.get_or_insert(all.spaces.len());
                    all.spaces.push(VectorSpace::new(&space.name, vectors.clone(), mean.clone()));
                    TermKind::Vector(all.spaces.len() - 1)
                }
                SpaceKind::Collaborative { vectors, gains, average } => {
                    TermKind::Collaborative(CrowdSpace::new(vectors.clone(), gains.clone(), average.clone()))
                }
                SpaceKind::Number { column, prefer, min, max, log, missing } => {
                    let scale = Scale { prefer: *prefer, min: *min, max: *max, log: *log, missing: *missing };
                    TermKind::Number { column: column.clone(), scale }
                }
                SpaceKind::Category { column, .. } => TermKind::Category { column: column.clone() },
                SpaceKind::Recency { column, half_life_days, reference } => {
                    let (column, half_life_days, reference) = (column.clone(), *half_life_days, *reference);
                    TermKind::Recency { column, half_life_days, reference }
                }
                SpaceKind::Geo { latitude, longitude, half_distance_km } => {
                    let (latitude, longitude) = (latitude.clone(), longitude.clone());
                    TermKind::Geo { latitude, longitude, half_distance_km: *half_distance_km }
                }
            };
            all.terms.push(Term { name: space.name.clone(), weight: space.weight, kind });
        }
        let tuned = catalog.scenarios().get(DEFAULT_SCENARIO).map(|scenario| &scenario.weights);
        // Before the query is weighed against them.
        all.weigh(tuned);
        let personal: f64 =
            all.terms.iter().filter(|term| term.kind.is_personal()).map(|term| term.weight.max(0.0)).sum();
        all.built_in(QUERY, personal.max(LEAST_QUERY_WEIGHT), TermKind::Query);
        all.built_in(DISLIKE, DISLIKE_WEIGHT, TermKind::Dislike);
        if !all.spaces.is_empty() {
            all.built_in(MOMENTUM, MOMENTUM_WEIGHT, TermKind::Momentum);
        }
        // Off: whether a list should change by being looked at is for its page to say.
        all.built_in(ROTATION, 0.0, TermKind::Rotation);
        match catalog.prior() {
            Some(Prior::Rated { .. }) => all.built_in(PRIOR, PRIOR_WEIGHT, TermKind::Prior),
            Some(Prior::Chosen { .. }) if all.has_factors() => all.built_in(PRIOR, CHOSEN_WEIGHT, TermKind::Prior),
            Some(Prior::Chosen { .. }) => all.built_in(PRIOR, CHOSEN_ALONE_WEIGHT, TermKind::Prior),
            None => {}
        }
        all.weigh(tuned);
        Ok(all)
    }

    /// Takes the weights of the catalog's default scenario, where they are finite; one that is not is refused by whoever checks
    /// scenarios.
    fn weigh(&mut self, weights: Option<&BTreeMap<String, f64>>) {
        for term in &mut self.terms {
            let given = weights.and_then(|weights| weights.get(&term.name));
            term.weight = given.copied().filter(|weight| weight.is_finite()).unwrap_or(term.weight);
        }
    }

    fn has_factors(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.kind, TermKind::Collaborative(_)))
    }

    fn built_in(&mut self, name: &str, weight: f64, kind: TermKind) {
        self.terms.push(Term { name: name.to_owned(), weight, kind });
    }
}
