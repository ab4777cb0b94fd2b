//! Small catalogs for tests, with a deterministic stand-in for a model.
#![allow(dead_code, reason = "each test file uses its own part")]

use homebody::{
    At, Catalog, CatalogDraft, CatalogFile, CatalogReader, Cell, MANIFEST_FILE, ModelRef, Place, Rows, Schema,
};
use sha2::{Digest, Sha256};

/// Values per vector of the stand-in.
pub(crate) const DIMS: usize = 16;

/// A schema that uses a bit of everything.
pub(crate) const SCHEMA: &str = r#"
name = "few films"
id = { template = "{title} {year}", slug = true }

[columns.title]
from = "Title"

[columns.released]
from = "Released"
type = "date"
formats = ["%b %d %Y"]
latest = "2011-12-31"
century = true

[columns.year]
derive = { year = "released" }

[columns.decade]
derive = { decade = "released" }

[columns.genres]
from = "Genres"
type = "tags"
separator = "|"

[columns.rating]
from = "Rating"
type = "number"

[columns.votes]
from = "Votes"
type = "integer"

[columns.color]
from = "Color"
type = "boolean"

[columns.plot]
from = "Plot"
display = false

[[space]]
name = "about"
kind = "text"
template = "{title}. {genres}[. {plot}]"

[[space]]
name = "rating"
kind = "number"
column = "rating"
prefer = "high"
range = [1, 10]
weight = 0.25

[[space]]
name = "popularity"
kind = "number"
column = "votes"
prefer = "high"
scale = "log"

[[space]]
name = "genres"
kind = "category"
column = "genres"

[prior]
rating = "rating"
count = "votes"
smoothing = 50
"#;

/// The rows for [`SCHEMA`].
pub(crate) fn films() -> Rows {
    let mut rows = rows(
        &["Title", "Released", "Genres", "Rating", "Votes", "Color", "Plot"],
        &[
            &["Alien", "May 25 1979", "Horror|Science Fiction", "8.5", "180000", "true", "A crew of seven"],
            &["Star Wars", "May 25 1977", "Science Fiction", "", "", "", ""],
            &["Amélie", "Apr 25 2001", "Comedy", "8.3", "150", "yes", ""],
            &["Nameless", "Dec 31 1999", "", "5", "900", "no", ""],
        ],
    );
    let columns: Vec<usize> = ["Title", "Released", "Genres", "Rating", "Votes"].map(|name| rows.column(name)).into();
    let cells = [
        Cell::Integer(1776),
        Cell::Text("Nov 09 2072".into()),
        Cell::List(vec![Cell::Text("Musical".into())]),
        Cell::Integer(7),
        Cell::Number(4000.0),
    ];
    rows.push(place(5), columns.into_iter().zip(cells));
    rows
}

/// A place in a file of films.
pub(crate) fn place(line: u64) -> Place {
    Place { file: "films.csv".into(), at: At::Line(line) }
}

/// Rows of texts; lines are counted from 1.
pub(crate) fn rows(columns: &[&str], cells: &[&[&str]]) -> Rows {
    let mut rows = Rows::new();
    let columns: Vec<usize> = columns.iter().map(|name| rows.column(name)).collect();
    for (line, cells) in cells.iter().enumerate() {
        let cells = columns.iter().copied().zip(cells.iter().map(|&text| Cell::Text(text.to_owned())));
        rows.push(place(line as u64 + 1), cells);
    }
    rows
}

/// What [`fake_vectors`] calls itself.
pub(crate) fn fake_model() -> ModelRef {
    ModelRef { name: "fake".into(), sha256: "f".repeat(64), dims: DIMS }
}

/// Unit vectors that depend on nothing but the text.
pub(crate) fn fake_vectors(texts: &[&str]) -> Vec<Vec<f32>> {
    texts.iter().map(|text| fake_vector(text)).collect()
}

fn fake_vector(text: &str) -> Vec<f32> {
    let hash = Sha256::digest(text);
    let raw: Vec<f64> = hash.iter().take(DIMS).map(|&byte| f64::from(byte) - 127.5).collect();
    let norm = raw.iter().map(|value| value * value).sum::<f64>().sqrt();
    raw.iter().map(|value| (value / norm) as f32).collect()
}

/// The files of a catalog over these rows.
pub(crate) fn build(schema: &str, rows: &Rows) -> Vec<CatalogFile> {
    let schema = Schema::from_toml(schema).expect("a good schema");
    let draft = CatalogDraft::new(&schema, rows, &[]).expect("good rows");
    draft.finish(Some(fake_model()), &fake_vectors(&draft.texts())).expect("good vectors")
}

/// Reads the files back.
pub(crate) fn read(files: &[CatalogFile]) -> Catalog {
    let manifest = files.iter().find(|file| file.path == MANIFEST_FILE).expect("there is a manifest");
    let mut reader = CatalogReader::new(&manifest.bytes).expect("a good manifest");
    for file in files.iter().filter(|file| file.path != MANIFEST_FILE) {
        reader.add(&file.path, file.bytes.clone()).expect("a good file");
    }
    reader.finish().expect("a good catalog")
}
