//! `EmbedEngine`: a text model in the embedding worker.

use js_sys::{Array, Float32Array, Function, Object, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::{invalid_argument, to_js};
use super::panic::report_to;
use crate::embed::{Embedder, ModelReader, TextKind};

/// The shapes that the embedding worker sees.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type { EmbedderStatus, TextKind } from "../types.js";

/** A file of a model, as its manifest names it. */
export interface ModelFile { readonly path: string; readonly bytes: number; readonly sha256: string }
/** What a model is. */
export type ModelInfo = EmbedderStatus["model"];
"#;

/// A model that is being read or ready to embed.
#[wasm_bindgen]
pub struct EmbedEngine {
    reader: Option<ModelReader>,
    embedder: Option<Embedder>,
}

#[wasm_bindgen]
impl EmbedEngine {
    /// An engine without a model; `on_panic` is called with the message if Rust code panics.
    #[wasm_bindgen(constructor)]
    pub fn new(on_panic: Function) -> Self {
        report_to(on_panic);
        Self { reader: None, embedder: None }
    }

    /// Takes the content of `model.json` and returns the files it names, `{ path, bytes, sha256 }` each.
    #[wasm_bindgen(unchecked_return_type = "ModelFile[]")]
    pub fn begin(&mut self, manifest: &[u8]) -> Result<Array, JsValue> {
        self.embedder = None;
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

    /// Takes the content of one of those files.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), JsValue> {
        let reader = self.reader.as_mut().ok_or_else(|| invalid_argument("Expected begin() before add()."))?;
        reader.add(path, bytes).map_err(|e| to_js(&e))
    }

    /// Makes the model of the files and returns what it is.
    #[wasm_bindgen(unchecked_return_type = "ModelInfo")]
    pub fn finish(&mut self) -> Result<Object, JsValue> {
        let reader = self.reader.take().ok_or_else(|| invalid_argument("Expected begin() before finish()."))?;
        self.embedder = Some(reader.finish().map_err(|e| to_js(&e))?);
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

    /// Whether this module was built with SIMD instructions.
    #[wasm_bindgen(getter)]
    pub fn simd(&self) -> bool {
        cfg!(target_feature = "simd128")
    }

    /// The vector of a text, unit length; `kind` is `"query"` or `"document"`.
    pub fn embed(
        &self,
        text: &str,
        #[wasm_bindgen(unchecked_param_type = "TextKind")] kind: &str,
    ) -> Result<Float32Array, JsValue> {
        let vector = self.ready()?.embed(text, text_kind(kind)?).map_err(|e| to_js(&e))?;
        Ok(Float32Array::from(vector.as_slice()))
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
