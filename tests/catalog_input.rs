//! Files of every format become rows, and what cannot be read is named with its place.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float32Array, Float64Array, Int32Array, ListArray,
    RecordBatch, StringArray, StructArray, TimestampMillisecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Field, Fields};
use homebody::{CatalogDraft, CatalogError, CatalogErrorKind, CatalogReader, MANIFEST_FILE, Rows, Schema, read_rows};
use serde_json::{Value, json};

fn read(name: &str, bytes: impl Into<Vec<u8>>) -> Result<Rows, CatalogError> {
    let mut rows = Rows::new();
    read_rows(name, bytes.into(), &mut rows)?;
    Ok(rows)
}

/// What the items look like for a schema with these columns; the id is the column `k`.
fn items(rows: &Rows, columns: &str) -> Vec<Value> {
    let schema = Schema::from_toml(&format!("name = 'x'\nid = 'k'\n{columns}")).unwrap();
    let files = CatalogDraft::new(&schema, rows, &[]).unwrap().finish(None, &[]).unwrap();
    let manifest = files.iter().find(|file| file.path == MANIFEST_FILE).unwrap();
    let mut reader = CatalogReader::new(&manifest.bytes).unwrap();
    for file in files.iter().filter(|file| file.path != MANIFEST_FILE) {
        reader.add(&file.path, file.bytes.clone()).unwrap();
    }
    let catalog = reader.finish().unwrap();
    (0..catalog.len()).map(|row| json!([catalog.id(row), catalog.display(row)])).collect()
}

fn rejected(rows: &Rows) -> Vec<String> {
    rows.rejected().iter().map(ToString::to_string).collect()
}

fn refused(name: &str, bytes: impl Into<Vec<u8>>) -> String {
    let error = read(name, bytes).unwrap_err();
    assert_eq!((error.kind(), error.code()), (CatalogErrorKind::Input, "input-unreadable"));
    error.to_string()
}

#[test]
fn csv_has_quotes_semicolons_tabs_and_a_mark() {
    let expected = [json!(["a", { "t": "one; \"two\"\n, three" }]), json!(["b", { "t": null }])];
    for (name, text) in [
        ("x.csv", "k,t\na,\"one; \"\"two\"\"\n, three\"\nb,\n"),
        ("x.csv", "\u{feff}k;t\r\na;\"one; \"\"two\"\"\n, three\"\r\n\r\nb;\r\n"),
        ("x.tsv", "k\tt\na\t\"one; \"\"two\"\"\n, three\"\nb\t"),
    ] {
        assert_eq!(items(&read(name, text).unwrap(), "[columns.t]"), expected, "{text:?}");
    }
}

#[test]
fn bad_csv_rows_have_a_line_and_a_reason() {
    let mut bytes = b"k,t\n1,\"two\nlines\"\n2\n3,caf\xE9\n4,fine\n5,a,b\n6,\"open\n7,x\n".to_vec();
    let rows = read("dir/x.csv", bytes.clone()).unwrap();
    assert_eq!(
        rejected(&rows),
        [
            "dir/x.csv, line 4: expected 2 fields, found 1",
            "dir/x.csv, line 5: byte 25 of the file (0xE9) is no UTF-8; save the file as UTF-8",
            "dir/x.csv, line 7: expected 2 fields, found 3",
            "dir/x.csv, line 8: the quote that is opened on line 8 is never closed; it takes everything to the end of the file, \
             2 lines",
        ]
    );
    assert_eq!(bytes[25], 0xE9);
    assert_eq!(rows.len(), 2, "1 and 4; what an open quote has taken is no value");
    bytes.splice(0..0, *b"\xEF\xBB\xBF");
    assert!(rejected(&read("x.csv", bytes).unwrap())[1].contains("byte 28 "), "the mark counts");
    let open = read("x.csv", "k,t\n1,2\n3,4,\"5\n6,7\",8\n9,x\n").unwrap();
    let told = "x.csv, line 3: expected 2 fields, found 4; is the quote that is opened on line 3 left open?";
    assert_eq!(rejected(&open), [told]);
    assert_eq!(open.len(), 2);
}

#[test]
fn open_quotes_are_named_where_they_begin() {
    let told = |text: &str| rejected(&read("x.csv", text).unwrap());
    let line = |line: u64, opened: u64, lines: u64| {
        format!(
            "x.csv, line {line}: the quote that is opened on line {opened} is never closed; it takes everything to the end of \
             the file, {lines} lines"
        )
    };
    assert_eq!(told("k,t,u\n1,\"two\nlines\",\"open\n2,b,c\n3,b,c\n"), [line(2, 3, 3)], "not where its row begins");
    assert_eq!(told("k;t\n\n\n1;\"open\n"), [line(4, 4, 1).replace("1 lines", "1 line")], "empty lines count");
    assert_eq!(told("k,t\n1,\"a \"\"b\"\" c\n\"\n2,5\" nails\n3,\"x\"y\n4,\"\"\n"), Vec::<String>::new(), "all closed");
    assert_eq!(told("k,t\n1,\"a \"\"b\n2,c\n"), [line(2, 2, 2)], "two quotes are a quote in the text");
    let short = |line: u64| format!("x.csv, line {line}: expected 2 fields, found 1");
    assert_eq!(told("k,t\r\n1,2\r\n3\r\n\r\n4\r\n5,6"), [short(3), short(5)], "as an editor counts");
    assert_eq!(told("k,t\r\n1,2\r\n3,\"open\r\n4,5\r\n"), [line(3, 3, 2)]);
    assert!(refused("x.csv", "k,\"t\n1,2\n").contains("the quote that is opened on line 1 is never closed"));

    // A quote somewhere far below closes it again: no text has so many lines.
    let lines: String = (0..1500).map(|line| format!("{line},x\n")).collect();
    let text = format!("k,t\na,\"open\n{lines}b,\"c\"\nd,e\n");
    let closed = "x.csv, line 2: expected a text of at most 1000 lines in quotes, found one of 1502, opened on line 2; is the \
        quote left open?";
    assert_eq!(told(&text), [closed]);
    let long = format!("k,t\na,\"{}\"\nd,e\n", "line\n".repeat(999));
    assert_eq!(told(&long), Vec::<String>::new());
}

#[test]
fn bad_csv_headers_are_refused() {
    assert!(refused("x.csv", "").contains("it is empty"));
    assert!(refused("x.csv", "k,t,k\n1,2,3").contains("two of its columns are named \"k\""));
    assert!(refused("x.csv", b"k,\xE9\n1,2".to_vec()).contains("no UTF-8"));
    assert!(refused("x.csv", b"\xFF\xFEk\0".to_vec()).contains("UTF-16"));
    let rows = read("x.csv", ",k,\n0,a,\n").unwrap();
    assert_eq!(rows.columns(), ["k"], "columns without a name are left out");
}

#[test]
fn json_values_keep_their_types() {
    let text = r#"[{"k": 1, "t": 1776, "n": 8.50, "d": "2001-02-03", "g": ["x", "y"], "b": true, "m": null},
        {"k": "2", "imdb": {"rating": 7.5}, "cast": [{"name": "A"}, {"name": "B", "as": "C"}]}]"#;
    let columns = "[columns.t]\n[columns.n]\ntype = 'number'\n[columns.d]\ntype = 'date'\n[columns.g]\ntype = 'tags'\n\
        [columns.b]\ntype = 'boolean'\n[columns.m]\n[columns.r]\nfrom = 'imdb.rating'\ntype = 'number'\n\
        [columns.cast]\nfrom = 'cast.name'\ntype = 'tags'";
    let nothing = json!({ "t": null, "n": null, "d": null, "g": null, "b": null, "m": null, "r": null, "cast": null });
    let mut expected = [json!(["1", nothing]), json!(["2", nothing])];
    for (column, value) in [
        ("t", json!("1776")),
        ("n", json!(8.5)),
        ("d", json!("2001-02-03")),
        ("g", json!(["x", "y"])),
        ("b", json!(true)),
    ] {
        expected[0][1][column] = value;
    }
    expected[1][1]["r"] = json!(7.5);
    expected[1][1]["cast"] = json!(["A", "B"]);
    assert_eq!(items(&read("x.json", text).unwrap(), columns), expected);
    let lines = text.trim_start_matches('[').trim_end_matches(']').replace("},\n", "}\n\n");
    assert_eq!(items(&read("x.jsonl", lines).unwrap(), columns), expected);
}

#[test]
fn json_numbers_keep_every_digit() {
    let text = r#"[{"k": 12345678901234567890, "n": 3.9107050088287707}, {"k": 12345678901234567891, "n": 12345678901234567890}]"#;
    let expected = [
        json!(["12345678901234567890", { "n": "3.9107050088287707".parse::<f64>().unwrap() }]),
        json!(["12345678901234567891", { "n": 12_345_678_901_234_567_890_f64 }]),
    ];
    assert_eq!(items(&read("x.json", text).unwrap(), "[columns.n]\ntype = 'number'"), expected);
}

#[test]
fn json_rows_have_lines() {
    let rows = read("x.json", "[\n  {\"k\": 1},\n  2, [3],\n  null,\n  {\"k\":\n 5}\n]\n").unwrap();
    assert_eq!(
        rejected(&rows),
        [
            "x.json, line 3: expected an object, found a number",
            "x.json, line 3: expected an object, found an array",
            "x.json, line 4: expected an object, found null",
        ]
    );
    assert_eq!(rows.len(), 2);
    let rows = read("x.jsonl", b"{\"k\": 1}\n\n{\"k\": \n{\"k\": \"\xFF\"}\r\n\"text\"\n{\"k\": 6}".to_vec()).unwrap();
    let said = rejected(&rows);
    assert_eq!(said.len(), 3);
    assert!(said[0].starts_with("x.jsonl, line 3: broken JSON at column "), "{said:?}");
    assert_eq!(said[1], "x.jsonl, line 4: byte 24 of the file is no UTF-8");
    assert_eq!(said[2], "x.jsonl, line 5: expected an object, found a text");
    assert_eq!(rows.len(), 2);
}

#[test]
fn broken_json_files_are_refused_with_the_line() {
    assert!(refused("x.json", "[{\"k\": 1},\n{\"k\": }]").contains("line 2: broken JSON"));
    assert!(refused("x.json", "[{\"k\": 1}\n{\"k\": 2}]").contains("line 2: expected a comma"));
    assert!(refused("x.json", "[{\"k\": 1},\n").contains("line 2: the array has no end"));
    assert!(refused("x.json", "[{\"k\": 1}]\n\nmore").contains("line 1: something follows"));
    assert!(refused("x.json", "12").contains("expected a JSON array"));
    assert_eq!(read("x.json", " [ ] ").unwrap().len(), 0);
}

#[test]
fn names_and_contents_must_agree() {
    assert!(refused("films.xlsx", "PK").contains(".csv, .tsv, .json"));
    assert!(refused("films", "k\n1").contains("extension"));
    let said = refused("x.csv", "PAR1");
    assert!(said.contains("x.csv: its name says CSV, its content is Parquet; rename it"), "{said}");
    assert!(refused("x.json", "{\"k\": 1}\n{\"k\": 2}").contains("its content is JSON lines"));
    assert!(refused("x.jsonl", "[{\"k\": 1}]").contains("its content is a JSON array"));
    assert!(refused("x.parquet", "k,t\n1,2").contains("expected Parquet, found something else"));
    assert!(refused("x.json", b"\x1F\x8B\x08".to_vec()).contains("compressed"));
}

fn batch() -> RecordBatch {
    let tags = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None, Some(2)]), None]);
    let inner: Fields = vec![Field::new("rating", DataType::Float32, true)].into();
    let ratings = Arc::new(Float32Array::from(vec![Some(0.1), Some(0.2)]));
    let imdb = StructArray::new(inner, vec![ratings], Some(vec![true, false].into()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("k", Arc::new(Int32Array::from(vec![1, 2]))),
        ("t", Arc::new(StringArray::from(vec![Some("one"), None]))),
        ("n", Arc::new(Float64Array::from(vec![f64::NAN, 2.5]))),
        ("d", Arc::new(Date32Array::from(vec![Some(365), None]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![86_400_000 * 365 + 5, -1]))),
        ("g", Arc::new(tags)),
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
        ("w", Arc::new(vec!["x", "x"].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("imdb", Arc::new(imdb)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn columnar_files() -> [(&'static str, Vec<u8>); 5] {
    let batch = batch();
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.finish().unwrap();
    // What data frames write by default is compressed.
    let file = |compression| {
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        file.write(&batch).unwrap();
        file.into_inner().unwrap()
    };
    let mut parquet = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    parquet.write(&batch).unwrap();
    [
        ("x.arrow", stream.into_inner().unwrap()),
        ("x.feather", file(None)),
        ("lz4.feather", file(Some(CompressionType::LZ4_FRAME))),
        ("zstd.arrow", file(Some(CompressionType::ZSTD))),
        ("x.parquet", parquet.into_inner().unwrap()),
    ]
}

#[test]
fn parquet_and_arrow_keep_their_types() {
    let columns = "[columns.t]\n[columns.n]\ntype = 'number'\n[columns.d]\ntype = 'date'\n[columns.at]\ntype = 'date'\n\
        [columns.g]\ntype = 'tags'\n[columns.b]\ntype = 'boolean'\n[columns.w]\n[columns.r]\nfrom = 'imdb.rating'\n\
        type = 'number'";
    let expected = [
        json!(["1", { "t": "one", "n": null, "d": "1971-01-01", "at": "1971-01-01", "g": ["1", "2"], "b": true, "w": "x",
            "r": 0.1 }]),
        json!(["2", { "t": null, "n": 2.5, "d": null, "at": "1969-12-31", "g": null, "b": false, "w": "x", "r": null }]),
    ];
    for (name, bytes) in columnar_files() {
        assert_eq!(items(&read(name, bytes).unwrap(), columns), expected, "{name}");
    }
}

#[test]
fn several_files_are_one_input() {
    let mut rows = Rows::new();
    read_rows("a.csv", b"k,t\n1,one\n".to_vec(), &mut rows).unwrap();
    read_rows("b.json", br#"[{"t": "two", "k": 2, "more": 1}]"#.to_vec(), &mut rows).unwrap();
    assert_eq!(
        items(&rows, "[columns.t]\n[columns.more]\ntype = 'integer'"),
        [json!(["1", { "t": "one", "more": null }]), json!(["2", { "t": "two", "more": 1 }]),]
    );
}

#[test]
fn damaged_columnar_files_are_refused_and_nothing_is_half_read() {
    for (name, bytes) in columnar_files() {
        let mut refusals = 0;
        for length in (0..bytes.len()).step_by(7) {
            let mut rows = Rows::new();
            if let Err(error) = read_rows(name, bytes[..length].to_vec(), &mut rows) {
                assert_eq!(error.kind(), CatalogErrorKind::Input, "{name} cut to {length}");
                assert_eq!(rows.len(), 0, "{name} cut to {length}");
                refusals += 1;
            }
        }
        assert!(refusals > 10, "{name}");
        for position in (4..bytes.len()).step_by(11) {
            let mut changed = bytes.clone();
            changed[position] ^= 0x55;
            // These formats have no checksums, so a change may go unnoticed; it must not do worse.
            let _ = read(name, changed);
        }
    }
}
