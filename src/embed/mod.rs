//! What does a text mean?
//!
//! A model folder holds an ONNX graph (a BERT-style encoder), its tokenizer and `model.json`. [`Embedder`] loads the three
//! and turns a text into a vector of unit length; `pack_model` (native only) makes such a folder from what model authors publish.
//!
//! ```text
//! text ─ tokenize ─► token ids ─ model ─► one vector per token ─ pool ─► one vector ─► unit length
//! ```
//!
//! | file | question |
//! | --- | --- |
//! | `manifest` | What does the folder hold, and is this file the one it names? |
//! | `tokenize` | Which tokens is a text made of? |
//! | `onnx`, `graph` | Is this ONNX file an encoder, and what does it take and give? |
//! | `recognize`, `stored`, `tensor` | Is it the usual encoder, and where in the file are its parts? |
//! | `bert` | How does the usual encoder run? |
//! | `linear`, `kernel` | How are int8 weights multiplied, exactly, on this CPU, and what is done between two products? |
//! | `tract`, `tract_absent` | How does any other graph run? |
//! | `to_int8`, `calibrate` | How do float32 weights become int8, and lose least? |
//! | `pool` | How do token vectors become one? |
//! | `embedder`, `describe`, `pack`, `reader` | The things that callers do |
//!
//! What it does not do: read files, fetch anything, know items or browsers. Callers hand in bytes.

mod bert;
#[cfg(feature = "cli")]
mod calibrate;
mod describe;
#[cfg_attr(feature = "cli", path = "each_parallel.rs")]
mod each;
mod embedder;
mod error;
mod graph;
mod kernel;
mod linear;
mod manifest;
mod memory;
mod onnx;
#[cfg(feature = "cli")]
mod pack;
mod pool;
mod reader;
mod recognize;
mod stored;
mod tensor;
#[cfg(feature = "cli")]
mod to_int8;
mod tokenize;
#[cfg_attr(not(feature = "graph"), path = "tract_absent.rs")]
mod tract;

pub use describe::PackOptions;
pub use embedder::{Embedder, Encode, ModelIdentity, TextKind};
pub use error::{EmbedError, EmbedErrorKind};
pub use manifest::{ModelFile, ModelFiles, ModelManifest, Pooling, RunAs};
#[cfg(feature = "wasm-embed")]
pub(crate) use memory::reserve_memory;
#[cfg(feature = "cli")]
pub use pack::{PackedModel, pack_model};
pub use reader::ModelReader;
