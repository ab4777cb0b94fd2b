//! `homebody evaluate`: how good the ranking is, judged by what people did.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::judging::{Judging, Loaded};
use super::{Failure, load_ranker, print_json, print_line, read_file};
use crate::catalog::Catalog;
use crate::evaluate::{
    EvaluateErrorKind, Evaluation, GroupReport, JudgedPeople, PageAbout, Part, Protocol, Report, Request, Setting,
    evaluate, to_html, write_features,
};

/// Judge the ranking by what people did.
///
/// Every list ranks all items that a page would: all that do not count as seen. The same input and seed give the same report.
#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    judging: Judging,
    /// What is known and what is to be guessed; several, or `all`.
    #[arg(long, value_name = "PROTOCOL", value_enum, required = true, value_delimiter = ',')]
    protocol: Vec<ProtocolName>,
    /// A setting of the ranking to judge instead of the default one: TOML with strategy, weights, scenario, strength, diversity.
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    settings: Option<PathBuf>,
    /// Two settings to be judged on the same cases, with a paired test of the second against the first.
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Option<Vec<PathBuf>>,
    /// Leave out the baselines.
    #[arg(long)]
    no_baselines: bool,
    /// Write the lists of the (first) setting for a judge of your own: JSONL, {"user", "ranked": [ids, best first]}. One protocol
    /// only. Where somebody is asked for several times there is "known" (cold-start: events) or "time" (rolling: milliseconds since
    /// 1970) too.
    #[arg(long, value_name = "FILE")]
    scores_out: Option<PathBuf>,
    /// Write the report as one HTML page with plots, which needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Judge an ONNX model over the features of the ranking too: it puts the best 1,000 of the (first) setting's lists into its own
    /// order. The JSON that describes it.
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    ranker: Option<PathBuf>,
    /// Only the lists that `homebody tune` searches on, or only those that it tests on.
    #[arg(long, value_name = "PART", value_enum)]
    part: Option<PartName>,
    /// Write the features of the best 1,000 of each list of the (first) setting, to train a ranker on: CSV with
    /// list,user,item,chosen and a column per feature. One protocol only.
    #[arg(long, value_name = "FILE")]
    features_out: Option<PathBuf>,
    /// Let each of a person's latest 30 choices look as if made from a list of so many places, as the ranking would have shown it then: for
    /// settings that `learn` from what was shown and left.
    #[arg(long, value_name = "PLACES", value_parser = clap::value_parser!(u32).range(2..=100))]
    simulate_lists: Option<u32>,
    /// Write the report to standard output as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum ProtocolName {
    /// Everybody's last good item, from everything before it.
    LeaveLastOut,
    /// A random fifth of each person's events, from the rest.
    User80,
    /// The last fifth of people whom the crowd's figures do not know.
    Strong,
    /// What comes next, at ten moments, from what was known then.
    Rolling,
    /// Everything after the first 1, 3, 5 or 10 events of people whom the crowd's figures do not know.
    ColdStart,
    /// Items that nobody is known to have chosen.
    NewItems,
    /// All of these.
    All,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum PartName {
    /// The earlier moments of the rolling protocol, half of the people in the others.
    Search,
    /// The last fifth of the time, or the other people.
    Test,
}

impl ProtocolName {
    pub(super) fn protocols(self) -> Vec<Protocol> {
        match self {
            Self::LeaveLastOut => vec![Protocol::LeaveLastOut],
            Self::User80 => vec![Protocol::User80],
            Self::Strong => vec![Protocol::Strong],
            Self::Rolling => vec![Protocol::Rolling],
            Self::ColdStart => vec![Protocol::ColdStart],
            Self::NewItems => vec![Protocol::NewItems],
            Self::All => Protocol::ALL.to_vec(),
        }
    }
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut protocols: Vec<Protocol> = Vec::new();
        for protocol in self.protocol.iter().flat_map(|name| name.protocols()) {
            if !protocols.contains(&protocol) {
                protocols.push(protocol);
            }
        }
        if self.scores_out.is_some() && protocols.len() > 1 {
            let message = format!("--scores-out: expected one protocol, got {}", protocols.len());
            return Err(Failure::with_code("option", message));
        }
        if self.features_out.is_some() && protocols.len() > 1 {
            let message = format!("--features-out: expected one protocol, got {}", protocols.len());
            return Err(Failure::with_code("option", message));
        }
        let input = self.judging.interactions.canonicalize().ok();
        let outputs =
            [("--scores-out", &self.scores_out), ("--features-out", &self.features_out), ("--html", &self.html)];
        for (option, path) in outputs {
            if input.is_some() && path.as_ref().and_then(|path| path.canonicalize().ok()) == input {
                return Err(Failure::with_code(
                    "option",
                    format!("{option}: expected another file than --interactions"),
                ));
            }
        }
        let settings = self.read_settings()?;
        let Loaded { catalog, data, learn, jobs } = self.judging.load()?;
        let ranker = self.ranker.as_ref().map(|path| load_ranker(path)).transpose()?.map(Arc::new);
        let part = self.part.map(|part| match part {
            PartName::Search => Part::Search,
            PartName::Test => Part::Test,
        });
        let mut reports = Vec::new();
        let several = protocols.len() > 1;
        let mut nothing = None;
        for protocol in protocols {
            let settings = settings.clone();
            let (baselines, ranker, seed) = (!self.no_baselines, ranker.clone(), self.judging.seed);
            let list_places = self.simulate_lists.map(|places| places as usize);
            let (most_people, keep_lists) = (self.judging.most_people as usize, self.scores_out.is_some());
            let request = Request {
                protocol,
                settings,
                baselines,
                learn,
                ranker,
                list_places,
                part,
                most_people,
                keep_lists,
                seed,
                jobs,
            };
            if let Some(path) = &self.features_out {
                let doing = || format!("writing {}", path.display());
                let mut out = BufWriter::new(File::create(path).map_err(Failure::while_doing(doing()))?);
                write_features(&catalog, &data, &request, &mut out).map_err(Failure::while_doing(doing()))?;
                out.flush().map_err(Failure::while_doing(doing()))?;
            }
            let bar = progress(protocol);
            let made = evaluate(&catalog, &data, &request, &|done, all| {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            });
            bar.finish_and_clear();
            let doing = || format!("evaluating {}", protocol.name());
            let evaluation = match made {
                // Of several protocols the others may have people to judge.
                Err(error) if error.kind() == EvaluateErrorKind::NothingToJudge && several => {
                    eprintln!("{}: {error}", doing());
                    nothing = Some(Failure::while_doing(doing())(error));
                    continue;
                }
                made => made.map_err(Failure::while_doing(doing()))?,
            };
            if let Some(path) = &self.scores_out {
                write_scores(path, &catalog, &evaluation)
                    .map_err(Failure::while_doing(format!("writing {}", path.display())))?;
            }
            // Whoever stops reading must not stop the page from being written.
            if !self.json && self.html.is_none() {
                print_report(&evaluation.report)?;
            }
            reports.push(evaluation.report);
        }
        if let (true, Some(nothing)) = (reports.is_empty(), nothing) {
            return Err(nothing);
        }
        if let Some(path) = &self.html {
            let interactions = self.judging.interactions.file_name().unwrap_or_default().to_string_lossy();
            let about = PageAbout { catalog: catalog.name(), interactions: &interactions, settings: settings.len() };
            std::fs::write(path, to_html(&reports, about))
                .map_err(Failure::while_doing(format!("writing {}", path.display())))?;
            eprintln!("report written to {}", path.display());
        }
        match (self.json, reports.as_slice()) {
            (false, reports) if self.html.is_some() => reports.iter().try_for_each(print_report),
            (false, _) => Ok(()),
            (true, [only]) if !several => print_json(only),
            (true, several) => print_json(&several),
        }
    }

    fn read_settings(&self) -> Result<Vec<Setting>, Failure> {
        let paths: Vec<&PathBuf> = self.settings.iter().chain(self.compare.iter().flatten()).collect();
        if paths.is_empty() {
            return Ok(vec![Setting::default_named("homebody")]);
        }
        paths.into_iter().map(|path| read_setting(path)).collect()
    }
}

/// Reads a setting; its name is that of the file.
pub(super) fn read_setting(path: &Path) -> Result<Setting, Failure> {
    let doing = || format!("reading {}", path.display());
    let text =
        String::from_utf8(read_file(path)?).map_err(Failure::while_doing(format!("{}: expected UTF-8", doing())))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Setting::from_toml(&name, &text).map_err(Failure::while_doing(doing()))
}

fn progress(protocol: Protocol) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} lists, {eta} left")
        .expect("a template that indicatif understands");
    ProgressBar::new(0).with_style(style).with_message(protocol.name())
}

fn write_scores(path: &Path, catalog: &Catalog, evaluation: &Evaluation) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for scores in &evaluation.scores {
        let ids: Vec<&str> = scores.ranked.iter().map(|row| catalog.id(*row as usize)).collect();
        let mut line = json!({"user": scores.user, "ranked": ids});
        if let Some(known) = scores.known {
            line["known"] = json!(known);
        }
        if evaluation.report.protocol == Protocol::Rolling.name() {
            line["time"] = json!(scores.time);
        }
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn print_report(report: &Report) -> Result<(), Failure> {
    for group in &report.groups {
        let known = group.known.map_or_else(String::new, |known| format!(", {known} events known"));
        let JudgedPeople { judged, able } = report.people;
        let sample = if judged < able { format!(" of {able}") } else { String::new() };
        let of = format!(" of {} people{sample}", group.people);
        print_line(format_args!("{}{known}: {} lists{of}, seed {}", report.protocol, group.lists, report.seed))?;
        print_group(group)?;
    }
    Ok(())
}

fn print_group(group: &GroupReport) -> Result<(), Failure> {
    let columns = ["ndcg@10", "ndcg@20", "hit_rate@10", "recall@10", "mrr"];
    let beyond = ["coverage", "diversity", "novelty", "popularity_bias", "miscalibration"];
    let short = ["cover", "divers", "novel", "popul", "miscal"];
    let mut head = format!("  {:<26}{:>24}", "", "ndcg@10 (95 %)");
    columns[1..].iter().for_each(|name| head.push_str(&format!("{name:>13}")));
    short.iter().for_each(|name| head.push_str(&format!("{name:>8}")));
    print_line(format_args!("{head}"))?;
    for system in &group.systems {
        let first = &system.metrics[columns[0]];
        let interval = format!("{:.4} ({:.4}–{:.4})", first.mean, first.low, first.high);
        let mut line = format!("  {:<26}{interval:>24}", system.name);
        columns[1..].iter().for_each(|name| line.push_str(&format!("{:>13.4}", system.metrics[*name].mean)));
        for name in beyond {
            match system.beyond.get(name) {
                Some(value) => line.push_str(&format!("{value:>8.3}")),
                None => line.push_str(&format!("{:>8}", "–")),
            }
        }
        print_line(format_args!("{line}"))?;
    }
    if let Some(comparison) = &group.comparison {
        let (difference, names) = (comparison.difference, &group.systems);
        print_line(format_args!(
            "  {} − {}: ndcg@10 {:+.4} ({:+.4} to {:+.4}), p = {:.4}",
            names[1].name, names[0].name, difference.mean, difference.low, difference.high, comparison.p_value
        ))?;
    }
    Ok(())
}
