//! The model that ships with the demo, judged by the golden vectors of the original.
//!
//! The model folder is made by `cargo xtask model` (part of `npm run build`); `HOMEBODY_MODEL` names another place.

use std::path::{Path, PathBuf};

use homebody::{EmbedErrorKind, Embedder, Encode, TextKind};

fn model_folder() -> PathBuf {
    let folder = std::env::var_os("HOMEBODY_MODEL")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("build/models/all-MiniLM-L6-v2"), PathBuf::from);
    assert!(
        folder.join("model.json").is_file(),
        "no model in {}: run `cargo xtask model` (or `npm run build`), or set HOMEBODY_MODEL",
        folder.display()
    );
    folder
}

struct Files {
    manifest: Vec<u8>,
    onnx: Vec<u8>,
    tokenizer: Vec<u8>,
}

fn files() -> Files {
    let folder = model_folder();
    let read = |name: &str| std::fs::read(folder.join(name)).expect(name);
    Files { manifest: read("model.json"), onnx: read("model.onnx"), tokenizer: read("tokenizer.json") }
}

fn embedder() -> Embedder {
    let files = files();
    Embedder::from_files(&files.manifest, &files.onnx, &files.tokenizer).expect("the model loads")
}

struct GoldenRow {
    text: String,
    token_ids: Vec<u32>,
    embedding: Vec<f64>,
}

fn golden() -> Vec<GoldenRow> {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("golden/all-MiniLM-L6-v2.json")).expect("golden file");
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 24);
    rows.iter()
        .map(|row| GoldenRow {
            text: row["text"].as_str().expect("text").to_owned(),
            token_ids: serde_json::from_value(row["token_ids"].clone()).expect("ids"),
            embedding: serde_json::from_value(row["embedding"].clone()).expect("vector"),
        })
        .collect()
}

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot: f64 = a.iter().zip(b).map(|(&x, &y)| f64::from(x) * y).sum();
    let norm = |v: f64| v.sqrt();
    let (aa, bb) = (a.iter().map(|&x| f64::from(x).powi(2)).sum(), b.iter().map(|y| y * y).sum());
    dot / (norm(aa) * norm(bb))
}

#[test]
fn golden_texts_have_the_tokens_and_vectors_of_the_original_model() {
    let embedder = embedder();
    let mut cosines = Vec::new();
    for row in golden() {
        assert_eq!(embedder.token_ids(&row.text, TextKind::Document).unwrap(), row.token_ids, "{:?}", row.text);
        let vector = embedder.embed(&row.text, TextKind::Document).unwrap();
        assert_eq!(vector.len(), embedder.dims());
        let length: f64 = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        assert!((length - 1.0).abs() < 1e-6, "{:?} has length {length}", row.text);
        let cosine = cosine(&vector, &row.embedding);
        // The file's own int8 weights set this bound: onnxruntime reaches 0.9951 at worst with the same file.
        assert!(cosine >= 0.994, "{:?}: cosine {cosine}", row.text);
        cosines.push(cosine);
    }
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let worst = cosines.iter().copied().fold(f64::INFINITY, f64::min);
    println!("golden cosine: worst {worst:.5}, mean {mean:.5}");
    assert!(mean >= 0.999, "mean cosine {mean}");
}

#[test]
fn a_batch_gives_what_single_texts_give_in_their_order() {
    let embedder = embedder();
    let rows = golden();
    let texts: Vec<&str> = rows.iter().map(|r| r.text.as_str()).collect();
    let mut calls = Vec::new();
    let batch = embedder
        .embed_batch(&texts, TextKind::Document, &mut |done, total| {
            calls.push((done, total));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(calls.last(), Some(&(texts.len(), texts.len())));
    assert!(calls.is_sorted(), "progress never goes back: {calls:?}");
    for (text, vector) in texts.iter().zip(&batch) {
        assert_eq!(*vector, embedder.embed(text, TextKind::Document).unwrap(), "{text:?}");
    }
}

#[test]
fn a_batch_stops_when_progress_says_so() {
    let texts = vec!["the same text"; 300];
    let mut calls = 0;
    let stopped = embedder().embed_batch(&texts, TextKind::Query, &mut |_, _| {
        calls += 1;
        std::ops::ControlFlow::Break(())
    });
    let error = stopped.unwrap_err();
    assert_eq!((error.kind(), error.code(), calls), (EmbedErrorKind::Cancelled, "cancelled", 1));
}

#[test]
fn long_texts_are_cut_at_the_limit_and_empty_ones_refused() {
    let embedder = embedder();
    let limit = embedder.manifest().max_tokens;
    let long = "word ".repeat(2 * limit);
    let longer = "word ".repeat(3 * limit);
    assert_eq!(embedder.token_ids(&long, TextKind::Document).unwrap().len(), limit);
    assert_eq!(
        embedder.embed(&long, TextKind::Document).unwrap(),
        embedder.embed(&longer, TextKind::Document).unwrap()
    );
    for empty in ["", "   ", "\n\t", "\u{200b}"] {
        let error = embedder.embed(empty, TextKind::Query).unwrap_err();
        assert_eq!(error.kind(), EmbedErrorKind::EmptyText, "{empty:?}");
        assert!(error.to_string().contains("empty"), "{error}");
    }
}

#[test]
fn the_embedder_says_which_model_it_is() {
    let embedder = embedder();
    let identity = embedder.model();
    assert_eq!(identity.name, "all-MiniLM-L6-v2");
    assert_eq!(identity.sha256, embedder.manifest().sha256);
    assert_eq!(embedder.dims(), 384);
    // Were it run node by node, everything would still be right, and several times slower.
    assert!(!embedder.runner().contains("node by node"), "{}", embedder.runner());
}

#[test]
fn damaged_folders_are_refused_with_the_file_and_the_reason() {
    let Files { manifest, onnx, tokenizer } = files();
    let kind = |m: &[u8], o: &[u8], t: &[u8]| {
        let error = Embedder::from_files(m, o, t).err().expect("a damaged folder must not load");
        (error.kind(), error.to_string())
    };

    let (k, message) = kind(&manifest, &onnx[..onnx.len() - 7], &tokenizer);
    assert_eq!(k, EmbedErrorKind::Length);
    assert!(message.contains("model.onnx") && message.contains("cut short"), "{message}");

    let mut flipped = onnx.clone();
    flipped[onnx.len() / 2] ^= 1;
    let (k, message) = kind(&manifest, &flipped, &tokenizer);
    assert_eq!(k, EmbedErrorKind::Hash);
    assert!(message.contains("model.onnx"), "{message}");

    let mut other = tokenizer.clone();
    other[100] ^= 1;
    assert_eq!(kind(&manifest, &onnx, &other).0, EmbedErrorKind::Hash);

    let text = String::from_utf8(manifest.clone()).unwrap();
    assert_eq!(kind(b"<!doctype html>", &onnx, &tokenizer).0, EmbedErrorKind::Manifest);
    let newer = text.replace("\"version\": 1", "\"version\": 7");
    assert_eq!(kind(newer.as_bytes(), &onnx, &tokenizer).0, EmbedErrorKind::TooNew { found: 7, readable: 1 });
    let edited = text.replace("\"pooling\": \"mean\"", "\"pooling\": \"cls\"");
    assert_ne!(edited, text);
    assert_eq!(kind(edited.as_bytes(), &onnx, &tokenizer).0, EmbedErrorKind::Manifest);
}
