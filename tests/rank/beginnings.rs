//! How somebody begins, and what interests and figures come of it.

use homebody::{Event, RecommendOptions, Recommendation, Recommender};
use serde_json::{Value, json};

use crate::support::{FILMS, NOW, catalog, embed, films, ids, person, recommender, record};

fn list(recommender: &mut Recommender, given: Value) -> Recommendation {
    recommender.recommend(&RecommendOptions::from_json(given).expect("good options"), NOW).expect("a list")
}

#[test]
fn an_interest_is_muted_told_and_brought_back() {
    let events = [("like", "space-1"), ("like", "space-2"), ("like", "ghost-1")];
    let mut recommender = person(&films(), &events);
    let before = list(&mut recommender, json!({"limit": 40}));
    let space = recommender.interests().into_iter().find(|interest| interest.items.len() == 2).expect("two of a kind");
    assert_eq!((space.mass, space.muted, space.events.len()), (2.0, false, 2));
    let items: Vec<String> = space.items.iter().map(|item| item.id.clone()).collect();
    for item in &items {
        record(&mut recommender, "mute", item, None, 10);
    }
    let told = recommender.interests();
    let muted = told.last().unwrap();
    assert_eq!((muted.muted, muted.share, &muted.items, &muted.label), (true, 0.0, &space.items, &space.label));
    assert_eq!(told[0].share, 1.0, "what is left is all of the liking");
    let without = list(&mut recommender, json!({"limit": 40}));
    let mut ghost = person(&films(), &[("like", "ghost-1")]);
    let scores = |list: &Recommendation, id: &str| list.hits.iter().find(|hit| hit.id == id).unwrap().score;
    assert_eq!(scores(&without, "space-3"), scores(&list(&mut ghost, json!({"limit": 40})), "space-3"));
    assert!(!ids(&without).contains(&"space-1"), "it was seen all the same");
    let mutes = recommender.mutes_of(&items);
    recommender.undo_all(&mutes).unwrap();
    assert_eq!(list(&mut recommender, json!({"limit": 40})), before, "as if it had never been");
    // Removed for good: its events are.
    recommender.undo_all(&space.events).unwrap();
    assert_eq!(recommender.log().len(), 1);
    let error = recommender.undo_all(&[recommender.log().events()[0].id.clone(), "nothing".into()]).unwrap_err();
    assert_eq!((error.code(), recommender.log().len()), ("unknown-event", 1), "all or none");
}

#[test]
fn a_history_from_elsewhere_becomes_likes() {
    let mut recommender = person(&films(), &[("like", "west-1")]);
    let ids: Vec<String> =
        ["space-1", "casablanca", "space-2", "west-1", "space-1"].iter().map(|id| (*id).to_owned()).collect();
    let plan = recommender.plan_items(&ids, NOW).unwrap();
    assert_eq!((plan.report.added, plan.report.skipped, plan.report.unknown_items), (2, 2, 1));
    recommender.merge(plan.events).unwrap();
    let likes: Vec<&str> = recommender.taste().likes.iter().map(|like| like.item.as_str()).collect();
    assert_eq!(likes, ["space-1", "space-2", "west-1"], "in their order, before what is going on now");
    assert_eq!(recommender.plan_items(&ids, NOW).unwrap().report.added, 0);
}

#[test]
fn a_description_is_an_interest_that_needs_no_model_afterwards() {
    let mut recommender = recommender(&films());
    let events = recommender.plan_description(&embed("desert gold west"), NOW).unwrap();
    assert!(events.len() <= 10 && events[0].value == Some(1.0) && events[0].kind == "describe", "{events:?}");
    recommender.merge(events).unwrap();
    let list = list(&mut recommender, json!({"limit": 4, "explain": true, "weights": {"genre": 0}}));
    assert!(ids(&list).iter().all(|id| id.starts_with("west")), "{:?}", ids(&list));
    let told = list.hits.iter().filter_map(|hit| hit.reason.as_ref()).find(|reason| reason.part == "text").unwrap();
    assert!(told.text.starts_with("Because you described something like"), "{}", told.text);
    assert_eq!(recommender.plan_description(&[1.0], NOW).unwrap_err().code(), "query-vector");
    assert_eq!(list.eligible, 40, "what was described was not seen");
}

#[test]
fn a_segment_of_the_catalog_is_a_beginning() {
    let schema = format!(
        "{FILMS}\n[segment.west]\nlabel = 'Westerns'\nwhere = {{ genres = 'Western' }}\n[segment.old]\nlabel = 'Old'\nwhere = {{ year = {{ lt = 1950 }} }}\n"
    );
    let items: Vec<Value> = (0..24)
        .map(|at| {
            let genre = ["Western", "Comedy"][at % 2];
            json!({
                "key": format!("film-{at:02}"), "title": format!("Film {at}"), "about": format!("{genre} {genre} w{at}"),
                "genres": [genre], "rating": 9.0 - 0.1 * at as f64, "votes": 100, "year": 1950 + at, "director": null, "colour": null,
                "runtime": null, "released": null, "latitude": null, "longitude": null,
            })
        })
        .collect();
    let mut recommender = recommender(&catalog(&schema, &items));
    let told: Vec<(String, String, usize)> =
        recommender.segments().into_iter().map(|segment| (segment.name, segment.label, segment.items)).collect();
    assert_eq!(told, [("old".into(), "Old".into(), 0), ("west".into(), "Westerns".into(), 12)]);
    let events = recommender.plan_segment("west", NOW).unwrap();
    assert_eq!((events.len(), events[0].item.as_str()), (10, "film-00"), "the best ten of twelve");
    recommender.merge(events).unwrap();
    let list = list(&mut recommender, json!({"limit": 3, "where": {"year": {"gte": 1964}}}));
    assert!(list.hits.iter().all(|hit| hit.item["genres"] == json!(["Western"])), "{:?}", ids(&list));
    assert!(recommender.plan_segment("old", NOW).unwrap().is_empty(), "nothing to begin with is no error");
    let error = recommender.plan_segment("north", NOW).unwrap_err();
    assert_eq!(error.code(), "unknown-segment");
    assert!(error.to_string().contains("`old` and `west`"), "{error}");
    let odd = catalog(&format!("{FILMS}\n[segment.odd]\nlabel = 'Odd'\nwhere = {{ colours = 3 }}\n"), &items);
    let error = Recommender::new(odd, crate::support::settings()).unwrap_err();
    assert!(error.code() == "catalog-unfit" && error.to_string().contains("segment `odd`"), "{error}");
}

#[test]
fn picks_for_a_new_person_are_well_liked_and_far_apart() {
    let mut recommender = recommender(&films());
    let options = homebody::OnboardingOptions::from_json(json!({"n": 5})).unwrap();
    let picks = recommender.onboarding(&options, NOW).unwrap();
    let mut kinds: Vec<&str> = ids(&picks).iter().map(|id| id.split('-').next().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["crime", "ghost", "love", "space", "west"], "one of each kind");
    assert!(ids(&picks).iter().all(|id| id[id.len() - 1..].parse::<u8>().unwrap() < 5), "{:?}", ids(&picks));
}

#[test]
fn figures_tell_what_became_of_what_was_shown() {
    let catalog = films();
    let mut recommender = recommender(&catalog);
    record(&mut recommender, "impression", "space-1", Some(1.0), 0);
    record(&mut recommender, "impression", "space-2", Some(2.0), 1);
    record(&mut recommender, "impression", "space-1", Some(1.0), 2);
    record(&mut recommender, "like", "space-1", None, 3);
    record(&mut recommender, "hide", "space-2", None, 4);
    record(&mut recommender, "impression", "space-1", None, 5);
    record(&mut recommender, "view", "space-1", None, 5 + 86_400_001);
    let metrics = recommender.metrics();
    let shares: Vec<(Option<u32>, usize, usize)> =
        metrics.hit_shares.iter().map(|share| (share.position, share.impressions, share.hits)).collect();
    assert_eq!(shares, [(None, 1, 0), (Some(1), 2, 1), (Some(2), 1, 0)], "one like answers one impression");
    assert_eq!((metrics.impressions, metrics.coverage), (4, 2.0 / 40.0));
    assert_eq!((metrics.hit_share_drift, metrics.interests_drift), (None, None), "too little to tell");
}

#[test]
fn drifts_are_told_apart_from_chance() {
    let catalog = films();
    let events = |taken: &dyn Fn(usize) -> bool, liked: &dyn Fn(usize) -> String| {
        let mut events = Vec::new();
        let mut push = |kind: &str, item: String, time: i64| {
            let id = format!("e{:04}", events.len());
            events.push(Event { id, item, kind: kind.into(), value: None, time: NOW + time, catalog: String::new() });
        };
        // Two days apart, so that what is done after one impression is no answer to the one before it.
        for at in 0..200usize {
            let time = 2 * 86_400_000 * (at as i64 - 200);
            push("impression", catalog.id(at % 40).to_owned(), time);
            if taken(at) {
                push("click", catalog.id(at % 40).to_owned(), time + 1);
            }
        }
        (0..14).for_each(|at| push("like", liked(at), at as i64));
        let mut recommender = recommender(&catalog);
        recommender.set_events(events).unwrap();
        recommender.metrics()
    };
    let mixed = |at: usize| format!("{}-{}", ["space", "west"][at / 2 % 2], at % 2 + at / 4 * 2);
    let moved = |at: usize| format!("{}-{}", ["space", "west"][at / 7], at % 7);
    let steady = events(&|_| false, &mixed);
    assert!(!steady.interests_drift.unwrap().exceeded, "{:?}", steady.interests_drift);
    assert_eq!(steady.hit_share_drift.unwrap().value, 0.0);
    let drifted = events(&|_| false, &moved);
    assert!(drifted.interests_drift.unwrap().exceeded, "{:?}", drifted.interests_drift);
    let late = events(&|at| at >= 160, &mixed).hit_share_drift.unwrap();
    assert!(late.exceeded && (late.value - 0.4).abs() < 1e-9, "{late:?}");
    let even = events(&|at| at % 5 == 0, &mixed).hit_share_drift.unwrap();
    assert!(!even.exceeded, "{even:?}");
}

#[test]
fn features_are_named_and_the_same_for_everybody() {
    let catalog = films();
    let mut known = person(&catalog, &[("like", "space-1"), ("hide", "west-1")]);
    let mut stranger = recommender(&catalog);
    let options = RecommendOptions::from_json(json!({"limit": 6})).unwrap();
    let (features, empty) = (known.features(&options, NOW).unwrap(), stranger.features(&options, NOW).unwrap());
    assert_eq!(features.names, empty.names);
    let names: Vec<&str> = known.weights().into_keys().filter(|name| *name != "query").collect();
    assert_eq!(features.names, names);
    let explained = list(&mut known, json!({"limit": 6, "explain": true}));
    assert_eq!(features.ids, ids(&explained));
    for (row, hit) in explained.hits.iter().enumerate() {
        for part in hit.parts.as_ref().unwrap() {
            let column = features.names.iter().position(|name| *name == part.name).unwrap();
            assert_eq!(features.row(row)[column], part.affinity, "{} of {}", part.name, hit.id);
        }
    }
    assert!(features.values.iter().all(|value| (-1.0..=1.0).contains(value)));
    let text = features.names.iter().position(|name| name == "text").unwrap();
    assert!((0..6).all(|row| empty.row(row)[text] == 0.0), "nothing is known of a stranger's taste");
}

#[test]
fn a_map_has_every_item_with_a_text_and_the_person_among_what_they_like() {
    assert_eq!(recommender(&films()).map(), None, "only where the schema asks for it");
    let items: Vec<Value> = (0..12)
        .map(|at| {
            let about = if at == 11 { Value::Null } else { json!(format!("{} w{at}", ["space ship", "west horse"][at % 2])) };
            json!({
                "key": format!("film-{at:02}"), "title": null, "about": about, "genres": null, "rating": null, "votes": null,
                "year": null, "director": null, "colour": null, "runtime": null, "released": null, "latitude": null, "longitude": null,
            })
        })
        .collect();
    let mut recommender = recommender(&catalog(&format!("map = 'text'\n{FILMS}"), &items));
    let stranger = recommender.map().expect("a map");
    assert_eq!((stranger.ids.len(), stranger.person), (11, None), "what has no text has no place");
    let side = |at: usize| stranger.x[at] > 0.0;
    assert!((0..11).all(|at| side(at) == side(at % 2)) && side(0) != side(1), "two kinds, two sides: {:?}", stranger.x);
    record(&mut recommender, "like", "film-00", None, 0);
    record(&mut recommender, "like", "film-02", None, 1);
    let map = recommender.map().unwrap();
    assert_eq!(map.liked, [0, 2]);
    assert_eq!(map.person, Some([(map.x[0] + map.x[2]) / 2.0, (map.y[0] + map.y[2]) / 2.0]));
    let error = homebody::Schema::from_toml(&format!("map = 'genre'\n{FILMS}")).unwrap_err();
    assert!(error.to_string().contains("\"genre\"") && error.to_string().contains("text"), "{error}");
}
