//! What `search` and `recommend` have in common: options, the clock, the list.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::{Map, Value};

use super::events::read_events;
use super::interactions::parse_time;
use super::{Failure, load_catalog, print_json, print_line};
use crate::rank::{Hit, Recommendation, Recommender, Settings};

/// Options of every ranking call.
#[derive(Args)]
pub(crate) struct Ranking {
    /// How many items at most.
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// How many of the best to leave out.
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// Which items are considered, as JSON: {"year": {"gte": 1980}, "genres": "Comedy"}.
    #[arg(long = "where", value_name = "JSON")]
    filter: Option<String>,
    /// Weights by name, as JSON: {"rating": 0.5}. Names not given keep the catalog's weight.
    #[arg(long, value_name = "JSON")]
    weights: Option<String>,
    /// 0: purely by score; 1: as different from each other as possible.
    #[arg(long, value_name = "SHARE")]
    diversity: Option<f64>,
    /// How far what was shown and ignored (events of type impression) sinks for a while, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    rotation: Option<f64>,
    /// At most so many items per value of a column, as JSON: {"genres": 3}.
    #[arg(long, value_name = "JSON")]
    caps: Option<String>,
    /// How much of the person is in the list: 0 as for a stranger, 1 with the whole weights. Default: 1 and, in a catalog with a collaborative
    /// space, e/(e + 3) after e likes.
    #[arg(long, value_name = "SHARE")]
    strength: Option<f64>,
    /// Learn weights from what the person chose of the lists that they were shown (events of type impression), as far as the catalog's model lets
    /// them. For `recommend` alone: a search refuses it.
    #[arg(long)]
    learn: bool,
    /// A preset of the catalog; other options win over it.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Where to go on: the cursor that the page before ended with.
    #[arg(long, value_name = "CURSOR", conflicts_with = "offset")]
    cursor: Option<String>,
    /// Say where each item would stand for a stranger.
    #[arg(long)]
    compare: bool,
    /// Say what each score is made of, and why the item is on the list.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Consider items that the person has already acted on (true or false).
    #[arg(long, value_name = "BOOL")]
    include_seen: Option<bool>,
    /// The present, for catalogs whose recency counts from it: seconds or milliseconds since 1970, or a date.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<i64>,
    /// Write the list to standard output as JSON: an array of {"id", "score", "item", "parts", "reason"}.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Ranking {
    /// The options as the library reads them from JSON, the same way as from JavaScript.
    pub(crate) fn options(&self) -> Result<Map<String, Value>, Failure> {
        let mut options = Map::new();
        options.insert("limit".to_owned(), self.limit.into());
        options.insert("offset".to_owned(), self.offset.into());
        options.insert("explain".to_owned(), self.explain.into());
        for (flag, name, text) in [
            ("--where", "where", &self.filter),
            ("--weights", "weights", &self.weights),
            ("--caps", "caps", &self.caps),
        ] {
            if let Some(text) = text {
                let value = serde_json::from_str(text).map_err(|error| {
                    Failure::with_code("option", format!("{flag}: expected JSON, got {text:?} ({error})"))
                })?;
                options.insert(name.to_owned(), value);
            }
        }
        for (name, share) in [("diversity", self.diversity), ("strength", self.strength), ("rotation", self.rotation)] {
            if let Some(share) = share {
                options.insert(name.to_owned(), share.into());
            }
        }
        for (name, text) in [("scenario", &self.scenario), ("cursor", &self.cursor)] {
            if let Some(text) = text {
                options.insert(name.to_owned(), text.as_str().into());
            }
        }
        if self.learn {
            options.insert("learn".to_owned(), true.into());
        }
        if self.compare {
            options.insert("compare".to_owned(), "baseline".into());
        }
        if let Some(include_seen) = self.include_seen {
            options.insert("includeSeen".to_owned(), include_seen.into());
        }
        Ok(options)
    }

    /// The present, of the clock unless it was given.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    /// Writes the list.
    pub(crate) fn print(&self, list: &Recommendation) -> Result<(), Failure> {
        if let Some(note) = &list.note {
            eprintln!("{note}");
        }
        if let Some(cursor) = &list.cursor {
            eprintln!("more: --cursor {cursor}");
        }
        if self.json {
            return print_json(&list.hits);
        }
        for (place, hit) in (self.offset + 1..).zip(&list.hits) {
            print_hit(place, hit)?;
        }
        Ok(())
    }
}

/// The recommender of a catalog, with the events of a file if there is one.
pub(crate) fn open(catalog: &Path, events: Option<&PathBuf>) -> Result<Recommender, Failure> {
    let opening = || Failure::while_doing(format!("opening {}", catalog.display()));
    let mut recommender = Recommender::new(load_catalog(catalog)?, Settings::default()).map_err(opening())?;
    if let Some(path) = events {
        let events = read_events(path, recommender.effects(), recommender.catalog().version())?;
        recommender.set_events(events).map_err(Failure::while_doing(format!("reading {}", path.display())))?;
        let metrics = recommender.metrics();
        if metrics.unknown_items + metrics.unknown_types > 0 {
            eprintln!(
                "{}: of {} events, {} speak of items that the catalog does not have and {} are of unknown types; \
                 they say nothing",
                path.display(),
                metrics.events,
                metrics.unknown_items,
                metrics.unknown_types
            );
        }
    }
    Ok(recommender)
}

fn print_hit(place: usize, hit: &Hit) -> Result<(), Failure> {
    let title = ["title", "name"].iter().find_map(|name| hit.item.get(*name)?.as_str()).unwrap_or(&hit.id);
    print_line(format_args!("{place:>3}  {:>7.4}  {title}  [{}]", hit.score, hit.id))?;
    if let Some(baseline) = &hit.baseline {
        print_line(format_args!("              place {} for a stranger ({:+})", baseline.rank, baseline.rise))?;
    }
    if let Some(reason) = &hit.reason {
        print_line(format_args!("              {}", reason.text))?;
    }
    if let Some(parts) = &hit.parts {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| format!("{} {:+.4} = {:.2} × {:+.4}", part.name, part.contribution, part.weight, part.affinity))
            .collect();
        print_line(format_args!("              {}", parts.join(", ")))?;
    }
    Ok(())
}
