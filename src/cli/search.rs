//! `homebody search`: what the browser would find for this text.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::ranking::{Ranking, open};
use super::{Failure, model};
use crate::catalog::ModelRef;
use crate::embed::{Encode, TextKind};
use crate::rank::SearchOptions;

/// Search a catalog by the meaning of a text.
///
/// The list is that of the browser for the same text and events, in the same order.
#[derive(Args)]
pub(crate) struct Search {
    /// The folder of a catalog.
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    /// The folder of the model that the catalog was built with.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// What to search for.
    #[arg(value_name = "TEXT")]
    text: String,
    /// What the person did: an exported profile, or JSONL or CSV with item,type,value,timestamp.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// How much the person counts beside the text, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    personalize: Option<f64>,
    #[command(flatten)]
    pub(crate) ranking: Ranking,
}

impl Search {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut options = self.ranking.options()?;
        if let Some(personalize) = self.personalize {
            options.insert("personalize".to_owned(), personalize.into());
        }
        let options =
            SearchOptions::from_json(Value::Object(options)).map_err(Failure::while_doing("reading the options"))?;
        let mut recommender = open(&self.catalog, self.events.as_ref())?;
        let embedder = model::load(&self.model)?;
        let identity = embedder.model();
        let given = ModelRef { name: identity.name, sha256: identity.sha256, dims: embedder.dims() };
        recommender
            .catalog()
            .check_model(&given)
            .map_err(Failure::while_doing(format!("searching {}", self.catalog.display())))?;
        let query = embedder.embed(&self.text, TextKind::Query).map_err(Failure::while_doing("embedding the text"))?;
        let list =
            recommender.search(&query, &options, self.ranking.now_ms()).map_err(Failure::while_doing("searching"))?;
        self.ranking.print(&list)
    }
}
