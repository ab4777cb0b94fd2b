//! In which order? Filters, affinities, weights, the sum, diversity, reasons.
//!
//! A [`Recommender`] is a catalog and a person put together; the browser and the command line drive the same one. A score
//! is `Σ weight · affinity` over the catalog's terms: one per space (`text`, `genres`, `rating`, …, under the space's
//! name), and the built-in ones `query` (a search's text), `dislike` (a penalty, never above 0), `momentum` (where the person is
//! heading; off by default), `rotation` (a penalty for having been shown and ignored; off by default) and `prior` (what everybody likes, where the catalog says so).
//!
//! - Nearness in a vector space is a centred cosine (see `vectors`), set against the background of the whole catalog and
//!   bounded: `tanh(z / 4)`, with z the number of spreads above the mean (the liked items themselves left out of both).
//!   Weights so mean the same for every model.
//! - What people choose together (a collaborative space) is a dot product with what the person likes, set against the
//!   background in the same way.
//! - A category counts as the person's smoothed choices against the catalog's base rate, −1 to 1.
//! - Numbers, recency, distance and prior are values of the item itself, 0 to 1.
//! - Dislikes are a penalty of their own. Disliking an item never raises it; another item is lowered by at most
//!   `weight · mass` per dislike, and not at all if it is no more like the disliked one than one spread above the
//!   catalog's mean.
//!
//! With `explain`, each hit has its parts, whose contributions add up to its score, and a reason made from them.
//!
//! What it does not do: keep events, embed texts, know the time.

mod asked;
mod beginning;
mod cache;
mod call;
mod column;
mod compute;
mod crowd;
mod cursor;
mod diversity;
mod effects;
mod error;
mod features;
mod fields;
mod filter;
mod habits;
mod hit;
mod info;
mod interests;
mod learning;
mod limits;
mod list;
mod map;
mod momentum;
mod options;
mod outcomes;
mod pairwise;
mod phrases;
mod reason;
mod recommender;
mod rerank;
mod rotation;
mod snapshot;
mod strength;
mod sum;
mod term;
mod terms;
mod vectors;
mod what_if;

pub use beginning::SegmentInfo;
#[cfg(feature = "cli")]
pub(crate) use effects::{effects_of, effects_with};
pub use error::{RankError, RankErrorKind};
pub use features::Features;
pub use filter::Filter;
pub use habits::{Drift, HitShare};
pub use hit::{
    Baseline, ColumnInfo, Hit, InterestInfo, Part, Reason, ReasonFacts, ReasonItem, ReasonKind, Recommendation,
    ValueCount,
};
pub use info::Metrics;
pub use learning::LearnedWeights;
pub use map::TasteMap;
pub use options::{OnboardingOptions, Position, RecommendOptions, SearchOptions};
#[cfg(feature = "cli")]
pub(crate) use pairwise::{Pairs, fit, moved, scale_of};
pub use recommender::{ImportPlan, ImportReport, Recommender, Settings};
pub use rerank::SHORTLIST;
pub use snapshot::SnapshotError;
pub use sum::{PartColumn, RankedRow, weighted_sum};
#[cfg(feature = "cli")]
pub(crate) use terms::{chosen_values, prior_values};
