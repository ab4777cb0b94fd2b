//! Files of interactions as `homebody evaluate` reads them: every format, and everything that can be wrong with one.
#![cfg(feature = "cli")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use program::{Ran, command};
use serde_json::{Value, json};
use tempfile::TempDir;

const ITEMS: usize = 20;
const HEAD: &str = "user,item,type,value,timestamp\n";
const START: i64 = 1_700_000_000;

struct Place(TempDir);

impl Place {
    /// A catalog of twenty books, their ids the numbers from 0 on.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let schema = "name = 'books'\nid = 'id'\n[columns.kind]\ntype = 'tags'\n[[space]]\nname = 'kind'\nkind = 'category'\n\
            column = 'kind'\nmany = true\n";
        fs::write(place.path("catalog.toml"), schema).unwrap();
        let rows: String = (0..ITEMS).map(|item| format!("{item},kind {}\n", item % 4)).collect();
        fs::write(place.path("rows.csv"), format!("id,kind\n{rows}")).unwrap();
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

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(file), content).unwrap();
    }

    fn evaluate(&self, file: &str) -> Ran {
        let rest = ["--protocol", "leave-last-out", "--no-baselines", "--now", "2026-01-01", "--json"];
        self.run(&[&["evaluate", "out", "--interactions", file], rest.as_slice()].concat())
    }

    fn report(&self, file: &str) -> (Value, String) {
        let ran = self.evaluate(file);
        assert_eq!(ran.code, Some(0), "{file}: {}", ran.stderr);
        (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
    }
}

/// User, item, mark, seconds since 1970: ten people with six marks each.
fn marks() -> Vec<(u32, u32, f64, i64)> {
    (0..60).map(|n| (n % 10, (n * 7 + n / 10) % 20, f64::from(2 + n % 4), START + i64::from(n))).collect()
}

fn csv() -> String {
    let lines: String = marks().iter().map(|(u, i, v, t)| format!("{u},{i},rate,{v},{t}\n")).collect();
    format!("{HEAD}{lines}")
}

fn parquet(place: &Place, file: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    // Several row groups, as a large file has.
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(16)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(place.path(file)).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn columns() -> Vec<(&'static str, ArrayRef)> {
    let marks = marks();
    vec![
        ("user", Arc::new(marks.iter().map(|one| Some(one.0)).collect::<UInt32Array>())),
        ("item", Arc::new(StringArray::from_iter_values(marks.iter().map(|one| one.1.to_string())))),
        ("type", Arc::new(StringArray::from_iter_values(marks.iter().map(|_| "rate")))),
        ("value", Arc::new(marks.iter().map(|one| Some(one.2)).collect::<Float64Array>())),
        ("timestamp", Arc::new(marks.iter().map(|one| Some(one.3)).collect::<Int64Array>())),
    ]
}

#[test]
fn every_format_gives_the_same_report() {
    let place = Place::new();
    place.write("a.csv", csv());
    let (expected, _) = place.report("a.csv");
    assert_eq!(expected["data"]["used"], 60);
    place.write("bom.csv", format!("\u{feff}{}", csv()));
    let object = |(u, i, v, t): &(u32, u32, f64, i64)| {
        // Ids as numbers and as texts, times as seconds, milliseconds and text.
        let time = match u % 3 {
            0 => json!(t),
            1 => json!(t * 1000),
            _ => json!(format!("2023-11-14T22:{:02}:{:02}Z", 13 + (20 + t - START) / 60, (20 + t - START) % 60)),
        };
        // What a data frame makes of whole numbers with a hole among them, and a text with blanks.
        let item = match i % 3 {
            0 => json!(i),
            1 => json!(f64::from(*i)),
            _ => json!(format!(" {i} ")),
        };
        let line = json!({"item": item, "user": u.to_string(), "type": "rate", "value": v, "timestamp": time});
        format!("{line}\n")
    };
    place.write("a.jsonl", marks().iter().map(object).collect::<String>());
    place.write("bom.jsonl", format!("\u{feff}{}", marks().iter().map(object).collect::<String>()));
    parquet(&place, "a.parquet", columns());
    let mut moments = columns();
    let micros = marks().iter().map(|one| Some(one.3 * 1_000_000)).collect::<TimestampMicrosecondArray>();
    moments[4].1 = Arc::new(micros);
    moments.swap(0, 4);
    parquet(&place, "moments.parquet", moments);
    let mut floats = columns();
    floats[1].1 = Arc::new(marks().iter().map(|one| Some(f64::from(one.1))).collect::<Float64Array>());
    parquet(&place, "floats.parquet", floats);
    for file in ["bom.csv", "a.jsonl", "bom.jsonl", "a.parquet", "moments.parquet", "floats.parquet"] {
        assert_eq!(place.report(file).0, expected, "{file}");
    }
}

#[test]
fn bad_lines_are_counted_named_and_passed_over() {
    let place = Place::new();
    let mut bytes = csv().into_bytes();
    for line in ["3,5,rate,good,1700000100", "3,5,rate,4,soon", "3,5,rate", ",5,rate,4,1700000100"] {
        bytes.extend_from_slice(format!("{line}\n").as_bytes());
    }
    bytes.extend_from_slice(b"3,\xff,rate,4,1700000100\n3,6,rate,4,never\n");
    place.write("bad.csv", &bytes);
    let (report, told) = place.report("bad.csv");
    assert_eq!((&report["data"]["badLines"], &report["data"]["used"]), (&json!(6), &json!(60)));
    assert_eq!(report["data"]["interactions"], 66);
    for message in [
        "bad.csv, line 62: expected `value` as a number, got `good`",
        "bad.csv, line 63: expected a time",
        "bad.csv, line 64: expected 5 fields, found 3",
        "bad.csv, line 65: expected a `user`",
        "bad.csv, line 66: expected UTF-8",
        "6 lines are left out, for they cannot be read",
    ] {
        assert!(told.contains(message), "{message} is not in {told}");
    }
    assert!(!told.contains("line 67"), "as many as somebody reads: {told}");

    place.write("windows.csv", format!("{}3,5,rate\n", csv()).replace('\n', "\r\n"));
    let (_, told) = place.report("windows.csv");
    assert!(told.contains("windows.csv, line 62: expected 5 fields, found 3"), "as an editor counts: {told}");
    place.write("open.csv", format!("{}3,\"5,like,,1700000100\n3,6,like,,1700000200\n3,7,like,,1700000300\n", csv()));
    let (report, told) = place.report("open.csv");
    assert_eq!((&report["data"]["badLines"], &report["data"]["used"]), (&json!(1), &json!(60)));
    assert!(told.contains("open.csv, line 62: a quote is left open and takes 3 lines"), "{told}");
    place.write("closed.csv", format!("{}3,\"5,like,,1700000100\n3,6\",like,,1700000200\n", csv()));
    let (_, told) = place.report("closed.csv");
    assert!(told.contains("closed.csv, line 62: a quote is left open and takes 2 lines"), "{told}");

    let lines: String = marks()
        .iter()
        .map(|(u, i, v, t)| {
            format!("{{\"user\":{u},\"item\":{i},\"type\":\"rate\",\"value\":{v},\"timestamp\":{t}}}\n")
        })
        .collect();
    place.write(
        "bad.jsonl",
        format!("{lines}{{\"user\":1\n{{\"user\":1,\"item\":[1],\"type\":\"like\",\"timestamp\":1}}\n"),
    );
    let (report, told) = place.report("bad.jsonl");
    assert_eq!((&report["data"]["badLines"], &report["data"]["used"]), (&json!(2), &json!(60)));
    assert!(told.contains("line 61: expected an event as a JSON object") && told.contains("line 62: expected `item`"));

    let mut holes = columns();
    let users = marks().iter().map(|one| (one.3 != START + 4).then_some(one.0)).collect::<UInt32Array>();
    holes[0].1 = Arc::new(users);
    parquet(&place, "holes.parquet", holes);
    let (report, told) = place.report("holes.parquet");
    assert_eq!((&report["data"]["badLines"], &report["data"]["used"]), (&json!(1), &json!(59)));
    assert!(told.contains("holes.parquet, row 5: expected a `user`"), "{told}");
}

#[test]
fn what_says_nothing_new_is_counted() {
    let place = Place::new();
    let all = csv();
    let first = all.lines().nth(1).unwrap();
    // Again the same; the same at another time; an unknown item; from the future; an unknown type; a mark off its scale;
    // a time beyond float32.
    let more = format!(
        "{first}\n{first}\n0,0,rate,4,{}\n0,99,rate,4,{START}\n0,1,rate,4,4102444800\n0,1,cheer,4,{START}\n0,1,rate,6,{START}\n\
         0,1,dwell,1e300,{START}\n",
        START + 1000
    );
    place.write("more.csv", format!("{all}{more}"));
    let (report, told) = place.report("more.csv");
    for (name, count) in [
        ("interactions", 68),
        ("used", 61),
        ("duplicates", 2),
        ("unknownItems", 1),
        ("future", 1),
        ("unknownTypes", 3),
        ("badLines", 0),
        ("mostOfOneUser", 7),
    ] {
        assert_eq!(report["data"][name], count, "{name}");
    }
    assert!(told.contains("2 lines are left out, for they say again what another line says"), "{told}");
    assert!(!told.contains("a program"), "{told}");
}

#[test]
fn one_person_with_a_hundred_thousand_events_is_named_and_read() {
    let place = Place::new();
    let many: String = (0..100_000).map(|n| format!("robot,{},view,,{}\n", n % 20, START + n)).collect();
    place.write("robot.csv", format!("{}{many}", csv()));
    let (report, told) = place.report("robot.csv");
    assert_eq!((&report["data"]["used"], &report["data"]["mostOfOneUser"]), (&json!(100_060), &json!(100_000)));
    assert!(told.contains("one person has 100000 of the interactions"), "{told}");
}

#[test]
fn what_is_no_file_of_interactions_is_refused() {
    let place = Place::new();
    parquet(&place, "whole.parquet", columns());
    let whole = fs::read(place.path("whole.parquet")).unwrap();
    let (mut extra, mut less) = (columns(), columns());
    extra.push(("page", Arc::clone(&extra[0].1)));
    less.remove(2);
    parquet(&place, "extra.parquet", extra);
    parquet(&place, "less.parquet", less);
    place.write("cut.parquet", &whole[..whole.len() / 2]);
    place.write("text.parquet", csv());
    place.write("zip.csv", [0x1F, 0x8B, 8, 0]);
    place.write("wide.csv", [0xFF, 0xFE, b'u', 0]);
    place.write("head.csv", "user,item,type,when\n1,2,like,3\n");
    place.write("short.csv", "user,item,timestamp\n1,2,3\n");
    place.write("all-bad.csv", "user,item,type,timestamp\n1,2,like,soon\n1,2,like,later\n");
    place.write("empty.csv", "");
    place.write("head-only.csv", HEAD);
    for (file, code, messages) in [
        ("extra.parquet", "events-file", vec!["expected the columns user,item,type,value,timestamp", "`page`"]),
        ("less.parquet", "events-file", vec!["found no `type`"]),
        ("cut.parquet", "events-file", vec!["damaged"]),
        ("text.parquet", "events-file", vec!["its name says Parquet"]),
        ("zip.csv", "events-file", vec!["compressed"]),
        ("wide.csv", "events-file", vec!["UTF-16"]),
        ("head.csv", "events-line", vec!["line 1", "expected the columns", "`when`"]),
        ("short.csv", "events-line", vec!["line 1", "found no `type`"]),
        ("all-bad.csv", "events-line", vec!["line 2: expected a time", "`soon`"]),
        ("empty.csv", "nothing-to-judge", vec!["it is empty", "none among 0"]),
        ("head-only.csv", "nothing-to-judge", vec!["it is empty", "none among 0"]),
        ("absent.csv", "file-not-found", vec!["absent.csv"]),
    ] {
        let ran = place.evaluate(file);
        assert_eq!(ran.code, Some(1), "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("\"code\":\"{code}\"")), "{file}: {}", ran.stderr);
        messages.iter().for_each(|part| assert!(ran.stderr.contains(part), "{file}: {part} is not in {}", ran.stderr));
    }
}
