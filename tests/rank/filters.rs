//! `where`: what each operator lets through, and what it says about what it cannot do.

use homebody::{Filter, RecommendOptions};
use serde_json::{Value, json};

use crate::support::{NOW, films, ids, person, recommender};

fn passing(filter: &Value) -> Vec<String> {
    let catalog = films();
    let mask = Filter::from_json(filter).and_then(|filter| filter.mask(&catalog)).expect("a good filter");
    mask.rows().map(|row| catalog.id(row).to_owned()).collect()
}

fn count(filter: Value) -> usize {
    passing(&filter).len()
}

#[test]
fn numbers_are_compared() {
    assert_eq!(count(json!({"year": {"lt": 1972}})), 2);
    assert_eq!(count(json!({"year": {"lte": 1972}})), 3);
    assert_eq!(count(json!({"year": {"gt": 2002}})), 2);
    assert_eq!(count(json!({"year": {"gte": 2002}})), 3);
    assert_eq!(count(json!({"year": {"gte": 1972, "lt": 1974}})), 2);
    assert_eq!(passing(&json!({"year": {"between": [1972, 1973]}})), ["crime-0", "west-0"]);
    assert_eq!(passing(&json!({"year": 1972})), ["crime-0"]);
    assert_eq!(count(json!({"year": {"in": [1970, 1972, 1.5]}})), 2);
    assert_eq!(count(json!({"rating": {"gt": 8.49, "lt": 8.51}})), 1);
}

#[test]
fn dates_are_days() {
    assert_eq!(passing(&json!({"released": "1970-06-15"})), ["space-0"]);
    assert_eq!(passing(&json!({"released": {"lt": "1971-06-15"}})), ["space-0"]);
    assert_eq!(count(json!({"released": {"between": ["1970-06-15", "1972-06-15"]}})), 3);
    assert_eq!(count(json!({"released": {"in": ["1970-06-15", "1999-01-01"]}})), 1);
}

#[test]
fn texts_booleans_and_ids_are_equal_or_not() {
    assert_eq!(passing(&json!({"title": "space 3"})), ["space-3"]);
    assert_eq!(passing(&json!({"title": {"in": ["space 3", "love 1", "gone"]}})), ["love-1", "space-3"]);
    assert_eq!(count(json!({"colour": true})), 20);
    assert_eq!(count(json!({"colour": {"in": [true, false]}})), 35);
    assert_eq!(passing(&json!({"id": {"in": ["love-1", "nobody"]}})), ["love-1"]);
    assert_eq!(count(json!({"id": {"not": "love-1"}})), 39);
    assert_eq!(count(json!({"id": {"exists": false}})), 0);
}

#[test]
fn tags_are_any_all_or_one_of() {
    assert_eq!(count(json!({"genres": "Adventure"})), 6);
    assert_eq!(count(json!({"genres": {"any": ["Adventure", "Drama"]}})), 12);
    assert_eq!(count(json!({"genres": {"in": ["Adventure", "Drama"]}})), 12);
    assert_eq!(count(json!({"genres": {"all": ["Adventure", "Western"]}})), 3);
    assert_eq!(count(json!({"genres": {"all": ["Adventure", "Drama"]}})), 0);
    assert_eq!(count(json!({"genres": {"any": []}})), 0);
    assert_eq!(count(json!({"genres": {"all": []}})), 35, "all of nothing: whoever has tags at all");
}

#[test]
fn a_missing_value_fulfils_nothing_but_its_absence() {
    assert_eq!(count(json!({"year": {"exists": true}})), 35);
    assert_eq!(count(json!({"year": {"exists": false}})), 5);
    assert_eq!(count(json!({"year": {"gt": 0}})), 35);
    assert_eq!(count(json!({"year": {"not": {"gt": 0}}})), 5);
    assert_eq!(count(json!({"genres": {"exists": false}})), 5);
    assert_eq!(count(json!({"title": {"not": {"in": ["space 3"]}}})), 39);
}

#[test]
fn filters_combine() {
    assert_eq!(passing(&json!({"genres": "Western", "director": "Ada", "year": {"lt": 1990}})), ["west-0", "west-3"]);
    assert_eq!(count(json!({"and": [{"genres": "Western"}, {"director": "Ada"}]})), 3);
    assert_eq!(count(json!({"or": [{"genres": "Western"}, {"genres": "Horror"}]})), 14);
    assert_eq!(count(json!({"not": {"genres": "Western"}})), 33);
    assert_eq!(count(json!({"genres": "Western", "or": [{"year": {"lt": 1980}}, {"director": "Ada"}]})), 4);
    assert_eq!(count(json!({})), 40);
    assert_eq!(count(json!({"and": []})), 40);
    assert_eq!(count(json!({"or": []})), 0);
    assert_eq!(count(json!({"not": {"not": {"year": 1970}}})), 1);
}

fn refused(filter: Value) -> homebody::RankError {
    let catalog = films();
    Filter::from_json(&filter).and_then(|filter| filter.mask(&catalog)).expect_err(&filter.to_string())
}

#[test]
fn an_unknown_column_is_told_the_known_ones() {
    let error = refused(json!({"or": [{"year": 1}, {"yaer": 1}]}));
    assert_eq!(error.code(), "unknown-column");
    for name in ["yaer", "`year`", "`genres`", "`id`"] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_wrong_type_is_told_with_column_type_and_what_came() {
    for (filter, told) in [
        (json!({"year": "1980"}), ["`year`", "a whole number", "the string \"1980\""]),
        (json!({"rating": {"gt": true}}), ["`rating`", "`gt`", "the boolean true"]),
        (json!({"rating": {"between": [1, null]}}), ["`rating`", "a number", "null"]),
        (json!({"released": {"gt": 1980}}), ["`released`", "\"YYYY-MM-DD\"", "the number 1980"]),
        (json!({"released": {"gt": "1980"}}), ["`released`", "\"YYYY-MM-DD\"", "\"1980\""]),
        (json!({"released": "1980-02-30"}), ["`released`", "a date", "\"1980-02-30\""]),
        (json!({"title": 5}), ["`title`", "text", "the number 5"]),
        (json!({"title": {"gt": "a"}}), ["`title`", "`gt`", "`in`"]),
        (json!({"title": {"any": ["a"]}}), ["`title`", "`any`", "`in`"]),
        (json!({"genres": {"lt": "a"}}), ["`genres`", "`lt`", "`all`"]),
        (json!({"genres": {"all": [1]}}), ["`genres`", "tags", "the number 1"]),
        (json!({"colour": "yes"}), ["`colour`", "true or false", "the string \"yes\""]),
        (json!({"id": 5}), ["`id`", "a string", "the number 5"]),
        (json!({"year": {"not": {"in": ["x"]}}}), ["`year`", "`in`", "the string \"x\""]),
    ] {
        let error = refused(filter.clone());
        assert_eq!(error.code(), "filter-type", "{filter}: {error}");
        for part in told {
            assert!(error.to_string().contains(part), "{filter}: {error}");
        }
    }
}

#[test]
fn a_wrong_part_is_found_though_no_row_reaches_it() {
    assert_eq!(refused(json!({"and": [{"year": {"lt": 0}}, {"title": 5}]})).code(), "filter-type");
    assert_eq!(refused(json!({"or": [{"year": {"gt": 0}}, {"titel": "x"}]})).code(), "unknown-column");
}

fn options(options: Value) -> RecommendOptions {
    RecommendOptions::from_json(options).expect("good options")
}

#[test]
fn a_narrow_filter_still_fills_the_list() {
    let catalog = films();
    let mut recommender = person(&catalog, &[("like", "space-0")]);
    let list = recommender.recommend(&options(json!({"limit": 7, "where": {"genres": "Horror"}})), NOW).unwrap();
    assert_eq!((list.hits.len(), list.eligible), (7, 7));
    assert!(ids(&list).iter().all(|id| id.starts_with("ghost")));
}

#[test]
fn all_filtered_out_is_an_empty_list_with_a_note() {
    let mut recommender = recommender(&films());
    for call in [json!({"where": {"year": {"gt": 3000}}}), json!({"where": {"or": []}}), json!({"offset": 40})] {
        let list = recommender.recommend(&options(call.clone()), NOW).unwrap();
        assert!(list.hits.is_empty() && list.note.is_some(), "{call}");
    }
    let none = recommender.recommend(&options(json!({"limit": 0})), NOW).unwrap();
    assert!(none.hits.is_empty() && none.note.is_none());
}

#[test]
fn filters_hold_in_every_call() {
    let mut recommender = recommender(&films());
    let filter = Filter::from_json(&json!({"genres": "Crime"})).ok();
    let crime = |list: &homebody::Recommendation| ids(list).iter().all(|id| id.starts_with("crime"));
    let ranking = RecommendOptions { filter: filter.clone(), include_seen: Some(true), ..RecommendOptions::default() };
    assert!(crime(&recommender.similar("space-0", &ranking, NOW).unwrap()));
    let search = homebody::SearchOptions { ranking, personalize: 0.0 };
    assert!(crime(&recommender.search(&crate::support::embed("space laser"), &search, NOW).unwrap()));
    let picks = recommender.onboarding(&homebody::OnboardingOptions { n: 3, filter }, NOW).unwrap();
    assert!(crime(&picks) && picks.hits.len() == 3);
}
