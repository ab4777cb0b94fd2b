//! `IndexEngine`: bare vectors in the core worker.

use js_sys::Function;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::to_js;
use super::json;
use super::panic::report_to;
use crate::vector::{Index, Mask, Metric, Precision, VectorError, VectorErrorKind};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type { Metric, Precision, VectorHit } from "../types.js";
"#;

/// Vectors by id.
#[wasm_bindgen]
pub struct IndexEngine {
    index: Index,
}

#[wasm_bindgen]
impl IndexEngine {
    /// An empty index; `on_panic` is called with the message if Rust code panics.
    #[wasm_bindgen(constructor)]
    pub fn new(
        on_panic: Function,
        dims: usize,
        #[wasm_bindgen(unchecked_param_type = "Precision")] precision: &str,
        #[wasm_bindgen(unchecked_param_type = "Metric")] metric: &str,
        #[wasm_bindgen(unchecked_param_type = "DeviceChoice")] device: &str,
    ) -> Result<Self, JsValue> {
        report_to(on_panic);
        super::device::scorer(device)?;
        let index = Precision::from_name(precision)
            .and_then(|precision| Index::new(dims, precision, Metric::from_name(metric)?))
            .map_err(|error| to_js(&error))?;
        Ok(Self { index })
    }

    /// Adds vectors, one after another in `vectors`, all or none.
    pub fn add(&mut self, ids: Vec<String>, vectors: &[f32]) -> Result<(), JsValue> {
        self.index.add(&borrowed(&ids), vectors).map_err(|error| to_js(&error))
    }

    /// Puts another vector in the place of the one of that id.
    pub fn replace(&mut self, id: &str, vector: &[f32]) -> Result<(), JsValue> {
        self.index.replace(id, vector).map_err(|error| to_js(&error))
    }

    /// Removes vectors, all or none.
    pub fn remove(&mut self, ids: Vec<String>) -> Result<(), JsValue> {
        self.index.remove(&borrowed(&ids)).map_err(|error| to_js(&error))
    }

    /// The nearest `limit` to each of the queries, which stand one after another; among the rows of `ids` or of the bit
    /// mask `rows` when one is given.
    #[wasm_bindgen(unchecked_return_type = "VectorHit[][]")]
    pub fn search(
        &self,
        queries: &[f32],
        limit: usize,
        ids: Option<Vec<String>>,
        rows: Option<Vec<u8>>,
    ) -> Result<JsValue, JsValue> {
        let found = self.find(queries, limit, ids, rows).map_err(|error| to_js(&error))?;
        json::to_js(&found)
    }

    /// Vectors in the index.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> usize {
        self.index.len()
    }

    /// Whether SIMD instructions are used.
    #[wasm_bindgen(getter)]
    pub fn simd(&self) -> bool {
        super::device::SIMD
    }
}

impl IndexEngine {
    fn find(
        &self,
        queries: &[f32],
        limit: usize,
        ids: Option<Vec<String>>,
        rows: Option<Vec<u8>>,
    ) -> Result<Vec<Vec<Value>>, VectorError> {
        let (dims, len) = (self.index.dims(), self.index.len());
        if !queries.len().is_multiple_of(dims) {
            return Err(VectorErrorKind::PartialRow { dims, values: queries.len() }.into());
        }
        let mask = match (ids, rows) {
            (Some(ids), _) => Some(self.index.mask(&borrowed(&ids))?),
            (None, Some(rows)) if rows.len() != len.div_ceil(8) => {
                return Err(VectorErrorKind::MaskLength { rows: len, bits: rows.len() * 8 }.into());
            }
            (None, Some(rows)) => Some(Mask::from_bytes(len, &rows)),
            (None, None) => None,
        };
        let queries: Vec<&[f32]> = queries.chunks_exact(dims).collect();
        let found = self.index.search(&queries, limit, mask.as_ref())?;
        let plain = |hits: Vec<crate::vector::Neighbor<'_>>| {
            hits.iter().map(|hit| json!({"id": hit.id, "score": hit.score})).collect()
        };
        Ok(found.into_iter().map(plain).collect())
    }
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
