//! Was it any good? Splits, metrics, baselines, and the very ranking that the browser runs.
//!
//! [`Interactions`] are what many people did with a catalog's items. [`evaluate`] divides them by a [`Protocol`] into what is
//! known and what is to be guessed, lets the [`Recommender`](crate::Recommender) and a row of baselines rank every item for
//! everybody who can be judged, and reports the metrics with intervals. No list is sampled, equal scores are in the order
//! of ids, and the same seed gives the same report.
//!
//! What popularity and mean ratings the ranking sees come from the known part alone: the catalog's own counts, which may have
//! been made of the very events that are to be guessed, are replaced. Columns that a schema uses as spaces are not: a number
//! space over a count of everybody's ratings knows the future.
//!
//! What it does not do: read files, or judge with people who were not there.

mod about;
mod content;
mod crowd;
mod data;
mod error;
mod features;
mod html;
mod judge;
mod learn;
mod lists;
mod metrics;
mod plot;
mod report;
mod setting;
mod split;
mod statistics;
mod tune;

pub use data::{DataReport, Interaction, Interactions, InteractionsReader};
pub use error::{EvaluateError, EvaluateErrorKind};
pub use features::write_features;
pub use html::{PageAbout, to_html};
pub use judge::{Evaluation, Request, Scores, evaluate};
pub use learn::learn_crowd;
pub use metrics::{Quality, coverage, intra_list_diversity, miscalibration, ndcg, novelty, popularity_bias};
pub use report::{GroupReport, JudgedPeople, Report, SystemReport};
pub use setting::Setting;
pub use split::{Part, Protocol};
pub use statistics::{Comparison, Estimate, People, bootstrap, compare};
pub use tune::{BeforeAfter, Proof, TuneMethod, TuneMetric, TuneRequest, TuneStep, Tuned, tune};
