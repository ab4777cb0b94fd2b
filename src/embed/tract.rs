//! The model as tract runs it: any graph whose operators tract knows, with a symbolic sequence length, its linear layers
//! and table lookups replaced by ours.

mod operator;
mod rewrite;

use std::sync::Arc;

use prost::Message;
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{TDim, ToDim};

use super::error::{EmbedError, EmbedErrorKind};
use super::graph::{Input, OnnxGraph};
use super::tokenize::Tokens;

/// A graph that is ready to run on one text after another, of any length.
pub(crate) struct TractModel {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
}

impl TractModel {
    /// `reason` says why the graph is not run as the usual encoder; `plain` leaves all of it to tract.
    pub(crate) fn build(graph: &OnnxGraph, reason: &str, plain: bool) -> Result<Self, EmbedError> {
        // What the exporter noted about shapes between the nodes is in terms of its own symbols (and of a free batch size):
        // tract works the shapes out again from the inputs that are set below.
        let mut framework = tract_onnx::onnx().with_ignore_value_info(true);
        let nodes = &graph.proto.graph.as_ref().expect("checked when the graph was parsed").node;
        let mut missing: Vec<&str> =
            nodes.iter().map(|n| n.op_type.as_str()).filter(|op| !framework.op_register.0.contains_key(*op)).collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            return Err(EmbedError::new(
                EmbedErrorKind::Operator,
                format!(
                    "{}; export the model with the standard operators of opset 17 or lower. (It is run node by node, because {reason})",
                    missing.join(", ")
                ),
            ));
        }
        let proto = if plain {
            graph.proto.encode_to_vec()
        } else {
            operator::register(&mut framework.op_register);
            rewrite::rewrite(&graph.proto, &graph.output).encode_to_vec()
        };
        let proto = pb::ModelProto::decode(&*proto).expect("it was encoded right here");
        let plan = Self::plan(&framework, &proto, graph).map_err(|e| {
            EmbedError::new(EmbedErrorKind::Operator, format!("the graph cannot be laid out ({})", chain(&e)))
        })?;
        Ok(Self { plan, inputs: graph.inputs.clone() })
    }

    fn plan(
        framework: &tract_onnx::Onnx,
        proto: &pb::ModelProto,
        graph: &OnnxGraph,
    ) -> TractResult<Arc<TypedRunnableModel>> {
        let mut model = framework.model_for_proto_model(proto)?;
        let length: TDim = model.symbols.sym("length").to_dim();
        for index in 0..graph.inputs.len() {
            let fact = InferenceFact::dt_shape(i64::datum_type(), tvec!(1.to_dim(), length.clone()));
            model.set_input_fact(index, fact)?;
        }
        let output = model
            .output_outlets()?
            .iter()
            .position(|o| model.outlet_label(*o) == Some(graph.output.as_str()))
            .unwrap_or(0);
        let outlet = model.output_outlets()?[output];
        model.select_output_outlets(&[outlet])?;
        model.into_typed()?.into_decluttered()?.into_optimized()?.into_runnable()
    }

    /// Hidden states of one text, `tokens × dims`, row-major.
    pub(crate) fn run(&self, tokens: &Tokens) -> Result<Vec<f32>, EmbedError> {
        let failed = |e: TractError| EmbedError::new(EmbedErrorKind::Run, chain(&e));
        let row = |values: Vec<i64>| -> TractResult<TValue> {
            let len = values.len();
            Ok(Tensor::from_shape(&[1, len], &values)?.into_tvalue())
        };
        let count = tokens.ids.len();
        let feeds = self
            .inputs
            .iter()
            .map(|input| match input {
                Input::TokenIds => row(tokens.ids.iter().map(|&id| i64::from(id)).collect()),
                Input::TypeIds => row(tokens.type_ids.iter().map(|&id| i64::from(id)).collect()),
                Input::Mask => row(vec![1; count]),
                Input::Positions => row((0..count as i64).collect()),
            })
            .collect::<TractResult<TVec<TValue>>>()
            .map_err(failed)?;
        let outputs = self.plan.run(feeds).map_err(failed)?;
        let hidden = outputs[0].to_plain_array_view::<f32>().map_err(failed)?;
        let shape = hidden.shape();
        if shape.len() != 3 || shape[0] != 1 || shape[1] != count {
            return Err(EmbedError::new(
                EmbedErrorKind::Outputs,
                format!("for {count} tokens it has shape {shape:?}, expected [1, {count}, dims]"),
            ));
        }
        Ok(hidden.iter().copied().collect())
    }
}

/// An error with its causes, on one line: tract puts what matters at the end of the chain.
fn chain(error: &TractError) -> String {
    error.chain().map(|e| e.to_string()).collect::<Vec<_>>().join(": ")
}
