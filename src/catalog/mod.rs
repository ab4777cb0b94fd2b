//! What can be recommended?
//!
//! A catalog is a folder of static files: `catalog.json`, which names and hashes the others, and Arrow IPC streams with
//! the items' columns and the vectors of each text space. [`CatalogReader`] takes the bytes as they arrive and gives a
//! [`Catalog`]: typed [`Column`]s and [`Space`]s, used where the bytes lie.
//!
//! What it does not do: fetch or keep files, know users, or rank anything.

#[cfg(feature = "cli")]
mod build;
mod categories;
mod column;
#[cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "casting by format is for building; only the program does")
)]
mod date;
mod error;
#[cfg(feature = "cli")]
mod input;
mod inspect;
#[cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        reason = "the writing half of the format stands beside the reading half; only the program calls it"
    )
)]
mod ipc;
#[cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        reason = "the writing half of the format stands beside the reading half; only the program calls it"
    )
)]
mod manifest;
mod reader;
mod space;
mod verify;

#[cfg(feature = "cli")]
pub use build::{At, CatalogDraft, CatalogFile, Cell, Place, Rejection, RejectionCode, Rows, Schema};
pub use categories::Categories;
pub use column::Column;
pub use date::Day;
pub use error::{CatalogError, CatalogErrorKind};
#[cfg(feature = "cli")]
pub use input::read_rows;
#[cfg(feature = "cli")]
pub(crate) use input::{Undecodable, guarded, silence_guarded_panics};
#[cfg(feature = "cli")]
pub(crate) use inspect::readable;
pub use inspect::{CatalogSummary, ColumnSummary, NumberSummary, QUANTILES, Quantile, SpaceSummary, TopValue};
pub use manifest::{
    ColumnEntry, ColumnType, FileEntry, LearnedWith, MANIFEST_FILE, Manifest, ModelRef, Origin, Promise, SpaceEntry,
    SpaceKindEntry,
};
pub use reader::{Catalog, CatalogReader};
pub use space::{APPROVAL, EXPECTED, POPULARITY, TREND};
pub(crate) use space::{DEFAULT_SCENARIO, LARGEST_WEIGHT, MAP_X, MAP_Y};
pub use space::{EffectRule, Missing, PairwiseModel, Prefer, Prior, Reference, Scenario, Segment, Space, SpaceKind};
pub use verify::{Problem, ProblemCode, Verifier};
