//! Parts and reasons: they add up, and what is said is true.

use homebody::{Hit, ReasonKind, RecommendOptions, SearchOptions};
use serde_json::json;

use crate::support::{NOW, embed, films, person, record};

fn explained() -> RecommendOptions {
    RecommendOptions { limit: 40, explain: true, include_seen: Some(true), ..RecommendOptions::default() }
}

fn reason(hits: &[Hit], id: &str) -> homebody::Reason {
    hits.iter()
        .find(|hit| hit.id == id)
        .and_then(|hit| hit.reason.clone())
        .unwrap_or_else(|| panic!("a reason for {id}"))
}

#[test]
fn parts_are_there_only_when_asked_for() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let plain = recommender.recommend(&RecommendOptions::default(), NOW).unwrap();
    assert!(plain.hits.iter().all(|hit| hit.parts.is_none() && hit.reason.is_none()));
    let list = recommender.recommend(&explained(), NOW).unwrap();
    for hit in &list.hits {
        let parts = hit.parts.as_ref().unwrap();
        assert_eq!(parts.iter().map(|part| part.contribution).sum::<f64>(), hit.score);
        assert!(parts.iter().all(|part| part.contribution == part.weight * part.affinity));
    }
}

#[test]
fn an_interest_names_the_items_that_carry_it() {
    let mut recommender = person(&films(), &[("like", "space-1"), ("buy", "ghost-2")]);
    let list = recommender.recommend(&explained(), NOW).unwrap();
    let space = reason(&list.hits, "space-2");
    assert_eq!((space.kind, &*space.text), (ReasonKind::Interest, "Because you liked “space 1”"));
    assert_eq!(space.items[0].id, "space-1");
    assert!(space.items.iter().map(|item| item.share).sum::<f64>() <= 1.0 + 1e-12);
    assert_eq!(reason(&list.hits, "ghost-3").text, "Because you bought “ghost 2”");
}

#[test]
fn two_items_that_carry_alike_are_both_named() {
    let mut recommender = person(&films(), &[("like", "space-1"), ("like", "space-3")]);
    record(&mut recommender, "rate", "west-2", Some(4.5), 10);
    let weights = [("genre".to_owned(), 0.0)].into();
    let list = recommender.recommend(&RecommendOptions { weights, ..explained() }, NOW).unwrap();
    let texts = |kind: &str| {
        let others = list.hits.iter().filter(|hit| hit.id.starts_with(kind));
        others.filter_map(|hit| Some(hit.reason.clone()?.text)).collect::<Vec<String>>()
    };
    let both = ["Because you liked “space 1” and “space 3”", "Because you liked “space 3” and “space 1”"];
    assert!(texts("space").iter().any(|text| both.contains(&&**text)), "{:?}", texts("space"));
    assert!(texts("west").contains(&"Because you rated “west 2” 4.5".to_owned()), "{:?}", texts("west"));
}

#[test]
fn other_reasons_tell_their_numbers() {
    let mut recommender = person(&films(), &[("like", "west-1"), ("like", "west-3")]);
    let mut only = |weights: serde_json::Value, id: &str| {
        let mut all = json!({"text": 0, "genre": 0, "rating": 0, "recent": 0, "prior": 0, "length": 0, "place": 0});
        all.as_object_mut().unwrap().extend(weights.as_object().unwrap().clone());
        let options = RecommendOptions::from_json(json!({
            "limit": 40, "explain": true, "includeSeen": true, "weights": all,
            "position": {"latitude": 50.0, "longitude": 5.0}
        }));
        reason(&recommender.recommend(&options.unwrap(), NOW).unwrap().hits, id)
    };
    let rating = only(json!({"rating": 1}), "love-0");
    assert_eq!((rating.kind, &*rating.text), (ReasonKind::Number, "High rating: 8.6"));
    let prior = only(json!({"prior": 1}), "space-0");
    assert_eq!((prior.kind, &*prior.text), (ReasonKind::Prior, "Well liked: 8.5 on average of 100,000 ratings"));
    let genre = only(json!({"genre": 1}), "west-0");
    assert_eq!((genre.kind, &*genre.text), (ReasonKind::Category, "Western, like 2 of the 2 you chose"));
    assert_eq!(genre.value.as_deref(), Some("Western"));
    let recent = only(json!({"recent": 1}), "ghost-6");
    assert_eq!((recent.kind, &*recent.text), (ReasonKind::Recency, "Recent: released 2004-06-15"));
    let near = only(json!({"length": 1}), "crime-2");
    assert_eq!((near.kind, &*near.text), (ReasonKind::Number, "The runtime, 110, is near what you usually choose"));
    let place = only(json!({"place": 1}), "space-0");
    assert_eq!((place.kind, &*place.text), (ReasonKind::Geo, "0 km away"));
}

#[test]
fn searches_and_similar_lists_tell_theirs() {
    let mut recommender = person(&films(), &[]);
    let options = SearchOptions { ranking: explained(), personalize: 0.0 };
    let found = recommender.search(&embed("horse desert sheriff"), &options, NOW).unwrap();
    assert_eq!(reason(&found.hits[..1], &found.hits[0].id).kind, ReasonKind::Query);
    let similar = recommender.similar("love-1", &explained(), NOW).unwrap();
    let first = reason(&similar.hits, "love-2");
    assert_eq!((first.kind, &*first.text), (ReasonKind::Similar, "Similar to “love 1”"));
}

#[test]
fn hits_are_written_as_the_package_has_them() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let options = RecommendOptions { limit: 1, explain: true, ..RecommendOptions::default() };
    let list = serde_json::to_value(recommender.recommend(&options, NOW).unwrap()).unwrap();
    let hit = &list["hits"][0];
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(hit), ["id", "item", "parts", "reason", "score"]);
    assert_eq!(keys(&hit["parts"][0]), ["affinity", "contribution", "name", "weight"]);
    assert_eq!(hit["reason"]["kind"], "interest");
    assert_eq!(keys(&hit["reason"]["items"][0]), ["event", "id", "share", "title"]);
    assert_eq!(hit["reason"]["facts"], json!({"named": 1}));
    assert!(hit["item"].get("about").is_none(), "display columns only");
    assert_eq!(hit["item"]["genres"].as_array().unwrap().len(), 1);
}
