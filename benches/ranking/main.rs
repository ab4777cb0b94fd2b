//! The ranking call and the profile natively, one thread: 10,000 and 100,000 items × 384 with categories, numbers and dates.
//!
//! Measures `recommend` with all options on, for a person of 100 likes, 20 dislikes and 300 impressions: as it is asked again (all
//! columns are there), with another filter, and after one more like. Then what 10,000 events take: deriving everything anew from
//! the log up to the first list, and reading the log back from its records. Does not measure embedding, storage, or quality.
//!
//! Run: `npm run bench -- ranking`, or this half alone with `cargo bench --profile release --bench ranking`. With
//! `-- --catalogs FOLDER` it writes the catalogs there and measures nothing: that is what the other half, `run.mjs`, ranks in
//! Chromium.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use homebody::{
    At, Catalog, CatalogDraft, CatalogFile, CatalogReader, Cell, Event, MANIFEST_FILE, ModelRef, NewEvent, Place,
    RecommendOptions, Recommender, Rows, Schema, Settings, from_records, to_records,
};
use serde_json::json;

const DIMS: usize = 384;
const CENTRES: usize = 200;
const ROUNDS: usize = 31;
const NOW: i64 = 1_700_000_000_000;

const SCHEMA: &str = r#"
    name = "bench"
    id = "key"
    variant_of = "edition"
    [columns.edition]
    [columns.about]
    [columns.tags]
    type = "tags"
    [columns.maker]
    [columns.rating]
    type = "number"
    [columns.votes]
    type = "integer"
    [columns.price]
    type = "number"
    [columns.published]
    type = "date"
    [[space]]
    name = "about"
    kind = "text"
    template = "{about}"
    [[space]]
    name = "tags"
    kind = "category"
    column = "tags"
    weight = 0.4
    [[space]]
    name = "maker"
    kind = "category"
    column = "maker"
    weight = 0.2
    [[space]]
    name = "price"
    kind = "number"
    column = "price"
    prefer = "near"
    weight = 0.1
    [[space]]
    name = "new"
    kind = "recency"
    column = "published"
    half_life_days = 365
    weight = 0.1
    [prior]
    rating = "rating"
    count = "votes"
    smoothing = 20
"#;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = arguments.iter().position(|argument| argument == "--catalogs").and_then(|at| arguments.get(at + 1));
    if let Some(folder) = folder {
        for items in [10_000, 100_000] {
            write(&Path::new(folder).join(items.to_string()), &files(items));
        }
        return;
    }
    println!("recommend and profile, one thread; median of {ROUNDS} (least to most), milliseconds");
    for items in [10_000, 100_000] {
        let catalog = open(&files(items));
        calls(&catalog);
        if items == 10_000 {
            profiles(&catalog);
        }
    }
}

fn all_options(least_rating: f64) -> RecommendOptions {
    let options = json!({
        "limit": 20, "where": {"rating": {"gte": least_rating}}, "weights": {"about": 1, "momentum": 0.1}, "diversity": 0.3,
        "rotation": 0.5, "caps": {"maker": 3}, "strength": 0.9, "sessionRecency": true, "explain": true, "compare": "baseline",
    });
    RecommendOptions::from_json(options).expect("good options")
}

fn calls(catalog: &Catalog) {
    let items = catalog.len();
    let mut recommender = Recommender::new(catalog.clone(), Settings::default()).expect("a fitting catalog");
    recommender.set_events(history(catalog, 100, 20, 300)).expect("good events");
    let mut call = |least_rating: f64| {
        let list = recommender.recommend(&all_options(least_rating), NOW).expect("a list");
        assert_eq!(list.hits.len(), 20, "a list to measure");
        black_box(list);
    };
    row(&format!("{items}: recommend, all options, asked again"), |_| call(5.0));
    row(&format!("{items}: the same with another filter"), |round| call(5.0 + round as f64 / 100.0));
    let mut next = 0;
    row(&format!("{items}: one more like and the new list"), |_| {
        let event = NewEvent { item: id(next * 7 + 3), kind: "like".into(), value: None, time: None };
        next += 1;
        recommender.record(event, NOW).expect("a good event");
        black_box(recommender.recommend(&all_options(5.0), NOW).expect("a list"));
    });
}

fn profiles(catalog: &Catalog) {
    let events = history(catalog, 9_000, 500, 500);
    assert_eq!(events.len(), 10_000);
    let records = to_records(&events);
    row("10,000 events: read from their records", |_| {
        drop(black_box(from_records(records.clone())));
    });
    row("10,000 events: derived anew", |_| {
        let mut recommender = Recommender::new(catalog.clone(), Settings::default()).expect("a fitting catalog");
        recommender.set_events(events.clone()).expect("good events");
        drop(black_box(recommender));
    });
    row("10,000 events: derived anew, and the first list", |_| {
        let mut recommender = Recommender::new(catalog.clone(), Settings::default()).expect("a fitting catalog");
        recommender.set_events(events.clone()).expect("good events");
        drop(black_box(recommender.recommend(&all_options(5.0), NOW).expect("a list")));
    });
    row("10,000 items: opening the catalog for ranking, which both include", |_| {
        drop(black_box(Recommender::new(catalog.clone(), Settings::default()).expect("a fitting catalog")));
    });
}

/// So many events of each sort on different items, one a minute.
fn history(catalog: &Catalog, likes: usize, dislikes: usize, impressions: usize) -> Vec<Event> {
    let kinds = [("like", likes), ("dislike", dislikes), ("impression", impressions)];
    let all = kinds.into_iter().flat_map(|(kind, count)| std::iter::repeat_n(kind, count));
    let total = likes + dislikes + impressions;
    let event = |(at, kind): (usize, &str)| Event {
        id: format!("e{at:06}"),
        // A step that shares no factor with the number of items comes by all of them.
        item: catalog.id(at * 7919 % catalog.len()).to_owned(),
        kind: kind.to_owned(),
        value: None,
        time: NOW - 60_000 * (total - at) as i64,
        catalog: String::new(),
    };
    all.enumerate().map(event).collect()
}

fn row(name: &str, mut work: impl FnMut(usize)) {
    let mut times: Vec<f64> = (0..=ROUNDS)
        .map(|round| {
            let started = Instant::now();
            work(round);
            started.elapsed().as_secs_f64() * 1e3
        })
        .skip(1)
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<72} {:>8.2} ({:.2} to {:.2})", times[times.len() / 2], times[0], times[times.len() - 1]);
}

fn id(number: usize) -> String {
    format!("item-{number:06}")
}

/// A catalog of items around 200 centres, the same at every run; every tenth one is an edition of the one before it.
fn files(items: usize) -> Vec<CatalogFile> {
    let schema = Schema::from_toml(SCHEMA).expect("a schema");
    let mut rows = Rows::new();
    let names = ["key", "edition", "about", "tags", "maker", "rating", "votes", "price", "published"];
    let columns = names.map(|name| rows.column(name));
    let mut next = noise(7);
    for number in 0..items {
        let mut pick = |many: usize| (next() * many as f64) as usize;
        let edition = if number % 10 == 9 { Cell::Text(id(number - 1)) } else { Cell::Missing };
        let cells = [
            Cell::Text(id(number)),
            edition,
            Cell::Text(format!("text {number}")),
            Cell::List((0..1 + pick(3)).map(|_| Cell::Text(format!("tag {}", pick(40)))).collect()),
            Cell::Text(format!("maker {}", pick(500))),
            Cell::Number(1.0 + pick(90) as f64 / 10.0),
            Cell::Integer(pick(10_000) as i64),
            Cell::Number(5.0 + pick(20_000) as f64 / 100.0),
            Cell::Text(format!("{}-{:02}-01", 1990 + pick(33), 1 + pick(12))),
        ];
        let place = Place { file: "bench".into(), at: At::Line(number as u64 + 1) };
        rows.push(place, columns.into_iter().zip(cells));
    }
    let draft = CatalogDraft::new(&schema, &rows, &[]).expect("a draft");
    assert!(draft.rejected().is_empty(), "{:?}", draft.rejected().first());
    let mut next = noise(1);
    let centres: Vec<Vec<f64>> = (0..CENTRES).map(|_| (0..DIMS).map(|_| next() - 0.5).collect()).collect();
    let mut vector = |_: &str| {
        let centre = &centres[(next() * CENTRES as f64) as usize];
        let sum: Vec<f64> = centre.iter().map(|x| x + (next() - 0.5) * 0.7).collect();
        let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        sum.iter().map(|x| (x / length) as f32).collect::<Vec<f32>>()
    };
    let vectors: Vec<Vec<f32>> = draft.texts().into_iter().map(&mut vector).collect();
    let model = ModelRef { name: "noise".into(), sha256: "00".repeat(32), dims: DIMS };
    draft.finish(Some(model), &vectors).expect("the files of a catalog")
}

fn open(files: &[CatalogFile]) -> Catalog {
    let manifest = files.iter().find(|file| file.path == MANIFEST_FILE).expect("a manifest");
    let mut reader = CatalogReader::new(&manifest.bytes).expect("a readable manifest");
    for file in files.iter().filter(|file| file.path != MANIFEST_FILE) {
        reader.add(&file.path, file.bytes.clone()).expect("a readable file");
    }
    reader.finish().expect("a catalog")
}

fn write(folder: &Path, files: &[CatalogFile]) {
    std::fs::create_dir_all(folder).expect("a folder");
    for file in files {
        std::fs::write(folder.join(&file.path), &file.bytes).expect("a written file");
    }
}

/// Numbers from 0 to 1, the same for the same seed.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31)
    }
}
