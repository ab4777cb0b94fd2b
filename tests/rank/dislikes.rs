//! Dislikes: what they do, and the bounds of what they do.

use homebody::RecommendOptions;
use serde_json::json;

use crate::support::{NOW, films, person, place, record, score};

fn all() -> RecommendOptions {
    RecommendOptions::from_json(json!({"limit": 40, "includeSeen": true, "explain": true})).unwrap()
}

#[test]
fn not_interested_lowers_its_kind_and_leaves_the_others() {
    let mut recommender = person(&films(), &[("like", "space-1")]);
    let before = recommender.recommend(&all(), NOW).unwrap();
    record(&mut recommender, "hide", "west-1", None, 10);
    let after = recommender.recommend(&all(), NOW).unwrap();
    assert!(score(&after, "west-1") < score(&before, "west-1"));
    let fell = |id: &str| score(&before, id) - score(&after, id);
    let kind = |list: &homebody::Recommendation| (0..8).map(|n| place(list, &format!("west-{n}"))).sum::<usize>();
    assert!(
        fell("west-2") > 0.005 && kind(&after) > kind(&before),
        "{} from {} to {}",
        fell("west-2"),
        kind(&before),
        kind(&after)
    );
    for other in ["love-1", "ghost-3", "space-2", "crime-4"] {
        // Exactly as they were, or hardly touched where they happen to be a little more than a spread above the mean.
        assert!((0.0..0.0025).contains(&fell(other)), "{other}: {}", fell(other));
    }
}

#[test]
fn a_dislike_takes_a_like_back() {
    let mut recommender = person(&films(), &[("like", "space-1"), ("like", "love-1")]);
    let before = recommender.recommend(&all(), NOW).unwrap();
    record(&mut recommender, "dislike", "space-1", None, 10);
    let after = recommender.recommend(&all(), NOW).unwrap();
    assert!(score(&after, "space-1") < score(&before, "space-1"));
    assert!(score(&after, "space-2") < score(&before, "space-2"));
    let hit = &after.hits[place(&after, "space-1")];
    assert!(
        hit.parts
            .as_ref()
            .unwrap()
            .iter()
            .all(|part| !["text", "dislike"].contains(&&*part.name) || part.affinity == -1.0)
    );
}

#[test]
fn the_penalty_is_capped() {
    let mut recommender = person(&films(), &[]);
    for number in 0..8 {
        record(&mut recommender, "dislike", &format!("west-{number}"), None, number);
    }
    let list = recommender.recommend(&all(), NOW).unwrap();
    for hit in &list.hits {
        let dislike = hit.parts.as_ref().unwrap().iter().find(|part| part.name == "dislike").unwrap();
        assert!((-1.0..=0.0).contains(&dislike.affinity) && dislike.contribution <= 0.0);
    }
}

#[test]
fn dislikes_alone_are_no_interest() {
    let mut recommender = person(&films(), &[("dislike", "west-1")]);
    let list = recommender.recommend(&all(), NOW).unwrap();
    let names: Vec<&str> = list.hits[0].parts.as_ref().unwrap().iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["rating", "recent", "dislike", "prior"]);
}
