//! How does JavaScript reach it? Four engines in three WebAssembly modules: convert, call the core, convert back.
//!
//! `CoreEngine` (feature `wasm-core`) holds a catalog and a person; `IndexEngine` beside it holds bare vectors.
//! `EmbedEngine` (feature `wasm-embed`) holds a text model that is the usual encoder, and in the module of feature `wasm-graph` any
//! that tract can run; `RankerEngine` beside that an ONNX ranker. Each lives in a worker, whose TypeScript (`js/*-host.ts`) fetches
//! files and passes messages. All of them take what is asked in plain values and give plain values back:
//!
//! - An engine is made with the worker's function for panics: `new CoreEngine(onPanic)`, see [`panic`].
//! - A folder (catalog or model) comes as bytes: `begin(manifest)` returns its files as `{path, bytes, sha256}`, `add(path,
//!   bytes)` takes each in any order and throws when the bytes are not the right ones, `finish()` makes the thing itself and
//!   returns what it is. `begin` again starts anew.
//! - Every error is thrown as an `Error` with `code` and `cause`, see [`error`].
//!
//! Nothing here loops over items or decides anything; no view of WebAssembly memory outlives a call.

#[cfg(feature = "wasm-core")]
mod core;
#[cfg(feature = "wasm-core")]
mod device;
#[cfg(feature = "wasm-embed")]
mod embed;
mod error;
#[cfg(feature = "wasm-core")]
mod first_event;
#[cfg(feature = "wasm-core")]
mod index;
#[cfg(feature = "wasm-core")]
mod indexed_db;
#[cfg(feature = "wasm-core")]
mod indexed_db_layout;
#[cfg(feature = "wasm-core")]
mod indexed_db_snapshot;
#[cfg(feature = "wasm-core")]
mod json;
mod panic;
#[cfg(feature = "wasm-core")]
mod patience;
#[cfg(feature = "wasm-graph")]
mod ranker;
