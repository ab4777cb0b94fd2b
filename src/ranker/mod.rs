//! What would another model make of the list? An ONNX ranker over the features that the ranking names.
//!
//! A [`Ranker`] is a small JSON that says which features the model takes, in which order, and an ONNX file: gradient boosted trees by
//! XGBoost or LightGBM, a linear model, a small network; whatever takes `items × features` floats and gives a number per item, and whose
//! operators tract has (and `TreeEnsembleRegressor`, which it lacks and which is ours). It is run over the best items of the
//! ranking by the weighted sum, and puts them into its own order; see [`Recommender::shortlist`](crate::Recommender::shortlist).
//!
//! What it does not do: fetch files, or say why an item is on the list. That stays what the first stage says.

mod describe;
mod error;
mod trees;

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::ToDim;

pub use self::describe::RankerDescription;
pub use self::error::{RankerError, RankerErrorKind};
use crate::rank::Features;

/// A model that orders items by their features.
pub struct Ranker {
    description: RankerDescription,
    plan: Arc<TypedRunnableModel>,
}

impl Ranker {
    /// A ranker of its description (the content of the JSON file) and its model (that of the ONNX file).
    ///
    /// # Errors
    ///
    /// Bytes that are no description or no ONNX model, operators that cannot be run, other inputs than one of `items × features` floats.
    pub fn new(description: RankerDescription, onnx: &[u8]) -> Result<Self, RankerError> {
        let mut framework = tract_onnx::onnx().with_ignore_value_info(true);
        trees::register(&mut framework.op_register);
        let proto = framework.proto_model_for_read(&mut &*onnx).map_err(|error| {
            RankerError::new(
                RankerErrorKind::NotOnnx,
                format!("expected an ONNX model, got something else ({})", chain(&error)),
            )
        })?;
        let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
        let mut missing: Vec<&str> = nodes
            .map(|node| node.op_type.as_str())
            .filter(|operator| !framework.op_register.0.contains_key(*operator))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let cure = if missing.contains(&"ZipMap") { "; export the classifier with zipmap=False" } else { "" };
            let message = format!("expected operators that can be run here, got {}{cure}", missing.join(", "));
            return Err(RankerError::new(RankerErrorKind::Operator, message));
        }
        let plan = plan(&framework, &proto, &description)?;
        Ok(Self { description, plan })
    }

    /// What the model takes.
    pub fn description(&self) -> &RankerDescription {
        &self.description
    }

    /// A number per item, in their order: the higher, the better.
    ///
    /// # Errors
    ///
    /// A feature that the table does not have (the message lists those it has); a model that fails, or whose numbers are not finite.
    pub fn scores(&self, features: &Features) -> Result<Vec<f64>, RankerError> {
        let column = |name: &String| {
            features.names.iter().position(|known| known == name).ok_or_else(|| {
                let known = features.names.join("`, `");
                let message =
                    format!("ranker `{}`: unknown feature `{name}`; known are `{known}`", self.description.name);
                RankerError::new(RankerErrorKind::UnknownFeature, message)
            })
        };
        let columns = self.description.features.iter().map(column).collect::<Result<Vec<usize>, _>>()?;
        let items = features.ids.len();
        if items == 0 {
            return Ok(Vec::new());
        }
        let rows = (0..items).map(|row| features.row(row));
        let values: Vec<f32> = rows.flat_map(|row| columns.iter().map(|column| row[*column] as f32)).collect();
        let failed = |what: String| {
            RankerError::new(RankerErrorKind::Run, format!("ranker `{}`: {what}", self.description.name))
        };
        let run = || -> TractResult<Vec<f64>> {
            let input = Tensor::from_shape(&[items, columns.len()], &values)?;
            let outputs = self.plan.run(tvec!(input.into_tvalue()))?;
            let output = outputs[0].cast_to::<f32>()?;
            let view = output.to_plain_array_view::<f32>()?;
            // Of a classifier's probabilities the last class is the one that is meant.
            let per_item = view.len() / items;
            Ok(view.iter().skip(per_item.saturating_sub(1)).step_by(per_item.max(1)).map(|x| f64::from(*x)).collect())
        };
        let scores = run().map_err(|error| failed(format!("it failed ({})", chain(&error))))?;
        if scores.len() != items {
            return Err(failed(format!("expected a number for each of {items} items, got {}", scores.len())));
        }
        match scores.iter().find(|score| !score.is_finite()) {
            Some(odd) => Err(failed(format!("expected finite numbers, got {odd}"))),
            None => Ok(scores),
        }
    }
}

/// Lays the graph out for any number of items.
fn plan(
    framework: &tract_onnx::Onnx,
    proto: &tract_onnx::pb::ModelProto,
    description: &RankerDescription,
) -> Result<Arc<TypedRunnableModel>, RankerError> {
    let refused =
        |kind: RankerErrorKind, what: String| RankerError::new(kind, format!("ranker `{}`: {what}", description.name));
    let unfit = |error: TractError| {
        refused(RankerErrorKind::Operator, format!("its graph cannot be laid out ({})", chain(&error)))
    };
    let mut model = framework.model_for_proto_model(proto).map_err(unfit)?;
    let inputs = model.input_outlets().map_err(unfit)?.len();
    if inputs != 1 {
        return Err(refused(RankerErrorKind::Inputs, format!("expected one input of items × features, got {inputs}")));
    }
    let items = model.symbols.sym("items").to_dim();
    let fact = InferenceFact::dt_shape(f32::datum_type(), tvec!(items, description.features.len().to_dim()));
    model.set_input_fact(0, fact).map_err(unfit)?;
    let outlets = model.output_outlets().map_err(unfit)?.to_vec();
    let labels: Vec<&str> = outlets.iter().map(|outlet| model.outlet_label(*outlet).unwrap_or_default()).collect();
    let chosen = match &description.output {
        Some(name) => labels.iter().position(|label| label == name).ok_or_else(|| {
            let known = labels.join("`, `");
            refused(RankerErrorKind::Inputs, format!("expected an output `{name}`, got `{known}`"))
        })?,
        // A classifier has its labels first and its probabilities last; others have one output.
        None => outlets.len() - 1,
    };
    model.select_output_outlets(&[outlets[chosen]]).map_err(unfit)?;
    let lay_out = || model.into_typed()?.into_decluttered()?.into_optimized()?.into_runnable();
    lay_out().map_err(unfit)
}

/// An error with its causes, on one line.
fn chain(error: &TractError) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl std::fmt::Debug for Ranker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ranker").field("description", &self.description).finish_non_exhaustive()
    }
}
