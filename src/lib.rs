//! Homebody recommends without sending anything home.
//!
//! A site publishes its catalog as static files; the visitor's browser downloads it once, learns what this one person
//! likes and ranks the catalog itself. This library is the whole of it: it builds catalogs ([`CatalogReader`] reads them
//! back), turns text into vectors, keeps a person's events and puts items in order. The npm package and the
//! `homebody` program are two thin faces of it.
//!
//! What it does not do: fetch anything, keep anything, or know what time it is. Callers hand in bytes, stores and clocks.

mod catalog;
#[cfg(feature = "cli")]
mod collaborative;
#[cfg(feature = "embed")]
mod embed;
#[cfg(feature = "cli")]
mod evaluate;
mod profile;
mod rank;
#[cfg(feature = "graph")]
mod ranker;
mod store;
mod vector;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "wasm")]
mod wasm;

// ---- The public names, grouped by the question they answer ----------------------------------------------------------

// What can be recommended?
pub use catalog::{
    Catalog, CatalogError, CatalogErrorKind, CatalogReader, Categories, Column, ColumnEntry, ColumnType, Day,
    EffectRule, FileEntry, LearnedWith, MANIFEST_FILE, Manifest, Missing, ModelRef, Origin, PairwiseModel, Prefer,
    Prior, Promise, Reference, Scenario, Segment, Space, SpaceEntry, SpaceKind, SpaceKindEntry,
};
// What is in a catalog, and is it whole?
pub use catalog::{
    CatalogSummary, ColumnSummary, NumberSummary, Problem, ProblemCode, QUANTILES, Quantile, SpaceSummary, TopValue,
    Verifier,
};
// How does a catalog come to be?
#[cfg(feature = "cli")]
pub use catalog::{At, CatalogDraft, CatalogFile, Cell, Place, Rejection, RejectionCode, Rows, Schema, read_rows};
// What do people choose together?
#[cfg(feature = "cli")]
pub use collaborative::{
    APPROVAL, Choice, EXPECTED, Factors, Figures, ItemContent, LearnOptions, LearnReport, Learned, NoiseSource,
    POPULARITY, Privacy, PrivacyError, PrivacyErrorKind, TREND, Tallies, Tried, learn,
};
// Which vectors are near?
pub use vector::{
    Ahead, Device, DeviceChoice, DeviceIndex, DeviceSet, DeviceStatus, Gpu, GpuOptions, GpuStats, Index, MAX_NORM,
    Mask, Measured, Metric, Neighbor, PassTimes, Precision, Scored, Scorer, Search, TopK, VectorError, VectorErrorKind,
    VectorSet, Wanted, available_scorers, best_scorer, top_k,
};
// What does this person like?
pub use profile::{
    CountedIds, DESCRIBE, Effect, Effects, Ema, Event, EventLog, Evidence, IMPRESSION, IdSource, Interest, ItemSource,
    Kernel, MAX_MASS, MUTE, Mean, Merged, NewEvent, ProfileError, ProfileErrorKind, RandomIds, Step, Strategy, Taste,
    ValueUse, from_records, read_profile, to_records, write_profile,
};
// Where is it kept?
pub use store::{EventStore, Fallback, MemoryStore, Record, Snapshot, StorageKind, StoreError, StoreErrorKind};
// In which order?
pub use rank::{
    Baseline, ColumnInfo, Drift, Features, Filter, Hit, HitShare, ImportPlan, ImportReport, InterestInfo,
    LearnedWeights, Metrics, OnboardingOptions, Part, PartColumn, Position, RankError, RankErrorKind, RankedRow,
    Reason, ReasonFacts, ReasonItem, ReasonKind, RecommendOptions, Recommendation, Recommender, SHORTLIST,
    SearchOptions, SegmentInfo, Settings, SnapshotError, TasteMap, ValueCount, weighted_sum,
};
// What would another model make of the list?
#[cfg(feature = "graph")]
pub use ranker::{Ranker, RankerDescription, RankerError, RankerErrorKind};
// Was it any good?
#[cfg(feature = "cli")]
pub use evaluate::{
    BeforeAfter, Comparison, DataReport, Estimate, EvaluateError, EvaluateErrorKind, Evaluation, GroupReport,
    Interaction, Interactions, InteractionsReader, JudgedPeople, PageAbout, Part as CasePart, People, Proof, Protocol,
    Quality, Report, Request, Scores, Setting, SystemReport, TuneMethod, TuneMetric, TuneRequest, TuneStep, Tuned,
    bootstrap, compare, coverage, evaluate, intra_list_diversity, learn_crowd, miscalibration, ndcg, novelty,
    popularity_bias, to_html, tune, write_features,
};
// What does a text mean?
#[cfg(feature = "embed")]
pub use embed::{
    EmbedError, EmbedErrorKind, Embedder, Encode, ModelFile, ModelFiles, ModelIdentity, ModelManifest, ModelReader,
    PackOptions, Pooling, RunAs, TextKind,
};
// How does a model folder come to be?
#[cfg(feature = "cli")]
pub use embed::{PackedModel, pack_model};
