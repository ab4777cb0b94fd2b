//! Rankers of XGBoost, LightGBM and scikit-learn as they are exported to ONNX, against what onnxruntime says of the same items, and in use.
//!
//! The files are made by `tests/rankers/make.py` (part of `npm test`); `HOMEBODY_TEST_RANKERS` says where they are.
#![cfg(feature = "cli")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt;
use homebody::{Features, Ranker, RankerDescription, RankerErrorKind};
use serde_json::{Value, json};
use tempfile::TempDir;

fn made(name: &str) -> PathBuf {
    let folder = std::env::var_os("HOMEBODY_TEST_RANKERS").expect("HOMEBODY_TEST_RANKERS; `npm test -- rust` makes it");
    PathBuf::from(folder).join(name)
}

fn ranker(name: &str) -> Ranker {
    let description = fs::read(made(&format!("{name}.json"))).unwrap();
    let model = fs::read(made(&format!("{name}.onnx"))).unwrap();
    Ranker::new(RankerDescription::from_json(&description).unwrap(), &model).unwrap()
}

fn references() -> Value {
    serde_json::from_slice(&fs::read(made("references.json")).unwrap()).unwrap()
}

/// The items of the references, with a column that no model takes and the columns in another order than theirs.
fn features(references: &Value) -> Features {
    let items = references["items"].as_array().unwrap();
    let mut features = Features {
        names: ["colour", "dislike", "fame", "kind"].map(str::to_owned).to_vec(),
        ids: (0..items.len()).map(|item| format!("i{item}")).collect(),
        values: Vec::new(),
    };
    for item in items {
        let value = |at: usize| item[at].as_f64().unwrap();
        features.values.extend([value(1), value(2), 0.5, value(0)]);
    }
    features
}

#[test]
fn every_model_says_what_onnxruntime_says() {
    let references = references();
    let features = features(&references);
    let expected = references["scores"].as_object().unwrap();
    assert!(expected.len() >= 9, "{:?}", expected.keys());
    for (name, expected) in expected {
        let scores = ranker(name).scores(&features).unwrap();
        let expected: Vec<f64> = expected.as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect();
        assert_eq!(scores.len(), expected.len(), "{name}");
        for (at, (score, expected)) in scores.iter().zip(&expected).enumerate() {
            // Sums of some thirty float32 in another order.
            assert!((score - expected).abs() < 1e-5, "{name}, item {at}: {score}, onnxruntime says {expected}");
        }
        let spread =
            expected.iter().fold(f64::MIN, |a, b| a.max(*b)) - expected.iter().fold(f64::MAX, |a, b| a.min(*b));
        assert!(spread > 0.05, "{name} tells items apart");
    }
}

#[test]
fn one_item_none_and_a_thousand_are_ranked_alike() {
    let references = references();
    let all = features(&references);
    let ranker = ranker("xgboost-regressor");
    let scores = ranker.scores(&all).unwrap();
    let one = Features { ids: all.ids[3..4].to_vec(), values: all.row(3).to_vec(), ..all.clone() };
    assert_eq!(ranker.scores(&one).unwrap(), scores[3..4]);
    assert!(ranker.scores(&Features { ids: vec![], values: vec![], ..all.clone() }).unwrap().is_empty());
    let rows = (0..1000).map(|at| at % all.ids.len());
    let many = Features {
        ids: (0..1000).map(|at| at.to_string()).collect(),
        values: rows.flat_map(|row| all.row(row).to_vec()).collect(),
        ..all.clone()
    };
    assert_eq!(ranker.scores(&many).unwrap()[..all.ids.len()], scores);
}

#[test]
fn what_does_not_fit_is_told() {
    let description = |features: Value, output: Value| {
        let text = json!({"format": "homebody-ranker", "version": 1, "name": "r", "model": "r.onnx", "features": features, "output": output});
        RankerDescription::from_json(text.to_string().as_bytes()).unwrap()
    };
    let three = json!(["kind", "colour", "dislike"]);
    let model = fs::read(made("xgboost-regressor.onnx")).unwrap();
    let refused = |description, model: &[u8]| Ranker::new(description, model).unwrap_err();
    let error = refused(description(three.clone(), Value::Null), b"no model");
    assert_eq!(error.kind(), RankerErrorKind::NotOnnx, "{error}");
    let error = refused(description(json!(["kind"]), Value::Null), &model);
    assert_eq!(error.kind(), RankerErrorKind::Operator, "{error}");
    assert!(error.to_string().contains("3 features"), "{error}");
    let error = refused(description(three.clone(), json!("rank")), &model);
    assert_eq!(error.kind(), RankerErrorKind::Inputs, "{error}");
    let fitting = Ranker::new(description(json!(["kind", "fame", "dislikes"]), Value::Null), &model).unwrap();
    let error = fitting.scores(&features(&references())).unwrap_err();
    assert_eq!((error.kind(), error.code()), (RankerErrorKind::UnknownFeature, "ranker-feature"));
    for part in ["`dislikes`", "`colour`", "`kind`"] {
        assert!(error.to_string().contains(part), "{part} is not in {error}");
    }
}

const ITEMS: usize = 120;

struct Place(TempDir);

impl Place {
    /// Books of five kinds and six colours, and people who like kinds.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let schema = "name = 'books'\nid = 'id'\n[columns.kind]\ntype = 'tags'\n[columns.colour]\ntype = 'tags'\n\
            [[space]]\nname = 'kind'\nkind = 'category'\ncolumn = 'kind'\nmany = true\nweight = 1.0\n\
            [[space]]\nname = 'colour'\nkind = 'category'\ncolumn = 'colour'\nmany = true\nweight = 0.5\n";
        fs::write(place.path("catalog.toml"), schema).unwrap();
        let rows: String =
            (0..ITEMS).map(|item| format!("b{item:03},kind {},colour {}\n", item % 5, item % 6)).collect();
        fs::write(place.path("rows.csv"), format!("id,kind,colour\n{rows}")).unwrap();
        let mut events = "user,item,type,value,timestamp\n".to_owned();
        for (step, person) in (0..10).flat_map(|step| (0..40).map(move |person| (step, person))) {
            let item = if step % 3 == 2 {
                (person * 7 + step * 11) % ITEMS
            } else {
                ((person + step * 5) % 24) * 5 + person % 5
            };
            events.push_str(&format!("p{person:02},b{item:03},like,,{}\n", 1_700_000_000 + step * 1000 + person));
        }
        fs::write(place.path("events.csv"), events).unwrap();
        fs::write(place.path("me.csv"), "item,type,timestamp\nb000,like,1700000000\nb035,like,1700000001\n").unwrap();
        let built = place.run(&["build", "rows.csv", "--schema", "catalog.toml", "-o", "out"]);
        assert_eq!(built.0, Some(0), "{}", built.2);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::cargo_bin("homebody").unwrap();
        let output = command.args(arguments).current_dir(self.0.path()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (code, stdout, stderr) = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(code, Some(0), "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    }
}

#[test]
fn a_list_is_in_the_rankers_order_and_says_so() {
    let place = Place::new();
    let file = made("lightgbm-ranker.json");
    let file = file.to_str().unwrap();
    let asked = ["recommend", "out", "--events", "me.csv", "--now", "1700090000", "--explain", "--limit", "118"];
    let plain = place.json(&asked);
    let reranked = place.json(&[&asked[..], &["--ranker", file]].concat());
    let (plain, reranked) = (plain.as_array().unwrap(), reranked.as_array().unwrap());
    assert_eq!((plain.len(), reranked.len()), (118, 118));
    let ids = |list: &[Value]| list.iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_ne!(ids(plain), ids(reranked));
    assert!(plain.iter().all(|hit| hit.get("rerank").is_none()));
    // What the ranker says of each hit, computed here from the hit's own parts.
    let part = |hit: &Value, name: &str| {
        let parts = hit["parts"].as_array().unwrap();
        parts.iter().find(|part| part["name"] == name).map_or(0.0, |part| part["affinity"].as_f64().unwrap())
    };
    let features = Features {
        names: ["kind", "colour", "dislike"].map(str::to_owned).to_vec(),
        ids: ids(reranked),
        values: reranked.iter().flat_map(|hit| ["kind", "colour", "dislike"].map(|name| part(hit, name))).collect(),
    };
    let scores = ranker("lightgbm-ranker").scores(&features).unwrap();
    for (at, (hit, score)) in reranked.iter().zip(&scores).enumerate() {
        assert!((hit["rerank"].as_f64().unwrap() - score).abs() < 1e-9, "{at}: {hit}, computed here {score}");
        assert!(at == 0 || scores[at - 1] >= *score, "{at}");
        let before = plain.iter().find(|other| other["id"] == hit["id"]).unwrap();
        assert_eq!(
            (&before["score"], &before["parts"]),
            (&hit["score"], &hit["parts"]),
            "the first stage's reasons stay"
        );
    }
    // A page of it is a piece of it.
    let page = place.json(&[
        "recommend",
        "out",
        "--events",
        "me.csv",
        "--now",
        "1700090000",
        "--limit",
        "5",
        "--offset",
        "3",
        "--ranker",
        file,
    ]);
    assert_eq!(ids(page.as_array().unwrap()), ids(reranked)[3..8]);
    // What the catalog lacks is an error that lists what it has.
    let about = json!({"format": "homebody-ranker", "version": 1, "name": "r", "model": "r.onnx", "features": ["kind", "colour", "fame"]});
    fs::write(place.path("r.json"), about.to_string()).unwrap();
    fs::copy(made("lightgbm-ranker.onnx"), place.path("r.onnx")).unwrap();
    let (code, _, stderr) = place.run(&["recommend", "out", "--ranker", "r.json"]);
    assert!(code != Some(0) && stderr.contains("`fame`") && stderr.contains("`colour`"), "{stderr}");
    fs::remove_file(place.path("r.onnx")).unwrap();
    let (code, _, stderr) = place.run(&["recommend", "out", "--ranker", "r.json"]);
    assert!(code != Some(0) && stderr.contains("r.onnx"), "{stderr}");
}

#[test]
fn a_ranker_is_judged_beside_the_setting_and_trained_on_what_is_written() {
    let place = Place::new();
    let file = made("xgboost-regressor.json");
    let evaluate = ["evaluate", "out", "--interactions", "events.csv", "--protocol", "rolling", "--no-baselines"];
    let ranked = ["--ranker", file.to_str().unwrap()];
    let report = place.json(&[&evaluate[..], &ranked].concat());
    let systems = report["groups"][0]["systems"].as_array().unwrap();
    let names: Vec<&str> = systems.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["homebody", "homebody and ranker"]);
    let mean = |at: usize| systems[at]["metrics"]["ndcg@10"]["mean"].as_f64().unwrap();
    let difference = report["groups"][0]["comparison"]["difference"]["mean"].as_f64().unwrap();
    assert!((difference - (mean(1) - mean(0))).abs() < 1e-12 && mean(0) != mean(1));
    // The two parts are all there is.
    let lists = |part: &str| place.json(&[&evaluate[..], &["--part", part]].concat())["lists"].as_u64().unwrap();
    assert_eq!(lists("search") + lists("test"), report["lists"].as_u64().unwrap());

    let written =
        place.json(&[&evaluate[..], &["--features-out", "train.csv", "--scores-out", "lists.jsonl"]].concat());
    let train = fs::read_to_string(place.path("train.csv")).unwrap();
    let mut lines = train.lines();
    assert_eq!(lines.next(), Some("list,user,item,chosen,colour,dislike,kind,rotation"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let scores: Vec<Value> = fs::read_to_string(place.path("lists.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(scores.len() as u64, written["lists"].as_u64().unwrap());
    let expected: Vec<(String, &str, &str)> = scores
        .iter()
        .enumerate()
        .flat_map(|(number, list)| {
            let ranked = list["ranked"].as_array().unwrap();
            ranked.iter().map(move |item| (number.to_string(), list["user"].as_str().unwrap(), item.as_str().unwrap()))
        })
        .collect();
    assert_eq!(rows.len(), expected.len());
    for (row, (number, user, item)) in rows.iter().zip(expected) {
        assert_eq!(row[..3], [number.as_str(), user, item]);
    }
    assert!(rows.iter().any(|row| row[3] == "1") && rows.iter().any(|row| row[3] == "0"));
}
