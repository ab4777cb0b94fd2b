//! What holds for every catalog and every person.

use homebody::{
    Catalog, Ema, Event, Kernel, Mean, ReasonKind, RecommendOptions, Recommendation, Recommender, SearchOptions,
    Strategy as TasteStrategy,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::support::{FILMS, NOW, catalog, embed, recommender};

const WORDS: [&str; 12] =
    ["space", "ship", "love", "kiss", "murder", "rain", "horse", "gold", "ghost", "night", "war", "sea"];
const TAGS: [&str; 5] = ["Drama", "Comedy", "Horror", "War", "Western"];
const TYPES: [&str; 8] = ["view", "click", "like", "dislike", "rate", "buy", "hide", "cart"];

pub(crate) fn item(at: usize) -> impl Strategy<Value = Value> {
    let words = prop::collection::vec(select(&WORDS[..]), 0..4);
    let tags = prop::collection::hash_set(select(&TAGS[..]), 0..3);
    let number = prop::option::of(0.0f64..10.0);
    (words, tags, number, prop::option::of(60i64..240), prop::option::of(0i64..100_000)).prop_map(
        move |(words, tags, rating, runtime, votes)| {
            let mut tags: Vec<&str> = tags.into_iter().collect();
            tags.sort_unstable();
            let tags = if tags.is_empty() { Value::Null } else { json!(tags) };
            let about = if words.is_empty() { Value::Null } else { json!(words.join(" ")) };
            json!({
                "key": format!("i{at:02}"), "title": format!("item {at}"), "about": about, "genres": tags,
                "rating": rating, "runtime": runtime, "votes": votes, "year": null, "director": null, "colour": null,
                "released": null, "latitude": null, "longitude": null,
            })
        },
    )
}

fn catalogs() -> impl Strategy<Value = Catalog> {
    (3usize..25)
        .prop_flat_map(|count| (0..count).map(item).collect::<Vec<_>>())
        .prop_map(|items| catalog(FILMS, &items))
}

/// What somebody did, with items by number: taken modulo the size of the catalog.
fn histories(most: usize) -> impl Strategy<Value = Vec<(usize, &'static str, f64)>> {
    prop::collection::vec((0usize..25, select(&TYPES[..]), 1.0f64..5.0), 0..most)
}

pub(crate) fn events(catalog: &Catalog, history: &[(usize, &str, f64)]) -> Vec<Event> {
    let event = |(at, (item, kind, value)): (usize, &(usize, &str, f64))| Event {
        id: format!("e{at:03}"),
        item: catalog.id(item % catalog.len()).to_owned(),
        kind: (*kind).to_owned(),
        value: (*kind == "rate").then_some(*value),
        time: NOW + at as i64 / 2,
        catalog: String::new(),
    };
    history.iter().enumerate().map(event).collect()
}

fn strategies() -> impl Strategy<Value = fn() -> Box<dyn TasteStrategy>> {
    let kernel: fn() -> Box<dyn TasteStrategy> = || Box::new(Kernel::default());
    let ema: fn() -> Box<dyn TasteStrategy> = || Box::new(Ema);
    let mean: fn() -> Box<dyn TasteStrategy> = || Box::new(Mean);
    select(vec![kernel, ema, mean])
}

fn with(catalog: &Catalog, strategy: fn() -> Box<dyn TasteStrategy>, events: &[Event]) -> Recommender {
    let mut recommender = recommender(catalog);
    recommender.set_strategy(strategy());
    recommender.set_events(events.to_vec()).expect("good events");
    recommender
}

pub(crate) fn everything() -> RecommendOptions {
    RecommendOptions { limit: 100, include_seen: Some(true), explain: true, ..RecommendOptions::default() }
}

fn list(recommender: &mut Recommender) -> Recommendation {
    recommender.recommend(&everything(), NOW).expect("a list")
}

fn score(list: &Recommendation, id: &str) -> f64 {
    list.hits.iter().find(|hit| hit.id == id).map(|hit| hit.score).expect("every item is on the list")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn parts_add_up_and_are_bounded(catalog in catalogs(), history in histories(12), strategy in strategies(), text in 0.0f64..3.0) {
        let mut recommender = with(&catalog, strategy, &events(&catalog, &history));
        let weights = [("text".to_owned(), text), ("rating".to_owned(), -0.5)].into();
        let options = RecommendOptions { weights, ..everything() };
        let searched = SearchOptions { ranking: options.clone(), personalize: 0.5 };
        let lists = [
            recommender.recommend(&options, NOW).unwrap(),
            recommender.search(&embed("space war"), &searched, NOW).unwrap(),
            recommender.similar(catalog.id(0), &options, NOW).unwrap(),
        ];
        for list in &lists {
            for hit in &list.hits {
                let parts = hit.parts.as_ref().unwrap();
                prop_assert!((parts.iter().map(|part| part.contribution).sum::<f64>() - hit.score).abs() <= 1e-9);
                prop_assert!(parts.iter().all(|part| (-1.0..=1.0).contains(&part.affinity)), "{:?}", parts);
            }
            let sorted = list.hits.windows(2).all(|pair| {
                pair[0].score > pair[1].score || (pair[0].score == pair[1].score && pair[0].id < pair[1].id)
            });
            prop_assert!(sorted, "best first, equal ones by id");
        }
    }

    #[test]
    fn disliking_an_item_never_raises_it(
        catalog in catalogs(), history in histories(12), strategy in strategies(), item in 0usize..25,
        statement in select(vec!["dislike", "hide"])
    ) {
        let id = catalog.id(item % catalog.len()).to_owned();
        let mut past = history.clone();
        let before = list(&mut with(&catalog, strategy, &events(&catalog, &past)));
        past.push((item % catalog.len(), statement, 1.0));
        let after = list(&mut with(&catalog, strategy, &events(&catalog, &past)));
        prop_assert!(score(&after, &id) <= score(&before, &id) + 1e-12, "{} then {}", score(&before, &id), score(&after, &id));
    }

    #[test]
    fn a_dislike_lowers_others_within_its_bound_and_raises_none(
        catalog in catalogs(), history in histories(12), strategy in strategies(), item in 0usize..25
    ) {
        let item = item % catalog.len();
        let id = catalog.id(item).to_owned();
        // Without a like that would be taken back with it: that is another change, and not the dislike's.
        let mut past: Vec<_> = history.into_iter().filter(|(other, _, _)| other % catalog.len() != item).collect();
        let before = list(&mut with(&catalog, strategy, &events(&catalog, &past)));
        past.push((item, "dislike", 1.0));
        let mut recommender = with(&catalog, strategy, &events(&catalog, &past));
        let weight = recommender.weights()["dislike"];
        let after = list(&mut recommender);
        for hit in after.hits.iter().filter(|hit| hit.id != id) {
            let fell = score(&before, &hit.id) - hit.score;
            prop_assert!((-1e-12..=weight + 1e-12).contains(&fell), "{} fell by {fell}", hit.id);
        }
        // In no distribution is more than half of it more than one spread above the mean (Cantelli), and what is not more
        // than that stays where it was.
        let moved = after.hits.iter().filter(|hit| hit.id != id && score(&before, &hit.id) - hit.score > 1e-12).count();
        prop_assert!(moved * 2 <= catalog.len(), "{moved} of {}", catalog.len());
    }

    #[test]
    fn undoing_restores_the_former_ranking_exactly(
        catalog in catalogs(), history in histories(12), strategy in strategies(), item in 0usize..25, kind in select(&TYPES[..])
    ) {
        let past = events(&catalog, &history);
        let mut recommender = with(&catalog, strategy, &past);
        let before = list(&mut recommender);
        let next = Event { id: "next".into(), time: NOW + 1000, ..events(&catalog, &[(item, kind, 4.0)]).remove(0) };
        recommender.merge([next]).unwrap();
        list(&mut recommender);
        recommender.undo("next").unwrap();
        prop_assert_eq!(list(&mut recommender), before);
    }

    #[test]
    fn neither_the_order_of_merging_nor_earlier_calls_matter(
        catalog in catalogs(), history in histories(12), strategy in strategies(), cut in 0usize..12
    ) {
        let past = events(&catalog, &history);
        let expected = list(&mut with(&catalog, strategy, &past));
        let cut = cut.min(past.len());
        let mut recommender = with(&catalog, strategy, &past[cut..]);
        list(&mut recommender);
        for event in past[..cut].iter().rev() {
            recommender.merge([event.clone()]).unwrap();
            recommender.similar(catalog.id(0), &everything(), NOW).unwrap();
            list(&mut recommender);
        }
        recommender.merge(past.clone()).unwrap();
        prop_assert_eq!(list(&mut recommender), expected);
    }

    #[test]
    fn reasons_say_what_is_so(catalog in catalogs(), history in histories(12), strategy in strategies()) {
        let mut recommender = with(&catalog, strategy, &events(&catalog, &history));
        let list = list(&mut recommender);
        let liked: Vec<String> = recommender.taste().likes.iter().map(|like| like.item.clone()).collect();
        for hit in &list.hits {
            let Some(reason) = &hit.reason else { continue };
            let part = hit.parts.as_ref().unwrap().iter().find(|part| part.name == reason.part).unwrap();
            prop_assert!(part.contribution > 0.0, "{reason:?}");
            let shares: f64 = reason.items.iter().map(|item| item.share).sum();
            prop_assert!(shares <= 1.0 + 1e-9);
            prop_assert!(reason.items.iter().all(|item| liked.contains(&item.id)), "{reason:?} but liked are {liked:?}");
            match reason.kind {
                ReasonKind::Interest => prop_assert!(!reason.items.is_empty()),
                ReasonKind::Category => {
                    let value = json!(reason.value);
                    prop_assert!(hit.item["genres"].as_array().unwrap().contains(&value));
                    for item in &reason.items {
                        let row = catalog.row(&item.id).unwrap();
                        prop_assert!(catalog.display(row)["genres"].as_array().unwrap().contains(&value));
                    }
                }
                ReasonKind::Number if reason.part == "rating" => {
                    let values: Vec<f64> =
                        (0..catalog.len()).filter_map(|row| catalog.display(row)["rating"].as_f64()).collect();
                    let mean = values.iter().sum::<f64>() / values.len() as f64;
                    prop_assert!(hit.item["rating"].as_f64().unwrap() >= mean - 1e-9, "{reason:?}");
                }
                ReasonKind::Number => prop_assert!(!hit.item["runtime"].is_null()),
                ReasonKind::Prior => prop_assert!(hit.item["votes"].as_i64().unwrap() > 0),
                kind => prop_assert!(false, "nothing else can be a reason here: {kind:?}"),
            }
        }
    }

    #[test]
    fn pages_fit_together(catalog in catalogs(), history in histories(6), diversity in 0.0f64..1.0, limit in 1usize..7) {
        let mut recommender = with(&catalog, || Box::new(Kernel::default()), &events(&catalog, &history));
        let whole = recommender.recommend(&RecommendOptions { diversity: Some(diversity), ..everything() }, NOW).unwrap();
        let mut pages = Vec::new();
        for offset in (0..catalog.len()).step_by(limit) {
            pages.extend(recommender.recommend(&RecommendOptions { diversity: Some(diversity), limit, offset, ..everything() }, NOW).unwrap().hits);
        }
        prop_assert_eq!(pages, whole.hits);
    }

    #[test]
    fn caps_leave_out_of_the_whole_list_what_there_is_no_room_for(
        catalog in catalogs(), history in histories(6), diversity in prop::option::of(0.0f64..1.0), limit in 1usize..9, most in 1usize..3
    ) {
        let mut recommender = with(&catalog, || Box::new(Kernel::default()), &events(&catalog, &history));
        let whole = recommender.recommend(&RecommendOptions { diversity, ..everything() }, NOW).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        let mut expected = Vec::new();
        for hit in whole.hits {
            let genres: Vec<String> = hit.item["genres"].as_array().into_iter().flatten().map(Value::to_string).collect();
            if expected.len() < limit && genres.iter().all(|genre| counts.get(genre).is_none_or(|count| *count < most)) {
                genres.into_iter().for_each(|genre| *counts.entry(genre).or_insert(0) += 1);
                expected.push(hit);
            }
        }
        let caps = Some([("genres".to_owned(), most)].into());
        let capped = recommender.recommend(&RecommendOptions { diversity, limit, caps, ..everything() }, NOW).unwrap();
        prop_assert_eq!(capped.hits, expected);
    }

    #[test]
    fn a_comparison_tells_the_places_in_both_lists(catalog in catalogs(), history in histories(6), limit in 1usize..9) {
        let mut recommender = with(&catalog, || Box::new(Kernel::default()), &events(&catalog, &history));
        let list = |recommender: &mut Recommender, strength: Option<f64>| {
            recommender.recommend(&RecommendOptions { strength, ..everything() }, NOW).unwrap().hits
        };
        let (own, stranger) = (list(&mut recommender, None), list(&mut recommender, Some(0.0)));
        let options = RecommendOptions { limit, compare: true, ..everything() };
        for hit in recommender.recommend(&options, NOW).unwrap().hits {
            let place = |list: &[homebody::Hit]| 1 + list.iter().position(|other| other.id == hit.id).unwrap();
            let baseline = hit.baseline.unwrap();
            prop_assert_eq!(baseline.rank, place(&stranger));
            prop_assert_eq!(baseline.rise, place(&stranger) as i64 - place(&own) as i64);
        }
    }
}
