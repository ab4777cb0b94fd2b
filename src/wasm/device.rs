//! Which device was asked for, and what there is.

use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::vector::{DeviceStatus, Measured};

/// Whether this module was built with SIMD instructions.
pub(super) const SIMD: bool = cfg!(target_feature = "simd128");

/// What a GPU was made to do, for `status`; nothing where none was found.
pub(super) fn gpu(status: &DeviceStatus) -> Option<Value> {
    let stats = status.stats;
    let mut value = json!({
        "adapter": status.adapter.as_ref()?,
        "software": status.software,
        "searches": stats.searches,
        "rescans": stats.rescans,
        "passes": stats.passes,
        "submits": stats.submits,
        "readBacks": stats.read_backs,
        "itemBytes": stats.item_bytes,
        "questionBytes": stats.question_bytes,
        "answerBytes": stats.answer_bytes,
        "parts": stats.parts,
    });
    if let Some(times) = status.pass_times {
        value["passMs"] = json!({
            "products": times.products_ms,
            "selection": times.selection_ms,
            "collection": times.collection_ms,
        });
    }
    Some(value)
}

/// A measurement, to be remembered.
pub(super) fn measured(status: &DeviceStatus) -> Option<Value> {
    status.measured.map(|Measured { cpu_ms, gpu_ms }| json!({"cpuMs": cpu_ms, "gpuMs": gpu_ms}))
}

#[wasm_bindgen]
extern "C" {
    /// The page's monotonic clock, in milliseconds.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(super) fn monotonic_ms() -> f64;
}
