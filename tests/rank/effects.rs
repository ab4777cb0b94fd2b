//! What a catalog's own table of effects does.

use homebody::{NewEvent, RankError, RecommendOptions, Recommender, Settings};
use serde_json::{Value, json};

use crate::support::{FILMS, NOW, catalog, ids, recommender, record, settings};

const DAY: i64 = 86_400_000;

/// Films of two kinds, with this at the end of the schema.
fn with(effects: &str) -> homebody::Catalog {
    let films = [("space", "Science Fiction"), ("west", "Western")];
    let items: Vec<Value> = (0..20)
        .map(|at| {
            let (kind, genre) = films[at % 2];
            json!({
                "key": format!("{kind}-{at:02}"), "title": format!("{kind} {at}"), "genres": [genre], "rating": 7.0, "votes": 100,
                "about": format!("{kind} {kind} word{}", at / 4), "year": null, "director": null, "colour": null,
                "runtime": 100 + at, "released": null, "latitude": null, "longitude": null,
            })
        })
        .collect();
    catalog(&format!("{FILMS}\n{effects}"), &items)
}

fn refused(effects: &str) -> RankError {
    Recommender::new(with(effects), Settings::default()).expect_err("a refusal")
}

fn all() -> RecommendOptions {
    RecommendOptions::from_json(json!({"limit": 40, "includeSeen": true, "explain": true})).unwrap()
}

#[test]
fn what_the_owner_says_counts_and_the_rest_stays() {
    let mut own =
        recommender(&with("[effects.view]\nweight = 0.5\nseen = true\n[effects.applaud]\nweight = 0.9\nalpha = 0.2"));
    let view = own.effects().get("view").unwrap();
    assert_eq!((view.weight, view.alpha, view.seen, view.statement), (0.5, 0.05, true, false));
    assert_eq!(own.effects().get("like"), recommender(&with("")).effects().get("like"));
    record(&mut own, "view", "space-00", None, 0);
    record(&mut own, "applaud", "west-01", None, 1);
    let masses: Vec<(&str, f64)> = own.taste().likes.iter().map(|like| (like.item.as_str(), like.mass)).collect();
    assert_eq!(masses, [("space-00", 0.5), ("west-01", 0.9)]);
    let list = own.recommend(&RecommendOptions { limit: 40, ..RecommendOptions::default() }, NOW).unwrap();
    assert!(!ids(&list).contains(&"space-00"), "a view is an act in this catalog");
    let unknown = NewEvent { item: "space-00".into(), kind: "wave".into(), ..NewEvent::default() };
    let error = own.record(unknown, NOW).unwrap_err();
    assert!(error.to_string().contains("applaud"), "{error}");
    // Whoever hands in a table of their own does not want the catalog's.
    let given = Settings { effects: Some(homebody::Effects::default()), ..settings() };
    let given = Recommender::new(with("[effects.view]\nweight = 0.5"), given).unwrap();
    assert_eq!(given.effects().get("view").unwrap().weight, 0.1);
}

#[test]
fn an_effect_on_one_space_leaves_the_others_alone() {
    let effects = "[effects.view]\nweight = 1.0\nspaces = ['genre']\n[effects.dislike]\nspaces = ['text']";
    let mut recommender = recommender(&with(effects));
    record(&mut recommender, "view", "space-00", None, 0);
    record(&mut recommender, "dislike", "west-01", None, 1);
    let list = recommender.recommend(&all(), NOW).unwrap();
    let part = |id: &str, name: &str| {
        let hit = list.hits.iter().find(|hit| hit.id == id).unwrap();
        hit.parts.as_ref().unwrap().iter().find(|part| part.name == name).map(|part| part.affinity)
    };
    assert_eq!(part("space-02", "text"), None, "nothing is known of the texts that the person likes");
    assert!(part("space-02", "genre").unwrap() > 0.0);
    assert!(part("west-01", "genre").unwrap() > -1.0, "the dislike does not touch genres");
    assert!(part("west-03", "dislike").unwrap() < 0.0);
    let reason = list.hits.iter().find(|hit| hit.id == "space-02").unwrap().reason.as_ref().unwrap();
    assert_eq!(reason.part, "genre");
}

#[test]
fn what_fades_is_half_after_its_half_life_by_the_time_of_the_call() {
    let mut recommender = recommender(&with("[effects.view]\nhalf_life_days = 10"));
    record(&mut recommender, "view", "space-00", None, 0);
    record(&mut recommender, "like", "west-01", None, 1);
    let mass = |recommender: &Recommender| recommender.taste().likes[0].mass;
    assert_eq!(mass(&recommender), 0.1);
    let before = recommender.recommend(&all(), NOW).unwrap();
    let later = recommender.recommend(&all(), NOW + 10 * DAY).unwrap();
    assert_eq!(mass(&recommender), 0.05);
    assert_ne!(before.hits, later.hits);
    assert_eq!(recommender.recommend(&all(), NOW).unwrap(), before, "the time of the call decides, not the way to it");
    // What is said to happen in the future has not faded.
    let ahead = NewEvent { item: "space-02".into(), kind: "view".into(), time: Some(NOW + DAY / 2), value: None };
    recommender.record(ahead, NOW).unwrap();
    recommender.recommend(&all(), NOW).unwrap();
    assert_eq!(recommender.taste().likes.last().unwrap().mass, 0.1);
}

#[test]
fn a_table_that_does_not_fit_is_told_what_would() {
    for (effects, told) in [
        (
            "[effects.like]\nspaces = ['txt']",
            "unknown space `txt`; known, and personal, are `text`, `genre`, `length` and",
        ),
        ("[effects.like]\nspaces = ['rating']", "unknown space `rating`"),
        ("[effects.like]\nspaces = []", "at least one space"),
        ("[effects.like]\nweight = 2", "a weight from -1 to 1, got 2"),
        ("[effects.like]\nalpha = -1", "an alpha from 0 to 1"),
        ("[effects.like]\nhalf_life_days = 0", "a half-life above 0 days"),
        ("[effects.rate]\nmarks = [5, 3, 1]", "low < middle < high"),
        ("[effects.rate]\nmarks = [1, 3, 5]\nfull = 3", "`marks` or `full`"),
        ("[effects.liek]\nseen = true", "a type of its own"),
        ("[effects.liek]\nseen = true", "`like`"),
    ] {
        let error = refused(effects);
        assert_eq!(error.code(), "catalog-unfit");
        assert!(error.to_string().contains(told) && error.to_string().contains("effect of"), "{effects}: {error}");
    }
    let error = homebody::Schema::from_toml(&format!("{FILMS}\n[effects.like]\nwieght = 1")).unwrap_err();
    assert!(error.to_string().contains("wieght") && error.to_string().contains("`alpha`"), "{error}");
    // A space that `--interactions` makes may be named in a catalog that was built without.
    assert!(Recommender::new(with("[effects.buy]\nspaces = ['collaborative']"), Settings::default()).is_ok());
}
