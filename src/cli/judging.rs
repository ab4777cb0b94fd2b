//! What `evaluate` and `tune` have in common: a catalog, what people did with it, and how both are gone through.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::crowd::CrowdOptions;
use super::interactions::{load_interactions, parse_time};
use super::{Failure, load_catalog, whole_from};
use crate::catalog::{Catalog, SpaceKind};
use crate::collaborative::LearnOptions;
use crate::evaluate::Interactions;

#[derive(Args)]
pub(super) struct Judging {
    /// The folder of a catalog.
    #[arg(value_name = "CATALOG")]
    pub(super) catalog: PathBuf,
    /// What people did: CSV, JSONL or Parquet with user,item,type,value,timestamp.
    #[arg(long, value_name = "FILE")]
    pub(super) interactions: PathBuf,
    /// Learn item factors from each split's own crowd and rank with them, as a catalog built with --interactions does.
    /// Default: if the catalog has a collaborative space, or with --crowd-epsilon (whose noise then comes from --seed).
    #[arg(long)]
    learn: bool,
    #[command(flatten)]
    crowd: CrowdOptions,
    /// Judge at most so many people, a sample that the seed decides; what the crowd knows is of everybody all the same.
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = whole_from::<1>, allow_negative_numbers = true)]
    pub(super) most_people: u32,
    /// What random choices begin with.
    #[arg(long, value_name = "NUMBER", default_value_t = 42)]
    pub(super) seed: u64,
    /// Events after this are not used: seconds or milliseconds since 1970, or a date. Default: the clock.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<i64>,
    /// How many threads work. Default: all cores.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Catalog and interactions, read.
pub(super) struct Loaded {
    pub(super) catalog: Catalog,
    pub(super) data: Interactions,
    pub(super) learn: Option<LearnOptions>,
    pub(super) jobs: usize,
}

impl Judging {
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        let catalog = load_catalog(&self.catalog)?;
        let data = load_interactions(&self.interactions, &catalog, self.now)?;
        let has_factors = catalog.spaces().iter().any(|space| matches!(space.kind, SpaceKind::Collaborative { .. }));
        let options = self.crowd.learn_options();
        let learn = (self.learn || has_factors || options.privacy.is_some()).then_some(options);
        if let (None, Some(option)) = (&learn, self.crowd.given()) {
            eprintln!(
                "{option} has no effect: nothing is learned, for the catalog has no collaborative space; give --learn"
            );
        }
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = self.jobs.map_or_else(cores, NonZeroUsize::get);
        Ok(Loaded { catalog, data, learn, jobs })
    }
}
