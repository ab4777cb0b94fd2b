//! `homebody evaluate`, run as a person would; its figures are computed again here from the lists that it hands out.
#![cfg(feature = "cli")]

#[path = "support/program.rs"]
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use program::{Ran, command};
use serde_json::Value;
use tempfile::TempDir;

const SCHEMA: &str = "name = 'books'\nid = 'id'\n[columns.kind]\ntype = 'tags'\n[columns.rating]\ntype = 'number'\n\
    [columns.count]\ntype = 'integer'\n[[space]]\nname = 'kind'\nkind = 'category'\ncolumn = 'kind'\nmany = true\n\
    [prior]\nrating = 'rating'\ncount = 'count'\nsmoothing = 2\n";
const ITEMS: usize = 40;
const PEOPLE: usize = 60;

struct Place(TempDir);

impl Place {
    /// A catalog of forty books of four kinds, and sixty people who like books of one kind each, and now and then another one.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("catalog.toml"), SCHEMA).unwrap();
        let rows: String = (0..ITEMS).map(|item| format!("b{item:02},kind {},,\n", item % 4)).collect();
        fs::write(place.path("rows.csv"), format!("id,kind,rating,count\n{rows}")).unwrap();
        fs::write(place.path("events.csv"), format!("{HEAD}{}", interactions())).unwrap();
        let built = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out"]);
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(command(self.0.path(), arguments))
    }

    fn evaluate(&self, rest: &[&str]) -> Ran {
        let mut arguments = vec!["evaluate", "out", "--interactions", "events.csv", "--protocol"];
        arguments.extend(rest);
        self.run(&arguments)
    }

    fn report(&self, rest: &[&str]) -> Value {
        let mut arguments = rest.to_vec();
        arguments.push("--json");
        let ran = self.evaluate(&arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

const HEAD: &str = "user,item,type,value,timestamp\n";

/// Person p, step s: eight books of the kind p % 4, and at every third step one of another kind.
fn steps() -> impl Iterator<Item = (usize, usize, usize)> {
    (0..PEOPLE).flat_map(|person| {
        (0..8).map(move |step| {
            let kind = if step % 3 == 2 { (person + step) % 4 } else { person % 4 };
            let number = (step * 3 + person / 4 * 7) % 10;
            (person, step, number * 4 + kind)
        })
    })
}

fn interactions() -> String {
    steps()
        .map(|(person, step, item)| format!("p{person:02},b{item:02},like,,{}\n", 1_700_000_000 + step * 1000 + person))
        .collect()
}

fn metric(report: &Value, system: &str, name: &str) -> f64 {
    let systems = report["groups"][0]["systems"].as_array().unwrap();
    let found = systems.iter().find(|one| one["name"] == system).unwrap_or_else(|| panic!("{system} in {report}"));
    found["metrics"][name]["mean"].as_f64().unwrap()
}

/// The last item of each person that was not there before, and what was.
fn last_ones() -> BTreeMap<String, (String, Vec<String>)> {
    let mut histories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (person, _, item) in steps() {
        histories.entry(format!("p{person:02}")).or_default().push(format!("b{item:02}"));
    }
    histories
        .into_iter()
        .map(|(user, mut items)| {
            let last = items.pop().unwrap();
            items.retain(|item| *item != last);
            (user, (last, items))
        })
        .collect()
}

#[test]
fn the_lists_it_hands_out_give_its_figures() {
    let place = Place::new();
    let report = place.report(&["leave-last-out", "--scores-out", "scores.jsonl"]);
    let last = last_ones();
    let (mut ndcg, mut hits, mut reciprocal, mut lists) = (0.0, 0.0, 0.0, 0.0);
    for line in fs::read_to_string(place.path("scores.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (good, known) = &last[line["user"].as_str().unwrap()];
        let ranked: Vec<&str> = line["ranked"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let mut distinct: Vec<&str> = known.iter().map(String::as_str).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(ranked.len(), ITEMS - distinct.len(), "every item that was not known, and no other");
        assert!(known.iter().all(|item| !ranked.contains(&item.as_str())));
        let at = ranked.iter().position(|id| id == good).expect("what is to be guessed is ranked");
        if at < 10 {
            hits += 1.0;
            ndcg += 1.0 / ((at + 2) as f64).log2();
        }
        reciprocal += 1.0 / (at + 1) as f64;
        lists += 1.0;
    }
    assert_eq!(report["lists"].as_f64(), Some(lists));
    for (name, sum) in [("ndcg@10", ndcg), ("hit_rate@10", hits), ("recall@10", hits), ("mrr", reciprocal)] {
        let told = metric(&report, "homebody", name);
        assert!((told - sum / lists).abs() < 1e-12, "{name}: {told}, computed here {}", sum / lists);
    }
}

#[test]
fn every_protocol_has_figures_and_a_person_of_one_kind_is_served_better_than_by_chance() {
    let place = Place::new();
    let reports = place.report(&["all"]);
    let names: Vec<&str> = reports.as_array().unwrap().iter().map(|one| one["protocol"].as_str().unwrap()).collect();
    assert_eq!(names, ["leave-last-out", "user80", "strong", "rolling", "cold-start", "new-items"]);
    for report in reports.as_array().unwrap() {
        let (ours, chance) = (metric(report, "homebody", "ndcg@10"), metric(report, "random", "ndcg@10"));
        assert!(ours > chance, "{}: {ours} against {chance}", report["protocol"]);
        // Lists by chance go through all that can be listed, and be it only the new items.
        let systems = report["groups"][0]["systems"].as_array().unwrap();
        let random = systems.iter().find(|one| one["name"] == "random").unwrap();
        let coverage = random["beyond"]["coverage"].as_f64().unwrap();
        assert!((0.8..=1.0).contains(&coverage), "{}: {coverage}", report["protocol"]);
        for group in report["groups"].as_array().unwrap() {
            for system in group["systems"].as_array().unwrap() {
                for (name, estimate) in system["metrics"].as_object().unwrap() {
                    let [low, mean, high] = ["low", "mean", "high"].map(|end| estimate[end].as_f64().unwrap());
                    assert!(0.0 <= low && low <= mean && mean <= high && high <= 1.0, "{name}: {estimate}");
                }
            }
        }
    }
    let known: Vec<u64> =
        reports[4]["groups"].as_array().unwrap().iter().map(|group| group["known"].as_u64().unwrap()).collect();
    assert_eq!(known, [1, 3, 5], "nobody has more than eight events");
}

#[test]
fn the_same_seed_gives_the_same_report_whatever_the_threads() {
    let place = Place::new();
    let one = place.report(&["user80", "--jobs", "1"]);
    assert_eq!(one, place.report(&["user80", "--jobs", "3"]));
    assert_ne!(one, place.report(&["user80", "--seed", "7"]));
}

#[test]
fn two_settings_are_compared_on_the_same_cases() {
    let place = Place::new();
    fs::write(place.path("person.toml"), "weights = { prior = 0.0 }\n").unwrap();
    fs::write(place.path("crowd.toml"), "strength = 0.0\n").unwrap();
    let report = place.report(&["leave-last-out", "--compare", "crowd.toml", "person.toml", "--no-baselines"]);
    let comparison = &report["groups"][0]["comparison"];
    let difference = metric(&report, "person", "ndcg@10") - metric(&report, "crowd", "ndcg@10");
    assert!((comparison["difference"]["mean"].as_f64().unwrap() - difference).abs() < 1e-12);
    assert!((0.0..=1.0).contains(&comparison["p_value"].as_f64().unwrap()));
    let table = place.evaluate(&["leave-last-out", "--compare", "crowd.toml", "person.toml", "--no-baselines"]);
    assert!(table.stdout.contains("person − crowd") && table.stdout.contains("p = "), "{}", table.stdout);
}

/// What stands between two marks, for each time that they are there.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin).skip(1).filter_map(|rest| rest.split_once(end)).map(|(found, _)| found).collect()
}

#[test]
fn the_page_has_the_figures_of_the_json_report() {
    let place = Place::new();
    fs::write(place.path("person & <b>.toml"), "weights = { prior = 0.0 }\n").unwrap();
    fs::write(place.path("crowd.toml"), "strength = 0.0\n").unwrap();
    let asked = ["all", "--compare", "crowd.toml", "person & <b>.toml", "--html", "page.html"];
    let reports = place.report(&asked);
    let page = fs::read_to_string(place.path("page.html")).unwrap();

    let block = between(&page, "<script type=\"application/json\" id=\"report\">", "</script>");
    let embedded: Value = serde_json::from_str(block[0]).unwrap();
    assert_eq!(embedded, reports, "the block at the end is the whole report");

    let groups: Vec<&Value> =
        reports.as_array().unwrap().iter().flat_map(|report| report["groups"].as_array().unwrap()).collect();
    let tables = between(&page, "<table class=\"figures\">", "</table>");
    let figures = between(&page, "<figure>", "</figure>");
    let bars: Vec<&&str> = figures.iter().filter(|figure| figure.contains(": NDCG@10 with its")).collect();
    assert_eq!((tables.len(), bars.len()), (groups.len(), groups.len()));
    for ((group, table), bars) in groups.iter().zip(&tables).zip(&bars) {
        let systems = group["systems"].as_array().unwrap();
        let rows: Vec<&str> = table.split("<tr").skip(2).collect();
        let widths: Vec<f64> = between(bars, "<rect ", "/>")
            .iter()
            .filter(|bar| bar.contains("fill=\"var(--o"))
            .map(|bar| between(bar, "width=\"", "\"")[0].parse().unwrap())
            .collect();
        assert_eq!((rows.len(), widths.len()), (systems.len(), systems.len()));
        let longest = widths.iter().copied().fold(0.0, f64::max);
        let best = systems.iter().map(|one| one["metrics"]["ndcg@10"]["mean"].as_f64().unwrap()).fold(0.0, f64::max);
        for ((system, row), width) in systems.iter().zip(rows).zip(widths) {
            let metrics = &system["metrics"];
            let names = ["ndcg@10", "ndcg@20", "hit_rate@10", "hit_rate@20", "recall@10", "recall@20", "mrr"];
            let mut expected: Vec<String> = names
                .iter()
                .map(|name| {
                    let [mean, low, high] = ["mean", "low", "high"].map(|end| metrics[*name][end].as_f64().unwrap());
                    format!("{mean:.4}<small>{low:.4}–{high:.4}</small>")
                })
                .collect();
            for name in ["coverage", "diversity", "novelty", "popularity_bias", "miscalibration"] {
                let value = system["beyond"].get(name).and_then(Value::as_f64);
                expected.push(value.map_or("–".to_owned(), |value| format!("{value:.3}")));
            }
            assert_eq!(between(row, "<td>", "</td>"), expected, "{}", system["name"]);
            let mean = metrics["ndcg@10"]["mean"].as_f64().unwrap();
            // Whole pixels.
            assert!((width - mean / best * longest).abs() <= 1.5, "{}: {width} of {longest}", system["name"]);
            assert!(bars.contains(&format!("{mean:.4}")), "{mean:.4} stands at a bar");
        }
    }
    let compared = between(&page, "<table class=\"comparison\">", "</table>");
    for group in &groups {
        let difference = &group["comparison"]["difference"];
        let [mean, low, high] = ["mean", "low", "high"].map(|end| difference[end].as_f64().unwrap());
        assert!(compared[0].contains(&format!("<td>{mean:+.4}</td><td>{low:+.4} to {high:+.4}</td>")), "{difference}");
    }
    assert_eq!(figures.iter().filter(|figure| figure.contains("by the number of events known")).count(), 1);

    let markup = page.split("<script type").next().unwrap();
    assert!(markup.contains("person &amp; &lt;b&gt;") && !markup.contains("person & <b>"), "names are text");
    for outside in ["http:", "https:", "url(", "@import", "<link", "<img", "src="] {
        assert!(!markup.replace("http://www.w3.org/2000/svg", "").contains(outside), "{outside}");
    }
    assert!(!markup.contains("#FAFB"), "every colour is one of the page's");
    place.report(&asked);
    assert_eq!(page, fs::read_to_string(place.path("page.html")).unwrap(), "the same page again");
}

#[test]
fn what_cannot_be_used_is_counted_and_told() {
    let place = Place::new();
    let more =
        "p00,b99,like,,1700000000\np00,b01,like,,4102444800\np00,b01,applaud,,1700000000\np00,b01,rate,9,1700000000\n";
    let all = interactions();
    let first = all.lines().next().unwrap();
    fs::write(place.path("events.csv"), format!("{HEAD}{all}{more}{first}\n")).unwrap();
    let report = place.report(&["strong", "--now", "2026-01-01"]);
    let data = &report["data"];
    for (name, count) in [("unknownItems", 1), ("unknownTypes", 2), ("duplicates", 1), ("future", 1)] {
        assert_eq!(data[name], count, "{name} in {data}");
    }
    assert_eq!(data["interactions"].as_u64().unwrap() - data["used"].as_u64().unwrap(), 5);
}

#[test]
fn a_sample_of_people_is_said_and_judged_as_all_of_them_would_be() {
    let place = Place::new();
    let lists = |file: &str, most: &str| -> BTreeMap<String, Value> {
        let report = place.report(&["leave-last-out", "--no-baselines", "--scores-out", file, "--most-people", most]);
        let people = &report["people"];
        assert_eq!(
            (&people["judged"], &people["able"]),
            (&most.parse::<usize>().unwrap().into(), &PEOPLE.into()),
            "{report}"
        );
        let lines = fs::read_to_string(place.path(file)).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| (line["user"].as_str().unwrap().to_owned(), line)).collect()
    };
    let (some, all) = (lists("some", "7"), lists("all", "60"));
    assert_eq!((some.len(), all.len()), (7, PEOPLE));
    assert!(some.iter().all(|(user, line)| all[user] == *line), "the crowd and the lists are the same");
    let told = place.evaluate(&["leave-last-out", "--most-people", "7", "--no-baselines"]);
    assert!(told.stdout.contains("7 lists of 7 people of 60"), "{}", told.stdout);
}

#[test]
fn a_protocol_without_people_leaves_the_others_to_be_judged() {
    let place = Place::new();
    // Everybody at once: nobody is known before a moment and has something to come.
    let all: String =
        interactions().lines().map(|line| format!("{},1700000000\n", line.rsplit_once(',').unwrap().0)).collect();
    fs::write(place.path("events.csv"), format!("{HEAD}{all}")).unwrap();
    let ran = place.evaluate(&["all", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let reports: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    let judged: Vec<&str> = reports.iter().map(|report| report["protocol"].as_str().unwrap()).collect();
    assert!(judged.contains(&"strong") && !judged.contains(&"rolling"), "{judged:?}");
    assert!(ran.stderr.contains("evaluating rolling: "), "{}", ran.stderr);
    fs::write(place.path("events.csv"), HEAD).unwrap();
    assert_eq!(place.evaluate(&["all", "--json"]).code, Some(1), "nothing at all is a failure");
}

#[test]
fn lists_of_one_person_are_told_apart_by_their_time() {
    let place = Place::new();
    let report = place.report(&["rolling", "--no-baselines", "--scores-out", "lists"]);
    let lines = fs::read_to_string(place.path("lists")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let apart: BTreeSet<(String, i64)> =
        lines.iter().map(|line| (line["user"].to_string(), line["time"].as_i64().unwrap())).collect();
    assert_eq!(apart.len(), lines.len());
    let people = apart.iter().map(|(user, _)| user).collect::<BTreeSet<_>>().len();
    assert!(people < lines.len(), "some are asked for twice");
    let group = &report["groups"][0];
    assert_eq!((&group["lists"], &group["people"]), (&lines.len().into(), &people.into()), "{report}");
    let told = place.evaluate(&["rolling", "--no-baselines"]);
    assert!(told.stdout.contains(&format!("{} lists of {people} people", lines.len())), "{}", told.stdout);
}

#[test]
fn a_page_is_written_though_nobody_reads_the_table() {
    let place = Place::new();
    let mut arguments = vec!["evaluate", "out", "--interactions", "events.csv", "--protocol", "strong"];
    arguments.extend(["--no-baselines", "--html", "page.html"]);
    let mut child = command(place.0.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    child.wait().unwrap();
    assert!(fs::read_to_string(place.path("page.html")).unwrap().contains("</html>"));
}

#[test]
fn what_privacy_costs_can_be_measured() {
    let place = Place::new();
    let ndcg = |rest: &[&str]| {
        let report = place.report(&[&["leave-last-out", "--no-baselines"], rest].concat());
        metric(&report, "homebody", "ndcg@10")
    };
    let little = ["--crowd-epsilon", "100", "--crowd-likes", "8"];
    let much = ["--crowd-epsilon", "0.5", "--crowd-likes", "8"];
    assert_eq!(ndcg(&little), ndcg(&little), "the noise of an evaluation comes from its seed");
    assert_ne!(ndcg(&little), ndcg(&much));
    assert_ne!(ndcg(&little), ndcg(&[]), "the split learns, though the catalog has no collaborative space");
}

#[test]
fn mistakes_are_explained() {
    let place = Place::new();
    let told = |ran: Ran, parts: &[&str]| {
        assert_ne!(ran.code, Some(0));
        parts.iter().for_each(|part| assert!(ran.stderr.contains(part), "{part} is not in {}", ran.stderr));
    };
    told(
        place.evaluate(&["leave-one-out"]),
        &["leave-last-out", "user80", "strong", "rolling", "cold-start", "new-items"],
    );
    told(place.evaluate(&["all", "--scores-out", "s"]), &["--scores-out", "one protocol"]);
    let before = fs::read(place.path("events.csv")).unwrap();
    told(place.evaluate(&["strong", "--scores-out", "./events.csv"]), &["--scores-out", "another file"]);
    assert_eq!(fs::read(place.path("events.csv")).unwrap(), before);
    fs::write(place.path("odd.toml"), "weights = { fame = 1.0 }\n").unwrap();
    told(place.evaluate(&["strong", "--settings", "odd.toml"]), &["odd", "fame", "kind"]);
    fs::write(place.path("odd.toml"), "strateggy = 'mean'\n").unwrap();
    told(place.evaluate(&["strong", "--settings", "odd.toml"]), &["strateggy", "strategy", "weights"]);
    fs::write(place.path("events.csv"), HEAD).unwrap();
    told(place.evaluate(&["strong"]), &["strong", "something known"]);
    fs::write(place.path("events.csv"), "item,type,timestamp\nb01,like,1700000000\n").unwrap();
    told(place.evaluate(&["strong"]), &["line 2", "`user`"]);
}
