//! Events in and out of a recommender: recording, undoing, merging, exporting, importing, figures.

use homebody::{Event, NewEvent, RecommendOptions};

use crate::support::{NOW, films, person, recommender, record};

fn event(id: &str, item: &str, kind: &str, time: i64) -> Event {
    Event { id: id.into(), item: item.into(), kind: kind.into(), value: None, time: NOW + time, catalog: "old".into() }
}

#[test]
fn events_that_cannot_be_are_refused_and_change_nothing() {
    let mut recommender = recommender(&films());
    let mut code = |item: &str, kind: &str, value: Option<f64>| {
        let event = NewEvent { item: item.into(), kind: kind.into(), value, time: None };
        recommender.record(event, NOW).unwrap_err()
    };
    assert_eq!(code("gone", "like", None).code(), "unknown-item");
    assert_eq!(code("space-1", "rate", Some(9.0)).code(), "event-value");
    assert_eq!(code("space-1", "rate", Some(f64::NAN)).code(), "event-value");
    let unknown = code("space-1", "love", None);
    assert_eq!(unknown.code(), "unknown-event-type");
    assert!(unknown.to_string().contains("dislike"));
    assert!(recommender.log().is_empty());
}

#[test]
fn preparing_does_not_record() {
    let mut recommender = recommender(&films());
    let new = NewEvent { item: "space-1".into(), kind: "like".into(), ..NewEvent::default() };
    let event = recommender.prepare(new, NOW).unwrap();
    assert!(recommender.log().is_empty());
    assert_eq!(event.catalog, recommender.catalog().version());
    assert_eq!(recommender.merge([event.clone()]).unwrap().added, 1);
    assert_eq!(recommender.merge([event]).unwrap().skipped, 1);
    assert_eq!(recommender.taste().likes[0].item, "space-1");
}

#[test]
fn a_profile_leaves_and_enters() {
    let catalog = films();
    let mut one = person(&catalog, &[("like", "space-1"), ("hide", "west-1"), ("view", "love-2")]);
    let document = one.export(NOW).unwrap();
    let mut other = person(&catalog, &[]);
    record(&mut other, "buy", "ghost-1", None, -5);
    let own = other.log().events()[0].id.clone();
    // Two devices do not give the same ids; counted ones would.
    other.undo(&own).unwrap();
    other.merge([event("own", "ghost-1", "buy", -5)]).unwrap();

    let report = other.import(document.as_bytes()).unwrap();
    assert_eq!((report.added, report.skipped, report.unknown_items, report.unknown_types), (3, 0, 0, 0));
    assert_eq!(other.log().len(), 4);
    let again = other.import(document.as_bytes()).unwrap();
    assert_eq!((again.added, again.skipped), (0, 3));
    other.undo("own").unwrap();
    let options = RecommendOptions::default();
    assert_eq!(other.recommend(&options, NOW).unwrap(), one.recommend(&options, NOW).unwrap());
}

#[test]
fn items_and_types_that_nobody_knows_are_kept_and_say_nothing() {
    let catalog = films();
    let mut elsewhere = recommender(&catalog);
    elsewhere
        .merge([event("1", "gone", "like", 0), event("2", "space-1", "applaud", 1), event("3", "space-1", "like", 2)])
        .unwrap();
    let document = elsewhere.export(NOW).unwrap();
    let mut here = recommender(&catalog);
    let report = here.import(document.as_bytes()).unwrap();
    assert_eq!((report.added, report.unknown_items, report.unknown_types), (3, 1, 1));
    assert_eq!(here.log().len(), 3);
    let options = RecommendOptions::default();
    let plain = person(&catalog, &[("like", "space-1")]).recommend(&options, NOW).unwrap();
    assert_eq!(here.recommend(&options, NOW).unwrap(), plain);
    let metrics = here.metrics();
    assert_eq!((metrics.events, metrics.items, metrics.unknown_items, metrics.unknown_types), (3, 2, 1, 1));
    assert_eq!((metrics.liked, metrics.disliked, metrics.seen), (1, 0, 1));
    assert_eq!((metrics.by_type["like"], metrics.first, metrics.last), (2, Some(NOW), Some(NOW + 2)));
}

#[test]
fn a_bad_document_loses_nothing() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let document = recommender.export(NOW).unwrap();
    let before = recommender.log().clone();
    for (bad, code) in [
        (document.replace("space-1", "space-2"), "profile-damaged"),
        (document.replace("\"version\": 1", "\"version\": 7"), "profile-too-new"),
        (document[..document.len() / 2].to_owned(), "profile-damaged"),
        ("{\"playlist\": []}".to_owned(), "profile-format"),
    ] {
        assert_eq!(recommender.import(bad.as_bytes()).unwrap_err().code(), code);
        assert_eq!(*recommender.log(), before);
    }
    assert_eq!(recommender.set_events([event("", "space-1", "like", 0)]).unwrap_err().code(), "event-id");
    assert_eq!(*recommender.log(), before);
}

#[test]
fn erasing_leaves_a_new_person() {
    let catalog = films();
    let mut recommender = person(&catalog, &[("like", "space-1"), ("hide", "west-1")]);
    recommender.recommend(&RecommendOptions::default(), NOW).unwrap();
    recommender.erase();
    let fresh = person(&catalog, &[]).recommend(&RecommendOptions::default(), NOW).unwrap();
    assert_eq!(recommender.recommend(&RecommendOptions::default(), NOW).unwrap(), fresh);
    assert_eq!(recommender.metrics(), homebody::Metrics::default());
    assert!(recommender.interests().is_empty());
}

#[test]
fn interests_are_groups_of_likes_with_a_name() {
    let recommender = person(
        &films(),
        &[
            ("like", "space-1"),
            ("like", "space-2"),
            ("like", "space-3"),
            ("like", "ghost-2"),
            ("view", "ghost-3"),
            ("dislike", "west-1"),
        ],
    );
    let interests = recommender.interests();
    assert_eq!(interests.len(), 2, "{interests:?}");
    let [space, ghost] = &interests[..] else { unreachable!() };
    assert!(space.label.contains("Science Fiction"), "{}", space.label);
    assert!(ghost.label.contains("Horror"), "{}", ghost.label);
    assert!((space.share + ghost.share - 1.0).abs() < 1e-12 && space.share > ghost.share);
    assert_eq!(space.items.len(), 3);
    assert!((space.items.iter().map(|item| item.share).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(
        space.nearest.iter().all(|item| item.id.starts_with("space") && !["space-1", "space-2"].contains(&&*item.id))
            || space.nearest.len() == 5
    );
    assert!(space.nearest[0].id.starts_with("space"));
    assert_eq!(space.since, NOW);
}
