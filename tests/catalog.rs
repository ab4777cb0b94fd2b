//! Rows and a schema make a catalog, its files are read back, and damage is noticed.

#[path = "support/catalog.rs"]
mod support;

use homebody::{
    CatalogDraft, CatalogErrorKind, CatalogReader, CatalogSummary, Cell, ColumnType, MANIFEST_FILE, Missing, Prefer,
    RejectionCode, Rows, Schema, SpaceKind,
};
use serde_json::json;
use support::{DIMS, SCHEMA, build, fake_model, fake_vectors, films, place, read, rows};

#[test]
fn what_goes_in_comes_out() {
    let catalog = read(&build(SCHEMA, &films()));
    assert_eq!(catalog.name(), "few films");
    let ids: Vec<&str> = (0..catalog.len()).map(|row| catalog.id(row)).collect();
    assert_eq!(ids, ["1776-1972", "alien-1979", "amelie-2001", "nameless-1999", "star-wars-1977"]);
    assert_eq!(catalog.row("alien-1979"), Some(1));
    assert_eq!(catalog.row("alien"), None);
    assert_eq!(
        serde_json::Value::from(catalog.display(1)),
        json!({
            "title": "Alien", "released": "1979-05-25", "year": 1979, "decade": "1970s",
            "genres": ["Horror", "Science Fiction"], "rating": 8.5, "votes": 180_000, "color": true,
        })
    );
    assert_eq!(
        serde_json::Value::from(catalog.display(0)),
        json!({
            "title": "1776", "released": "1972-11-09", "year": 1972, "decade": "1970s", "genres": ["Musical"],
            "rating": 7.0, "votes": 4_000, "color": null,
        }),
        "numbers as titles are text"
    );
    let types: Vec<ColumnType> = catalog.columns().iter().map(|column| column.column_type()).collect();
    use ColumnType as T;
    assert_eq!(
        types,
        [T::Text, T::Date, T::Integer, T::Text, T::Tags, T::Number, T::Integer, T::Boolean, T::Text],
        "in the order of the schema file"
    );
    let votes = catalog.column("votes").unwrap();
    assert_eq!(votes.missing(), 1);
    assert!(votes.is_missing(4) && votes.number(4).is_none() && votes.numbers()[4].is_nan());
}

#[test]
fn spaces_have_vectors_and_settings() {
    let catalog = read(&build(SCHEMA, &films()));
    assert_eq!(catalog.spaces().len(), 4);
    let about = catalog.space("about").unwrap();
    let SpaceKind::Text { template, vectors, mean } = &about.kind else { panic!("{about:?}") };
    assert_eq!(template, "{title}. {genres}[. {plot}]");
    assert_eq!((vectors.len(), vectors.dims(), mean.len()), (5, DIMS, DIMS));
    let texts = ["1776. Musical", "Alien. Horror, Science Fiction. A crew of seven", "Amélie. Comedy", "Nameless", ""];
    let expected = fake_vectors(&texts[1..2]);
    let mut row = [0.0; DIMS];
    vectors.row_into(1, &mut row);
    for (found, expected) in row.iter().zip(&expected[0]) {
        assert!((found - expected).abs() < 1.0 / 127.0, "{row:?} {expected:?}");
    }
    let SpaceKind::Number { column, prefer, min, max, log, missing } = &catalog.space("popularity").unwrap().kind
    else {
        panic!("popularity is no number")
    };
    assert_eq!((column.as_str(), *prefer, *log, *missing), ("votes", Prefer::High, true, Missing::Mean));
    assert_eq!((*min, *max), (150.0, 180_000.0), "the range of the data");
    assert_eq!(catalog.space("rating").unwrap().weight, 0.25);
    assert!(matches!(catalog.prior(), Some(homebody::Prior::Rated { smoothing: 50.0, .. })));
    assert_eq!(catalog.manifest().model.as_ref(), Some(&fake_model()));
}

#[test]
fn the_mean_is_that_of_the_unit_vectors() {
    let schema =
        Schema::from_toml("name = 'x'\nid = 'k'\n[columns.t]\n[[space]]\nname = 's'\nkind = 'text'\ntemplate = '{t}'")
            .unwrap();
    let rows = rows(&["k", "t"], &[&["1", "one"], &["2", ""], &["3", "three"], &["4", "one"]]);
    let draft = CatalogDraft::new(&schema, &rows, &[]).unwrap();
    assert_eq!(draft.texts(), ["one", "three"], "each text once, none for an item without");
    let vectors = fake_vectors(&draft.texts());
    let catalog = read(&draft.finish(Some(fake_model()), &vectors).unwrap());
    let SpaceKind::Text { vectors: set, mean, .. } = &catalog.spaces()[0].kind else { panic!("no text") };
    for dim in 0..DIMS {
        let expected = (2.0 * vectors[0][dim] + vectors[1][dim]) / 3.0;
        assert!((mean[dim] - expected).abs() < 1e-6, "dim {dim}: {} {expected}", mean[dim]);
    }
    let mut row = [1.0; DIMS];
    set.row_into(1, &mut row);
    assert_eq!(row, [0.0; DIMS], "no text, no direction");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (build(SCHEMA, &films()), build(SCHEMA, &films()));
    for (one, two) in one.iter().zip(&two) {
        assert_eq!(one.path, two.path);
        assert_eq!(one.bytes, two.bytes, "{}", one.path);
    }
    let versions: Vec<String> = [SCHEMA, &SCHEMA.replace("weight = 0.25", "weight = 0.26")]
        .map(|schema| read(&build(schema, &films())).version().to_owned())
        .into();
    assert_ne!(versions[0], versions[1], "a setting of the schema is part of the version");
}

#[test]
fn rejected_rows_are_named_with_their_reason() {
    let mut input = films();
    let columns: Vec<usize> = ["Title", "Released", "Votes"].map(|name| input.column(name)).into();
    let text = |value: &str| Cell::Text(value.into());
    input.push(place(20), [(columns[0], text("Alien")), (columns[1], text("Jun 01 1979"))]);
    input.push(place(21), [(columns[1], text("Jun 01 1979"))]);
    input.push(place(22), [(columns[0], text("Odd")), (columns[1], text("Jun 01 1979")), (columns[2], text("many"))]);
    input.push(place(23), [(columns[0], text("Odder")), (columns[1], text("June"))]);
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let draft = CatalogDraft::new(&schema, &input, &[]).unwrap();
    let said: Vec<(RejectionCode, String)> = draft.rejected().iter().map(|r| (r.code, r.to_string())).collect();
    use RejectionCode as R;
    let expected = [
        (R::DuplicateId, "films.csv, line 20: the id \"alien-1979\" is already that of films.csv, line 1"),
        (R::MissingId, "films.csv, line 21: no id: \"{title} {year}\" needs the column \"title\", which is missing"),
        (R::Cast, "films.csv, line 22: column \"votes\": expected a whole number, found text \"many\""),
        (R::Cast, "films.csv, line 23: column \"released\": expected a date like %b %d %Y, found text \"June\""),
    ];
    assert_eq!(said, expected.map(|(code, text)| (code, text.to_owned())));
    assert_eq!(draft.len() + draft.rejected().len(), input.len(), "no row is lost");
}

#[test]
fn a_file_is_joined_on_the_id() {
    let schema = format!("{SCHEMA}\n[columns.note]\n[[join]]\nfile = 'notes.csv'\non = 'id'\n");
    let schema = Schema::from_toml(&schema).unwrap();
    let notes = rows(
        &["id", "note"],
        &[&["alien-1979", "scary"], &["aliens-1986", "scarier"], &["alien-1979", "again"], &["", "nobody's"]],
    );
    let draft = CatalogDraft::new(&schema, &films(), &[notes]).unwrap();
    assert_eq!(draft.joined(), [1]);
    let unmatched: Vec<String> = draft.unmatched().iter().map(ToString::to_string).collect();
    assert_eq!(unmatched, ["films.csv, line 2: no item has the id \"aliens-1986\""]);
    let rejected: Vec<RejectionCode> = draft.rejected().iter().map(|rejection| rejection.code).collect();
    assert_eq!(rejected, [RejectionCode::DuplicateId, RejectionCode::MissingId]);
    let catalog = read(&draft.finish(Some(fake_model()), &fake_vectors(&draft.texts())).unwrap());
    let note = catalog.column("note").unwrap();
    let notes: Vec<Option<&str>> = (0..catalog.len()).map(|row| note.text(row)).collect();
    assert_eq!(notes, [None, Some("scary"), None, None, None]);
}

#[test]
fn an_unknown_column_comes_with_the_known_ones() {
    let schema = Schema::from_toml("name = 'x'\nid = 'k'\n[columns.price]\nfrom = 'Preis'").unwrap();
    let error = CatalogDraft::new(&schema, &rows(&["k", "Price"], &[&["1", "2"]]), &[]).unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::UnknownColumn);
    assert!(error.to_string().ends_with("there is no column \"Preis\" in the input, which has k, Price"), "{error}");

    let error =
        Schema::from_toml("name = 'x'\nid = 'k'\n[columns.a]\n[[space]]\nname = 's'\nkind = 'text'\ntemplate = '{b}'");
    let error = error.unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::UnknownColumn);
    assert!(error.to_string().ends_with("there is no [columns.b]; the schema has a"), "{error}");
}

#[test]
fn nothing_is_no_catalog() {
    let schema = Schema::from_toml("name = 'x'\nid = 'k'\n[columns.a]").unwrap();
    let error = CatalogDraft::new(&schema, &Rows::new(), &[]).unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::Empty);
    let error = CatalogDraft::new(&schema, &rows(&["k", "a"], &[&["", "1"]]), &[]).unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::Empty);
    assert!(error.to_string().contains("the id column is missing or empty"), "{error}");
}

#[test]
fn large_catalogs_have_several_batches() {
    let names: Vec<String> = (0..10_000).map(|number| format!("item {number:05}")).collect();
    let cells: Vec<[&str; 2]> = names.iter().map(|name| [name.as_str(), name.as_str()]).collect();
    let cells: Vec<&[&str]> = cells.iter().map(|row| row.as_slice()).collect();
    let schema = "name = 'many'\nid = 'k'\n[columns.t]\n[[space]]\nname = 's'\nkind = 'text'\ntemplate = '{t}'";
    let catalog = read(&build(schema, &rows(&["k", "t"], &cells)));
    assert_eq!(catalog.len(), 10_000);
    for row in [0, 1, 4095, 4096, 8191, 8192, 9_999] {
        assert_eq!(catalog.id(row), names[row]);
        assert_eq!(catalog.column("t").unwrap().text(row), Some(names[row].as_str()));
        assert_eq!(catalog.row(&names[row]), Some(row));
    }
    let SpaceKind::Text { vectors, .. } = &catalog.spaces()[0].kind else { panic!("no text") };
    let expected = fake_vectors(&["item 09999"]);
    let mut row = [0.0; DIMS];
    vectors.row_into(9_999, &mut row);
    assert!(row.iter().zip(&expected[0]).all(|(a, b)| (a - b).abs() < 0.01));
}

#[test]
fn a_catalog_says_which_model_it_needs() {
    let catalog = read(&build(SCHEMA, &films()));
    assert!(catalog.check_model(&fake_model()).is_ok());
    let other = homebody::ModelRef { name: "other".into(), sha256: "0".repeat(64), dims: DIMS };
    let error = catalog.check_model(&other).unwrap_err();
    assert_eq!((error.kind(), error.code()), (CatalogErrorKind::WrongModel, "catalog-wrong-model"));
    assert!(error.to_string().contains("fake") && error.to_string().contains("other"), "{error}");
}

#[test]
fn files_may_come_in_any_order_and_none_may_be_missing() {
    let files = build(SCHEMA, &films());
    let manifest = files.iter().find(|file| file.path == MANIFEST_FILE).unwrap();
    let mut reader = CatalogReader::new(&manifest.bytes).unwrap();
    assert_eq!(reader.files().len(), 2);
    let data: Vec<_> = files.iter().filter(|file| file.path != MANIFEST_FILE).collect();
    reader.add(&data[1].path, data[1].bytes.clone()).unwrap();
    assert_eq!(reader.missing(), [data[0].path.as_str()]);
    let error = reader.add("other.arrow", Vec::new()).unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::UnknownFile);
    assert!(error.to_string().contains(&data[0].path), "{error}");
    let error = reader.finish().unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::MissingFile);
    assert!(error.to_string().contains(&data[0].path), "{error}");
}

#[test]
fn a_file_is_joined_on_a_column_that_both_have() {
    let schema = "name = 'x'\nid = 'k'\n[columns.label]\n[columns.both]\nderive = { template = '{label}!' }\n\
        [[join]]\nfile = 'labels.csv'\non = 'code'\n";
    let schema = Schema::from_toml(schema).unwrap();
    let input = rows(&["k", "code"], &[&["1", "a"], &["2", "b"], &["3", "a"], &["4", ""]]);
    let labels = rows(&["code", "label"], &[&["a", "first"], &["c", "third"]]);
    let draft = CatalogDraft::new(&schema, &input, std::slice::from_ref(&labels)).unwrap();
    assert_eq!((draft.joined(), draft.unmatched().len()), (&[2][..], 1));
    let catalog = read(&draft.finish(None, &[]).unwrap());
    let both: Vec<Option<&str>> = (0..4).map(|row| catalog.column("both").unwrap().text(row)).collect();
    assert_eq!(both, [Some("first!"), None, Some("first!"), None]);

    let clash = rows(&["code", "k", "label"], &[&["a", "9", "first"]]);
    let error = CatalogDraft::new(&schema, &input, &[clash]).unwrap_err();
    assert!(error.to_string().contains("the column \"k\" is in another file too"), "{error}");
    let error = CatalogDraft::new(&schema, &rows(&["k"], &[&["1"]]), &[labels]).unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::UnknownColumn);
    assert!(error.to_string().contains("found \"code\"; the input has k"), "{error}");
}

#[test]
fn an_id_cannot_come_from_what_is_found_by_it() {
    let schema = "name = 'x'\nid = { template = '{label}' }\n[columns.label]\n[[join]]\nfile = 'l.csv'\non = 'id'\n";
    let schema = Schema::from_toml(schema).unwrap();
    let labels = rows(&["id", "label"], &[&["1", "one"]]);
    let error = CatalogDraft::new(&schema, &rows(&["k"], &[&["1"]]), &[labels]).unwrap_err();
    assert!(error.to_string().contains("joined on the id itself"), "{error}");
}

#[test]
fn missing_and_invalid_values_follow_their_rules() {
    let schema = "name = 'x'\nid = 'k'\n[columns.need]\nmissing = 'reject'\n\
        [columns.fill]\ntype = 'integer'\nmissing = { value = 7 }\n\
        [columns.soft]\ntype = 'integer'\ninvalid = 'missing'\n";
    let input = rows(
        &["k", "need", "fill", "soft"],
        &[&["1", "a", "", "1"], &["2", "", "1", "1"], &["3", "c", "3", "soft"], &["4", "d", "x", "1"]],
    );
    let schema = Schema::from_toml(schema).unwrap();
    let draft = CatalogDraft::new(&schema, &input, &[]).unwrap();
    let codes: Vec<RejectionCode> = draft.rejected().iter().map(|rejection| rejection.code).collect();
    assert_eq!(codes, [RejectionCode::MissingValue, RejectionCode::Cast]);
    let catalog = read(&draft.finish(None, &[]).unwrap());
    let shown: Vec<serde_json::Value> = (0..2).map(|row| catalog.display(row).into()).collect();
    assert_eq!(shown, [json!({ "need": "a", "fill": 7, "soft": 1 }), json!({ "need": "c", "fill": 3, "soft": null })]);
}

const PLACES: &str = "name = 'x'\nid = 'k'\n[columns.north]\ntype = 'number'\n[columns.east]\ntype = 'number'\n\
    [[space]]\nname = 'near'\nkind = 'geo'\nlatitude = 'north'\nlongitude = 'east'\nhalf_distance_km = 10\n";

#[test]
fn places_that_are_not_on_earth_are_rejected_with_the_range() {
    let input = rows(
        &["k", "north", "east"],
        &[
            &["1", "90", "-180"],
            &["2", "90.5", "0"],
            &["3", "-91", "0"],
            &["4", "0", "180.25"],
            &["5", "", ""],
            &["6", "-90", "180"],
        ],
    );
    let schema = Schema::from_toml(PLACES).unwrap();
    let draft = CatalogDraft::new(&schema, &input, &[]).unwrap();
    let said: Vec<String> = draft.rejected().iter().map(ToString::to_string).collect();
    let expected = [
        "films.csv, line 2: column \"north\": expected a latitude from -90 to 90 degrees, found text \"90.5\"",
        "films.csv, line 3: column \"north\": expected a latitude from -90 to 90 degrees, found text \"-91\"",
        "films.csv, line 4: column \"east\": expected a longitude from -180 to 180 degrees, found text \"180.25\"",
    ];
    assert_eq!(said, expected);
    assert!(draft.rejected().iter().all(|rejection| rejection.code == RejectionCode::Cast));
    assert_eq!(read(&draft.finish(None, &[]).unwrap()).len(), 3);

    let lenient = PLACES.replace("[columns.east]", "invalid = 'missing'\n[columns.east]");
    let lenient = Schema::from_toml(&lenient).unwrap();
    assert_eq!(CatalogDraft::new(&lenient, &input, &[]).unwrap().len(), 5, "where the schema says so, it is missing");
    let filled = PLACES.replace("[columns.east]", "missing = { value = 91 }\n[columns.east]");
    let error = Schema::from_toml(&filled).unwrap_err().to_string();
    assert!(
        error.contains("[columns.north]: missing: expected a latitude from -90 to 90 degrees, found 91"),
        "{error}"
    );
    // Elsewhere a column of that name is a number like any other.
    let plain = Schema::from_toml(PLACES.split("[[space]]").next().unwrap()).unwrap();
    assert_eq!(CatalogDraft::new(&plain, &input, &[]).unwrap().len(), 6);
}

#[test]
fn spaces_are_suggested_for_what_a_schema_can_have_spaces_over() {
    let suggested = |catalog: &homebody::Catalog| -> Vec<String> {
        let columns = CatalogSummary::of(catalog).columns.into_iter();
        columns.filter(|column| !column.suggestions.is_empty()).map(|column| column.name).collect()
    };
    let mapped = read(&build(&format!("map = \"about\"\n{SCHEMA}"), &films()));
    assert!(mapped.column("map_x").is_some_and(|column| column.number(0).is_some()), "there is a map");
    assert_eq!(suggested(&mapped), ["year", "rating", "votes"], "the schema cannot name the columns of the map");
    let places = rows(&["k", "north", "east"], &[&["1", "10", "20"], &["2", "30", "50"], &["3", "31", "51"]]);
    let draft_of = |schema: &str| {
        let schema = Schema::from_toml(schema).unwrap();
        let draft = CatalogDraft::new(&schema, &places, &[]).unwrap();
        read(&draft.finish(None, &[]).unwrap())
    };
    assert!(suggested(&draft_of(PLACES)).is_empty(), "north is no better than south");
    assert_eq!(suggested(&draft_of(PLACES.split("[[space]]").next().unwrap())), ["north", "east"]);
}

#[test]
fn vectors_that_no_model_gives_are_refused() {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let input = films();
    let draft = CatalogDraft::new(&schema, &input, &[]).unwrap();
    let good = fake_vectors(&draft.texts());
    let refuse = |model: Option<homebody::ModelRef>, vectors: &[Vec<f32>]| {
        let error = draft.finish(model, vectors).unwrap_err();
        assert_eq!((error.kind(), error.code()), (CatalogErrorKind::Embedding, "embedding-failed"));
        error.to_string()
    };
    assert!(refuse(None, &good).contains("needs a model"));
    assert!(refuse(Some(fake_model()), &good[1..]).contains("expected 5 vectors, found 4"));
    for value in [f32::NAN, f32::INFINITY, 2.0] {
        let mut bad = good.clone();
        bad[2][3] = value;
        assert!(refuse(Some(fake_model()), &bad).contains("length 1"), "{value}");
    }
    let mut short = good.clone();
    short[0].pop();
    assert!(refuse(Some(fake_model()), &short).contains("found 15 values"));
}

#[test]
fn categories_number_the_values_in_order() {
    let catalog = read(&build(SCHEMA, &films()));
    let genres = catalog.column("genres").unwrap().categories().unwrap();
    let values: Vec<&str> = (0..genres.len() as u32).map(|code| genres.value(code)).collect();
    assert_eq!(values, ["Comedy", "Horror", "Musical", "Science Fiction"]);
    assert_eq!(genres.codes(1), [1, 3], "in the order of the row");
    assert_eq!(genres.codes(3), [0; 0]);
    assert_eq!((genres.code("Musical"), genres.code("Opera")), (Some(2), None));
    assert_eq!(genres.by_count()[0], ("Science Fiction", 2));
    assert!(catalog.column("rating").unwrap().categories().is_none());
    assert_eq!(catalog.column("votes").unwrap().categories().unwrap().len(), 4);
}
