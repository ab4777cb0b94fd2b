//! `homebody build`: rows and a schema to a catalog.

mod cache;
mod embedding;
mod output;
mod progress;

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::crowd::CrowdOptions;
use super::interactions::load_interactions;
use super::{Failure, model, print_json, read_file};
use crate::catalog::{
    Catalog, CatalogDraft, CatalogError, CatalogErrorKind, CatalogFile, CatalogReader, MANIFEST_FILE, Manifest,
    ModelRef, Promise, Rejection, Rows, Schema, read_rows,
};
use crate::collaborative::{Choice, Factors, LearnOptions, LearnReport, Learned};
use crate::embed::Encode;
use crate::evaluate::{DataReport, learn_crowd};
use crate::rank::{Recommender, Settings};
use cache::VectorCache;
use embedding::Effort;
use progress::{Progress, rate};

/// Make a catalog from rows.
///
/// Rows that cannot be items are left out, each with its file, line and reason on standard error. Texts are embedded on
/// all cores; a build that is interrupted takes up where it stopped. The same input gives the same files, byte by byte, except
/// under --crowd-epsilon.
#[derive(Args)]
pub(crate) struct Build {
    /// CSV, TSV, JSON (an array of objects), JSONL, Parquet or Arrow; several files are read one after another.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The TOML file that says which column is what. Files that it joins are looked for beside it.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// A folder made by `homebody model pack`. Needed when the schema has a text space.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// The folder to make, or to put the new catalog into.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// What people did with the items (JSONL, CSV or Parquet with user,item,type,value,timestamp): the catalog then knows what
    /// goes together. Items that fewer than five people liked add nothing.
    #[arg(long, value_name = "FILE")]
    interactions: Option<PathBuf>,
    #[command(flatten)]
    crowd: CrowdOptions,
    /// Fail, before anything is embedded, when a row is rejected or a row of a joined file belongs to no item.
    #[arg(long)]
    strict: bool,
    /// Write what was done to standard output as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where vectors of texts are kept for the next build. Default: this user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// How many texts are embedded at the same time. Default: one per core.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// What a build did, for `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    rows: usize,
    items: usize,
    rejected: &'a [Rejection],
    unmatched: &'a [Rejection],
    joined: Vec<JoinReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<TextReport>,
    /// Nothing where too little was there to learn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    interactions: Option<InteractionsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog: Option<CatalogReport<'a>>,
}

#[derive(Serialize)]
struct JoinReport<'a> {
    file: &'a str,
    items: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TextReport {
    total: usize,
    embedded: usize,
    cached: usize,
    seconds: f64,
    per_second: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InteractionsReport {
    read: DataReport,
    /// Null where there was too little to learn from.
    learned: Option<LearnReport>,
    /// Items that have figures of their own: popularity, trend, approval.
    counted: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CatalogReport<'a> {
    folder: &'a Path,
    name: &'a str,
    version: &'a str,
    bytes: u64,
    files: Vec<FileReport<'a>>,
}

#[derive(Serialize)]
struct FileReport<'a> {
    path: &'a str,
    bytes: u64,
}

impl Build {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let schema = self.read_schema()?;
        let mut rows = Rows::new();
        for path in &self.inputs {
            read_input(path, &mut rows)?;
        }
        let mut joined = Vec::new();
        for file in schema.join_files() {
            let mut rows = Rows::new();
            read_input(&self.schema.parent().unwrap_or(Path::new("")).join(file), &mut rows)?;
            joined.push(rows);
        }
        let failed = || Failure::while_doing(format!("building with {}", self.schema.display()));
        let draft = CatalogDraft::new(&schema, &rows, &joined).map_err(failed())?;
        let row_count = rows.len() + rows.rejected().len();
        drop((rows, joined));

        let mut report = Report {
            rows: row_count,
            items: draft.len(),
            rejected: draft.rejected(),
            unmatched: draft.unmatched(),
            joined: schema.join_files().zip(draft.joined()).map(|(file, &items)| JoinReport { file, items }).collect(),
            texts: None,
            interactions: None,
            catalog: None,
        };
        self.say_rejected(&report);
        if self.strict && !(report.rejected.is_empty() && report.unmatched.is_empty()) {
            if self.json {
                print_json(&report)?;
            }
            let (rejected, unmatched) = (report.rejected.len(), report.unmatched.len());
            let context = format!(
                "{rejected} rejected, {unmatched} in joined files without an item, and --strict allows none; nothing was \
                 written"
            );
            return Err(CatalogError::new(CatalogErrorKind::Rejected, context).into());
        }

        let Made { manifest, files, effort, interactions } = self.make_files(&schema, &draft)?;
        let building = Failure::while_doing(format!("building with {}", self.schema.display()));
        // What only ranking understands (the filters of scenarios) is found before the catalog takes the place of another
        // one, and not by the first visitor.
        Recommender::new(opened(&manifest, &files), Settings::default()).map_err(building)?;
        output::write_catalog(&self.output, &files)?;
        let bytes = |file: &CatalogFile| file.bytes.len() as u64;
        let total_bytes = files.iter().map(bytes).sum();
        if self.json {
            report.texts = effort.map(|effort| TextReport {
                total: effort.embedded + effort.cached,
                embedded: effort.embedded,
                cached: effort.cached,
                seconds: effort.elapsed.as_secs_f64(),
                per_second: rate(effort.embedded, effort.elapsed),
            });
            report.interactions = interactions;
            report.catalog = Some(CatalogReport {
                folder: &self.output,
                name: &manifest.name,
                version: &manifest.content_hash,
                bytes: total_bytes,
                files: files.iter().map(|file| FileReport { path: &file.path, bytes: bytes(file) }).collect(),
            });
            return print_json(&report);
        }
        eprintln!(
            "{}: {} items of {row_count} rows, {:.1} MB ({:.0} bytes per item) in {}",
            manifest.name,
            manifest.items,
            total_bytes as f64 / 1e6,
            total_bytes as f64 / manifest.items as f64,
            self.output.display()
        );
        Ok(())
    }

    fn read_schema(&self) -> Result<Schema, Failure> {
        let name = self.schema.display();
        let text = String::from_utf8(read_file(&self.schema)?)
            .map_err(Failure::while_doing(format!("reading {name}: expected UTF-8")))?;
        Schema::from_toml(&text).map_err(Failure::while_doing(format!("reading {name}")))
    }

    /// With `--json`, they are in the report instead.
    fn say_rejected(&self, report: &Report<'_>) {
        if self.json {
            return;
        }
        for rejection in report.rejected.iter().chain(report.unmatched) {
            eprintln!("{rejection}");
        }
        if !report.rejected.is_empty() {
            eprintln!("{} rows were rejected", report.rejected.len());
        }
        for join in &report.joined {
            eprintln!("{}: joined to {} items", join.file, join.items);
        }
        if !report.unmatched.is_empty() {
            eprintln!("{} rows of joined files belong to no item", report.unmatched.len());
        }
    }

    fn make_files(&self, schema: &Schema, draft: &CatalogDraft<'_>) -> Result<Made, Failure> {
        let failed = || Failure::while_doing("making the catalog");
        let Embedded { model, vectors, effort } = self.embed_texts(schema, draft)?;
        let (manifest, files) = draft.finish_with_manifest(model.clone(), &vectors, None).map_err(failed())?;
        let mut made = Made { manifest, files, effort, interactions: None };
        if let Some(path) = &self.interactions {
            // Interactions name items, and factors of new items come from texts: both are the catalog's.
            let catalog = opened(&made.manifest, &made.files);
            let data = load_interactions(path, &catalog, None)?;
            let read = data.report();
            let begun = Instant::now();
            let options = self.crowd.learn_options();
            let learned = learn_crowd(&catalog, data, &options)
                .map_err(Failure::while_doing(format!("learning from {}", path.display())))?;
            tell_learned(path, &learned, &options, begun.elapsed());
            made.interactions = Some(InteractionsReport {
                read,
                learned: learned.factors.as_ref().map(|factors| factors.report.clone()),
                counted: learned.figures.as_ref().map_or(0, |figures| figures.popularity.iter().flatten().count()),
            });
            (made.manifest, made.files) =
                draft.finish_with_manifest(model, &vectors, Some(&learned)).map_err(failed())?;
        }
        Ok(made)
    }

    /// The vectors of the draft's texts, and which model they are of; none where the schema has no text space.
    fn embed_texts(&self, schema: &Schema, draft: &CatalogDraft<'_>) -> Result<Embedded, Failure> {
        let failed = || Failure::while_doing("making the catalog");
        if !schema.needs_model() {
            return Ok(Embedded::default());
        }
        let Some(folder) = &self.model else {
            let context = "the schema has a text space; say with --model which model its texts are embedded with";
            return Err(CatalogError::new(CatalogErrorKind::Embedding, context).into());
        };
        let encoder = model::load(folder)?;
        let identity = encoder.model();
        let model = ModelRef { name: identity.name, sha256: identity.sha256, dims: encoder.dims() };
        let mut progress = Progress::on_stderr();
        let (mut cache, note) = VectorCache::open(self.cache.as_deref());
        if let Some(note) = note {
            progress.note(&note);
        }
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = self.jobs.map_or_else(cores, NonZeroUsize::get);
        let (vectors, effort) =
            embedding::embed(&draft.texts(), &encoder, jobs, &mut cache, &mut progress).map_err(failed())?;
        Ok(Embedded { model: Some(model), vectors, effort: Some(effort) })
    }
}

/// What the texts of a draft came to.
#[derive(Default)]
struct Embedded {
    model: Option<ModelRef>,
    vectors: Vec<Vec<f32>>,
    effort: Option<Effort>,
}

/// The files of a catalog, and what they were made of.
struct Made {
    manifest: Manifest,
    files: Vec<CatalogFile>,
    effort: Option<Effort>,
    interactions: Option<InteractionsReport>,
}

fn tell_learned(path: &Path, learned: &Learned, options: &LearnOptions, time: Duration) {
    let name = path.display();
    if let Some(figures) = &learned.figures {
        let counted = figures.popularity.iter().flatten().count();
        let what = if figures.trend.is_some() { "popularity, trend and approval" } else { "popularity" };
        eprintln!("{name}: {what} of {counted} items");
    }
    let Some(Factors { report, .. }) = &learned.factors else {
        let least = options.least_people;
        let takes = match &options.privacy {
            None => format!("two items that {least} people like each"),
            Some(privacy) => format!(
                "two items whose counts stand out of noise of ±{:.1} people; a greater ε has less",
                privacy.deviation()
            ),
        };
        eprintln!("{name}: too little to learn from (it takes {takes}); the catalog has no collaborative space");
        return;
    };
    let seconds = time.as_secs_f64();
    match (&report.privacy, report.likes, report.people) {
        (None, Some(likes), Some(people)) => eprintln!(
            "{name}: factors of {} items learned from {likes} likes of {people} people in {seconds:.1} s, and of {} items \
             from their texts",
            report.items, report.from_text
        ),
        _ => eprintln!(
            "{name}: factors of {} items learned in {seconds:.1} s, and of {} items from their texts",
            report.items, report.from_text
        ),
    }
    if let Some(Promise { epsilon, delta, noise }) = report.privacy {
        eprintln!(
            "{name}: private with ε {epsilon} and δ {delta}: the latest {} likes of each person, noise of ±{noise:.1} people \
             on each count, items with {} and more. Each build draws other noise: publish one, since what two of them tell \
             adds up",
            report.most_likes, report.least_people
        );
    }
    tell_choice(&name, report);
    if let Some(too_few) = report.too_few.filter(|items| *items > 0) {
        eprintln!("{name}: {too_few} items are liked by fewer than {} people and add nothing", report.least_people);
    }
    if report.pairs_left_out > 0 {
        eprintln!(
            "{name}: {} pairs of items that fewer than {} people chose both of are left out, of {}",
            report.pairs_left_out,
            report.least_together,
            report.pairs + report.pairs_left_out
        );
    }
    if let Some(beyond) = report.beyond.filter(|likes| *likes > 0) {
        eprintln!("{name}: {beyond} likes are beyond what one person may add and are left out");
    }
}

fn tell_choice(name: &dyn Display, report: &LearnReport) {
    let LearnReport { lambda, dims, saying, .. } = report;
    if saying < dims {
        eprintln!(
            "{name}: only {saying} of the {dims} numbers per item say anything: it takes that many people who differ; \
             --crowd-dims {} would do",
            saying.next_power_of_two().clamp(2, *dims)
        );
    }
    match &report.choice {
        Some(Choice { people, chosen, usual, error, .. }) if chosen != usual => eprintln!(
            "{name}: λ {lambda} and {dims} numbers per item, by the later likes of {people} people kept back: ndcg@100 {:.4}, \
             with λ {} and {} numbers {:.4} (error of the difference {error:.4})",
            chosen.ndcg, usual.lambda, usual.dims, usual.ndcg
        ),
        Some(Choice { people, tried, .. }) if tried.len() > 1 => eprintln!(
            "{name}: λ {lambda} and {dims} numbers per item; by the later likes of {people} people kept back none of {} other \
             settings is clearly better",
            tried.len() - 1
        ),
        Some(_) => eprintln!("{name}: λ {lambda} and {dims} numbers per item"),
        None if report.privacy.is_some() => eprintln!(
            "{name}: λ {lambda} and {dims} numbers per item, as given or as usual: likes do not choose where they are private"
        ),
        None => eprintln!(
            "{name}: λ {lambda} and {dims} numbers per item, as given or, with too few people to choose by, as usual"
        ),
    }
}

/// The catalog that a page would have of these files.
fn opened(manifest: &Manifest, files: &[CatalogFile]) -> Catalog {
    let mut reader = CatalogReader::new(&manifest.to_bytes()).expect("a manifest that was just written");
    for file in files.iter().filter(|file| file.path != MANIFEST_FILE) {
        reader.add(&file.path, file.bytes.clone()).expect("a file that was just written");
    }
    reader.finish().expect("all files are there")
}

fn read_input(path: &Path, rows: &mut Rows) -> Result<(), Failure> {
    let bytes = read_file(path)?;
    Ok(read_rows(&path.to_string_lossy(), bytes, rows)?)
}
