//! `RankerEngine`: an ONNX ranker, in the module that runs any graph.

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::{invalid_argument, to_js};
use super::panic::report_to;
use crate::rank::Features;
use crate::ranker::{Ranker, RankerDescription};

/// A ranker that is being read or ready to rank.
#[wasm_bindgen]
pub struct RankerEngine {
    description: Option<RankerDescription>,
    ranker: Option<Ranker>,
}

#[wasm_bindgen]
impl RankerEngine {
    /// An engine without a ranker; `on_panic` is called with the message if Rust code panics.
    #[wasm_bindgen(constructor)]
    pub fn new(on_panic: Function) -> Self {
        report_to(on_panic);
        Self { description: None, ranker: None }
    }

    /// Takes the JSON that describes the ranker and returns the name of its model's file, which is beside it.
    pub fn begin(&mut self, description: &[u8]) -> Result<String, JsValue> {
        self.ranker = None;
        let description = RankerDescription::from_json(description).map_err(|error| to_js(&error))?;
        let file = description.model.clone();
        self.description = Some(description);
        Ok(file)
    }

    /// Takes the content of that file.
    pub fn finish(&mut self, onnx: &[u8]) -> Result<(), JsValue> {
        let description =
            self.description.take().ok_or_else(|| invalid_argument("Expected begin() before finish()."))?;
        self.ranker = Some(Ranker::new(description, onnx).map_err(|error| to_js(&error))?);
        Ok(())
    }

    /// A number per item from their features, row after row.
    pub fn scores(&self, names: Vec<String>, ids: Vec<String>, values: Vec<f64>) -> Result<Vec<f64>, JsValue> {
        let ranker = self.ranker.as_ref().ok_or_else(|| invalid_argument("Expected begin() and finish() first."))?;
        if values.len() != names.len() * ids.len() {
            return Err(invalid_argument("Expected a value per item and feature."));
        }
        ranker.scores(&Features { names, ids, values }).map_err(|error| to_js(&error))
    }
}
