//! Which strategy serves a person with several tastes? Measured on a catalog alone, without anybody's data.
//!
//! A made-up person likes one item of each of k groups (films of k directors, say). The list that the text space alone
//! gives is then searched for the other items of those groups: what share of them is among the first 20 places? This
//! says how well a strategy keeps several tastes apart; it does not say what real people like (the evaluation does).
//!
//! ```sh
//! cargo run --release --example strategies -- build/catalogs/films director
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use homebody::{
    Catalog, CatalogReader, CountedIds, Ema, Event, Kernel, MANIFEST_FILE, Mean, RecommendOptions, Recommender,
    Settings, Strategy,
};

/// People per line of the table: the standard error of a share is then below one percent.
const PEOPLE: usize = 400;
const PLACES: usize = 20;
/// Groups of fewer items leave too little to find.
const LEAST_GROUP: usize = 4;
const NOW: i64 = 1_700_000_000_000;

type Error = Box<dyn std::error::Error>;
type Made = fn() -> Box<dyn Strategy>;

const STRATEGIES: [Made; 3] = [|| Box::new(Ema), || Box::new(Mean), || Box::new(Kernel::default())];

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, column] = &arguments[..] else { return Err("expected a catalog folder and a column".into()) };
    let catalog = read(Path::new(folder))?;
    let groups = groups(&catalog, column)?;
    println!("{} groups of {LEAST_GROUP} or more in `{column}`, {PEOPLE} people a line", groups.len());
    println!("| likes | {} |", STRATEGIES.map(|made| made().name().to_owned()).join(" | "));
    println!("| ---: | ---: | ---: | ---: |");
    for likes in [1, 2, 3, 5, 8] {
        let shares: Result<Vec<String>, Error> = STRATEGIES
            .iter()
            .map(|made| Ok(format!("{:.1} %", 100.0 * share_found(&catalog, &groups, likes, *made)?)))
            .collect();
        println!("| {likes} | {} |", shares?.join(" | "));
    }
    Ok(())
}

fn read(folder: &Path) -> Result<Catalog, Error> {
    let mut reader = CatalogReader::new(&std::fs::read(folder.join(MANIFEST_FILE))?)?;
    for path in reader.files().iter().map(|file| file.path.clone()).collect::<Vec<_>>() {
        reader.add(&path, std::fs::read(folder.join(&path))?)?;
    }
    Ok(reader.finish()?)
}

/// The ids of the items of each value of a column, large groups only.
fn groups(catalog: &Catalog, column: &str) -> Result<Vec<Vec<String>>, Error> {
    let column = catalog.column(column).ok_or("the catalog has no such column")?;
    let categories = column.categories().ok_or("expected a column of categories")?;
    let mut groups: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for row in 0..catalog.len() {
        for code in categories.codes(row) {
            groups.entry(*code).or_default().push(catalog.id(row).to_owned());
        }
    }
    Ok(groups.into_values().filter(|group| group.len() >= LEAST_GROUP).collect())
}

/// The mean share of the other items of the liked groups that is among the first places.
fn share_found(catalog: &Catalog, groups: &[Vec<String>], likes: usize, made: Made) -> Result<f64, Error> {
    let settings = Settings { strategy: made(), ids: Box::new(CountedIds::new()), ..Settings::default() };
    let mut recommender = Recommender::new(catalog.clone(), settings)?;
    // The first vector space alone: the other terms would find the groups by name.
    let text = catalog.spaces().iter().find(|space| space.kind.name() == "text").ok_or("no text space")?.name.clone();
    let weights =
        recommender.weights().keys().map(|name| ((*name).to_owned(), f64::from(u8::from(*name == text)))).collect();
    let options = RecommendOptions { limit: PLACES, weights, ..RecommendOptions::default() };
    let mut random = Random(likes as u64);
    let mut sum = 0.0;
    for _ in 0..PEOPLE {
        let mut wanted = Vec::new();
        let mut events = Vec::new();
        for at in 0..likes {
            let group = &groups[random.below(groups.len())];
            let liked = random.below(group.len());
            wanted.extend(group.iter().enumerate().filter(|(other, _)| *other != liked).map(|(_, id)| id.as_str()));
            events.push(Event {
                id: format!("{at}"),
                item: group[liked].clone(),
                kind: "like".to_owned(),
                value: None,
                time: NOW + at as i64,
                catalog: String::new(),
            });
        }
        recommender.set_events(events)?;
        let list = recommender.recommend(&options, NOW)?;
        let found = list.hits.iter().filter(|hit| wanted.contains(&hit.id.as_str())).count();
        sum += found as f64 / wanted.len().min(PLACES) as f64;
    }
    Ok(sum / PEOPLE as f64)
}

/// The same people every time (a linear congruential generator, Knuth's constants).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }
}
