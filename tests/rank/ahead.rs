//! Products that are made elsewhere before the ranking asks for them: the lists are those of a ranking that makes its own.

use homebody::{Ahead, RankErrorKind, RecommendOptions, Recommender, SearchOptions, Settings, best_scorer};
use serde_json::json;

use crate::support::{NOW, embed, films, ids, recommender, record, settings};

/// Makes a call as a browser with a GPU does, and counts the rounds in which products were made.
fn ranked<T>(ahead: &Ahead, mut call: impl FnMut() -> Result<T, homebody::RankError>) -> (T, usize) {
    for round in 0.. {
        assert!(round < 3, "everything that is wanted is wanted at once");
        match call() {
            Ok(list) => {
                ahead.clear();
                return (list, round);
            }
            Err(error) => assert_eq!(error.kind(), RankErrorKind::Pending, "{error}"),
        }
        for wanted in ahead.take_wanted() {
            let queries: Vec<&[f32]> = wanted.queries.iter().map(|query| &query[..]).collect();
            let mut products = vec![0.0; queries.len() * wanted.set.len()];
            best_scorer().dots(&wanted.set, &queries, None, &mut products).unwrap();
            ahead.put(&wanted, &products);
        }
    }
    unreachable!("the loop ends by returning")
}

#[test]
fn every_call_ends_early_once_and_gives_the_same_list() {
    let catalog = films();
    let mut own = recommender(&catalog);
    let ahead = Ahead::new();
    let settings = Settings { scorer: Box::new(ahead.clone()), ..settings() };
    let mut other = Recommender::new(catalog.clone(), settings).unwrap();
    ahead.expect(other.vector_sets().into_iter().map(|(_, set)| set).collect());
    let options = |value| RecommendOptions::from_json(value).unwrap();
    let all = options(
        json!({"limit": 40, "explain": true, "diversity": 0.3, "compare": "baseline", "weights": {"momentum": 0.3}}),
    );

    // A stranger's list needs no products.
    let (list, rounds) = ranked(&ahead, || other.recommend(&all, NOW));
    assert_eq!((list, rounds), (own.recommend(&all, NOW).unwrap(), 0));

    let events =
        [("like", "space-1"), ("like", "ghost-1"), ("dislike", "love-2"), ("like", "space-3"), ("dislike", "love-3")];
    for (at, (kind, item)) in events.into_iter().enumerate() {
        for one in [&mut own, &mut other] {
            record(one, kind, item, None, at as i64);
        }
        let (list, rounds) = ranked(&ahead, || other.recommend(&all, NOW));
        assert_eq!((list, rounds), (own.recommend(&all, NOW).unwrap(), 1), "after {at}");
        // Nothing is made twice.
        let (list, rounds) = ranked(&ahead, || other.recommend(&all, NOW));
        assert_eq!((list, rounds), (own.recommend(&all, NOW).unwrap(), 0));
    }
    let (list, rounds) = ranked(&ahead, || other.similar("west-2", &options(json!({"limit": 9})), NOW));
    assert_eq!((list, rounds), (own.similar("west-2", &options(json!({"limit": 9})), NOW).unwrap(), 1));
    let search = SearchOptions::from_json(json!({"limit": 9})).unwrap();
    let query = embed("a ship in space");
    let (list, rounds) = ranked(&ahead, || other.search(&query, &search, NOW));
    assert_eq!((list, rounds), (own.search(&query, &search, NOW).unwrap(), 1));
    let (event, few) = (own.log().events()[1].id.clone(), options(json!({"limit": 9})));
    let (list, _) = ranked(&ahead, || other.without(&event, &few, NOW));
    assert_eq!(list, own.without(&event, &few, NOW).unwrap());
    assert_eq!(ids(&ranked(&ahead, || other.recommend(&few, NOW)).0), ids(&own.recommend(&few, NOW).unwrap()));
    assert_eq!(other.log(), own.log(), "and no event was lost on the way");
}
