//! The films' schema on the films themselves: nothing is lost, and the repairs repair.

#[path = "support/catalog.rs"]
mod support;

use std::path::Path;

use homebody::{Catalog, CatalogDraft, Rows, Schema, SpaceKind, read_rows};
use support::{fake_model, fake_vectors, read};

fn read_file(path: &str, hint: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; {hint}", path.display()))
}

struct Films {
    schema: Schema,
    input: Rows,
    descriptions: Rows,
}

fn films() -> Films {
    let text = String::from_utf8(read_file("data/films/catalog.toml", "it is part of the tree")).unwrap();
    let schema = Schema::from_toml(&text).unwrap();
    let (mut input, mut descriptions) = (Rows::new(), Rows::new());
    let movies = read_file("node_modules/vega-datasets/data/movies.json", "run `npm install` first");
    read_rows("movies.json", movies, &mut input).unwrap();
    let csv = read_file("data/films/descriptions.csv", "it is part of the tree");
    read_rows("descriptions.csv", csv, &mut descriptions).unwrap();
    Films { schema, input, descriptions }
}

fn catalog(films: &Films) -> Catalog {
    let draft = CatalogDraft::new(&films.schema, &films.input, std::slice::from_ref(&films.descriptions)).unwrap();
    read(&draft.finish(Some(fake_model()), &fake_vectors(&draft.texts())).unwrap())
}

#[test]
fn no_film_and_no_description_is_lost() {
    let films = films();
    let draft = CatalogDraft::new(&films.schema, &films.input, std::slice::from_ref(&films.descriptions)).unwrap();
    assert_eq!(films.input.len(), 3201);
    assert_eq!(draft.rejected(), []);
    assert_eq!(draft.unmatched(), []);
    assert_eq!(draft.len(), 3201);
    assert_eq!(draft.joined(), [600]);
    assert_eq!(draft.texts().len(), 3201, "no two films have the same text");
}

#[test]
fn titles_and_dates_are_repaired() {
    let catalog = catalog(&films());
    let column = |name: &str| catalog.column(name).unwrap();
    for (id, title, date) in [
        ("star-wars-ep-v-the-empire-strikes-back-1980", "Star Wars Ep. V: The Empire Strikes Back", "1980-05-21"),
        ("1776-1972", "1776", "1972-11-09"),
        ("300-2007", "300", "2007-03-09"),
        ("unknown-2006", "Unknown", "2006-11-03"),
        ("leon-1994", "Léon", "1994-11-18"),
        ("gone-with-the-wind-1939", "Gone with the Wind", "1939-12-15"),
        ("the-birth-of-a-nation-1915", "The Birth of a Nation", "1915-02-08"),
    ] {
        let row = catalog.row(id).unwrap_or_else(|| panic!("{id} is no id"));
        let shown = catalog.display(row);
        assert_eq!((shown["title"].as_str(), shown["release_date"].as_str()), (Some(title), Some(date)), "{id}");
    }
    let years = column("year").numbers();
    let range = years.iter().fold((f64::MAX, f64::MIN), |(low, high), &year| (low.min(year), high.max(year)));
    assert_eq!(range, (1915.0, 2011.0));
    let titles: Vec<&str> = (0..catalog.len()).map(|row| column("title").text(row).unwrap()).collect();
    for damage in ['È', 'Í', '‰', '‡', 'Ö', 'Ë', 'Î', 'Ù', 'Û', '·', '˘', 'Ω'] {
        assert!(!titles.iter().any(|title| title.contains(damage)), "{damage}");
    }
}

#[test]
fn every_description_stands_with_its_film() {
    let films = films();
    let catalog = catalog(&films);
    let csv = String::from_utf8(read_file("data/films/descriptions.csv", "it is part of the tree")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["id", "title", "year", "description"]);
    let mut last = String::new();
    for record in reader.records() {
        let record = record.unwrap();
        let (id, title, year, description) = (&record[0], &record[1], &record[2], &record[3]);
        assert!(last.as_str() < id, "{id} is in its place");
        last = id.to_owned();
        let shown = catalog.display(catalog.row(id).unwrap());
        assert_eq!((shown["title"].as_str(), shown["year"].to_string().as_str()), (Some(title), year), "{id}");
        assert_eq!(shown["description"].as_str(), Some(description), "{id}");
        let words = description.split_whitespace().count();
        assert!((25..=50).contains(&words), "{id} has {words} words");
    }
}

#[test]
fn the_famous_films_without_votes_are_not_sunk() {
    let catalog = catalog(&films());
    let row = catalog.row("star-wars-ep-v-the-empire-strikes-back-1980").unwrap();
    for name in ["rating", "popularity"] {
        let SpaceKind::Number { column, missing, .. } = &catalog.space(name).unwrap().kind else {
            panic!("{name} is no number")
        };
        assert!(catalog.column(column).unwrap().is_missing(row), "{column}");
        assert_eq!(*missing, homebody::Missing::Mean, "{name}");
    }
    let genres: Vec<&str> = catalog.column("genres").unwrap().tags(row).collect();
    assert_eq!(genres, ["Adventure", "Science Fiction"]);
}

#[test]
fn ranges_hold_most_of_their_values() {
    let catalog = catalog(&films());
    for space in catalog.spaces() {
        let SpaceKind::Number { column, min, max, .. } = &space.kind else { continue };
        let values: Vec<f64> = catalog.column(column).unwrap().numbers().into_iter().filter(|v| !v.is_nan()).collect();
        let inside = values.iter().filter(|value| (min..=max).contains(value)).count();
        assert!(inside * 100 >= values.len() * 95, "{}: {inside} of {} are in its range", space.name, values.len());
    }
}
