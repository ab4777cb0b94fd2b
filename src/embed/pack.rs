//! Making a model folder from an ONNX file and a tokenizer.

use prost::bytes::Bytes;

use super::describe::{PackOptions, describe, token_limit};
use super::embedder::{Embedder, TextKind};
use super::error::EmbedError;
use super::graph::OnnxGraph;
use super::manifest::{ModelManifest, RunAs};
use super::to_int8::to_int8;
use super::tokenize::TextTokenizer;

/// The content of a model folder.
pub struct PackedModel {
    /// What `model.json` says.
    pub manifest: ModelManifest,
    /// How texts are run, see [`Embedder::runner`].
    pub runner: String,
    /// Paths within the folder and their content, `model.json` last: a folder without it is not a model yet.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Makes the content of a model folder. The model is loaded and run once, so a folder that was made can be used.
///
/// Float32 weights of the usual encoder are rounded to int8, one scale per output channel, so that its outputs move least;
/// `progress(done, total)` tells how far that is. Other files are kept as they are.
///
/// # Errors
/// Whatever would keep [`Embedder::from_files`] from loading the result, or the model from giving a vector.
pub fn pack_model(
    onnx: Vec<u8>,
    tokenizer: Vec<u8>,
    options: &PackOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<PackedModel, EmbedError> {
    let graph = OnnxGraph::parse(Bytes::copy_from_slice(&onnx))?;
    let max_tokens = token_limit(&graph, &tokenizer, options)?;
    let texts = TextTokenizer::from_json(&tokenizer, max_tokens)?;
    graph.check_vocabulary(texts.vocabulary_size())?;
    graph.check_weights()?;
    let onnx = to_int8(&graph, &texts, max_tokens, progress).unwrap_or(onnx);
    let agreement = if graph.has_operator("DynamicQuantizeLinear") { DYNAMIC_AGREEMENT } else { AGREEMENT };
    let mut manifest = describe(&graph, &onnx, &tokenizer, options)?;
    drop(graph);

    let onnx = Bytes::from(onnx);
    let assemble = |run| Embedder::assemble(ModelManifest { run, ..manifest.clone() }, onnx.clone(), &tokenizer);
    // The fastest way of running it that gives what tract gives by itself.
    let plain = assemble(RunAs::Plain)?;
    let mut chosen = (RunAs::Plain, None);
    for run in [RunAs::Encoder, RunAs::Graph] {
        let candidate = assemble(run)?;
        if candidate.is_encoder() == (run == RunAs::Encoder) && agree(&candidate, &plain, agreement)? {
            chosen = (run, Some(candidate));
            break;
        }
    }
    let embedder = chosen.1.unwrap_or(plain);
    manifest.run = chosen.0;
    embedder.embed(PROBES[0], TextKind::Document)?;
    let json = manifest.to_json();
    let files = vec![
        (manifest.files.model.path.clone(), onnx.into()),
        (manifest.files.tokenizer.path.clone(), tokenizer),
        ("model.json".to_owned(), json),
    ];
    Ok(PackedModel { manifest, runner: embedder.runner(), files })
}

/// Texts that the two ways of running a model are compared on: short, and long enough for attention to matter.
const PROBES: [&str; 3] = [
    "a",
    "A hacker learns that the world he lives in is a simulation.",
    "The keeper of a lighthouse on a small island writes letters to a sister he has never met; each answer comes back in \
     a bottle, years late, and in the wrong order. Was it 1912 or 1921? Nobody can say, least of all the sea.",
];

/// The least cosine between a fast way of running and plain tract. They differ by the rounding of float32 weights to int8;
/// a graph that was misunderstood is nowhere near.
const AGREEMENT: f64 = 0.99;
/// The same for graphs that round their activations to 8 bits, which the encoder does not: 0.98 is common between the two.
const DYNAMIC_AGREEMENT: f64 = 0.95;

fn agree(a: &Embedder, b: &Embedder, least: f64) -> Result<bool, EmbedError> {
    for probe in PROBES {
        let (a, b) = (a.embed(probe, TextKind::Document)?, b.embed(probe, TextKind::Document)?);
        let cosine: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        if cosine < least {
            return Ok(false);
        }
    }
    Ok(true)
}
