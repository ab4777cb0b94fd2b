//! `homebody build --interactions`: what is learned, what it does to a list, and files with too little or nothing in them.
#![cfg(feature = "cli")]

#[path = "support/program.rs"]
mod program;

use std::fmt::Write;
use std::fs;
use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_ipc::reader::StreamReader;
use program::{Ran, command};
use serde_json::Value;
use tempfile::TempDir;

const HEAD: &str = "user,item,type,value,timestamp\n";
const START: i64 = 1_700_000_000;

struct Place(TempDir);

impl Place {
    /// The rows of twenty books, and a schema for them with one space of this name.
    fn new(space: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let schema = format!(
            "name = 'books'\nid = 'id'\n[columns.kind]\ntype = 'tags'\n[[space]]\nname = '{space}'\nkind = 'category'\n\
             column = 'kind'\nmany = true\n"
        );
        place.write("catalog.toml", &schema);
        let rows: String = (0..20).map(|item| format!("i{item:02},kind {}\n", item % 4)).collect();
        place.write("rows.csv", &format!("id,kind\n{rows}"));
        place
    }

    fn write(&self, file: &str, content: &str) {
        fs::write(self.0.path().join(file), content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(command(self.0.path(), arguments))
    }

    fn build(&self, likes: &str, to: &str) -> Ran {
        self.build_with(likes, to, &[])
    }

    fn build_with(&self, likes: &str, to: &str, options: &[&str]) -> Ran {
        self.write("likes.csv", likes);
        let plain =
            ["build", "rows.csv", "--schema", "catalog.toml", "--interactions", "likes.csv", "-o", to, "--json"];
        self.run(&[&plain[..], options].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

/// Sixty people of two groups: those of the first like the books 0 to 9, the others 10 to 19, each all but one or two of them.
fn groups() -> String {
    people(60)
}

fn people(count: i64) -> String {
    let mut lines = HEAD.to_owned();
    for person in 0..count {
        for item in (0..20).filter(|item| item / 10 == person % 2 && item % 10 != person % 7) {
            writeln!(lines, "u{person},i{item:02},like,,{}", START + item).unwrap();
        }
    }
    lines
}

fn space<'a>(summary: &'a Value, name: &str) -> Option<&'a Value> {
    summary["spaces"].as_array().unwrap().iter().find(|space| space["name"] == name)
}

#[test]
fn what_people_choose_together_is_learned_and_ranks() {
    let place = Place::new("kind");
    let built = place.build(&groups(), "out");
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let report: Value = serde_json::from_str(&built.stdout).unwrap();
    let learned = &report["interactions"]["learned"];
    assert_eq!((learned["people"].as_u64(), learned["items"].as_u64()), (Some(60), Some(20)), "{learned}");
    assert_eq!(place.run(&["verify", "out"]).code, Some(0));
    let summary = place.json(&["inspect", "out", "--json"]);
    let crowd = space(&summary, "collaborative").expect("a collaborative space");
    assert!(crowd["bytesPerItem"].as_f64().unwrap() <= 80.0, "{crowd}");

    // Three, since after one the crowd still leads.
    let events = "item,type,timestamp\ni03,like,1700000000\ni05,like,1700000001\ni06,like,1700000002\n";
    place.write("events.csv", events);
    let rank = ["recommend", "out", "--events", "events.csv", "--limit", "7", "--explain", "--json", "--weights"];
    let list = place.json(&[&rank[..], &["{\"kind\": 0}"]].concat());
    let hits = list.get("hits").unwrap_or(&list).as_array().unwrap();
    let mut ids: Vec<&str> = hits.iter().map(|hit| hit["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["i00", "i01", "i02", "i04", "i07", "i08", "i09"]);
    let reason = &hits[0]["reason"];
    assert_eq!((reason["kind"].as_str(), reason["part"].as_str()), (Some("crowd"), Some("collaborative")), "{reason}");
    assert!(["i03", "i05", "i06"].contains(&reason["items"][0]["id"].as_str().unwrap()), "{reason}");

    let without = place.json(&[&rank[..], &["{\"kind\": 0, \"collaborative\": 0}"]].concat());
    assert_ne!(without, list, "the space has a weight like any other");
}

#[test]
fn settings_are_chosen_by_people_kept_back_or_given() {
    let place = Place::new("kind");
    let learned = |ran: &Ran| -> Value {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str::<Value>(&ran.stdout).unwrap()["interactions"]["learned"].clone()
    };
    let many = place.build(&people(200), "many");
    let report = learned(&many);
    assert_eq!(report["choice"]["people"], 40, "{report}");
    assert_eq!(report["lambda"], report["choice"]["chosen"]["lambda"]);
    assert!(many.stderr.contains("40 people kept back"), "{}", many.stderr);

    let few = place.build(&groups(), "few");
    let report = learned(&few);
    // 60 people with nine likes each, 20 items: 27 people an item, and λ is twice that.
    assert_eq!((&report["lambda"], &report["dims"], &report["choice"]), (&54.0.into(), &64.into(), &Value::Null));
    assert_eq!(report["meanPeople"], 27.0);
    assert!(few.stderr.contains("too few people to choose by"), "{}", few.stderr);

    let given = place.build_with(&people(200), "given", &["--crowd-lambda", "50", "--crowd-dims", "8"]);
    let report = learned(&given);
    assert_eq!((&report["lambda"], &report["dims"], &report["choice"]), (&50.0.into(), &8.into(), &Value::Null));
    for bad in ["0", "-1", "NaN", "inf", "many"] {
        let refused = place.build_with(&groups(), "bad", &[&format!("--crowd-lambda={bad}")]);
        assert_eq!(refused.code, Some(2), "{bad}");
        assert!(refused.stderr.contains("a finite number above 0"), "{}", refused.stderr);
    }
    assert_eq!(place.build_with(&groups(), "bad", &["--crowd-dims", "65"]).code, Some(2));
}

#[test]
fn pairs_of_few_people_do_not_count() {
    let place = Place::new("kind");
    // One person of the first group likes a book of the other one.
    let built = place.build(&format!("{}u0,i11,like,,{START}\n", groups()), "out");
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let report: Value = serde_json::from_str(&built.stdout).unwrap();
    let learned = &report["interactions"]["learned"];
    // u0 likes nine books of its own group.
    assert_eq!((&learned["leastTogether"], &learned["pairsLeftOut"]), (&5.into(), &9.into()), "{learned}");
    assert!(built.stderr.contains("9 pairs of items that fewer than 5 people"), "{}", built.stderr);
    let all = place.build_with(&groups(), "all", &["--crowd-support", "1000"]);
    let report: Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!(report["interactions"]["learned"]["pairs"], 0);
    assert_eq!(place.run(&["verify", "all"]).code, Some(0));
}

#[test]
fn the_same_interactions_give_the_same_bytes() {
    let place = Place::new("kind");
    assert_eq!(place.build(&groups(), "a").code, Some(0));
    assert_eq!(place.build(&groups(), "b").code, Some(0));
    let manifest = |folder: &str| fs::read(place.0.path().join(folder).join("catalog.json")).unwrap();
    assert_eq!(manifest("a"), manifest("b"));
}

#[test]
fn too_little_to_learn_from_is_a_catalog_without_the_space() {
    let place = Place::new("kind");
    let mut few = HEAD.to_owned();
    groups().lines().filter(|line| ["u0,", "u1,", "u2,"].iter().any(|user| line.starts_with(user))).for_each(|line| {
        writeln!(few, "{line}").unwrap();
    });
    let one_item: String = (0..40).fold(HEAD.to_owned(), |mut all, person| {
        writeln!(all, "u{person},i00,like,,{START}").unwrap();
        all
    });
    let unknown = format!("{HEAD}u1,nowhere,like,,{START}\n");
    for (name, likes) in [("few", &*few), ("one item", &one_item), ("unknown", &unknown), ("empty", ""), ("head", HEAD)]
    {
        let built = place.build(likes, "out");
        assert_eq!(built.code, Some(0), "{name}: {}", built.stderr);
        assert!(built.stderr.contains("too little to learn from"), "{name}: {}", built.stderr);
        let report: Value = serde_json::from_str(&built.stdout).unwrap();
        assert!(report["interactions"]["learned"].is_null(), "{name}");
        assert!(space(&place.json(&["inspect", "out", "--json"]), "collaborative").is_none(), "{name}");
    }
}

#[test]
fn fewer_people_than_factors_and_one_who_likes_everything() {
    let place = Place::new("kind");
    let mut likes = HEAD.to_owned();
    for person in 0..6 {
        (0..6).for_each(|item| writeln!(likes, "u{person},i{item:02},like,,{}", START + item).unwrap());
    }
    // Again and again: one person counts once for an item.
    (0..2000).for_each(|n| writeln!(likes, "u9,i{:02},like,,{}", n % 20, START + n).unwrap());
    let built = place.build(&likes, "out");
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let report: Value = serde_json::from_str(&built.stdout).unwrap();
    let learned = &report["interactions"]["learned"];
    assert_eq!((learned["items"].as_u64(), learned["tooFew"].as_u64()), (Some(6), Some(14)), "{learned}");
    assert_eq!(place.run(&["verify", "out"]).code, Some(0));
    place.write("events.csv", "item,type,timestamp\ni00,like,1700000000\n");
    let list = place.json(&["recommend", "out", "--events", "events.csv", "--limit", "20", "--json"]);
    let hits = list.get("hits").unwrap_or(&list).as_array().unwrap();
    assert!(hits.iter().all(|hit| hit["score"].as_f64().is_some_and(f64::is_finite)));
}

#[test]
fn a_space_of_that_name_is_the_schemas_and_nothing_is_written() {
    let place = Place::new("collaborative");
    let built = place.build(&groups(), "out");
    assert_eq!(built.code, Some(1), "{}", built.stdout);
    let told = format!("{}{}", built.stdout, built.stderr);
    assert!(told.contains("give it another name"), "{told}");
    assert!(!place.0.path().join("out").exists());
}

#[test]
fn figures_are_columns_and_the_prior() {
    let place = Place::new("kind");
    // Beside the groups, one book that only four people like.
    let rare: String = (0..4).fold(String::new(), |mut all, person| {
        writeln!(all, "u{},i19,like,,{START}", 2 * person).unwrap();
        all
    });
    let few: String = groups().lines().filter(|line| !line.contains(",i19,")).map(|line| format!("{line}\n")).collect();
    let built = place.build(&(few + &rare), "out");
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let report: Value = serde_json::from_str(&built.stdout).unwrap();
    assert_eq!(report["interactions"]["counted"], 19, "{report}");
    let manifest: Value = serde_json::from_slice(&fs::read(place.0.path().join("out/catalog.json")).unwrap()).unwrap();
    let prior =
        serde_json::json!({"popularity": "crowd_popularity", "trend": "crowd_trend", "expected": "crowd_expected"});
    assert_eq!(manifest["prior"], prior);

    place.write("events.csv", "item,type,timestamp\n");
    let rank = ["recommend", "out", "--events", "events.csv", "--limit", "20", "--explain", "--json"];
    let list = place.json(&rank);
    let hits = list.get("hits").unwrap_or(&list).as_array().unwrap();
    let popularity = |hit: &Value| hit["item"]["crowd_popularity"].as_u64();
    let known: Vec<u64> = hits.iter().filter_map(popularity).collect();
    let mut sorted = known.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    assert_eq!((known.len(), &known), (19, &sorted), "to a stranger the most popular ones first");
    let few = hits.iter().find(|hit| hit["id"] == "i19").unwrap();
    assert_eq!(popularity(few), None, "four people are too few to tell");
    // Of what is alike so much is expected that it is not the last; but that is no figure to be shown, and no reason.
    let prior = few["parts"].as_array().unwrap().iter().find(|part| part["name"] == "prior").unwrap();
    assert!(prior["affinity"].as_f64().unwrap() > 0.5, "{few}");
    assert!(few["item"]["crowd_expected"].is_null() && few["reason"]["kind"] != "prior", "{few}");
    let reason = &hits[0]["reason"];
    assert_eq!((reason["kind"].as_str(), reason["part"].as_str()), (Some("prior"), Some("prior")), "{reason}");
    assert_eq!(reason["text"], format!("Popular: {} people chose it", known[0]));
}

#[test]
fn the_person_counts_as_far_as_they_are_known_beside_the_crowd() {
    let place = Place::new("kind");
    assert_eq!(place.build(&groups(), "out").code, Some(0));
    let weight = |events: &str, more: &[&str]| -> (f64, f64) {
        place.write("events.csv", &format!("item,type,timestamp\n{events}"));
        let list =
            place.json(&[&["recommend", "out", "--events", "events.csv", "--explain", "--json"][..], more].concat());
        let hits = list.get("hits").unwrap_or(&list).as_array().unwrap().clone();
        let of = |name: &str| {
            let part = hits[0]["parts"].as_array().unwrap().iter().find(|part| part["name"] == name).cloned();
            part.unwrap()["weight"].as_f64().unwrap()
        };
        (of("kind"), of("collaborative"))
    };
    let one = "i01,like,1700000000\n";
    let (whole, crowd) = weight(one, &["--strength", "1"]);
    assert_eq!(weight(one, &[]), (whole / 4.0, crowd / 4.0), "one like of three and one");
    assert_eq!(weight("i01,like,1700000000\ni02,like,1700000001\n", &[]), (whole * (2.0 / 5.0), crowd * (2.0 / 5.0)));
    assert_eq!(weight(one, &["--weights", "{\"kind\": 0.7}"]), (0.7, crowd / 4.0), "what the call gives stays");
}

#[test]
fn the_prior_of_a_schema_stays() {
    let place = Place::new("kind");
    place.write("rows.csv", "id,kind,stars,votes\ni00,a,4.5,10\ni01,b,4.0,90\n");
    let schema = fs::read_to_string(place.0.path().join("catalog.toml")).unwrap();
    let prior = "[columns.stars]\ntype = 'number'\n[columns.votes]\ntype = 'integer'\n[prior]\nrating = 'stars'\ncount = 'votes'\n\
                 smoothing = 5\n";
    place.write("catalog.toml", &format!("{schema}{prior}"));
    let built = place.build(&groups(), "out");
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let manifest: Value = serde_json::from_slice(&fs::read(place.0.path().join("out/catalog.json")).unwrap()).unwrap();
    assert_eq!(manifest["prior"]["rating"], "stars");
    let names: Vec<&str> =
        manifest["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(names[3..], ["crowd_popularity", "crowd_trend", "crowd_approval"]);
}

#[test]
fn a_column_of_that_name_is_the_schemas_and_nothing_is_written() {
    let place = Place::new("kind");
    let schema = fs::read_to_string(place.0.path().join("catalog.toml")).unwrap();
    place.write("rows.csv", "id,kind,crowd_trend\ni00,a,1\ni01,b,2\n");
    place.write("catalog.toml", &format!("{schema}[columns.crowd_trend]\ntype = 'number'\n"));
    let built = place.build(&groups(), "out");
    assert_ne!(built.code, Some(0));
    assert!(built.stderr.contains("crowd_trend") && built.stderr.contains("another name"), "{}", built.stderr);
    assert!(!place.0.path().join("out").exists());
}

fn manifest(place: &Place, folder: &str) -> Value {
    serde_json::from_slice(&fs::read(place.0.path().join(folder).join("catalog.json")).unwrap()).unwrap()
}

#[test]
fn the_catalog_says_how_its_factors_were_learned() {
    let place = Place::new("kind");
    assert_eq!(place.build(&people(200), "chosen").code, Some(0));
    let entry = |folder: &str| space(&manifest(&place, folder), "collaborative").unwrap().clone();
    let chosen = entry("chosen");
    assert_eq!((&chosen["people"], &chosen["leastPeople"]), (&200.into(), &5.into()), "{chosen}");
    let learned = &chosen["learned"];
    assert_eq!(
        (&learned["lambdaFrom"], &learned["dimsFrom"]),
        (&"validation".into(), &"validation".into()),
        "{learned}"
    );
    assert_eq!((&learned["leastTogether"], &learned["mostLikes"]), (&5.into(), &1000.into()), "{learned}");
    assert_eq!(learned["dims"].as_u64().unwrap() as usize, chosen["average"].as_array().unwrap().len());
    assert!(learned["privacy"].is_null(), "{learned}");

    let options = ["--crowd-lambda", "50", "--crowd-dims", "8", "--crowd-support", "3", "--crowd-likes", "4"];
    let built = place.build_with(&people(200), "given", &options);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let learned = entry("given")["learned"].clone();
    let expected = serde_json::json!({
        "dims": 8, "dimsFrom": "given", "lambda": 50.0, "lambdaFrom": "given", "meanPeople": 80.0, "leastTogether": 3, "mostLikes": 4
    });
    // 800 likes that count, of ten items.
    assert_eq!(learned, expected);
    let about = space(&place.json(&["inspect", "given", "--json"]), "collaborative").unwrap()["about"].clone();
    for told in ["200 people", "λ 50 (given)", "values given", "5 people for an item", "3 for a pair", "4 likes of one"]
    {
        assert!(about.as_str().unwrap().contains(told), "{about}");
    }
    assert!(place.run(&["inspect", "given"]).stdout.contains("λ 50 (given)"));

    assert_eq!(place.build(&groups(), "few").code, Some(0));
    assert_eq!(entry("few")["learned"]["lambdaFrom"], "default");
}

/// Six hundred people, so that groups stand out of a little noise.
fn many() -> String {
    people(600)
}

#[test]
fn what_is_private_says_so_and_has_no_count_without_noise() {
    let place = Place::new("kind");
    let built = place.build_with(&many(), "out", &["--crowd-epsilon", "8", "--crowd-likes", "9"]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert!(built.stderr.contains("private with ε 8 and δ 0.00001"), "{}", built.stderr);
    let report: Value = serde_json::from_str(&built.stdout).unwrap();
    let learned = &report["interactions"]["learned"];
    for exact in ["people", "likes", "tooFew", "beyond", "choice"] {
        assert!(learned[exact].is_null(), "{exact}: {learned}");
    }
    let all = manifest(&place, "out");
    let entry = space(&all, "collaborative").expect("two groups stand out");
    assert!(entry["people"].is_null(), "how many people there are is a count as well: {entry}");
    let told = &entry["learned"];
    let privacy = &told["privacy"];
    assert_eq!((&privacy["epsilon"], &privacy["delta"]), (&8.0.into(), &1e-5.into()), "{told}");
    // 0.600229 · √(9·10/2), see the calibration's test.
    assert!((privacy["noise"].as_f64().unwrap() - 0.600_229_072_2 * 45f64.sqrt()).abs() < 1e-8, "{privacy}");
    assert_eq!(
        (&told["mostLikes"], &told["lambdaFrom"], &told["dimsFrom"]),
        (&9.into(), &"default".into(), &"default".into())
    );
    assert_eq!((&told["lambda"], &told["meanPeople"]), (&200.0.into(), &Value::Null), "one λ for all items");

    // Times and opinions are not there, and the prior is of what is.
    let names: Vec<&str> =
        all["columns"].as_array().unwrap().iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["kind", "crowd_popularity", "crowd_expected"]);
    let prior = serde_json::json!({"popularity": "crowd_popularity", "trend": "crowd_popularity", "expected": "crowd_expected"});
    assert_eq!(all["prior"], prior);
    let counts = |folder: &str| -> Vec<Option<u64>> {
        place.write("events.csv", "item,type,timestamp\n");
        let list = place.json(&["recommend", folder, "--events", "events.csv", "--limit", "20", "--json"]);
        let hits = list.get("hits").unwrap_or(&list).as_array().unwrap().clone();
        let mut hits: Vec<(String, Option<u64>)> = hits
            .iter()
            .map(|hit| (hit["id"].as_str().unwrap().to_owned(), hit["item"]["crowd_popularity"].as_u64()))
            .collect();
        hits.sort();
        hits.into_iter().map(|(_, count)| count).collect()
    };
    assert_eq!(place.build_with(&many(), "exact", &["--crowd-likes", "9"]).code, Some(0));
    let (noisy, exact) = (counts("out"), counts("exact"));
    let same = noisy.iter().zip(&exact).filter(|(noisy, exact)| noisy == exact).count();
    assert!(same <= 10, "of twenty counts with noise of ±4 {same} are the exact ones");
    assert_eq!(place.run(&["verify", "out"]).code, Some(0));

    // Whoever builds again gets other noise.
    assert_eq!(place.build_with(&many(), "again", &["--crowd-epsilon", "8", "--crowd-likes", "9"]).code, Some(0));
    assert_ne!(counts("again"), noisy);
}

#[test]
fn a_promise_that_cannot_be_made_is_refused() {
    let place = Place::new("kind");
    for bad in ["0", "-1", "NaN", "inf", "some", "101"] {
        let refused = place.build_with(&groups(), "bad", &[&format!("--crowd-epsilon={bad}")]);
        assert_eq!(refused.code, Some(2), "{bad}: {}", refused.stderr);
        assert!(refused.stderr.contains("expected an ε above 0"), "{}", refused.stderr);
    }
    for bad in ["0", "1", "-0.1", "NaN"] {
        let refused = place.build_with(&groups(), "bad", &["--crowd-epsilon", "1", &format!("--crowd-delta={bad}")]);
        assert_eq!(refused.code, Some(2), "{bad}: {}", refused.stderr);
        assert!(refused.stderr.contains("expected a δ above 0 and below 1"), "{}", refused.stderr);
    }
    assert_eq!(place.build_with(&groups(), "bad", &["--crowd-delta", "0.1"]).code, Some(2), "of no promise");
    let both = ["--crowd-epsilon", "1", "--crowd-support", "3"];
    assert_eq!(place.build_with(&groups(), "bad", &both).code, Some(2), "all pairs have noise");
    assert!(!place.0.path().join("bad").exists());
}

#[test]
fn what_says_how_to_learn_needs_something_to_learn_from() {
    let place = Place::new("kind");
    let plain = ["build", "rows.csv", "--schema", "catalog.toml", "-o", "bad"];
    for option in ["--crowd-lambda", "--crowd-dims", "--crowd-support", "--crowd-likes", "--crowd-epsilon"] {
        let refused = place.run(&[&plain[..], &[option, "8"]].concat());
        assert_eq!(refused.code, Some(2), "{option}: {}", refused.stderr);
        assert!(refused.stderr.contains("--interactions <FILE>"), "{option}: {}", refused.stderr);
    }
    assert!(!place.0.path().join("bad").exists());
    // An evaluation may learn or not; what is not learned is told.
    place.write("likes.csv", &groups());
    place.json(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "plain", "--json"]);
    let evaluate =
        ["evaluate", "plain", "--interactions", "likes.csv", "--protocol", "leave-last-out", "--no-baselines"];
    let told = "--crowd-dims has no effect: nothing is learned";
    let ran = place.run(&[&evaluate[..], &["--crowd-dims", "8"]].concat());
    assert!(ran.code == Some(0) && ran.stderr.contains(told), "{}", ran.stderr);
    let ran = place.run(&[&evaluate[..], &["--crowd-dims", "8", "--learn"]].concat());
    assert!(ran.code == Some(0) && !ran.stderr.contains("no effect"), "{}", ran.stderr);
}

#[test]
fn weights_chosen_without_noise_do_not_become_part_of_what_is_private() {
    let place = Place::new("kind");
    assert_eq!(place.build_with(&many(), "out", &["--crowd-epsilon", "20", "--crowd-likes", "9"]).code, Some(0));
    let before = manifest(&place, "out");
    let refused = place.run(&["tune", "out", "--interactions", "likes.csv", "--apply", "--force"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("\"code\":\"privacy\"") || refused.stderr.contains("would break it"),
        "{}",
        refused.stderr
    );
    assert_eq!(manifest(&place, "out"), before);
}

#[test]
fn noise_over_hardly_anything_is_a_catalog_without_the_space() {
    let place = Place::new("kind");
    let built = place.build_with(&groups(), "out", &["--crowd-epsilon", "0.1"]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    if !built.stderr.contains("too little to learn from") {
        // Two of twenty items may stand out by chance; then there is a space, and it says what it is worth.
        assert!(built.stderr.contains("private with ε 0.1"), "{}", built.stderr);
    }
    assert_eq!(place.run(&["verify", "out"]).code, Some(0));
}

/// Every number of every file is one, and the catalog is whole.
fn assert_whole(place: &Place, folder: &str, name: &str) {
    assert_eq!(place.run(&["verify", folder]).code, Some(0), "{name}");
    let mut numbers = 0;
    for entry in fs::read_dir(place.0.path().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "arrow") {
            continue;
        }
        let batches = StreamReader::try_new(File::open(&path).unwrap(), None).unwrap();
        for column in batches.flat_map(|batch| batch.unwrap().columns().to_vec()) {
            if let Some(values) = column.as_primitive_opt::<Float32Type>() {
                numbers += values.len();
                assert!(values.iter().flatten().all(f32::is_finite), "{name}: {}", path.display());
            }
            if let Some(values) = column.as_primitive_opt::<Float64Type>() {
                numbers += values.len();
                assert!(values.iter().flatten().all(f64::is_finite), "{name}: {}", path.display());
            }
        }
    }
    let manifest = manifest(place, folder);
    if let Some(space) = space(&manifest, "collaborative") {
        assert!(numbers > 0, "{name}");
        assert!(space["average"].as_array().unwrap().iter().all(Value::is_f64), "{name}");
    }
}

#[test]
fn whatever_interactions_there_are_the_catalog_is_whole_and_the_report_says_what_was_left_out() {
    let place = Place::new("kind");
    let lines = |count: i64, line: &dyn Fn(i64) -> String| -> String { (0..count).map(line).collect() };
    let good = groups();
    let again: String = good.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let unknown = lines(7, &|n| format!("u{n},elsewhere{n},like,,{START}\n"));
    let future = lines(5, &|n| format!("u{n},i00,like,,{}\n", 4_102_444_800i64 + n));
    let robot = lines(100_000, &|n| format!("robot,i{:02},like,,{}\n", n % 20, START + n));
    let for_all = lines(60, &|n| format!("u{n},i19,like,,{}\n", START + 100));
    let crowd_of_six = lines(120, &|n| format!("u{},i{:02},like,,{}\n", n % 6, n / 6, START + n));
    let alone = lines(20, &|n| format!("u0,i{n:02},like,,{}\n", START + n));
    let one_item = lines(60, &|n| format!("u{n},i03,like,,{START}\n"));
    let no_good = lines(200, &|n| format!("u{},i{:02},rate,1,{}\n", n % 10, n / 10, START + n));
    let on = |more: &str| format!("{good}{more}");
    let only = |lines: &str| format!("{HEAD}{lines}");
    for (name, likes, counter, count, learned) in [
        ("unknown items", on(&unknown), "unknownItems", 7, true),
        ("every line twice", on(&again), "duplicates", again.lines().count(), true),
        ("from the future", on(&future), "future", 5, true),
        ("one person with 100,000 events", on(&robot), "mostOfOneUser", 100_000, true),
        ("one item that all like", on(&for_all), "used", again.lines().count() + 60, true),
        ("fewer people than factors", only(&crowd_of_six), "users", 6, true),
        ("one person", only(&alone), "users", 1, false),
        ("one item in all histories", only(&one_item), "items", 1, false),
        ("nothing that anybody likes", only(&no_good), "used", 200, false),
        ("all in the future", only(&future), "future", 5, false),
        ("a head alone", only(""), "interactions", 0, false),
        ("an empty file", String::new(), "interactions", 0, false),
    ] {
        let built = place.build(&likes, "out");
        assert_eq!(built.code, Some(0), "{name}: {}", built.stderr);
        let report: Value = serde_json::from_str(&built.stdout).unwrap();
        let interactions = &report["interactions"];
        assert_eq!(interactions["read"][counter], count, "{name}: {counter} in {interactions}");
        assert_eq!(interactions["learned"].is_object(), learned, "{name}: {}", built.stderr);
        let summary = place.json(&["inspect", "out", "--json"]);
        assert_eq!(space(&summary, "collaborative").is_some(), learned, "{name}");
        assert_eq!(
            built.stderr.contains("the catalog has no collaborative space"),
            !learned,
            "{name}: {}",
            built.stderr
        );
        assert_whole(&place, "out", name);
        // And so it is with noise, which may find nothing or something.
        let private = place.build_with(&likes, "private", &["--crowd-epsilon", "1"]);
        assert_eq!(private.code, Some(0), "{name}: {}", private.stderr);
        assert_whole(&place, "private", name);
    }
}

#[test]
fn what_the_crowd_chose_weighs_more_where_it_is_all_that_is_known_of_it() {
    let place = Place::new("kind");
    place.write("events.csv", "item,type,timestamp\n");
    let all_like = |n: i64| format!("u{n},i03,like,,{START}\n");
    let one_item = format!("{HEAD}{}", (0..60).map(all_like).collect::<String>());
    for (likes, weight) in [(groups(), 1.5), (one_item, 2.0)] {
        assert_eq!(place.build(&likes, "out").code, Some(0));
        let list = place.json(&["recommend", "out", "--events", "events.csv", "--explain", "--json"]);
        let hits = list.get("hits").unwrap_or(&list).as_array().unwrap();
        let prior = hits[0]["parts"].as_array().unwrap().iter().find(|part| part["name"] == "prior").unwrap();
        assert_eq!(prior["weight"].as_f64(), Some(weight), "{prior}");
    }
}

#[test]
fn one_person_with_a_hundred_thousand_events_counts_once_for_an_item() {
    let place = Place::new("kind");
    let robot: String = (0..100_000).map(|n| format!("robot,i{:02},like,,{}\n", n % 20, START + n)).collect();
    let built = place.build(&format!("{}{robot}", groups()), "out");
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert!(built.stderr.contains("one person has 100000 of the interactions"), "{}", built.stderr);
    let report: Value = serde_json::from_str(&built.stdout).unwrap();
    let learned = &report["interactions"]["learned"];
    let likes = groups().lines().count() - 1 + 20;
    assert_eq!((&learned["people"], &learned["likes"]), (&61.into(), &likes.into()), "{learned}");
}
