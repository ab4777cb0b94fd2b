//! What the user model makes of many events, of late ones and of wrong ones.

use homebody::{Event, NewEvent, ReasonKind, RecommendOptions, Recommender};
use serde_json::{Value, json};

use crate::support::{NOW, films, ids, person, recommender, record, score};

const MINUTE: i64 = 60_000;

fn options(given: Value) -> RecommendOptions {
    RecommendOptions::from_json(given).expect("good options")
}

fn heading(recommender: &mut Recommender) -> homebody::Recommendation {
    let only = json!({"text": 0, "genre": 0, "length": 0, "rating": 0, "recent": 0, "prior": 0, "momentum": 1});
    recommender.recommend(&options(json!({"limit": 40, "weights": only, "explain": true})), NOW).unwrap()
}

#[test]
fn momentum_goes_where_the_late_likes_went_and_waits_for_ten() {
    let old = (0..5).map(|number| ("like", format!("west-{number}")));
    let new = (0..5).map(|number| ("like", format!("ghost-{number}")));
    let events: Vec<(&str, String)> = old.chain(new).collect();
    let events: Vec<(&str, &str)> = events.iter().map(|(kind, item)| (*kind, item.as_str())).collect();
    let catalog = films();
    let nine = heading(&mut person(&catalog, &events[1..]));
    assert!(nine.hits.iter().all(|hit| hit.parts.as_ref().unwrap().is_empty()), "nine say nothing");
    let mut ten = person(&catalog, &events);
    let list = heading(&mut ten);
    assert!(ids(&list)[..2].iter().all(|id| id.starts_with("ghost")), "{:?}", ids(&list));
    assert!(score(&list, "ghost-5") > 0.0 && score(&list, "west-5") < 0.0, "away from where they came from");
    let reason = list.hits[0].reason.as_ref().expect("a reason");
    assert_eq!(reason.kind, ReasonKind::Momentum);
    assert!(reason.items.iter().all(|item| item.id.starts_with("ghost")), "{reason:?}");
    // Off unless asked for.
    assert_eq!(ten.weights()["momentum"], 0.0);
}

#[test]
fn a_session_fades_likes_only_while_it_lasts_and_only_when_asked_for() {
    let mut recommender = person(&films(), &[("like", "west-1"), ("like", "ghost-1")]);
    let mut list = |given: Value, now: i64| recommender.recommend(&options(given), now).unwrap().hits;
    let whole = |session: bool| json!({"limit": 40, "weights": {"text": 1}, "sessionRecency": session});
    let plain = list(whole(false), NOW + 59 * MINUTE);
    let faded = list(whole(true), NOW + 59 * MINUTE);
    assert_ne!(plain, faded, "within the hour");
    assert_eq!(list(whole(true), NOW + 61 * MINUTE), list(whole(false), NOW + 61 * MINUTE), "after it");
    let of = |hits: &[homebody::Hit], id: &str| hits.iter().find(|hit| hit.id == id).unwrap().score;
    assert!(of(&faded, "west-2") < of(&plain, "west-2"), "what was liked first counts less");
    // The way to a field does not matter: with the fade as without it.
    let mut anew = person(&films(), &[("like", "west-1"), ("like", "ghost-1")]);
    let anew = anew.recommend(&options(whole(true)), NOW + 59 * MINUTE).unwrap().hits;
    assert_eq!(anew, faded);
}

#[test]
fn a_flood_of_events_is_ranked_like_any_other() {
    let catalog = films();
    let flood = (0..100_000).map(|at: usize| Event {
        id: format!("e{at:06}"),
        item: catalog.id(at % 13).to_owned(),
        kind: ["view", "click", "like", "impression"][at % 4].to_owned(),
        value: None,
        time: NOW - 100_000 + at as i64,
        catalog: String::new(),
    });
    let mut recommender = recommender(&catalog);
    recommender.set_events(flood).unwrap();
    assert_eq!(recommender.log().len(), 100_000);
    let before = recommender.recommend(&options(json!({"limit": 40})), NOW).unwrap();
    assert_eq!(before.eligible, 27, "what was liked is seen");
    let event = record(&mut recommender, "hide", "west-7", None, 1);
    assert_eq!(recommender.recommend(&options(json!({"limit": 40})), NOW).unwrap().eligible, 26);
    recommender.undo(&event.id).unwrap();
    assert_eq!(recommender.recommend(&options(json!({"limit": 40})), NOW).unwrap(), before);
}

#[test]
fn times_out_of_order_are_put_in_order_and_those_ahead_are_refused() {
    let catalog = films();
    let mut shuffled = recommender(&catalog);
    for (item, time) in [("ghost-1", 30), ("west-1", 10), ("ghost-1", 20)] {
        let kind = if time == 20 { "dislike" } else { "like" };
        let event = NewEvent { item: item.into(), kind: kind.into(), value: None, time: Some(NOW - 100 + time) };
        shuffled.record(event, NOW).unwrap();
    }
    let likes: Vec<&str> = shuffled.taste().likes.iter().map(|like| like.item.as_str()).collect();
    assert_eq!(likes, ["west-1", "ghost-1"], "the last statement by its time holds, not the last that came");
    for (time, told) in [(NOW + 2 * 86_400_000, "not later than a day from now"), (NOW / 1000, "multiplied by 1000")] {
        let event = NewEvent { item: "west-1".into(), kind: "like".into(), value: None, time: Some(time) };
        let error = shuffled.record(event, NOW).unwrap_err();
        assert_eq!(error.code(), "event-time");
        assert!(error.to_string().contains(told), "{error}");
    }
    assert_eq!(shuffled.log().len(), 3, "what is refused is not kept");
}
