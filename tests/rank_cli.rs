//! `homebody recommend` and `homebody search`, run as programs.
#![cfg(feature = "cli")]

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use homebody::{CatalogReader, CountedIds, Event, MANIFEST_FILE, RecommendOptions, Recommender, Settings};
use serde_json::{Value, json};

const SCHEMA: &str = r#"
    name = "few films"
    id = "key"
    [columns.title]
    [columns.year]
    type = "integer"
    [columns.genres]
    type = "tags"
    [columns.rating]
    type = "number"
    [columns.released]
    type = "date"
    [[space]]
    name = "genres"
    kind = "category"
    column = "genres"
    [[space]]
    name = "rating"
    kind = "number"
    column = "rating"
    prefer = "high"
    range = [0, 10]
    weight = 0.5
    [[space]]
    name = "new"
    kind = "recency"
    column = "released"
    half_life_days = 365
    reference = "now"
    weight = 0.1
"#;

const TEXT_SPACE: &str = "[[space]]\nname = 'about'\nkind = 'text'\ntemplate = '{title}. {genres}'\n";

const ITEMS: &str = r#"
{"key": "alien", "title": "Alien", "year": 1979, "genres": ["Horror", "Science Fiction"], "rating": 8.5, "released": "1979-05-25"}
{"key": "airplane", "title": "Airplane!", "year": 1980, "genres": ["Comedy"], "rating": 7.8, "released": "1980-07-02"}
{"key": "clue", "title": "Clue", "year": 1985, "genres": ["Comedy", "Crime"], "rating": 7.2, "released": "1985-12-13"}
{"key": "dune", "title": "Dune", "year": 1984, "genres": ["Science Fiction"], "rating": 6.4, "released": "1984-12-14"}
{"key": "psycho", "title": "Psycho", "year": 1960, "genres": ["Horror"], "rating": 8.7, "released": "1960-09-08"}
{"key": "solaris", "title": "Solaris", "year": 1972, "genres": ["Science Fiction"], "rating": null, "released": "1972-03-20"}
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    /// A catalog built by the program, without a text space unless there is a model.
    fn new(model: Option<&Path>) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.write("items.jsonl", ITEMS.trim_start());
        let text = if model.is_some() { TEXT_SPACE } else { "" };
        folder.write("schema.toml", format!("{SCHEMA}{text}"));
        let mut build = Command::cargo_bin("homebody").expect("the program");
        build.arg("build").arg(folder.path("items.jsonl")).arg("--schema").arg(folder.path("schema.toml"));
        if let Some(model) = model {
            build.arg("--model").arg(model);
        }
        build.env("HOMEBODY_CACHE", folder.path("cache")).arg("-o").arg(folder.path("catalog")).assert().success();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).expect("a written file");
        self.path(name)
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        let mut program = Command::cargo_bin("homebody").expect("the program");
        program.arg(command).arg(self.path("catalog")).args(arguments).output().expect("the program ran")
    }

    fn list(&self, command: &str, arguments: &[&str]) -> Value {
        let output = self.run(command, &[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON on standard output")
    }

    fn refusal(&self, command: &str, arguments: &[&str]) -> Value {
        let output = self.run(command, &[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        serde_json::from_slice::<Value>(&output.stderr).expect("JSON on standard error")["error"].clone()
    }
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|hit| hit["id"].as_str().expect("an id")).collect()
}

const EVENTS: &str =
    "item,type,value,timestamp\nalien,like,,1700000000\nclue,hide,,1700000001\ngone,like,,1700000002\n";

#[test]
fn the_list_is_that_of_the_library() {
    let folder = Folder::new(None);
    let events = folder.write("events.csv", EVENTS);
    let arguments = ["--events", events.to_str().unwrap(), "--now", "2023-11-14", "--explain", "--json"];
    let output = folder.run("recommend", &arguments);
    assert!(String::from_utf8_lossy(&output.stderr).contains("of 3 events, 1 speak of items"), "{output:?}");

    let read = |name: &str| std::fs::read(folder.path("catalog").join(name)).unwrap();
    let mut reader = CatalogReader::new(&read(MANIFEST_FILE)).unwrap();
    for path in reader.files().iter().map(|file| file.path.clone()).collect::<Vec<_>>() {
        reader.add(&path, read(&path)).unwrap();
    }
    let settings = Settings { ids: Box::new(CountedIds::new()), ..Settings::default() };
    let mut recommender = Recommender::new(reader.finish().unwrap(), settings).unwrap();
    let event = |id: &str, item: &str, kind: &str| Event {
        id: id.into(),
        item: item.into(),
        kind: kind.into(),
        value: None,
        time: 1_700_000_000_000,
        catalog: String::new(),
    };
    recommender.merge([event("x", "clue", "hide"), event("y", "alien", "like")]).unwrap();
    let options = RecommendOptions { explain: true, ..RecommendOptions::default() };
    let expected = recommender.recommend(&options, 1_699_920_000_000).unwrap();
    // As text: reading a number back may change its last digit.
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim_end(),
        serde_json::to_string_pretty(&expected.hits).unwrap()
    );
    let ids: Vec<&str> = expected.hits.iter().map(|hit| &*hit.id).collect();
    assert_eq!(ids, ["psycho", "solaris", "dune", "airplane"], "liked and hidden ones are left out");
}

#[test]
fn the_same_call_gives_the_same_bytes_and_an_exported_profile_the_same_list() {
    let folder = Folder::new(None);
    let csv = folder.write("events.csv", EVENTS);
    let jsonl = folder.write(
        "events.jsonl",
        "{\"item\": \"alien\", \"type\": \"like\", \"timestamp\": 1700000000}\n\
         {\"item\": \"clue\", \"type\": \"hide\", \"timestamp\": 1700000001}\n",
    );
    let event = |id: &str, item: &str, kind: &str, time: i64| Event {
        id: id.into(),
        item: item.into(),
        kind: kind.into(),
        value: None,
        time,
        catalog: "v".into(),
    };
    let events = [event("a", "alien", "like", 1_700_000_000_000), event("b", "clue", "hide", 1_700_000_001_000)];
    let profile = folder.write("profile.json", homebody::write_profile(&events, "v", 1_700_000_000_000).unwrap());
    let bytes = |events: &Path| {
        let output = folder.run("recommend", &["--events", events.to_str().unwrap(), "--now", "1700000000", "--json"]);
        assert!(output.status.success());
        output.stdout
    };
    assert_eq!(bytes(&csv), bytes(&csv));
    assert_eq!(bytes(&csv), bytes(&jsonl));
    assert_eq!(bytes(&csv), bytes(&profile));
}

#[test]
fn options_are_those_of_the_library() {
    let folder = Folder::new(None);
    let none = folder.list("recommend", &["--now", "2023-11-14", "--limit", "2"]);
    assert_eq!(ids(&none), ["psycho", "alien"], "without events the best rated");
    let where_ = r#"{"genres": "Comedy"}"#;
    assert_eq!(ids(&folder.list("recommend", &["--where", where_])), ["airplane", "clue"]);
    assert_eq!(ids(&folder.list("recommend", &["--weights", r#"{"rating": -1}"#, "--limit", "1"])), ["dune"]);
    assert_eq!(ids(&folder.list("recommend", &["--limit", "1", "--offset", "1"])), ["alien"]);
    let parts = folder.list("recommend", &["--explain", "--limit", "1"]);
    assert_eq!(parts[0]["reason"]["text"], "High rating: 8.7");
    let nothing = folder.run("recommend", &["--where", r#"{"year": {"gt": 3000}}"#]);
    assert!(nothing.status.success() && nothing.stdout.is_empty());
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("No item passes the filter"));
}

#[test]
fn a_table_for_people_has_places_titles_and_reasons() {
    let folder = Folder::new(None);
    let output = folder.run("recommend", &["--limit", "2", "--explain", "--now", "2023-11-14"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("  1") && lines[0].ends_with("Psycho  [psycho]"), "{text}");
    assert_eq!(lines[1].trim(), "High rating: 8.7");
    assert!(lines[2].contains("rating +0.4350 = 0.50 × +0.8700"), "{text}");
}

#[test]
fn mistakes_are_told_with_a_code() {
    let folder = Folder::new(None);
    let bad = folder.write("bad.csv", "item,type,timestamp\nalien,love,1700000000\n");
    let worse = folder.write("worse.csv", b"item,type,timestamp\nalien,like,1700000000\n\xff,like,1\n");
    for (arguments, code, told) in [
        (vec!["--weights", r#"{"popularity": 1}"#], "unknown-weight", "`rating`"),
        (vec!["--weights", "rating=1"], "option", "expected JSON"),
        (vec!["--where", r#"{"yaer": 1980}"#], "unknown-column", "`year`"),
        (vec!["--where", r#"{"year": "1980"}"#], "filter-type", "a whole number"),
        (vec!["--where", r#"{"year": {"above": 1980}}"#], "filter", "`gte`"),
        (vec!["--diversity", "2"], "option", "from 0 to 1"),
        (vec!["--diversity", "NaN"], "option", "from 0 to 1"),
        (vec!["--events", bad.to_str().unwrap()], "unknown-event-type", "line 2"),
        (vec!["--events", worse.to_str().unwrap()], "events-line", "line 3"),
        (vec!["--events", "nowhere.csv"], "file-not-found", "nowhere.csv"),
    ] {
        let error = folder.refusal("recommend", &arguments);
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains(told), "{arguments:?}: {error}");
    }
    let two = folder.write("two.csv", "user,item,type,timestamp\na,dune,like,1700000000\nb,dune,like,1700000000\n");
    assert_eq!(folder.refusal("recommend", &["--events", two.to_str().unwrap()])["code"], "events-users");
    let usage = folder.run("recommend", &["--now", "yesterday"]);
    assert_eq!(usage.status.code(), Some(2), "what clap does not understand is a usage error");
}

#[test]
fn a_command_line_that_is_not_understood_is_json_too() {
    let folder = Folder::new(None);
    for (command, arguments, told) in [
        ("recommend", vec!["--json", "--now", "yesterday"], "--now"),
        ("recommend", vec!["--jsno", "--json"], "--jsno"),
        ("search", vec!["--json", "a text"], "--model"),
        ("evaluate", vec!["--json", "--protocol", "best", "--interactions", "x.csv"], "leave-last-out"),
        ("embed", vec!["--json"], "unexpected argument"),
    ] {
        let output = folder.run(command, &arguments);
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true), "{arguments:?}: {output:?}");
        let error: Value = serde_json::from_slice(&output.stderr).expect("one JSON object on standard error");
        let (code, message) = (&error["error"]["code"], error["error"]["message"].as_str().unwrap());
        assert_eq!(code, "usage", "{arguments:?}: {error}");
        assert!(message.contains(told) && !message.starts_with("error"), "{arguments:?}: {message}");
        assert!(!message.contains("Usage:") && !message.contains('\u{1b}'), "{arguments:?}: {message}");
    }
    let told = |arguments: &[&str]| String::from_utf8(folder.run("recommend", arguments).stderr).unwrap();
    assert!(told(&["--jsno"]).starts_with("error: unexpected argument '--jsno'"), "people get a text");
    assert!(told(&["--jsno", "--", "--json"]).starts_with("error: "), "what comes after -- is no option");
    let help = folder.run("recommend", &["--json", "--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("Usage:"), "help is no error");
}

#[test]
fn numbers_that_a_list_cannot_have_say_which_it_can() {
    let folder = Folder::new(None);
    let events = folder.write("events.csv", "user,item,type,value,timestamp\n");
    let events = events.to_str().unwrap();
    let evaluate = ["--interactions", events, "--protocol", "user80"];
    let search = ["--model", "nowhere", "text"];
    for (command, before, option, least) in [
        ("recommend", &[][..], "--limit", 0),
        ("recommend", &[], "--offset", 0),
        ("search", &search, "--limit", 0),
        ("evaluate", &evaluate, "--most-people", 1),
        ("tune", &evaluate[..2], "--trials", 1),
    ] {
        for number in ["-1", "1.5", "ten", "4294967296", "99999999999999999999999"] {
            let output = folder.run(command, &[before, &[option, number, "--json"]].concat());
            let error: Value = serde_json::from_slice(&output.stderr).expect("JSON");
            let message = error["error"]["message"].as_str().unwrap();
            let expected = format!("expected a whole number from {least} to 4294967295");
            assert!(message.contains(&expected), "{command} {option} {number}: {message}");
        }
    }
    assert_eq!(folder.list("recommend", &["--limit", "0"]), json!([]), "nothing was asked for");
    let all = folder.list("recommend", &["--limit", "4294967295"]);
    assert_eq!(all.as_array().unwrap().len(), 6, "all there are");
}

#[test]
fn json_is_the_hits_and_standard_error_has_where_they_go_on_and_why_there_are_none() {
    let folder = Folder::new(None);
    let now = ["--now", "2023-11-14", "--json", "--limit", "2"];
    let first = folder.run("recommend", &now);
    assert!(serde_json::from_slice::<Value>(&first.stdout).unwrap().is_array());
    let told = String::from_utf8(first.stderr).unwrap();
    let cursor = told.trim().strip_prefix("more: --cursor ").expect("where it goes on");
    let next = folder.list("recommend", &["--now", "2023-11-14", "--limit", "2", "--cursor", cursor]);
    let whole = folder.list("recommend", &["--now", "2023-11-14", "--limit", "4"]);
    assert_eq!(ids(&next), ids(&whole)[2..]);
    let last = cursor.len() - 1;
    for bad in [&cursor[..last], &format!("{cursor}0"), &cursor.replacen(".", ".1.", 2)] {
        assert_eq!(folder.refusal("recommend", &["--cursor", bad])["code"], "cursor", "{bad}");
    }
    let nothing = folder.run("recommend", &["--json", "--where", r#"{"year": {"gt": 3000}}"#]);
    assert_eq!(serde_json::from_slice::<Value>(&nothing.stdout).unwrap(), json!([]));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("No item passes the filter"));
}

fn model_folder() -> PathBuf {
    let folder = std::env::var_os("HOMEBODY_MODEL")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("build/models/all-MiniLM-L6-v2"), PathBuf::from);
    assert!(
        folder.join("model.json").is_file(),
        "no model in {}: run `cargo xtask model` (or `npm run build`), or set HOMEBODY_MODEL",
        folder.display()
    );
    folder
}

#[test]
fn a_text_is_searched_for() {
    let model = model_folder();
    let folder = Folder::new(Some(&model));
    let model = model.to_str().unwrap();
    let found = folder.list("search", &["--model", model, "a funny murder mystery", "--limit", "3"]);
    assert_eq!(ids(&found)[0], "clue", "{found}");
    let space = r#"{"genres": {"any": ["Science Fiction"]}}"#;
    let found = folder.list("search", &["--model", model, "desert planet", "--where", space]);
    assert_eq!((ids(&found)[0], ids(&found).len()), ("dune", 3));
    let events = folder.write("events.csv", EVENTS);
    let likes = ["--events", events.to_str().unwrap(), "--personalize"];
    let text = "a funny murder mystery";
    let leaning = folder.list("search", &[&["--model", model, text], &likes[..], &["1"]].concat());
    let plain = folder.list("search", &[&["--model", model, text], &likes[..], &["0"]].concat());
    let place = |list: &Value| ids(list).iter().position(|id| *id == "alien").unwrap();
    assert!(place(&leaning) < place(&plain), "{leaning}");
    assert_eq!(plain, folder.list("search", &["--model", model, text, "--personalize", "0"]));
    assert_eq!(folder.refusal("search", &["--model", model, ""])["code"], "text-empty");
    assert_eq!(folder.refusal("search", &["--model", model, "x", "--personalize", "2"])["code"], "option");
    let unfit = Folder::new(None);
    assert_eq!(unfit.refusal("search", &["--model", model, "x"])["code"], "catalog-wrong-model");
    assert_eq!(json!([]), folder.list("search", &["--model", model, "x", "--where", r#"{"year": 1}"#]));
}
