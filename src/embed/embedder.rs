//! A loaded model and the texts it turns into vectors.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use prost::bytes::Bytes;

use super::bert::{Bert, Workspace};
use super::describe::{PackOptions, describe};
use super::each::for_each_group;
use super::error::{EmbedError, EmbedErrorKind};
use super::graph::OnnxGraph;
use super::kernel;
use super::manifest::{ModelManifest, RunAs};
use super::pool::pool;
use super::recognize::recognize;
use super::tokenize::{TextTokenizer, Tokens};
use super::tract::TractModel;

/// What a text is for; some models want a different prefix for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// What somebody searches for.
    Query,
    /// What describes an item.
    Document,
}

/// Which model made a vector. Vectors of different models cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    /// For people.
    pub name: String,
    /// Equal only if everything that shapes a vector is equal: weights, tokenizer, pooling, prefixes, token limit.
    pub sha256: String,
}

/// Turns texts into vectors of unit length: all that building and searching a catalog needs of a model.
pub trait Encode: Sync {
    /// Length of the vectors.
    fn dims(&self) -> usize;
    /// Which model this is.
    fn model(&self) -> ModelIdentity;
    /// The vector of one text, `dims` values, unit length.
    fn encode(&self, text: &str, kind: TextKind) -> Result<Vec<f32>, EmbedError>;
}

/// A sentence embedding model, ready to run.
///
/// May be shared between threads; each call works on its own memory.
pub struct Embedder {
    manifest: ModelManifest,
    tokenizer: TextTokenizer,
    runner: Runner,
}

/// How the graph is run.
enum Runner {
    /// As the encoder that it was recognized to be.
    Encoder {
        bert: Box<Bert>,
        /// The memory of runs that are over, for the next ones: as many as ever ran at once.
        spaces: Mutex<Vec<Workspace>>,
    },
    /// Node by node, and why.
    Graph { model: TractModel, reason: String },
}

/// Texts of a batch are run together up to this many tokens: enough that weights are read for many rows at once, few
/// enough that all rows stay in the second-level cache.
const GROUP_TOKENS: usize = 128;

impl Embedder {
    /// Loads a model from the three files of its folder: `model.json`, the ONNX file and `tokenizer.json`. Length and
    /// SHA-256 of the last two are checked against the first.
    ///
    /// # Errors
    /// One of [`EmbedErrorKind`] for whatever is wrong with the files; nothing is kept of a model that failed to load.
    pub fn from_files(manifest: &[u8], onnx: &[u8], tokenizer: &[u8]) -> Result<Self, EmbedError> {
        let manifest = ModelManifest::parse(manifest)?;
        manifest.files.model.check(onnx)?;
        manifest.files.tokenizer.check(tokenizer)?;
        Self::assemble(manifest, Bytes::copy_from_slice(onnx), tokenizer)
    }

    /// Loads a standard ONNX file and its `tokenizer.json` as their authors publish them, without a folder made of them.
    ///
    /// Float32 weights are rounded to int8 each for itself, which is less true than what packing does, and nothing is
    /// compared with another way of running: pack a model that is used more than once.
    ///
    /// # Errors
    /// One of [`EmbedErrorKind`] for whatever is wrong with the files or the options.
    pub fn from_onnx(onnx: impl AsRef<[u8]>, tokenizer: &[u8], options: &PackOptions) -> Result<Self, EmbedError> {
        let graph = OnnxGraph::parse(Bytes::copy_from_slice(onnx.as_ref()))?;
        let manifest = describe(&graph, onnx.as_ref(), tokenizer, options)?;
        drop(onnx);
        Self::of_graph(manifest, &graph, tokenizer)
    }

    /// Loads without comparing hashes: for files that have been compared. The model file is let go once its weights lie where
    /// they are used.
    pub(crate) fn assemble(manifest: ModelManifest, onnx: Bytes, tokenizer: &[u8]) -> Result<Self, EmbedError> {
        let graph = OnnxGraph::parse(onnx)?;
        Self::of_graph(manifest, &graph, tokenizer)
    }

    fn of_graph(manifest: ModelManifest, graph: &OnnxGraph, tokenizer: &[u8]) -> Result<Self, EmbedError> {
        let tokenizer = TextTokenizer::from_json(tokenizer, manifest.max_tokens)?;
        graph.check_vocabulary(tokenizer.vocabulary_size())?;
        let recognized = match manifest.run {
            RunAs::Encoder => recognize(graph, kernel::best()).map_err(|unrecognized| unrecognized.0),
            RunAs::Graph | RunAs::Plain => Err("packing found that it is not the usual encoder".to_owned()),
        };
        let runner = match recognized {
            Ok(bert) => {
                let (words, positions) = (bert.words.rows(bert.dims), bert.positions.rows(bert.dims));
                if tokenizer.vocabulary_size() > words || manifest.max_tokens > positions {
                    return Err(EmbedError::new(
                        EmbedErrorKind::Vocabulary,
                        format!(
                            "the tokenizer has {} token ids and a limit of {} tokens, the model {words} and {positions}",
                            tokenizer.vocabulary_size(),
                            manifest.max_tokens
                        ),
                    ));
                }
                // Any text tells which types the tokenizer gives; one with a token of its own tells all.
                if let Ok(probe) = tokenizer.tokens("a") {
                    check_types(&bert, &probe)?;
                }
                Runner::Encoder { bert: Box::new(bert), spaces: Mutex::default() }
            }
            Err(reason) => {
                Runner::Graph { model: TractModel::build(graph, &reason, manifest.run == RunAs::Plain)?, reason }
            }
        };
        Ok(Self { manifest, tokenizer, runner })
    }

    /// The vector of one text: the prefix for its kind is put before it, it is cut at the token limit, run, pooled and
    /// scaled to unit length.
    ///
    /// # Errors
    /// [`EmbedErrorKind::EmptyText`] if the text has no token of its own (the prefix does not count).
    pub fn embed(&self, text: &str, kind: TextKind) -> Result<Vec<f32>, EmbedError> {
        let tokens = self.tokenize(text, kind)?;
        let made = self.embed_tokens(&[&tokens]).map_err(|(_, error)| error)?;
        Ok(made.into_iter().next().expect("one vector per text"))
    }

    /// The vectors of many texts, in their order; each equals what [`Embedder::embed`] gives for it.
    ///
    /// Texts of like length are run together, without padding; on several cores if the crate is built with feature `cli`.
    /// `progress(done, total)` is called after every few texts and may stop the rest with [`ControlFlow::Break`].
    ///
    /// # Errors
    /// A text that fails, by its index: the first of those that cannot be tokenized, otherwise the first that was met;
    /// [`EmbedErrorKind::Cancelled`] if `progress` said so.
    pub fn embed_batch(
        &self,
        texts: &[&str],
        kind: TextKind,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut tokens = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            tokens.push(self.tokenize(text, kind).map_err(|e| e.in_text(index))?);
        }
        // Texts of like length together, so that groups are full and progress is even.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&i| tokens[i].ids.len());
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut group_tokens = 0;
        for index in order {
            let count = tokens[index].ids.len();
            match groups.last_mut() {
                Some(group) if group_tokens + count <= GROUP_TOKENS => {
                    group.push(index);
                    group_tokens += count;
                }
                _ => {
                    groups.push(vec![index]);
                    group_tokens = count;
                }
            }
        }
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut done = 0;
        let run = |group: &Vec<usize>| {
            let texts: Vec<&Tokens> = group.iter().map(|&i| &tokens[i]).collect();
            self.embed_tokens(&texts).map_err(|(at, e)| e.in_text(group[at]))
        };
        for_each_group(&groups, run, &mut |group, made| {
            done += group.len();
            for (&index, vector) in group.iter().zip(made) {
                vectors[index] = vector;
            }
            if progress(done, texts.len()).is_break() && done < texts.len() {
                return Err(EmbedError::new(
                    EmbedErrorKind::Cancelled,
                    format!("after {done} of {} texts", texts.len()),
                ));
            }
            Ok(())
        })?;
        Ok(vectors)
    }

    /// The token ids that the model gets to see for a text, special ones included, cut at the limit.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub fn token_ids(&self, text: &str, kind: TextKind) -> Result<Vec<u32>, EmbedError> {
        Ok(self.tokenize(text, kind)?.ids)
    }

    /// Everything that `model.json` says.
    pub fn manifest(&self) -> &ModelManifest {
        &self.manifest
    }

    /// How texts are run, for status lines: the instruction set, or that and why the graph is run node by node.
    pub fn runner(&self) -> String {
        match &self.runner {
            Runner::Encoder { bert, .. } => bert.kernel.name().to_owned(),
            Runner::Graph { reason, .. } => format!("node by node, because {reason}"),
        }
    }

    /// Whether the graph was recognized and is run as an encoder.
    #[cfg(feature = "cli")]
    pub(crate) fn is_encoder(&self) -> bool {
        matches!(self.runner, Runner::Encoder { .. })
    }

    fn tokenize(&self, text: &str, kind: TextKind) -> Result<Tokens, EmbedError> {
        let prefix = match kind {
            TextKind::Query => &self.manifest.query_prefix,
            TextKind::Document => &self.manifest.document_prefix,
        };
        let mut tokens = self.tokenizer.tokens(text)?;
        if !prefix.is_empty() {
            tokens = self.tokenizer.tokens(&format!("{prefix}{text}"))?;
        }
        if let Runner::Encoder { bert, .. } = &self.runner {
            check_types(bert, &tokens)?;
        }
        Ok(tokens)
    }

    /// One vector per text, or which of the texts failed and why.
    fn embed_tokens(&self, texts: &[&Tokens]) -> Result<Vec<Vec<f32>>, (usize, EmbedError)> {
        match &self.runner {
            Runner::Encoder { bert, spaces } => {
                // A panic while the lock is held cannot leave a vector half pushed.
                let mut space = spaces.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
                let mut hidden = bert.run(texts, &mut space);
                let mut vectors = Vec::with_capacity(texts.len());
                let mut failed = None;
                for (at, text) in texts.iter().enumerate() {
                    let (rows, rest) = hidden.split_at(text.ids.len() * bert.dims);
                    match self.pool(rows, bert.dims) {
                        Ok(vector) => vectors.push(vector),
                        Err(error) => failed = failed.or(Some((at, error))),
                    }
                    hidden = rest;
                }
                spaces.lock().unwrap_or_else(PoisonError::into_inner).push(space);
                failed.map_or(Ok(vectors), Err)
            }
            Runner::Graph { model, .. } => {
                let run = |text: &Tokens| {
                    let hidden = model.run(text)?;
                    self.pool(&hidden, hidden.len() / text.ids.len())
                };
                texts.iter().enumerate().map(|(at, text)| run(text).map_err(|error| (at, error))).collect()
            }
        }
    }

    fn pool(&self, hidden: &[f32], dims: usize) -> Result<Vec<f32>, EmbedError> {
        if dims != self.manifest.dims {
            return Err(EmbedError::new(
                EmbedErrorKind::Outputs,
                format!("it gives vectors of {dims} values, model.json says {}", self.manifest.dims),
            ));
        }
        pool(hidden, dims, self.manifest.pooling)
    }
}

/// Fails if the tokenizer gives a token a type that the model's table has no row for.
fn check_types(bert: &Bert, tokens: &Tokens) -> Result<(), EmbedError> {
    let Some(types) = &bert.types else { return Ok(()) };
    let (rows, largest) = (types.rows(bert.dims), tokens.type_ids.iter().copied().max().unwrap_or(0));
    if largest as usize >= rows {
        return Err(EmbedError::new(
            EmbedErrorKind::Vocabulary,
            format!("the tokenizer gives tokens of type {largest}, the model's table of types has {rows} rows"),
        ));
    }
    Ok(())
}

impl Encode for Embedder {
    fn dims(&self) -> usize {
        self.manifest.dims
    }

    fn model(&self) -> ModelIdentity {
        ModelIdentity { name: self.manifest.name.clone(), sha256: self.manifest.sha256.clone() }
    }

    fn encode(&self, text: &str, kind: TextKind) -> Result<Vec<f32>, EmbedError> {
        self.embed(text, kind)
    }
}
