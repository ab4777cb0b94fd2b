//! Making a model folder from an ONNX file and a tokenizer.

use super::embedder::{Embedder, TextKind};
use super::error::{EmbedError, EmbedErrorKind};
use super::graph::OnnxGraph;
use super::manifest::{FORMAT, ModelFile, ModelFiles, ModelManifest, Pooling, VERSION};
use super::tokenize::stated_limit;

/// What a model folder says about the model beyond its two files.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// The model's name, for people.
    pub name: String,
    /// How token vectors become one vector.
    pub pooling: Pooling,
    /// Put before a text that is a query.
    pub query_prefix: String,
    /// Put before a text that describes an item.
    pub document_prefix: String,
    /// Longest input in tokens. By default what the tokenizer file states, or else what the position table allows, at
    /// most 512.
    pub max_tokens: Option<usize>,
}

/// The content of a model folder.
pub struct PackedModel {
    /// What `model.json` says.
    pub manifest: ModelManifest,
    /// How texts are run, see [`Embedder::runner`].
    pub runner: String,
    /// Paths within the folder and their content, `model.json` last: a folder without it is not a model yet.
    pub files: Vec<(String, Vec<u8>)>,
}

/// The longest input that is allowed when neither tokenizer nor graph says anything: BERT's own limit.
const DEFAULT_MAX_TOKENS: usize = 512;

/// Makes the content of a model folder. The model is loaded and run once, so a folder that was made can be used.
///
/// # Errors
/// Whatever would keep [`Embedder::from_files`] from loading the result, or the model from giving a vector.
pub fn pack_model(onnx: Vec<u8>, tokenizer: Vec<u8>, options: &PackOptions) -> Result<PackedModel, EmbedError> {
    let graph = OnnxGraph::parse(&onnx)?;
    let limit = graph.position_rows.unwrap_or(DEFAULT_MAX_TOKENS);
    let max_tokens = options
        .max_tokens
        .or_else(|| stated_limit(&tokenizer).map(|n| n.min(limit)))
        .unwrap_or(limit.min(DEFAULT_MAX_TOKENS));
    if max_tokens > limit {
        return Err(EmbedError::new(
            EmbedErrorKind::Option,
            format!("a token limit of {max_tokens} is more than the {limit} positions that the model knows"),
        ));
    }
    let dims = graph.dims().ok_or_else(|| {
        EmbedError::new(EmbedErrorKind::Outputs, format!("the length of the vectors in {} is not stated", graph.output))
    })?;
    let agreement = if graph.has_operator("DynamicQuantizeLinear") { DYNAMIC_AGREEMENT } else { AGREEMENT };
    drop(graph);

    let mut manifest = ModelManifest {
        format: FORMAT.into(),
        version: VERSION,
        name: options.name.clone(),
        dims,
        pooling: options.pooling,
        query_prefix: options.query_prefix.clone(),
        document_prefix: options.document_prefix.clone(),
        max_tokens,
        files: ModelFiles {
            model: ModelFile::describe("model.onnx", &onnx),
            tokenizer: ModelFile::describe("tokenizer.json", &tokenizer),
        },
        run_as_graph: false,
        sha256: String::new(),
    };
    manifest.sha256 = manifest.identity();
    let mut embedder = Embedder::assemble(manifest.clone(), &onnx, &tokenizer)?;
    if embedder.is_encoder() {
        let by_node = ModelManifest { run_as_graph: true, ..manifest.clone() };
        let by_node = Embedder::assemble(by_node, &onnx, &tokenizer)?;
        if !agree(&embedder, &by_node, agreement)? {
            manifest.run_as_graph = true;
            embedder = by_node;
        }
    }
    embedder.embed(PROBES[0], TextKind::Document)?;
    let json = manifest.to_json();
    let files = vec![
        (manifest.files.model.path.clone(), onnx),
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

/// The least cosine between the encoder and the graph node by node. They differ by the rounding of float32 weights to int8;
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
