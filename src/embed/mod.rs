//! What does a text mean?
//!
//! A model folder holds an ONNX graph (a BERT-style encoder), its tokenizer and `model.json`. [`Embedder`] loads the three
//! and turns a text into a vector of unit length; [`pack_model`] makes such a folder from what model authors publish.
//!
//! ```text
//! text ─ tokenize ─► token ids ─ model ─► one vector per token ─ pool ─► one vector ─► unit length
//! ```
//!
//! | file | question |
//! | --- | --- |
//! | `manifest` | What does the folder hold, and is this file the one it names? |
//! | `tokenize` | Which tokens is a text made of? |
//! | `graph` | Is this ONNX file an encoder, and what does it take and give? |
//! | `recognize`, `stored`, `tensor` | Is it the usual encoder, and where in the file are its parts? |
//! | `bert`, `math` | How does the usual encoder run? |
//! | `linear`, `kernel` | How are int8 weights multiplied, exactly, on this CPU? |
//! | `tract` | How does any other graph run? |
//! | `pool` | How do token vectors become one? |
//! | `embedder`, `pack`, `reader` | The things that callers do |
//!
//! What it does not do: read files, fetch anything, know items or browsers. Callers hand in bytes.

mod bert;
#[cfg_attr(feature = "cli", path = "each_parallel.rs")]
mod each;
mod embedder;
mod error;
mod graph;
mod kernel;
mod linear;
mod manifest;
mod math;
mod pack;
mod pool;
mod reader;
mod recognize;
mod stored;
mod tensor;
mod tokenize;
mod tract;

pub use embedder::{Embedder, Encode, ModelIdentity, TextKind};
pub use error::{EmbedError, EmbedErrorKind};
pub use manifest::{ModelFile, ModelFiles, ModelManifest, Pooling};
pub use pack::{PackOptions, PackedModel, pack_model};
pub use reader::ModelReader;
