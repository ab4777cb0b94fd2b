//! `homebody recommend`: what the browser would recommend to somebody with these events.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::Failure;
use super::ranking::{Ranking, open};
use crate::rank::RecommendOptions;

/// Rank a catalog for one person.
///
/// The list is that of the browser for the same events, in the same order.
#[derive(Args)]
pub(crate) struct Recommend {
    /// The folder of a catalog.
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    /// What the person did: an exported profile, or JSONL or CSV with item,type,value,timestamp.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ranking: Ranking,
}

impl Recommend {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let options = RecommendOptions::from_json(Value::Object(self.ranking.options()?))
            .map_err(Failure::while_doing("reading the options"))?;
        let mut recommender = open(&self.catalog, self.events.as_ref())?;
        let list =
            recommender.recommend(&options, self.ranking.now_ms()).map_err(Failure::while_doing("recommending"))?;
        self.ranking.print(&list)
    }
}
