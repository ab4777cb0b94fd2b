//! Which device was asked for, and what there is.

use wasm_bindgen::JsValue;

use super::error::{coded_error, invalid_argument};
use crate::vector::{Scorer, best_scorer};

/// What `status` says of a CPU back end.
pub(super) const CPU: &str = "cpu";
/// Whether this module was built with SIMD instructions.
pub(super) const SIMD: bool = cfg!(target_feature = "simd128");

/// The scorer for a choice of `"auto"`, `"cpu"` or `"gpu"`.
pub(super) fn scorer(device: &str) -> Result<Box<dyn Scorer>, JsValue> {
    match device {
        "auto" | "cpu" => Ok(best_scorer()),
        "gpu" => Err(coded_error(
            "gpu-unavailable",
            "Expected a GPU that WebGPU can use, found none here; ask for device \"auto\" to go on without.",
        )),
        other => Err(invalid_argument(&format!("Expected device \"auto\", \"cpu\" or \"gpu\", got {other:?}."))),
    }
}
