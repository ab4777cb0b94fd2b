//! What can be said of a model that was never packed, from its two files and what the caller knows.

use super::error::{EmbedError, EmbedErrorKind};
use super::graph::OnnxGraph;
use super::manifest::{FORMAT, ModelFile, ModelFiles, ModelManifest, Pooling, RunAs, VERSION};
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

/// The longest input that is allowed when neither tokenizer nor graph says anything: BERT's own limit.
const DEFAULT_MAX_TOKENS: usize = 512;

/// The longest input in tokens: as asked for, or as the files say.
pub(super) fn token_limit(graph: &OnnxGraph, tokenizer: &[u8], options: &PackOptions) -> Result<usize, EmbedError> {
    let limit = graph.position_rows.unwrap_or(DEFAULT_MAX_TOKENS);
    let max_tokens = options
        .max_tokens
        .or_else(|| stated_limit(tokenizer).map(|n| n.min(limit)))
        .unwrap_or(limit.min(DEFAULT_MAX_TOKENS));
    if max_tokens > limit {
        return Err(EmbedError::new(
            EmbedErrorKind::Option,
            format!("a token limit of {max_tokens} is more than the {limit} positions that the model knows"),
        ));
    }
    Ok(max_tokens)
}

/// The manifest of a folder with these two files. That the graph is run as the usual encoder is a guess.
pub(super) fn describe(
    graph: &OnnxGraph,
    onnx: &[u8],
    tokenizer: &[u8],
    options: &PackOptions,
) -> Result<ModelManifest, EmbedError> {
    let dims = graph.dims().ok_or_else(|| {
        EmbedError::new(EmbedErrorKind::Outputs, format!("the length of the vectors in {} is not stated", graph.output))
    })?;
    let mut manifest = ModelManifest {
        format: FORMAT.into(),
        version: VERSION,
        name: options.name.clone(),
        dims,
        pooling: options.pooling,
        query_prefix: options.query_prefix.clone(),
        document_prefix: options.document_prefix.clone(),
        max_tokens: token_limit(graph, tokenizer, options)?,
        files: ModelFiles {
            model: ModelFile::describe("model.onnx", onnx),
            tokenizer: ModelFile::describe("tokenizer.json", tokenizer),
        },
        run: RunAs::Encoder,
        sha256: String::new(),
    };
    manifest.sha256 = manifest.identity();
    Ok(manifest)
}
