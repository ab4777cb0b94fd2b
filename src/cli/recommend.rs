//! `homebody recommend`: what the browser would recommend to somebody with these events.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::ranking::{Ranking, open};
use super::{Failure, load_ranker};
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
    /// Put the best 1,000 into the order of an ONNX model over the features of the ranking: the JSON that describes it.
    #[arg(long, value_name = "FILE")]
    ranker: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ranking: Ranking,
}

impl Recommend {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let options = RecommendOptions::from_json(Value::Object(self.ranking.options()?))
            .map_err(Failure::while_doing("reading the options"))?;
        let mut recommender = open(&self.catalog, self.events.as_ref())?;
        let now = self.ranking.now_ms();
        let doing = || Failure::while_doing("recommending");
        let list = match &self.ranker {
            None => recommender.recommend(&options, now).map_err(doing())?,
            Some(path) => {
                let ranker = load_ranker(path)?;
                let shortlist = recommender.shortlist(&options, now).map_err(doing())?;
                let scores = ranker.scores(&shortlist).map_err(Failure::while_doing("ranking anew"))?;
                recommender.reranked(&options, &shortlist.ids, &scores, now).map_err(doing())?
            }
        };
        self.ranking.print(&list)
    }
}
