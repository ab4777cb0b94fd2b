//! The published ranking in `tests/golden/weighted-sum-ranking.json` comes out of the ranking's own sum: the same scores,
//! the same order.

use homebody::{Mask, PartColumn, weighted_sum};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/weighted-sum-ranking.json")).expect("the golden file is JSON")
}

fn column(rows: &[Value], name: &str) -> Vec<f64> {
    rows.iter().map(|row| row[name].as_f64().unwrap_or_else(|| panic!("{name} in {row}"))).collect()
}

/// The parts are published with 16 digits, so a sum of three of them is within a few units in the last place.
const TOLERANCE: f64 = 1e-12;

fn check(rows: &[Value], names: &[&str]) {
    // Rows in another order than the published one, so that the order has to come from the scores.
    let mut shuffled = rows.to_vec();
    shuffled.sort_by_key(|row| row["title"].as_str().expect("a title").to_owned());
    let columns: Vec<Vec<f64>> = names.iter().map(|name| column(&shuffled, name)).collect();
    let parts: Vec<PartColumn> = columns.iter().map(|values| PartColumn { weight: 1.0, affinities: values }).collect();
    let ranked = weighted_sum(&parts, &Mask::all(rows.len()), rows.len());
    assert_eq!(ranked.len(), 10);
    for (ranked, published) in ranked.iter().zip(rows) {
        assert_eq!(shuffled[ranked.row]["title"], published["title"]);
        let score = published["final_score"].as_f64().expect("a score");
        assert!((ranked.score - score).abs() <= TOLERANCE, "{}: {} or {score}", published["title"], ranked.score);
    }
}

#[test]
fn the_personalized_table_is_reproduced() {
    let golden = golden();
    let rows = golden["personalized"].as_array().expect("rows");
    check(rows, &["request_similarity", "boosted_customer_similarity", "star_rating_score"]);
}

#[test]
fn the_baseline_table_is_reproduced() {
    let golden = golden();
    let rows = golden["baseline"].as_array().expect("rows");
    check(rows, &["request_similarity", "star_rating_score"]);
}

#[test]
fn the_mask_is_the_first_pass() {
    let golden = golden();
    let rows = golden["personalized"].as_array().expect("rows");
    let counts = column(rows, "rating_count");
    let similarity = column(rows, "request_similarity");
    let mut mask = Mask::none(rows.len());
    counts.iter().enumerate().for_each(|(row, count)| mask.set(row, *count > 200.0));
    let ranked = weighted_sum(&[PartColumn { weight: 1.0, affinities: &similarity }], &mask, 3);
    assert_eq!(ranked.len(), 3);
    assert!(ranked.iter().all(|ranked| counts[ranked.row] > 200.0));
}
