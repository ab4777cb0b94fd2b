//! recommend, search, similar, onboarding, get: what comes first, and what is refused.

use homebody::{Ema, Mean, OnboardingOptions, RankError, RecommendOptions, Recommender, SearchOptions};
use serde_json::{Value, json};

use crate::support::{FILMS, NOW, catalog, embed, films, ids, person, place, recommender, record, score};

fn options(options: Value) -> RecommendOptions {
    RecommendOptions::from_json(options).expect("good options")
}

fn all() -> RecommendOptions {
    options(json!({"limit": 40, "includeSeen": true}))
}

fn kinds(ids: &[&str]) -> Vec<String> {
    let mut kinds: Vec<String> = ids.iter().map(|id| id.split('-').next().unwrap_or_default().to_owned()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[test]
fn without_events_the_well_liked_come_first() {
    let catalog = films();
    let list = recommender(&catalog).recommend(&options(json!({"limit": 5, "explain": true})), NOW).unwrap();
    assert!(ids(&list).iter().all(|id| id.ends_with("-0")), "{:?}", ids(&list));
    let parts: Vec<&str> = list.hits[0].parts.as_ref().unwrap().iter().map(|part| part.name.as_str()).collect();
    assert_eq!(parts, ["rating", "recent", "prior"], "what is personal says nothing yet");
}

#[test]
fn a_like_lifts_its_kind_with_every_strategy() {
    let catalog = films();
    for strategy in ["kernel", "ema", "mean"] {
        let mut recommender = recommender(&catalog);
        match strategy {
            "ema" => recommender.set_strategy(Box::new(Ema)),
            "mean" => recommender.set_strategy(Box::new(Mean)),
            _ => {}
        }
        assert_eq!(recommender.strategy_name(), strategy);
        record(&mut recommender, "like", "west-1", None, 0);
        let list = recommender.recommend(&options(json!({"limit": 6})), NOW).unwrap();
        assert_eq!(kinds(&ids(&list)), ["west"], "{strategy}: {:?}", ids(&list));
    }
}

#[test]
fn two_tastes_are_both_served() {
    let mut recommender = person(&films(), &[("like", "space-1"), ("like", "ghost-1")]);
    let list = recommender.recommend(&options(json!({"limit": 8})), NOW).unwrap();
    assert_eq!(kinds(&ids(&list)), ["ghost", "space"]);
}

#[test]
fn seen_items_are_left_out_unless_asked_for() {
    let events = [("like", "space-1"), ("view", "space-2"), ("hide", "west-0"), ("buy", "love-1"), ("rate", "love-2")];
    let catalog = films();
    let mut recommender = recommender(&catalog);
    for (at, (kind, item)) in events.iter().enumerate() {
        record(&mut recommender, kind, item, (*kind == "rate").then_some(4.0), at as i64);
    }
    let list = recommender.recommend(&options(json!({"limit": 40})), NOW).unwrap();
    assert_eq!(list.eligible, 36, "liked, hidden, bought and rated ones are seen; looked at is not");
    assert!(ids(&list).contains(&"space-2") && !ids(&list).contains(&"west-0"));
    assert_eq!(recommender.recommend(&all(), NOW).unwrap().hits.len(), 40);
    for item in ids(&list) {
        record(&mut recommender, "like", item, None, 100);
    }
    let nothing = recommender.recommend(&options(json!({})), NOW).unwrap();
    assert!(nothing.hits.is_empty() && nothing.note.unwrap().contains("seen"));
}

#[test]
fn weights_count_at_call_time() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let taste = recommender.recommend(&options(json!({"limit": 1})), NOW).unwrap();
    let ratings = json!({"limit": 1, "weights": {"text": 0, "genre": 0, "length": 0, "rating": 5}});
    let rating = recommender.recommend(&options(ratings), NOW).unwrap();
    assert!(ids(&taste)[0].starts_with("space") && ids(&rating) == ["ghost-0"]);
    let worst = json!({"limit": 1, "weights": {"text": 0, "genre": 0, "rating": -5, "prior": 0}});
    assert!(ids(&recommender.recommend(&options(worst), NOW).unwrap())[0].ends_with("-6"));
    assert_eq!(recommender.recommend(&options(json!({"limit": 1})), NOW).unwrap(), taste);
    let names: Vec<&str> = recommender.weights().keys().copied().collect();
    assert_eq!(
        names,
        ["dislike", "genre", "length", "momentum", "place", "prior", "query", "rating", "recent", "rotation", "text"]
    );
}

#[test]
fn weights_that_cannot_be_are_refused() {
    let mut recommender = recommender(&films());
    let mut code = |name: &str, weight: f64| -> RankError {
        let weights = [(name.to_owned(), weight)].into();
        let options = RecommendOptions { weights, ..RecommendOptions::default() };
        recommender.recommend(&options, NOW).unwrap_err()
    };
    let unknown = code("popularity", 1.0);
    assert_eq!(unknown.code(), "unknown-weight");
    for name in ["popularity", "`text`", "`genre`", "`query`", "`dislike`", "`prior`"] {
        assert!(unknown.to_string().contains(name), "{unknown}");
    }
    for (name, weight) in [("text", f64::NAN), ("text", f64::INFINITY), ("rating", 1e7), ("dislike", -0.1)] {
        assert_eq!(code(name, weight).code(), "weight", "{name} {weight}");
    }
    let bad = RecommendOptions { diversity: Some(f64::NAN), ..RecommendOptions::default() };
    assert_eq!(recommender.recommend(&bad, NOW).unwrap_err().code(), "option");
}

fn search(recommender: &mut Recommender, text: &str, options: Value) -> homebody::Recommendation {
    let options = SearchOptions::from_json(options).expect("good options");
    recommender.search(&embed(text), &options, NOW).expect("a list")
}

#[test]
fn a_search_finds_the_text_and_the_person_leans_on_it() {
    let mut recommender = person(&films(), &[("like", "space-3")]);
    let plain = search(&mut recommender, "west sheriff saloon", json!({"limit": 40, "personalize": 0}));
    assert_eq!(kinds(&ids(&plain)[..5]), ["west"]);
    let leaning = search(&mut recommender, "west sheriff saloon", json!({"limit": 40, "personalize": 0.5}));
    assert!(ids(&leaning)[0].starts_with("west"));
    let space = |list: &homebody::Recommendation| (0..8).map(|n| place(list, &format!("space-{n}"))).sum::<usize>();
    assert!(space(&leaning) < space(&plain), "{} or {}", space(&leaning), space(&plain));
    assert!(ids(&plain).contains(&"space-3"), "who looks for something wants to find it, seen or not");
    let unseen = search(&mut recommender, "space", json!({"limit": 40, "includeSeen": false}));
    assert!(!ids(&unseen).contains(&"space-3"));
}

#[test]
fn an_unpersonalized_search_does_not_depend_on_the_person() {
    let (mut nobody, mut somebody) =
        (recommender(&films()), person(&films(), &[("like", "space-3"), ("hide", "west-1")]));
    let plain = json!({"limit": 40, "personalize": 0});
    assert_eq!(search(&mut nobody, "gold rain", plain.clone()), search(&mut somebody, "gold rain", plain));
}

#[test]
fn query_vectors_that_cannot_be_are_refused() {
    let mut recommender = recommender(&films());
    for query in [vec![], vec![1.0; 31], vec![f32::NAN; 32], vec![0.0; 32]] {
        let error = recommender.search(&query, &SearchOptions::default(), NOW).unwrap_err();
        assert_eq!(error.code(), "query-vector", "{error}");
    }
    let bare = crate::support::catalog(
        "name = 'bare'\nid = 'key'\n[columns]\nn = { type = 'number' }",
        &[json!({"key": "b", "n": 1}), json!({"key": "a", "n": 2})],
    );
    let mut bare = crate::support::recommender(&bare);
    assert_eq!(bare.search(&[1.0], &SearchOptions::default(), NOW).unwrap_err().code(), "catalog-unfit");
    assert_eq!(ids(&bare.recommend(&all(), NOW).unwrap()), ["a", "b"], "equal scores are listed by id");
    assert_eq!(bare.onboarding(&OnboardingOptions::default(), NOW).unwrap().hits.len(), 2);
    assert!(bare.interests().is_empty());
}

#[test]
fn similar_items_are_those_of_its_kind_and_not_itself() {
    let mut recommender = recommender(&films());
    let list = recommender.similar("crime-2", &options(json!({"limit": 6})), NOW).unwrap();
    assert_eq!(kinds(&ids(&list)), ["crime"]);
    assert!(!ids(&list).contains(&"crime-2"));
    assert_eq!(recommender.similar("gone", &all(), NOW).unwrap_err().code(), "unknown-item");
    let everything = recommender.similar("crime-2", &all(), NOW).unwrap();
    assert_eq!(everything.hits.len(), 39);
    let mut taste = person(&films(), &[("like", "space-1"), ("dislike", "crime-1")]);
    assert_eq!(taste.similar("crime-2", &all(), NOW).unwrap(), everything, "the person does not count");
}

#[test]
fn picks_for_a_new_person_are_well_liked_and_different() {
    let mut recommender = recommender(&films());
    let picks = recommender.onboarding(&OnboardingOptions { n: 5, filter: None }, NOW).unwrap();
    assert_eq!(kinds(&ids(&picks)).len(), 5, "{:?}", ids(&picks));
    assert!(ids(&picks).iter().all(|id| !id.ends_with("-7") && !id.ends_with("-6")));
    let many = recommender.onboarding(&OnboardingOptions { n: 1000, filter: None }, NOW).unwrap();
    assert_eq!(many.hits.len(), 40);
    assert!(recommender.onboarding(&OnboardingOptions { n: 0, filter: None }, NOW).unwrap().hits.is_empty());
}

#[test]
fn diversity_spreads_the_list_and_pages_fit_together() {
    let mut recommender = person(&films(), &[("like", "space-1"), ("like", "space-2"), ("view", "love-1")]);
    let plain = recommender.recommend(&options(json!({"limit": 5})), NOW).unwrap();
    let spread = recommender.recommend(&options(json!({"limit": 5, "diversity": 0.7})), NOW).unwrap();
    assert_eq!(ids(&plain)[0], ids(&spread)[0], "the best stays first");
    assert!(kinds(&ids(&spread)).len() > kinds(&ids(&plain)).len());
    let whole = recommender.recommend(&options(json!({"limit": 30, "diversity": 0.7})), NOW).unwrap();
    let pages: Vec<String> = (0..6)
        .flat_map(|page| {
            let page = json!({"limit": 5, "offset": 5 * page, "diversity": 0.7});
            let list = recommender.recommend(&options(page), NOW).unwrap();
            list.hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(pages, ids(&whole));
}

#[test]
fn a_position_counts_only_when_it_is_given() {
    let mut recommender = recommender(&films());
    let near = json!({"limit": 1, "weights": {"place": 10}, "position": {"latitude": 54.0, "longitude": 8.0}});
    assert_eq!(ids(&recommender.recommend(&options(near), NOW).unwrap()), ["west-4"]);
    let nowhere = recommender.recommend(&options(json!({"limit": 1, "weights": {"place": 10}})), NOW).unwrap();
    assert_ne!(ids(&nowhere), ["west-4"]);
}

#[test]
fn nearness_of_a_number_follows_what_was_chosen() {
    let mut recommender = person(&films(), &[("like", "space-0"), ("like", "love-0"), ("like", "west-0")]);
    let only = options(json!({"limit": 40, "includeSeen": true, "weights": {
        "text": 0, "genre": 0, "rating": 0, "recent": 0, "prior": 0, "length": 1}}));
    let list = recommender.recommend(&only, NOW).unwrap();
    assert!(score(&list, "crime-0") > 0.9 && score(&list, "space-6") < score(&list, "space-2"));
    assert!(score(&list, "space-7") > 0.0, "a missing value counts as the mean");
}

#[test]
fn recency_now_depends_on_the_day_alone() {
    let schema = "name = 'news'\nid = 'key'\n[columns]\nday = { type = 'date' }\n[[space]]\nname = 'new'\nkind = 'recency'\n\
                  column = 'day'\nhalf_life_days = 1\nreference = 'now'";
    let catalog = crate::support::catalog(
        schema,
        &[
            json!({"key": "today", "day": "2023-11-14"}),
            json!({"key": "yesterday", "day": "2023-11-13"}),
            json!({"key": "tomorrow", "day": "2023-11-15"}),
            json!({"key": "never"}),
        ],
    );
    let mut recommender = recommender(&catalog);
    let list = recommender.recommend(&all(), NOW).unwrap();
    let scores = ["today", "yesterday", "tomorrow", "never"].map(|id| score(&list, id));
    assert_eq!(scores, [1.0, 0.5, 1.0, 0.0]);
    assert_eq!(ids(&list), ["today", "tomorrow", "yesterday", "never"]);
    let later = recommender.recommend(&all(), NOW + 86_400_000).unwrap();
    assert_eq!(score(&later, "today"), 0.5);
}

#[test]
fn items_are_got_by_id() {
    let recommender = recommender(&films());
    let got = recommender.get(&["love-1".into(), "gone".into()]);
    assert_eq!(got[0].as_ref().unwrap().item["title"], "love 1");
    assert!(got[1].is_none());
}

#[test]
fn columns_tell_what_a_filter_control_needs() {
    let columns = recommender(&films()).columns();
    let column = |name: &str| columns.iter().find(|column| column.name == name).unwrap();
    assert_eq!((column("year").min.clone(), column("year").max.clone()), (Some(json!(1970)), Some(json!(2004))));
    assert_eq!(column("released").min, Some(json!("1970-06-15")));
    assert_eq!((column("year").column_type, column("year").missing), ("integer", 5));
    let genres = column("genres").values.as_ref().unwrap();
    assert_eq!(
        (genres[0].value.as_str(), genres[0].count),
        ("Comedy", 3).max((genres[0].value.as_str(), genres[0].count))
    );
    assert!(genres.windows(2).all(|pair| pair[0].count >= pair[1].count));
    assert_eq!(column("director").values.as_ref().unwrap().len(), 3);
    assert!(column("rating").values.is_none() && !column("about").display);
}

#[test]
fn a_text_that_is_the_mean_of_the_catalog_says_nothing() {
    // All items have one text: its vector is the mean, and what is left of it after centring has no direction.
    let film = |key: &str, rating: f64| {
        json!({
            "key": key, "title": key, "about": "space ship", "rating": rating, "votes": 100, "year": null, "genres": null,
            "director": null, "colour": null, "runtime": null, "released": null, "latitude": null, "longitude": null,
        })
    };
    let catalog = catalog(FILMS, &[film("a", 3.0), film("b", 9.0), film("c", 6.0)]);
    let mut recommender = recommender(&catalog);
    let search = |given: Value| SearchOptions::from_json(given).expect("good options");
    let list = recommender.search(&embed("space ship"), &search(json!({"limit": 2, "explain": true})), NOW).unwrap();
    assert_eq!(ids(&list), ["a", "b"], "all alike, in the order of their ids");
    assert!(list.hits.iter().all(|hit| hit.score == 0.0 && hit.parts.as_ref().unwrap().is_empty()));
    assert!(list.note.as_deref().is_some_and(|note| note.contains("tells no item from another")), "{:?}", list.note);
    assert!(list.cursor.is_some(), "the list goes on as any other");
    let weighed = recommender.search(&embed("space ship"), &search(json!({"weights": {"rating": 1}})), NOW).unwrap();
    assert_eq!(ids(&weighed), ["b", "c", "a"], "what else has a weight orders it");
    let none = json!({"where": {"title": "d"}});
    let note = recommender.search(&embed("space ship"), &search(none), NOW).unwrap().note.unwrap();
    assert!(note.contains("filter"), "why there is nothing comes first: {note}");
    let other = recommender.search(&embed("desert horse"), &search(json!({})), NOW).unwrap();
    assert_eq!(other.note, None);
    assert_eq!(recommender.search(&[0.0; 32], &search(json!({})), NOW).unwrap_err().code(), "query-vector");
}
