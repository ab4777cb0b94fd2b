//! What a list may hold: rotation, variants, caps.

use homebody::{Catalog, RankError, RecommendOptions, Recommendation, Recommender};
use serde_json::{Value, json};

use crate::support::{FILMS, NOW, catalog, films, ids, person, place, recommender, record, score};

const DAY: i64 = 86_400_000;

fn options(given: Value) -> RecommendOptions {
    RecommendOptions::from_json(given).expect("good options")
}

fn list(recommender: &mut Recommender, given: Value) -> Recommendation {
    recommender.recommend(&options(given), NOW).expect("a list")
}

fn refused(recommender: &mut Recommender, given: Value) -> RankError {
    recommender.recommend(&options(given), NOW).expect_err("a refusal")
}

#[test]
fn what_was_shown_and_ignored_sinks_for_a_while() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let whole = |rotation: f64| json!({"limit": 40, "rotation": rotation, "explain": true});
    let before = list(&mut recommender, whole(1.0));
    let first = ids(&before)[0].to_owned();
    record(&mut recommender, "impression", &first, Some(1.0), 0);
    let after = list(&mut recommender, whole(1.0));
    assert_eq!(place(&after, &first), 38, "below everything else");
    let fell = score(&before, &first) - score(&after, &first);
    let part = after.hits[38].parts.as_ref().unwrap().iter().find(|part| part.name == "rotation").unwrap();
    assert_eq!(part.affinity, -0.5);
    assert!((part.contribution + fell).abs() < 1e-9, "and the part says by how much");
    assert_eq!(ids(&list(&mut recommender, json!({"limit": 40}))), ids(&before), "only when asked for");
    assert_eq!(list(&mut recommender, whole(0.0)).hits[0].id, first);
    let week = recommender.recommend(&options(whole(1.0)), NOW + 14 * DAY).unwrap();
    assert_eq!(place(&week, &first), 0, "it is forgotten");
    // What the person then acts on was not ignored.
    record(&mut recommender, "view", &first, None, 1);
    let viewed = list(&mut recommender, whole(1.0));
    assert!(viewed.hits.iter().all(|hit| hit.parts.as_ref().unwrap().iter().all(|part| part.name != "rotation")));
    // A stranger was shown nothing.
    record(&mut recommender, "impression", &first, None, 2);
    let stranger = list(&mut recommender, json!({"limit": 40, "rotation": 1.0, "strength": 0}));
    assert_eq!(ids(&stranger), ids(&list(&mut recommender, json!({"limit": 40, "strength": 0}))));
}

#[test]
fn what_was_shown_is_last_whatever_the_weights_of_the_call() {
    let mut recommender = person(&films(), &[("like", "space-1"), ("dislike", "love-1")]);
    for weights in [
        json!({"text": 50, "genre": 20}),
        json!({"text": -30}),
        json!({"prior": 100, "rating": -40}),
        json!({"dislike": 60, "recent": 30}),
        json!({"text": 0, "genre": 0, "length": 0, "rating": 0, "recent": 0, "prior": 0, "dislike": 0}),
    ] {
        let asked = json!({"limit": 40, "rotation": 1.0, "includeSeen": true, "weights": weights});
        let before = list(&mut recommender, asked.clone());
        for best in [0, 20] {
            let shown = ids(&before)[best].to_owned();
            // After everything that was said of it.
            let event = record(&mut recommender, "impression", &shown, None, 1000);
            assert_eq!(place(&list(&mut recommender, asked.clone()), &shown), 39, "{shown} with {weights}");
            recommender.undo(&event.id).unwrap();
        }
    }
}

#[test]
fn an_impression_says_nothing_else() {
    let catalog = films();
    let mut shown = person(&catalog, &[("like", "space-1"), ("impression", "space-1"), ("impression", "west-1")]);
    let mut plain = person(&catalog, &[("like", "space-1")]);
    assert_eq!(shown.taste(), plain.taste());
    assert_eq!(list(&mut shown, json!({"limit": 40})), list(&mut plain, json!({"limit": 40})));
}

/// Six shirts in two or three colours each: `a` is the main item of its group, `a-red` and `a-blue` are variants of it.
fn shirts() -> Catalog {
    let schema = format!("variant_of = 'director'\n{FILMS}");
    let mut items = Vec::new();
    for (at, shirt) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        for (number, colour) in ["", "-red", "-blue"].into_iter().take(2 + at % 2).enumerate() {
            let of = if number == 0 { Value::Null } else { json!(shirt) };
            items.push(json!({
                "key": format!("{shirt}{colour}"), "title": format!("{shirt}{colour}"), "about": format!("shirt {shirt}{colour}"),
                "genres": [if at < 3 { "Plain" } else { "Striped" }, if number == 0 { "Main" } else { "Other" }],
                "rating": 9.0 - at as f64 + 0.1 * number as f64, "votes": 100, "director": of, "year": null, "colour": null,
                "runtime": null, "released": null, "latitude": null, "longitude": null,
            }));
        }
    }
    catalog(&schema, &items)
}

#[test]
fn one_of_each_group_of_variants_is_on_a_list() {
    let mut recommender = recommender(&shirts());
    let whole = list(&mut recommender, json!({"limit": 40}));
    assert_eq!(ids(&whole), ["a-red", "b-blue", "c-red", "d-blue", "e-red", "f-blue"], "the best of each");
    assert_eq!(whole.cursor, None, "that is all of them");
    let plain = list(&mut recommender, json!({"limit": 40, "where": {"title": {"in": ["a", "b", "b-red"]}}}));
    assert_eq!(ids(&plain), ["a", "b-red"], "the best that the filter lets through");
    let first = list(&mut recommender, json!({"limit": 2}));
    let next = list(&mut recommender, json!({"limit": 40, "cursor": first.cursor.unwrap()}));
    assert_eq!(ids(&next), ids(&whole)[2..], "nor on the pages after it");
    let similar = recommender.similar("b", &options(json!({"limit": 40})), NOW).unwrap();
    assert_eq!(similar.hits.len(), 5, "nor beside itself");
    let spread = list(&mut recommender, json!({"limit": 40, "diversity": 0.5}));
    assert_eq!(spread.hits.len(), 6);
    let picks = homebody::OnboardingOptions::from_json(json!({"n": 12})).unwrap();
    assert_eq!(recommender.onboarding(&picks, NOW).unwrap().hits.len(), 6);
}

#[test]
fn a_column_of_variants_has_to_be_a_text() {
    for (column, code) in [("rating", "schema"), ("colours", "unknown-column")] {
        let error = homebody::Schema::from_toml(&format!("variant_of = '{column}'\n{FILMS}")).unwrap_err();
        assert!(error.to_string().contains(column) && error.code().contains(code), "{} {error}", error.code());
    }
}

#[test]
fn caps_hold_over_the_whole_list() {
    let catalog = films();
    let mut recommender = person(&catalog, &[("like", "space-1"), ("like", "space-2")]);
    let plain = list(&mut recommender, json!({"limit": 8}));
    let capped = list(&mut recommender, json!({"limit": 8, "caps": {"director": 2}}));
    let count =
        |list: &Recommendation, director: &str| list.hits.iter().filter(|hit| hit.item["director"] == director).count();
    assert!(["Ada", "Bo", "Cy"].iter().any(|director| count(&plain, director) > 2), "there is something to cap");
    assert!(["Ada", "Bo", "Cy"].iter().all(|director| count(&capped, director) <= 2), "{:?}", ids(&capped));
    assert_eq!(capped.hits.len(), 8, "what has no director fills the list");
    // Over pages, by offset and by cursor.
    let first = list(&mut recommender, json!({"limit": 3, "caps": {"director": 2}}));
    let by_offset = list(&mut recommender, json!({"limit": 5, "offset": 3, "caps": {"director": 2}}));
    let by_cursor = list(&mut recommender, json!({"limit": 5, "cursor": first.cursor, "caps": {"director": 2}}));
    assert_eq!(ids(&by_offset), ids(&capped)[3..]);
    assert_eq!(ids(&by_cursor), ids(&capped)[3..]);
    // An item with several values counts for each; the best come first and keep their order.
    let tags = list(&mut recommender, json!({"limit": 40, "caps": {"genres": 1}}));
    let mut values: Vec<&Value> = tags.hits.iter().flat_map(|hit| hit.item["genres"].as_array()).flatten().collect();
    let all = values.len();
    values.sort_by_key(|value| value.to_string());
    values.dedup();
    assert_eq!(values.len(), all, "no value twice");
    assert_eq!(tags.cursor, None, "it ends where there is room for no more");
}

#[test]
fn options_that_contradict_each_other_or_cannot_be_are_refused() {
    let mut recommender = recommender(&films());
    for (given, code, told) in [
        (json!({"rotation": 0.5, "weights": {"rotation": 1}}), "option", "`rotation` and `weights`"),
        (json!({"caps": {"genres": 0}}), "option", "1 or more for `genres`"),
        (json!({"caps": {"rating": 2}}), "unknown-column", "`director`"),
        (json!({"caps": {"colours": 2}}), "unknown-column", "`genres`"),
        (json!({"weights": {"rotation": -1}}), "weight", "0 or more"),
        (json!({"weights": {"momentun": 1}}), "unknown-weight", "`momentum`"),
    ] {
        let error = refused(&mut recommender, given.clone());
        assert_eq!(error.code(), code, "{given}: {error}");
        assert!(error.to_string().contains(told), "{given}: {error}");
    }
    for bad in
        [json!({"rotation": 2}), json!({"caps": {"genres": 1.5}}), json!({"caps": 3}), json!({"sessionRecency": 1})]
    {
        assert_eq!(RecommendOptions::from_json(bad).unwrap_err().code(), "option");
    }
}

#[test]
fn a_scenario_may_rotate_and_cap() {
    let schema = format!("{FILMS}\n[scenario.home]\nrotation = 1.0\ncaps = {{ genres = 1 }}\n");
    let items: Vec<Value> = (0..6)
        .map(|at| {
            let genre = ["Drama", "Comedy", "War"][at / 2];
            json!({
                "key": format!("film-{at}"), "title": null, "about": "film", "genres": [genre],
                "rating": 9.0 - at as f64, "votes": 10, "year": null, "director": null, "colour": null, "runtime": null,
                "released": null, "latitude": null, "longitude": null,
            })
        })
        .collect();
    let mut home = recommender(&catalog(&schema, &items));
    assert_eq!(ids(&list(&mut home, json!({"scenario": "home"}))), ["film-0", "film-2", "film-4"]);
    record(&mut home, "impression", "film-0", None, 0);
    assert_eq!(
        ids(&list(&mut home, json!({"scenario": "home"}))),
        ["film-1", "film-2", "film-4"],
        "the next of its kind"
    );
    assert_eq!(list(&mut home, json!({"scenario": "home", "rotation": 0, "caps": {"genres": 2}})).hits.len(), 6);
    assert_eq!(list(&mut home, json!({"scenario": "home", "rotation": 0, "caps": {}})).hits.len(), 6, "none at all");
    let odd = catalog(&format!("{FILMS}\n[scenario.home]\ncaps = {{ rating = 1 }}\n"), &items);
    assert_eq!(Recommender::new(odd, crate::support::settings()).unwrap_err().code(), "catalog-unfit");
}
