//! `IndexEngine`: bare vectors in the core worker.

use js_sys::Function;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::to_js;
use super::json;
use super::panic::report_to;
use crate::vector::{
    DeviceChoice, DeviceIndex, GpuOptions, Index, Mask, Measured, Metric, Neighbor, Precision, VectorError,
    VectorErrorKind,
};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type { Device, Metric, Precision, VectorHit, GpuUse } from "../types.js";

/** How long a search took on each device, in milliseconds. */
export interface Measured { readonly cpuMs: number; readonly gpuMs: number }
/** What searches an index, and why. */
export interface IndexDevice {
  readonly device: Device;
  readonly notes: string[];
  readonly measured: Measured | null;
  /** Absent when no GPU was asked for or found. */
  readonly gpu?: GpuUse;
}
"#;

/// Vectors by id.
#[wasm_bindgen]
pub struct IndexEngine {
    index: DeviceIndex,
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
    ) -> Result<Self, JsValue> {
        report_to(on_panic);
        let index = Precision::from_name(precision)
            .and_then(|precision| Index::new(dims, precision, Metric::from_name(metric)?))
            .map_err(|error| to_js(&error))?;
        Ok(Self { index: DeviceIndex::new(index) })
    }

    /// Adds vectors, one after another in `vectors`, all or none. `first` is the number of the first of them, for errors.
    pub fn add(&self, ids: Vec<String>, vectors: &[f32], first: usize) -> Result<(), JsValue> {
        self.index.change(|index| index.add(&borrowed(&ids), vectors)).map_err(|error| match error.kind() {
            VectorErrorKind::NotFinite { row } => {
                to_js(&VectorError::from(VectorErrorKind::NotFinite { row: row + first }))
            }
            _ => to_js(&error),
        })
    }

    /// Puts another vector in the place of the one of that id.
    pub fn replace(&self, id: &str, vector: &[f32]) -> Result<(), JsValue> {
        self.index.change(|index| index.replace(id, vector)).map_err(|error| to_js(&error))
    }

    /// Removes vectors, all or none.
    pub fn remove(&self, ids: Vec<String>) -> Result<(), JsValue> {
        self.index.change(|index| index.remove(&borrowed(&ids))).map_err(|error| to_js(&error))
    }

    /// Asks for a GPU where the choice of device needs one. Resolves to what a measurement of it with these vectors is
    /// remembered by, or to nothing when there is nothing to choose.
    #[wasm_bindgen(js_name = findGpu)]
    pub async fn find_gpu(
        &self,
        #[wasm_bindgen(unchecked_param_type = "DeviceChoice")] device: String,
    ) -> Result<Option<String>, JsValue> {
        let choice = DeviceChoice::from_name(&device).map_err(|error| to_js(&error))?;
        let found = self.index.find_gpu(choice, GpuOptions::default()).await.map_err(|error| to_js(&error))?;
        Ok(found.map(|_| self.index.measured_as()))
    }

    /// Decides what searches, by what was measured before or by measuring.
    pub async fn choose(
        &self,
        #[wasm_bindgen(unchecked_param_type = "DeviceChoice")] device: String,
        #[wasm_bindgen(js_name = cpuMs)] cpu_ms: Option<f64>,
        #[wasm_bindgen(js_name = gpuMs)] gpu_ms: Option<f64>,
    ) -> Result<(), JsValue> {
        let choice = DeviceChoice::from_name(&device).map_err(|error| to_js(&error))?;
        let remembered = cpu_ms.zip(gpu_ms).map(|(cpu_ms, gpu_ms)| Measured { cpu_ms, gpu_ms });
        self.index.choose(choice, remembered, &super::device::monotonic_ms).await.map_err(|error| to_js(&error))
    }

    /// The nearest `limit` to each of the queries, which stand one after another; among the rows of `ids` or of the bit
    /// mask `rows` when one is given.
    #[wasm_bindgen(unchecked_return_type = "VectorHit[][]")]
    pub async fn search(
        &self,
        queries: Vec<f32>,
        limit: usize,
        ids: Option<Vec<String>>,
        rows: Option<Vec<u8>>,
    ) -> Result<JsValue, JsValue> {
        let search = {
            let begun = self.mask(&queries, ids, rows).and_then(|mask| {
                let queries: Vec<&[f32]> = queries.chunks_exact(self.index.read(Index::dims)).collect();
                self.index.begin(&queries, limit, mask.as_ref())
            });
            begun.map_err(|error| to_js(&error))?
        };
        let found = self.index.end(search, plain).await.map_err(|error| to_js(&error))?;
        json::to_js(&found)
    }

    /// Vectors in the index.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> usize {
        self.index.read(Index::len)
    }

    /// Whether SIMD instructions are used.
    #[wasm_bindgen(getter)]
    pub fn simd(&self) -> bool {
        super::device::SIMD
    }

    /// What searches, and why.
    #[wasm_bindgen(getter, unchecked_return_type = "IndexDevice")]
    pub fn device(&self) -> Result<JsValue, JsValue> {
        let status = self.index.status();
        let mut value = json!({
            "device": status.device.name(),
            "notes": status.notes,
            "measured": super::device::measured(&status),
        });
        if let Some(gpu) = super::device::gpu(&status) {
            value["gpu"] = gpu;
        }
        json::to_js(&value)
    }
}

impl IndexEngine {
    /// The mask of a filter, after a look at the queries.
    fn mask(
        &self,
        queries: &[f32],
        ids: Option<Vec<String>>,
        rows: Option<Vec<u8>>,
    ) -> Result<Option<Mask>, VectorError> {
        self.index.read(|index| {
            let (dims, len) = (index.dims(), index.len());
            if !queries.len().is_multiple_of(dims) {
                return Err(VectorErrorKind::PartialRow { dims, values: queries.len() }.into());
            }
            match (ids, rows) {
                (Some(ids), _) => index.mask(&borrowed(&ids)).map(Some),
                (None, Some(rows)) if rows.len() != len.div_ceil(8) => {
                    Err(VectorErrorKind::MaskLength { rows: len, bits: rows.len() * 8 }.into())
                }
                (None, Some(rows)) => Ok(Some(Mask::from_bytes(len, &rows))),
                (None, None) => Ok(None),
            }
        })
    }
}

fn plain(found: Vec<Vec<Neighbor<'_>>>) -> Vec<Vec<Value>> {
    let hits = |hits: Vec<Neighbor<'_>>| hits.iter().map(|hit| json!({"id": hit.id, "score": hit.score})).collect();
    found.into_iter().map(hits).collect()
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
