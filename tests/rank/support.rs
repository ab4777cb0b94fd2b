//! Small catalogs and people for tests.

use homebody::{
    At, Catalog, CatalogDraft, CatalogReader, Cell, CountedIds, Event, MANIFEST_FILE, ModelRef, NewEvent, Place,
    Recommendation, Recommender, Rows, Schema, Settings,
};
use serde_json::{Value, json};

/// 2023-11-14, the present of every test.
pub(crate) const NOW: i64 = 1_700_000_000_000;
pub(crate) const DIMS: usize = 32;

/// A model that stands in for a real one: each word has a direction of its own, a text the sum of its words. Texts are near
/// each other as far as they share words.
pub(crate) fn embed(text: &str) -> Vec<f32> {
    let mut sum = vec![0.0f64; DIMS];
    for word in text.split_whitespace() {
        let mut state = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        for value in &mut sum {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *value += (state >> 40) as f64 / f64::from(1 << 23) - 1.0;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    sum.iter().map(|x| (x / length) as f32).collect()
}

/// A catalog built and read like any other.
pub(crate) fn catalog(schema: &str, items: &[Value]) -> Catalog {
    let schema = Schema::from_toml(schema).expect("a schema");
    let mut rows = Rows::new();
    for (line, item) in items.iter().enumerate() {
        let object = item.as_object().expect("items are objects");
        let cells: Vec<(usize, Cell)> = object.iter().map(|(name, value)| (rows.column(name), cell(value))).collect();
        rows.push(Place { file: "items.jsonl".into(), at: At::Line(line as u64 + 1) }, cells);
    }
    let draft = CatalogDraft::new(&schema, &rows, &[]).expect("a draft");
    assert!(draft.rejected().is_empty(), "{:?}", draft.rejected());
    let vectors: Vec<Vec<f32>> = draft.texts().into_iter().map(embed).collect();
    let model = schema.needs_model().then(|| ModelRef { name: "words".into(), sha256: "00".repeat(32), dims: DIMS });
    let files = draft.finish(model, &vectors).expect("the files of a catalog");
    let manifest = files.iter().find(|file| file.path == MANIFEST_FILE).expect("a manifest");
    let mut reader = CatalogReader::new(&manifest.bytes).expect("a readable manifest");
    for file in files.iter().filter(|file| file.path != MANIFEST_FILE) {
        reader.add(&file.path, file.bytes.clone()).expect("a readable file");
    }
    reader.finish().expect("a catalog")
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(value) => Cell::Boolean(*value),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Cell::Number(number.as_f64().expect("a double")), Cell::Integer)
        }
        Value::String(text) => Cell::Text(text.clone()),
        Value::Array(items) => Cell::List(items.iter().map(cell).collect()),
        Value::Object(_) => panic!("no objects in items"),
    }
}

pub(crate) const FILMS: &str = r#"
    name = "films"
    id = "key"
    [columns]
    title = {}
    about = { display = false }
    year = { type = "integer" }
    genres = { type = "tags" }
    director = {}
    colour = { type = "boolean" }
    rating = { type = "number" }
    votes = { type = "integer" }
    runtime = { type = "number" }
    released = { type = "date" }
    latitude = { type = "number", display = false }
    longitude = { type = "number", display = false }

    [[space]]
    name = "text"
    kind = "text"
    template = "{about}"
    weight = 1.0

    [[space]]
    name = "genre"
    kind = "category"
    column = "genres"
    weight = 0.4

    [[space]]
    name = "rating"
    kind = "number"
    column = "rating"
    prefer = "high"
    range = [0, 10]
    weight = 0.2

    [[space]]
    name = "length"
    kind = "number"
    column = "runtime"
    prefer = "near"
    range = [60, 240]
    weight = 0.1

    [[space]]
    name = "recent"
    kind = "recency"
    column = "released"
    half_life_days = 3650
    reference = "newest"
    weight = 0.1

    [[space]]
    name = "place"
    kind = "geo"
    latitude = "latitude"
    longitude = "longitude"
    half_distance_km = 100
    weight = 0.2

    [prior]
    rating = "rating"
    count = "votes"
    smoothing = 100
"#;

const KINDS: [(&str, &str, [&str; 2]); 5] = [
    ("space", "space ship laser planet robot", ["Science Fiction", "Adventure"]),
    ("love", "love wedding paris kiss letter", ["Romance", "Comedy"]),
    ("crime", "detective murder city rain gun", ["Crime", "Drama"]),
    ("west", "horse desert sheriff saloon gold", ["Western", "Adventure"]),
    ("ghost", "ghost house night scream attic", ["Horror", "Drama"]),
];

/// Forty films of five kinds, eight of each: `space-0` to `ghost-7`. The first of a kind is the best known, the last one has
/// hardly any values.
pub(crate) fn films() -> Catalog {
    let film = |kind: usize, number: usize| {
        let (name, words, genres) = KINDS[kind];
        let directors = ["Ada", "Bo", "Cy"];
        let words: Vec<&str> = words.split(' ').collect();
        // What is common to the kind weighs as much as what is the film's own.
        let about = format!(
            "{name} {name} {} {} {name}{number} {name}{number}x",
            words[1 + number % 4],
            words[1 + (number + 1) % 4]
        );
        if number == 7 {
            return json!({"key": format!("{name}-7"), "title": null, "about": about});
        }
        json!({
            "key": format!("{name}-{number}"),
            "title": format!("{name} {number}"),
            "about": about,
            "year": 1970 + 5 * number as i64 + kind as i64,
            "genres": if number.is_multiple_of(2) { vec![genres[0]] } else { genres.to_vec() },
            "director": directors[(kind + number) % 3],
            "colour": number > 2,
            "rating": 8.5 - 0.7 * number as f64 + 0.1 * kind as f64,
            "votes": 100_000 / (1 + 3 * number as i64 + kind as i64),
            "runtime": 80 + 10 * number as i64 + 5 * kind as i64,
            "released": format!("{}-06-15", 1970 + 5 * number as i64 + kind as i64),
            "latitude": 50.0 + number as f64,
            "longitude": 5.0 + kind as f64,
        })
    };
    let items: Vec<Value> =
        (0..5).flat_map(|kind| (0..8).map(move |number| (kind, number))).map(|(k, n)| film(k, n)).collect();
    catalog(FILMS, &items)
}

pub(crate) fn settings() -> Settings {
    Settings { ids: Box::new(CountedIds::new()), ..Settings::default() }
}

pub(crate) fn recommender(catalog: &Catalog) -> Recommender {
    Recommender::new(catalog.clone(), settings()).expect("a recommender")
}

/// A person who did these things, one after another.
pub(crate) fn person(catalog: &Catalog, events: &[(&str, &str)]) -> Recommender {
    let mut recommender = recommender(catalog);
    for (at, (kind, item)) in events.iter().enumerate() {
        record(&mut recommender, kind, item, None, at as i64);
    }
    recommender
}

pub(crate) fn record(
    recommender: &mut Recommender,
    kind: &str,
    item: &str,
    value: Option<f64>,
    after_ms: i64,
) -> Event {
    let event = NewEvent { item: item.into(), kind: kind.into(), value, time: None };
    recommender.record(event, NOW + after_ms).expect("a good event")
}

pub(crate) fn ids(list: &Recommendation) -> Vec<&str> {
    list.hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// The place of an item, 0 for the first.
pub(crate) fn place(list: &Recommendation, id: &str) -> usize {
    list.hits.iter().position(|hit| hit.id == id).unwrap_or_else(|| panic!("{id} is not on the list"))
}

pub(crate) fn score(list: &Recommendation, id: &str) -> f64 {
    list.hits[place(list, id)].score
}
