//! `homebody build`, `inspect` and `verify`, run as a person would.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use program::{Ran, model};
use serde_json::Value;
use tempfile::TempDir;

const SCHEMA: &str = "name = 'plants'\nid = 'id'\n[columns.name]\n[columns.height]\ntype = 'number'\n\
    [[space]]\nname = 'about'\nkind = 'text'\ntemplate = '{name}[, {height} m]'\n\
    [[space]]\nname = 'height'\nkind = 'number'\ncolumn = 'height'\nprefer = 'high'\n";
const NO_TEXT: &str = "name = 'plants'\nid = 'id'\n[columns.name]\n[columns.height]\ntype = 'number'\n";
const ROWS: &str = "id,name,height\noak,Oak,25\nfern,Fern,0.8\nmoss,Moss,\n";

/// A folder with a schema, rows, and a cache of its own.
struct Place(TempDir);

impl Place {
    fn new(schema: &str, rows: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("catalog.toml", schema);
        place.write("rows.csv", rows);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program::command(self.0.path(), arguments);
        command.env("HOMEBODY_CACHE", self.path("cache"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    fn build(&self, more: &[&str]) -> Ran {
        let model = model();
        let mut arguments = vec!["build", "rows.csv", "--schema", "catalog.toml", "-o", "out"];
        arguments.extend(["--model", model.to_str().unwrap()]);
        arguments.extend(more);
        self.run(&arguments)
    }

    /// Name and content of the files in a folder, in order.
    fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<(String, Vec<u8>)> = entries
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    }
}

impl Ran {
    fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The code of a JSON error, which is the last line of standard error.
    fn error(&self) -> (String, String) {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        let last = self.stderr.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}", self.stderr));
        let text = |name: &str| error["error"][name].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }
}

#[test]
fn the_same_input_gives_the_same_files_whatever_the_jobs_and_the_cache() {
    let place = Place::new(SCHEMA, ROWS);
    let first = place.build(&["--jobs", "1", "--json"]).ok().json();
    assert_eq!((&first["rows"], &first["items"]), (&3.into(), &3.into()));
    assert_eq!((&first["texts"]["embedded"], &first["texts"]["cached"]), (&3.into(), &0.into()));
    let files = place.files("out");
    assert_eq!(files.iter().filter(|(name, _)| name == "catalog.json").count(), 1);
    assert_eq!(files.len(), 3);

    let again = place.build(&["--json"]).ok().json();
    assert_eq!((&again["texts"]["embedded"], &again["texts"]["cached"]), (&0.into(), &3.into()));
    assert_eq!(place.files("out"), files, "from the cache");

    let other = place.path("another cache");
    place.build(&["--jobs", "4", "--cache", other.to_str().unwrap()]).ok();
    assert_eq!(place.files("out"), files, "with other jobs and another cache");
    assert!(other.join("embeddings.redb").exists());

    let unusable = place.path("rows.csv");
    let ran = place.build(&["--cache", unusable.to_str().unwrap()]).ok();
    assert!(ran.stderr.contains("without a cache"), "{}", ran.stderr);
    assert_eq!(place.files("out"), files, "without a cache");
}

#[test]
fn only_changed_texts_are_embedded_again() {
    let place = Place::new(SCHEMA, ROWS);
    place.build(&[]).ok();
    place.write("rows.csv", format!("{ROWS}ivy,Ivy,9\nsame,Oak,25\n"));
    let report = place.build(&["--json"]).ok().json();
    assert_eq!(report["items"], 5);
    assert_eq!(report["texts"]["total"], 4, "equal texts are one");
    assert_eq!((&report["texts"]["embedded"], &report["texts"]["cached"]), (&1.into(), &3.into()));
    assert_eq!(place.files("out").len(), 3, "files of the old catalog are gone");
}

#[test]
fn a_killed_build_takes_up_where_it_stopped() {
    let rows: String = (0..300).map(|number| format!("p{number},Plant number {number},{number}\n")).collect();
    let place = Place::new(SCHEMA, &format!("id,name,height\n{rows}"));
    let model = model();
    let arguments = ["build", "rows.csv", "--schema", "catalog.toml", "-o", "out", "--jobs", "1", "--model"];
    let arguments = [&arguments[..], &[model.to_str().unwrap()]].concat();
    let mut child = place.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
    // Wait until vectors have been put into the cache, which changes the file.
    let cache = place.path("cache/embeddings.redb");
    let modified = || fs::metadata(&cache).ok().and_then(|metadata| metadata.modified().ok());
    while modified().is_none() {
        assert_eq!(child.try_wait().unwrap(), None, "the build ended before it began to embed");
        std::thread::yield_now();
    }
    let mut seen = std::collections::HashSet::new();
    // Creating the cache changes it a few times; embedding goes on changing it.
    while seen.len() < 12 && child.try_wait().unwrap().is_none() {
        seen.extend(modified());
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("out/catalog.json").exists(), "it was killed before the end");

    let report = place.build(&["--json"]).ok().json();
    let (embedded, cached) =
        (report["texts"]["embedded"].as_u64().unwrap(), report["texts"]["cached"].as_u64().unwrap());
    assert_eq!(embedded + cached, 300);
    assert!(cached > 0, "nothing was kept of the first build");
}

#[test]
fn rejected_rows_are_reported_and_strict_refuses_them() {
    let rows = "id,name,height\noak,Oak,25\noak,Oak again,25\nfern,Fern,tall\n,Nobody,1\n";
    let mut rows = rows.as_bytes().to_vec();
    rows.extend(b"caf\xE9,Caf\xE9,2\n");
    let place = Place::new(NO_TEXT, "");
    place.write("rows.csv", &rows);
    let expected = [
        "rows.csv, line 6: byte 71 of the file (0xE9) is no UTF-8; save the file as UTF-8",
        "rows.csv, line 3: the id \"oak\" is already that of rows.csv, line 2",
        "rows.csv, line 4: column \"height\": expected a number, found text \"tall\"",
        "rows.csv, line 5: no id: the id column is missing or empty",
        "4 rows were rejected",
    ];
    let ran = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out"]).ok();
    assert_eq!(ran.stderr.lines().take(5).collect::<Vec<_>>(), expected);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("plants: 1 items of 5 rows"), "{}", ran.stderr);

    fs::remove_dir_all(place.path("out")).unwrap();
    let ran = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out", "--strict", "--json"]);
    let (code, message) = ran.error();
    assert_eq!(code, "rows-rejected");
    assert!(message.contains("4 rejected"), "{message}");
    let rejected = ran.json()["rejected"].clone();
    assert_eq!(rejected[1]["file"], "rows.csv");
    assert_eq!((&rejected[1]["line"], &rejected[1]["code"]), (&3.into(), &"duplicate-id".into()));
    assert!(!place.path("out").exists(), "nothing is written");
}

#[test]
fn joined_files_lie_beside_the_schema_and_their_leftovers_are_reported() {
    let place = Place::new("", ROWS);
    fs::create_dir(place.path("schema")).unwrap();
    let schema = format!("{NO_TEXT}[columns.note]\n[[join]]\nfile = 'notes.csv'\non = 'id'\n");
    place.write("schema/catalog.toml", schema);
    place.write("schema/notes.csv", "id,note\noak,old\nyew,older\n");
    let arguments = ["build", "rows.csv", "--schema", "schema/catalog.toml", "-o", "out"];
    let ran = place.run(&arguments).ok();
    assert!(ran.stderr.contains("schema/notes.csv, line 3: no item has the id \"yew\""), "{}", ran.stderr);
    assert!(ran.stderr.contains("notes.csv: joined to 1 items"), "{}", ran.stderr);
    let ran = place.run(&[&arguments[..], &["--strict", "--json"]].concat());
    assert_eq!(ran.error().0, "rows-rejected");
    assert_eq!(ran.json()["unmatched"][0]["code"], "unmatched");
}

#[test]
fn mistakes_are_explained() {
    let place = Place::new(&NO_TEXT.replace("height", "hight"), ROWS);
    let ran = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out", "--json"]);
    let (code, message) = ran.error();
    assert_eq!(code, "schema-unknown-column");
    assert!(message.ends_with("there is no column \"hight\" in the input, which has id, name, height"), "{message}");

    place.write("catalog.toml", format!("{NO_TEXT}colour = 'green'\n"));
    let (code, message) = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out", "--json"]).error();
    assert_eq!(code, "schema-invalid");
    assert!(message.contains("colour") && message.contains("`from`, `derive`, `type`"), "{message}");

    place.write("catalog.toml", SCHEMA);
    let (code, message) = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out", "--json"]).error();
    assert_eq!(code, "embedding-failed");
    assert!(message.contains("--model"), "{message}");

    let (code, message) = place.run(&["build", "gone.csv", "--schema", "catalog.toml", "-o", "out", "--json"]).error();
    assert_eq!(code, "file-not-found");
    assert!(message.contains("gone.csv"), "{message}");

    let ran = place.run(&["build", "rows.csv", "-o", "out"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("--schema"), "{}", ran.stderr);
    let help = place.run(&["--help"]).ok().stdout;
    assert!(help.contains("Exit codes: 0 done, 1 something went wrong, 2"), "{help}");
}

#[test]
fn a_scenario_that_no_page_could_use_leaves_the_catalog_before_it_in_place() {
    let place = built();
    let before = fs::read(place.path("out/catalog.json")).unwrap();
    place.write("catalog.toml", format!("{NO_TEXT}[scenario.tall]\nwhere = {{ hight = 3 }}\n"));
    let ran = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out"]);
    assert_ne!(ran.code, Some(0));
    for part in ["tall", "hight", "height"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert_eq!(fs::read(place.path("out/catalog.json")).unwrap(), before);
}

fn built() -> Place {
    let place = Place::new(NO_TEXT, ROWS);
    place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out"]).ok();
    place
}

#[test]
fn verify_names_what_is_wrong() {
    let place = built();
    let ran = place.run(&["verify", "out"]).ok();
    assert!(ran.stdout.starts_with("plants: 3 items, 2 files, "), "{}", ran.stdout);
    assert_eq!(place.run(&["verify", "out", "--json"]).ok().json()["ok"], true);

    let files = place.files("out");
    for (name, content) in &files {
        for position in (0..content.len()).step_by(97) {
            let mut changed = content.clone();
            changed[position] ^= 0x20;
            place.write(&format!("out/{name}"), &changed);
            let ran = place.run(&["verify", "out", "--json"]);
            assert_eq!(ran.error().0, "catalog-not-verified");
            let problems = ran.json()["problems"].clone();
            assert_eq!(problems[0]["file"], **name, "byte {position}");
            let range = |index: usize| problems[0]["ranges"][0][index].as_u64().unwrap() as usize;
            assert!((range(0)..range(1)).contains(&position), "{name} byte {position}: {problems}");
        }
        place.write(&format!("out/{name}"), content);
    }

    let (data, content) = files.iter().find(|(name, _)| name != "catalog.json").unwrap();
    place.write(&format!("out/{data}"), &content[..50]);
    place.write("out/notes.txt", "mine");
    let ran = place.run(&["verify", "out"]);
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with(data.as_str()) && lines[0].contains("it has 50 bytes"), "{lines:?}");
    assert!(lines[1].starts_with("notes.txt: it is not listed"), "{lines:?}");
    fs::remove_file(place.path("out").join(data)).unwrap();
    assert!(place.run(&["verify", "out"]).stdout.contains("it is not there"));
    fs::remove_file(place.path("out/notes.txt")).unwrap();
    fs::create_dir(place.path("out/more")).unwrap();
    place.write(data, content);
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.path(data), place.path("out").join(data)).unwrap();
    #[cfg(unix)]
    assert!(place.run(&["verify", "out"]).stdout.starts_with("more: it is not listed"), "a link is what it points at");
}

#[test]
fn inspect_shows_columns_and_spaces() {
    let place = Place::new(SCHEMA, ROWS);
    place.build(&[]).ok();
    let text = place.run(&["inspect", "out"]).ok().stdout;
    for expected in ["plants: 3 items", "height  number", "about   text", "range = [0.8, 25]"] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    let json = place.run(&["inspect", "out", "--json"]).ok().json();
    assert_eq!(json["columns"][1]["missing"], 1);
    assert_eq!(json["columns"][1]["numbers"]["max"], 25.0);
    assert_eq!(json["spaces"][0]["bytesPerItem"], 388.0);
    let (code, message) = place.run(&["inspect", "nowhere", "--json"]).error();
    assert_eq!(code, "file-not-found");
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = built();
    let mut child = place.command(&["inspect", "out"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
