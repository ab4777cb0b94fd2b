//! `homebody tune`: the setting that ranks best, and the proof.

use std::path::PathBuf;
use std::sync::Mutex;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::evaluate::{ProtocolName, read_setting};
use super::judging::{Judging, Loaded};
use super::replace::replace_manifest;
use super::{Failure, load_catalog, print_json, print_line};
use crate::catalog::{Promise, SpaceKindEntry};
use crate::evaluate::{BeforeAfter, Setting, TuneMethod, TuneMetric, TuneRequest, TuneStep, Tuned, tune};

/// Search for the weights that rank best, and prove them where the search did not look.
///
/// The search sees one part of what people did, the proof another: the last fifth of the time, or other people. Without a proof
/// nothing is written but what was there before. The same input and seed give the same settings.
#[derive(Args)]
pub(crate) struct Tune {
    #[command(flatten)]
    judging: Judging,
    /// Write the settings with their evidence, as `homebody evaluate --settings` and `--compare` read them.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Make the settings the catalog's own: its scenario `default`, which counts where a call names none, and what it says of
    /// events. catalog.json is replaced in one step. Only with the strategy that a page ranks with, `kernel`.
    #[arg(long)]
    apply: bool,
    /// Write or apply what was found even if the proof fails.
    #[arg(long)]
    force: bool,
    /// How weights are found.
    #[arg(long, value_name = "MODEL", value_enum, default_value = "search")]
    model: ModelName,
    /// What is known and what is to be guessed.
    #[arg(long, value_name = "PROTOCOL", value_enum, default_value = "rolling")]
    protocol: ProtocolName,
    /// What a setting is judged by: ndcg@K, hit_rate@K, recall@K or mrr.
    #[arg(long, value_name = "METRIC", default_value = "ndcg@10")]
    metric: String,
    /// Where the search begins: TOML as for `homebody evaluate --settings`. Default: the catalog's own weights.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// How many weights are tried at random before the best are refined.
    #[arg(long, value_name = "N", default_value_t = 300)]
    trials: usize,
    /// Search for weights alone, not for what events say.
    #[arg(long)]
    weights_only: bool,
    /// Write settings and evidence to standard output as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ModelName {
    /// Try weights: random search with successive halving, then one weight after the other.
    Search,
    /// A pairwise logistic model, which a browser can go on learning with.
    Logistic,
}

impl Tune {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let protocol = match self.protocol.protocols().as_slice() {
            [only] => *only,
            _ => return Err(Failure::with_code("option", "--protocol: expected one protocol to tune on, got all")),
        };
        let metric = TuneMetric::parse(&self.metric).map_err(Failure::while_doing("reading --metric"))?;
        let start = match &self.settings {
            Some(path) => read_setting(path)?,
            None => Setting::default_named("default"),
        };
        if self.apply {
            refuse_another_strategy(&start)?;
            self.refuse_to_break_a_promise()?;
        }
        let Loaded { catalog, data, learn, jobs } = self.judging.load()?;
        let request = TuneRequest {
            protocol,
            metric,
            method: match self.model {
                ModelName::Search => TuneMethod::Search,
                ModelName::Logistic => TuneMethod::Logistic,
            },
            start: start.clone(),
            trials: self.trials,
            events: !self.weights_only,
            learn,
            most_people: self.judging.most_people as usize,
            seed: self.judging.seed,
            jobs,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
        let pool = pool.map_err(Failure::while_doing("starting threads"))?;
        let bar = Bar::new();
        let tuned = pool.install(|| tune(&catalog, &data, &request, &|step| bar.show(step)));
        bar.0.lock().expect("no thread panics with the bar").finish_and_clear();
        let tuned = tuned.map_err(Failure::while_doing(format!("tuning on {}", protocol.name())))?;
        let kept = tuned.evidence.significant || self.force;
        let setting = if kept { &tuned.setting } else { &start };
        if let Some(path) = &self.output {
            let text = format!("{}{}", head(&tuned, kept), setting.to_toml());
            std::fs::write(path, text).map_err(Failure::while_doing(format!("writing {}", path.display())))?;
        }
        if self.apply && kept {
            replace_manifest(&self.judging.catalog, setting, tuned.model)?;
        }
        self.tell(&tuned, setting, kept)
    }

    /// Weights are chosen by likes without noise: a catalog that promises privacy must not ship them.
    fn refuse_to_break_a_promise(&self) -> Result<(), Failure> {
        let catalog = load_catalog(&self.judging.catalog)?;
        let promise = catalog.manifest().spaces.iter().find_map(|space| match &space.kind {
            SpaceKindEntry::Collaborative { learned, .. } => learned.as_ref()?.privacy,
            _ => None,
        });
        match promise {
            None => Ok(()),
            Some(Promise { epsilon, .. }) => Err(Failure::with_code(
                "privacy",
                format!(
                    "--apply: {} promises privacy with ε {epsilon}, and weights chosen by likes without noise would break it; with \
                     -o they are written for you, or build the catalog without --crowd-epsilon",
                    self.judging.catalog.display()
                ),
            )),
        }
    }

    fn tell(&self, tuned: &Tuned, setting: &Setting, kept: bool) -> Result<(), Failure> {
        let applied = self.apply && kept;
        if self.json {
            return print_json(&json!({
                "settings": setting.to_toml(),
                "kept": kept,
                "applied": applied,
                "model": tuned.model,
                "evidence": tuned.evidence,
            }));
        }
        for line in evidence(tuned, kept) {
            print_line(line)?;
        }
        if applied {
            eprintln!(
                "{}: the settings are now the catalog's own; publish catalog.json again",
                self.judging.catalog.display()
            );
        }
        Ok(())
    }
}

/// A catalog has no strategy of its own: what is proved under another than a page's would not be what the page does.
fn refuse_another_strategy(start: &Setting) -> Result<(), Failure> {
    let (shipped, given) = (Setting::default_named("").strategy_name(), start.strategy_name());
    if given == shipped {
        return Ok(());
    }
    Err(Failure::with_code(
        "option",
        format!(
            "--apply: expected settings with the strategy `{shipped}`, the only one that a page ranks with, got `{given}`; leave out \
             `strategy`, or leave out --apply and look at what -o writes"
        ),
    ))
}

/// What stands above the settings in their file.
fn head(tuned: &Tuned, kept: bool) -> String {
    evidence(tuned, kept).into_iter().map(|line| format!("# {line}\n")).collect()
}

/// Before and after, in lines for people.
fn evidence(tuned: &Tuned, kept: bool) -> Vec<String> {
    let evidence = &tuned.evidence;
    let part = |name: &str, part: &BeforeAfter| {
        let BeforeAfter { lists, people, before, after, comparison } = part;
        let difference = comparison.difference;
        format!(
            "{name:<7} {lists:>6} lists of {people} people: {:.4} ({:.4}–{:.4}) before, {:.4} ({:.4}–{:.4}) after, {:+.4} ({:+.4} to {:+.4}), p = {:.4}",
            before.mean,
            before.low,
            before.high,
            after.mean,
            after.low,
            after.high,
            difference.mean,
            difference.low,
            difference.high,
            comparison.p_value
        )
    };
    let mut lines = vec![
        format!(
            "homebody tune: {} on {}, seed {}, {} settings looked at",
            evidence.metric, evidence.protocol, evidence.seed, evidence.settings
        ),
        part("search", &evidence.search),
        part("test", &evidence.test),
    ];
    for (name, after) in &evidence.weights_after {
        let before = evidence.weights_before.get(name).copied().unwrap_or(0.0);
        lines.push(format!("weight  {name}: {before} before, {after} after"));
    }
    lines.push(match (evidence.significant, kept) {
        (true, _) => "The test confirms the gain.".to_owned(),
        (false, false) => {
            "The test does not confirm a gain: the settings stay as they were (--force takes what was found)."
                .to_owned()
        }
        (false, true) => "The test does not confirm a gain; kept all the same, as asked for.".to_owned(),
    });
    lines
}

/// How far it is, on standard error.
struct Bar(Mutex<ProgressBar>);

impl Bar {
    fn new() -> Self {
        let style =
            ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}").expect("a template that indicatif understands");
        Self(Mutex::new(ProgressBar::new(0).with_style(style)))
    }

    fn show(&self, step: TuneStep) {
        let bar = self.0.lock().expect("no thread panics with the bar");
        let (message, done, all) = match step {
            TuneStep::Preparing(done, all) => ("preparing lists".to_owned(), done, all),
            TuneStep::Searching(tried, best) => (format!("best so far {best:.4}"), tried, tried),
            TuneStep::Judging(done, all) => ("testing".to_owned(), done, all),
        };
        bar.set_length(all as u64);
        bar.set_message(message);
        bar.set_position(done as u64);
    }
}
