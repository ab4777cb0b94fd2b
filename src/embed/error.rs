//! What can go wrong between a model folder and a vector.

use std::error::Error;
use std::fmt;

/// Why a model could not be read or a text could not be embedded.
///
/// The message says what was expected, what came and what to do; [`EmbedError::kind`] and [`EmbedError::code`] are for
/// programs.
#[derive(Debug)]
pub struct EmbedError {
    kind: EmbedErrorKind,
    context: String,
    /// Which text of a batch.
    text: Option<usize>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`EmbedError`]; new ones may be added.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmbedErrorKind {
    /// `model.json` is not a model manifest.
    Manifest,
    /// The model folder was written by a newer version of this library.
    TooNew {
        /// The version the manifest states.
        found: u64,
        /// The newest version that this library reads.
        readable: u64,
    },
    /// A file is shorter or longer than the manifest says.
    Length,
    /// A file has the right length and other content than the manifest says.
    Hash,
    /// The model file is not an ONNX model.
    NotOnnx,
    /// The model uses an operator that cannot be run here.
    Operator,
    /// The model is not the usual encoder, and this build runs no other graph (feature `graph`).
    Graph,
    /// The model does not take the inputs of a BERT-style encoder.
    Inputs,
    /// The model does not give the hidden states that pooling needs.
    Outputs,
    /// The tokenizer file cannot be read.
    Tokenizer,
    /// Tokenizer and model do not belong together: the vocabulary does not fit the embedding table.
    Vocabulary,
    /// An option of packing or embedding is out of its range.
    Option,
    /// The text has nothing in it to embed.
    EmptyText,
    /// The caller's progress function asked to stop.
    Cancelled,
    /// The memory that the model needs cannot be had.
    Memory,
    /// The model failed while running.
    Run,
}

impl EmbedError {
    pub(crate) fn new(kind: EmbedErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), text: None, source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says which text of a batch it was.
    pub(crate) fn in_text(mut self, index: usize) -> Self {
        self.text = Some(index);
        self
    }

    /// Which text of a batch it was, counted from 0; `None` if it was not one text's fault.
    pub fn text_index(&self) -> Option<usize> {
        self.text
    }

    /// The kind of the error.
    pub fn kind(&self) -> EmbedErrorKind {
        self.kind
    }

    /// A stable name of the kind, the same on every face of the library.
    pub fn code(&self) -> &'static str {
        match self.kind {
            EmbedErrorKind::Manifest => "model-manifest",
            EmbedErrorKind::TooNew { .. } => "model-too-new",
            EmbedErrorKind::Length => "model-length",
            EmbedErrorKind::Hash => "model-hash",
            EmbedErrorKind::NotOnnx => "model-not-onnx",
            EmbedErrorKind::Operator => "model-operator",
            EmbedErrorKind::Graph => "model-graph",
            EmbedErrorKind::Inputs => "model-inputs",
            EmbedErrorKind::Outputs => "model-outputs",
            EmbedErrorKind::Tokenizer => "model-tokenizer",
            EmbedErrorKind::Vocabulary => "model-vocabulary",
            EmbedErrorKind::Option => "model-option",
            EmbedErrorKind::EmptyText => "text-empty",
            EmbedErrorKind::Cancelled => "cancelled",
            EmbedErrorKind::Memory => "out-of-memory",
            EmbedErrorKind::Run => "embed-failed",
        }
    }
}

impl fmt::Display for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.text {
            write!(f, "text {index} of the batch: ")?;
        }
        match self.kind {
            EmbedErrorKind::Manifest => write!(
                f,
                "model.json is not a Homebody model manifest: {}. Make the folder with `homebody model pack`",
                self.context
            ),
            EmbedErrorKind::TooNew { found, readable } => write!(
                f,
                "the model folder has format version {found}, this library reads versions up to {readable}: update the \
                 library or pack the model again"
            ),
            EmbedErrorKind::Length => {
                write!(f, "a model file has the wrong length: {}. Fetch it again", self.context)
            }
            EmbedErrorKind::Hash => write!(
                f,
                "a model file is not the one that model.json names: {}. Fetch it again, or pack the model again if the \
                 file was changed on purpose",
                self.context
            ),
            EmbedErrorKind::NotOnnx => write!(f, "the model file is not a usable ONNX model: {}", self.context),
            EmbedErrorKind::Operator => {
                write!(f, "the model needs an operator that is not supported: {}", self.context)
            }
            EmbedErrorKind::Graph => write!(
                f,
                "the model has to be run node by node, which this build does not do: {}. Pack it again with `homebody \
                 model pack`, which writes that into model.json",
                self.context
            ),
            EmbedErrorKind::Inputs => write!(
                f,
                "the model does not have the inputs of a BERT-style encoder (input_ids, and if it wants them \
                 attention_mask and token_type_ids): {}",
                self.context
            ),
            EmbedErrorKind::Outputs => write!(f, "the model's output cannot be pooled: {}", self.context),
            EmbedErrorKind::Tokenizer => write!(
                f,
                "the tokenizer file cannot be read: {}. It has to be the tokenizer.json of the Hugging Face tokenizers \
                 library",
                self.context
            ),
            EmbedErrorKind::Vocabulary => write!(
                f,
                "tokenizer and model do not belong together: {}. Use the tokenizer.json that was published with the model",
                self.context
            ),
            EmbedErrorKind::Option => write!(f, "an option is out of range: {}", self.context),
            EmbedErrorKind::EmptyText => {
                write!(f, "the text is empty: {}. Leave the item out or give it a text", self.context)
            }
            EmbedErrorKind::Cancelled => write!(f, "embedding was cancelled {}", self.context),
            EmbedErrorKind::Memory => write!(
                f,
                "the model needs more memory than there is: {}. Close other pages or use a smaller model; ranking \
                 without text search goes on",
                self.context
            ),
            EmbedErrorKind::Run => write!(f, "the model failed to run: {}", self.context),
        }
    }
}

impl Error for EmbedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|s| &**s as &(dyn Error + 'static))
    }
}
