//! What a call can ask of a list beyond what is best: pages, scenarios, candidates, strength, comparison, what-if.

use homebody::{RankError, RecommendOptions, Recommendation, Recommender, SearchOptions, Settings};
use serde_json::{Value, json};

use crate::support::{FILMS, NOW, catalog, embed, films, ids, person, recommender, record};

fn options(options: Value) -> RecommendOptions {
    RecommendOptions::from_json(options).expect("good options")
}

fn recommend(recommender: &mut Recommender, given: Value) -> Recommendation {
    recommender.recommend(&options(given), NOW).expect("a list")
}

fn refused(recommender: &mut Recommender, given: Value) -> RankError {
    recommender.recommend(&options(given), NOW).expect_err("a refusal")
}

/// A film with these values and no others.
fn film(values: Value) -> Value {
    let names = ["title", "year", "genres", "director", "colour", "rating", "votes", "runtime", "released"];
    let mut film: serde_json::Map<String, Value> =
        names.iter().chain(&["latitude", "longitude"]).map(|name| ((*name).to_owned(), Value::Null)).collect();
    film.extend(values.as_object().expect("an object").clone());
    Value::Object(film)
}

/// The films with two scenarios.
fn staged() -> homebody::Catalog {
    let schema = format!(
        "{FILMS}\n{}",
        r#"
        [scenario.modern]
        weights = { recent = 3.0, prior = 0.0 }
        where = { year = { gte = 1990 } }
        [scenario.stranger]
        strength = 0.0
        include_seen = true
        "#
    );
    let items: Vec<Value> = (0..12)
        .map(|number| {
            film(json!({
                "key": format!("film-{number:02}"), "title": format!("Film {number}"), "about": format!("word{number} film"),
                "year": 1980 + number, "released": format!("{}-01-01", 1980 + number), "rating": 9.0 - 0.2 * f64::from(number),
                "votes": 1000,
            }))
        })
        .collect();
    catalog(&schema, &items)
}

#[test]
fn pages_by_cursor_are_the_whole_list_once() {
    let mut recommender = person(&films(), &[("like", "space-1"), ("like", "west-2"), ("hide", "love-1")]);
    for diversity in [0.0, 0.4] {
        let whole = recommend(&mut recommender, json!({"limit": 40, "diversity": diversity}));
        assert_eq!(whole.cursor, None, "nothing comes after the whole list");
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut given = json!({"limit": 7, "diversity": diversity});
            if let Some(cursor) = &cursor {
                given["cursor"] = json!(cursor);
            }
            let page = recommend(&mut recommender, given);
            assert_eq!(page.eligible, whole.eligible, "what was shown is still there to choose from");
            seen.extend(page.hits.iter().map(|hit| hit.id.clone()));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), whole.hits.len());
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), seen.len(), "no item twice");
        if diversity == 0.0 {
            assert_eq!(seen, ids(&whole), "and in the same order");
        }
    }
}

#[test]
fn nothing_comes_twice_when_events_come_in_between() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let first = recommend(&mut recommender, json!({"limit": 6}));
    record(&mut recommender, "like", "ghost-3", None, 10);
    let next = recommend(&mut recommender, json!({"limit": 6, "cursor": first.cursor.clone().unwrap()}));
    assert!(ids(&next).iter().all(|id| !ids(&first).contains(id)), "{:?} after {:?}", ids(&next), ids(&first));
    assert!(ids(&next).iter().any(|id| id.starts_with("ghost")), "and the new like counts: {:?}", ids(&next));
    // A page begun by offset goes on after what was left out.
    let offset = recommend(&mut recommender, json!({"limit": 3, "offset": 2}));
    let after = recommend(&mut recommender, json!({"limit": 3, "cursor": offset.cursor.clone().unwrap()}));
    let whole = recommend(&mut recommender, json!({"limit": 8}));
    assert_eq!(ids(&after), ids(&whole)[5..]);
}

#[test]
fn cursors_that_cannot_be_are_refused() {
    let mut films = person(&films(), &[]);
    let cursor = recommend(&mut films, json!({"limit": 2})).cursor.unwrap();
    let mut other = recommender(&staged());
    let error = refused(&mut other, json!({"cursor": cursor}));
    assert_eq!(error.code(), "cursor");
    assert!(error.to_string().contains("another"), "{error}");
    for damaged in ["", "h1", "next please", &format!("{cursor}.!"), &format!("{cursor}.zzzzz")] {
        assert_eq!(refused(&mut films, json!({"cursor": damaged})).code(), "cursor", "{damaged}");
    }
    let both = RecommendOptions { offset: 1, cursor: Some(cursor), ..RecommendOptions::default() };
    assert_eq!(films.recommend(&both, NOW).unwrap_err().code(), "option");
}

#[test]
fn a_scenario_gives_what_the_caller_does_not() {
    let mut recommender = recommender(&staged());
    assert_eq!(recommender.scenarios().collect::<Vec<_>>(), ["modern", "stranger"]);
    let modern = recommend(&mut recommender, json!({"scenario": "modern", "limit": 12}));
    assert_eq!(ids(&modern), ["film-11", "film-10"], "its filter and its weights");
    let old = recommend(&mut recommender, json!({"scenario": "modern", "where": {"year": {"lt": 1983}}}));
    assert_eq!(ids(&old), ["film-02", "film-01", "film-00"], "the caller's filter, the scenario's weights");
    let weights = json!({"recent": 0.0});
    let rated = recommend(&mut recommender, json!({"scenario": "modern", "weights": weights}));
    assert_eq!(ids(&rated), ["film-10", "film-11"], "the caller's weight");
    let error = refused(&mut recommender, json!({"scenario": "home"}));
    assert_eq!(error.code(), "unknown-scenario");
    assert!(error.to_string().contains("`modern` and `stranger`"), "{error}");
}

#[test]
fn a_scenario_that_does_not_fit_its_catalog_is_found_when_it_is_opened() {
    let schema = format!("{FILMS}\n[scenario.odd]\nwhere = {{ colours = 3 }}\n");
    let catalog = catalog(&schema, &[film(json!({"key": "a", "about": "a"}))]);
    let error = Recommender::new(catalog, Settings::default()).unwrap_err();
    assert_eq!(error.code(), "catalog-unfit");
    assert!(error.to_string().contains("scenario `odd`") && error.to_string().contains("colours"), "{error}");
    for (scenario, part) in [
        ("weights = { fame = 1 }", "fame"),
        ("diversity = 2", "diversity"),
        ("strength = -1", "strength"),
        ("limit = 3", "limit"),
    ] {
        let error = homebody::Schema::from_toml(&format!("{FILMS}\n[scenario.odd]\n{scenario}\n")).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn only_candidates_are_considered() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let list = recommend(&mut recommender, json!({"candidates": ["love-0", "space-2", "west-3", "space-1"]}));
    assert_eq!(ids(&list)[0], "space-2");
    assert_eq!((list.hits.len(), list.eligible), (3, 3), "what was seen stays left out");
    let none = recommend(&mut recommender, json!({"candidates": []}));
    assert!(none.hits.is_empty() && none.note.as_deref().is_some_and(|note| note.contains("candidates")));
    let error = refused(&mut recommender, json!({"candidates": ["space-2", "casablanca"]}));
    assert_eq!(error.code(), "unknown-item");
    assert!(error.to_string().contains("casablanca"), "{error}");
}

#[test]
fn strength_leads_from_a_stranger_to_the_person() {
    let events = [("like", "west-6"), ("like", "west-5"), ("dislike", "space-0")];
    let catalog = films();
    let mut known = person(&catalog, &events);
    let mut stranger = recommender(&catalog);
    let unseen: Vec<String> =
        ids(&recommend(&mut known, json!({"limit": 40}))).iter().map(|id| (*id).to_owned()).collect();
    let all = |strength: f64| json!({"limit": 40, "candidates": unseen, "strength": strength});
    let (none, half, whole) = (all(0.0), all(0.5), all(1.0));
    assert_eq!(recommend(&mut known, none.clone()).hits, recommend(&mut stranger, none).hits);
    let usual = recommend(&mut known, json!({"limit": 40, "candidates": unseen}));
    assert_eq!(recommend(&mut known, whole).hits, usual.hits);
    let half = recommend(&mut known, half);
    assert_ne!(half.hits, usual.hits);
    for (a, b) in half.hits.iter().zip(&half.hits[1..]) {
        assert!(a.score >= b.score);
    }
    // A search with nothing of the person is the search of a stranger.
    let search = |given: Value| SearchOptions::from_json(given).unwrap();
    let query = embed("desert gold");
    let (none, zero) = (search(json!({"strength": 0})), search(json!({"personalize": 0})));
    assert_eq!(known.search(&query, &none, NOW).unwrap().hits, stranger.search(&query, &zero, NOW).unwrap().hits);
    let learning = search(json!({"learn": true}));
    assert_eq!(known.search(&query, &learning, NOW).unwrap_err().code(), "option", "nothing is learned for searches");
    for given in [
        json!({"strength": 0.5}),
        json!({"compare": "baseline"}),
        json!({"learn": true}),
        json!({"sessionRecency": true}),
    ] {
        let refused = known.similar("west-1", &options(given.clone()), NOW).expect_err("nothing personal");
        assert_eq!(refused.code(), "option");
        let name = given.as_object().unwrap().keys().next().unwrap();
        assert!(refused.to_string().contains(&format!("`{name}`")), "{refused}");
    }
}

#[test]
fn a_comparison_says_where_a_stranger_finds_the_item() {
    let catalog = films();
    let mut known = person(&catalog, &[("like", "ghost-5")]);
    let list = recommend(&mut known, json!({"limit": 10, "compare": "baseline"}));
    let stranger = recommend(&mut known, json!({"limit": 40, "strength": 0}));
    for (at, hit) in list.hits.iter().enumerate() {
        let place = 1 + ids(&stranger).iter().position(|id| *id == hit.id).unwrap();
        let baseline = hit.baseline.expect("a comparison");
        assert_eq!((baseline.rank, baseline.rise), (place, place as i64 - (at as i64 + 1)), "{}", hit.id);
    }
    assert!(list.hits[0].baseline.unwrap().rise > 0, "what the person likes rose");
    assert!(recommend(&mut known, json!({})).hits.iter().all(|hit| hit.baseline.is_none()), "only when asked for");
}

#[test]
fn without_an_event_is_as_if_it_had_never_been() {
    let catalog = films();
    let mut both = person(&catalog, &[("like", "space-1"), ("like", "ghost-1")]);
    let mut one = person(&catalog, &[("like", "space-1")]);
    let before = recommend(&mut both, json!({"limit": 40, "explain": true}));
    let event = both.log().events()[1].id.clone();
    let what_if = both.without(&event, &options(json!({"limit": 40, "explain": true})), NOW).unwrap();
    assert_eq!(what_if, recommend(&mut one, json!({"limit": 40, "explain": true})));
    assert_eq!(recommend(&mut both, json!({"limit": 40, "explain": true})), before, "the profile stays as it was");
    let error = both.without("nothing", &options(json!({})), NOW).unwrap_err();
    assert_eq!(error.code(), "unknown-event");
    // A call that is refused leaves the profile as it was, too.
    assert!(both.without(&event, &RecommendOptions { diversity: Some(f64::NAN), ..options(json!({})) }, NOW).is_err());
    assert_eq!(both.log().len(), 2);
}
