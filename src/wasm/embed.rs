//! `EmbedEngine`: a text model in the embedding worker.

use std::collections::HashMap;
use std::ops::ControlFlow;

use js_sys::{Array, Float32Array, Function, Object, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::{invalid_argument, to_js};
use super::panic::report_to;
use crate::embed::{Embedder, ModelReader, PackOptions, Pooling, RunAs, TextKind, reserve_memory};

/// The shapes that the embedding worker sees.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type { EmbedderStatus, OnnxModel, TextKind } from "../types.js";

/** A file of a model, as its manifest names it. */
export interface ModelFile { readonly path: string; readonly bytes: number; readonly sha256: string }
/** What a model is. */
export type ModelInfo = EmbedderStatus["model"];
/** What is known of a model that was never packed. */
export type OnnxDescription = Omit<OnnxModel, "onnx" | "tokenizer">;
"#;

/// A model that is being read or ready to embed.
#[wasm_bindgen]
pub struct EmbedEngine {
    reader: Option<ModelReader>,
    /// Files that are here but not yet known to be the right ones.
    unchecked: HashMap<String, Vec<u8>>,
    embedder: Option<Embedder>,
}

#[wasm_bindgen]
impl EmbedEngine {
    /// An engine without a model; `on_panic` is called with the message if Rust code panics.
    #[wasm_bindgen(constructor)]
    pub fn new(on_panic: Function) -> Self {
        report_to(on_panic);
        Self { reader: None, unchecked: HashMap::new(), embedder: None }
    }

    /// Takes the content of `model.json` and returns the files it names, `{ path, bytes, sha256 }` each.
    #[wasm_bindgen(unchecked_return_type = "ModelFile[]")]
    pub fn begin(&mut self, manifest: &[u8]) -> Result<Array, JsValue> {
        self.embedder = None;
        self.unchecked.clear();
        let reader = ModelReader::new(manifest).map_err(|e| to_js(&e))?;
        let files = reader
            .files()
            .iter()
            .map(|file| {
                object(&[
                    ("path", file.path.as_str().into()),
                    ("bytes", (file.bytes as f64).into()),
                    ("sha256", file.sha256.as_str().into()),
                ])
            })
            .collect();
        self.reader = Some(reader);
        Ok(files)
    }

    /// Whether the manifest says that the model is no usual encoder, and this module runs nothing else: the module `graph` has
    /// to be asked instead, before the files are fetched.
    #[wasm_bindgen(getter, js_name = needsGraph)]
    pub fn needs_graph(&self) -> bool {
        let as_graph = self.reader.as_ref().is_some_and(|reader| reader.manifest().run != RunAs::Encoder);
        as_graph && !cfg!(feature = "graph")
    }

    /// Takes the content of one of those files, before it is known to be the right one: [`EmbedEngine::add`] says so. The browser
    /// computes its hash meanwhile.
    pub fn hold(&mut self, path: String, bytes: Vec<u8>) {
        self.unchecked.insert(path, bytes);
    }

    /// Adds a file that is held to the model, if its SHA-256 is the right one: that in hex digits which the browser has
    /// computed, or else its own.
    pub fn add(&mut self, path: &str, sha256: Option<String>) -> Result<(), JsValue> {
        let bytes = self
            .unchecked
            .remove(path)
            .ok_or_else(|| invalid_argument("Expected hold() with the file before add()."))?;
        let reader = self.reader.as_mut().ok_or_else(|| invalid_argument("Expected begin() before add()."))?;
        let added = match sha256 {
            Some(sha256) => reader.add_hashed(path, bytes, &sha256),
            None => reader.add(path, bytes),
        };
        added.map_err(|e| to_js(&e))
    }

    /// Makes the model of the files and returns what it is.
    #[wasm_bindgen(unchecked_return_type = "ModelInfo")]
    pub fn finish(&mut self) -> Result<Object, JsValue> {
        let reader = self.reader.take().ok_or_else(|| invalid_argument("Expected begin() before finish()."))?;
        self.embedder = Some(reader.finish().map_err(|e| to_js(&e))?);
        self.model()
    }

    /// Makes sure that there is memory for a model whose files have so many bytes, before they are handed over.
    pub fn reserve(&self, bytes: f64) -> Result<(), JsValue> {
        // Saturates, and a length is no fraction.
        reserve_memory(bytes as u64).map_err(|e| to_js(&e))
    }

    /// Loads a standard ONNX file and its `tokenizer.json`, in place of a folder; returns what the model is.
    #[wasm_bindgen(js_name = openOnnx, unchecked_return_type = "ModelInfo")]
    pub fn open_onnx(
        &mut self,
        onnx: Vec<u8>,
        tokenizer: &[u8],
        #[wasm_bindgen(unchecked_param_type = "OnnxDescription")] description: JsValue,
    ) -> Result<Object, JsValue> {
        let field = |name: &str| Reflect::get(&description, &name.into()).ok().filter(|value| !value.is_undefined());
        let text = |name: &str| field(name).and_then(|value| value.as_string());
        let options = PackOptions {
            name: text("name").unwrap_or_else(|| "model".into()),
            pooling: match text("pooling").as_deref() {
                None | Some("mean") => Pooling::Mean,
                Some("cls") => Pooling::Cls,
                Some(other) => {
                    return Err(invalid_argument(&format!("Expected pooling \"mean\" or \"cls\", got {other:?}.")));
                }
            },
            query_prefix: text("queryPrefix").unwrap_or_default(),
            document_prefix: text("documentPrefix").unwrap_or_default(),
            max_tokens: field("maxTokens").and_then(|value| value.as_f64()).map(|tokens| tokens as usize),
        };
        self.reader = None;
        self.embedder = Some(Embedder::from_onnx(onnx, tokenizer, &options).map_err(|e| to_js(&e))?);
        self.model()
    }

    /// What the model is, known from [`EmbedEngine::begin`] on.
    #[wasm_bindgen(getter, unchecked_return_type = "ModelInfo")]
    pub fn model(&self) -> Result<Object, JsValue> {
        let manifest = match (&self.reader, &self.embedder) {
            (Some(reader), _) => reader.manifest(),
            (None, Some(embedder)) => embedder.manifest(),
            (None, None) => return Err(invalid_argument("Expected begin() first.")),
        };
        Ok(object(&[
            ("name", manifest.name.as_str().into()),
            ("dims", (manifest.dims as f64).into()),
            ("sha256", manifest.sha256.as_str().into()),
            ("maxTokens", (manifest.max_tokens as f64).into()),
        ]))
    }

    /// How texts are run: the instruction set, or why the graph is run node by node.
    #[wasm_bindgen(getter)]
    pub fn runner(&self) -> Result<String, JsValue> {
        Ok(self.ready()?.runner())
    }

    /// Whether this module was built with SIMD instructions.
    #[wasm_bindgen(getter)]
    pub fn simd(&self) -> bool {
        cfg!(target_feature = "simd128")
    }

    /// The vectors of texts, unit length, in their order; `kind` is `"query"` or `"document"`. `numbers` are what the caller
    /// calls the texts in messages; without any, a single text is just the text.
    #[wasm_bindgen(unchecked_return_type = "Float32Array<ArrayBuffer>[]")]
    pub fn embed(
        &self,
        texts: Vec<String>,
        numbers: &[u32],
        #[wasm_bindgen(unchecked_param_type = "TextKind")] kind: &str,
    ) -> Result<Array, JsValue> {
        let (embedder, kind) = (self.ready()?, text_kind(kind)?);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = match &texts[..] {
            [text] if numbers.is_empty() => embedder.embed(text, kind).map(|vector| vec![vector]),
            _ => embedder.embed_batch(&texts, kind, &mut |_, _| ControlFlow::Continue(())).map_err(|error| match error
                .text_index()
                .and_then(|index| numbers.get(index))
            {
                Some(&number) => error.in_text(number as usize),
                None => error,
            }),
        };
        Ok(vectors.map_err(|e| to_js(&e))?.iter().map(|vector| Float32Array::from(vector.as_slice())).collect())
    }

    /// The number of tokens of a text as the model gets to see it.
    pub fn tokens(
        &self,
        text: &str,
        #[wasm_bindgen(unchecked_param_type = "TextKind")] kind: &str,
    ) -> Result<usize, JsValue> {
        Ok(self.ready()?.token_ids(text, text_kind(kind)?).map_err(|e| to_js(&e))?.len())
    }

    /// The size of this module's memory, which holds the model, in bytes.
    #[wasm_bindgen(getter, js_name = memoryBytes)]
    pub fn memory_bytes(&self) -> f64 {
        #[cfg(target_arch = "wasm32")]
        let pages = core::arch::wasm32::memory_size(0);
        #[cfg(not(target_arch = "wasm32"))]
        let pages = 0;
        pages as f64 * 65536.0
    }

    fn ready(&self) -> Result<&Embedder, JsValue> {
        self.embedder.as_ref().ok_or_else(|| invalid_argument("Expected a loaded model: begin(), add(), finish()."))
    }
}

fn text_kind(kind: &str) -> Result<TextKind, JsValue> {
    match kind {
        "query" => Ok(TextKind::Query),
        "document" => Ok(TextKind::Document),
        other => Err(invalid_argument(&format!("Expected kind \"query\" or \"document\", got {other:?}."))),
    }
}

fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        let done = Reflect::set(&object, &(*name).into(), value);
        debug_assert_eq!(done, Ok(true), "a new object takes any property");
    }
    object
}
