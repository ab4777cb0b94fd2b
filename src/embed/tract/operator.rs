//! Our operators as tract runs them: the quantized linear layer, and rows out of an int8 table.

use std::fmt;
use std::sync::Arc;

use prost::Message;
use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb;
use tract_onnx::tract_hir::internal::*;

use super::super::bert::Table;
use super::super::kernel;
use super::super::kernel::math::Matrix;
use super::super::linear::{Activation, Linear, Scratch};
use super::super::onnx::NodeProto;
use super::rewrite::{LINEAR, LOOKUP, LinearLayer, table_of_lookup};

/// Teaches tract the operators that [`super::rewrite`] puts into a graph.
pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert(LINEAR, |_: &ParsingContext<'_>, node: &pb::NodeProto| {
        let layer = LinearLayer::from_node(&ours(node)?);
        let outputs = layer.channels.scales.len();
        let linear = Linear::pack(kernel::best(), layer.inputs, &[layer.channels]);
        let op = LinearOp { linear: Arc::new(linear), activation: layer.activation };
        Ok((expand(Replaced { op: Our::Linear(op), outputs }), vec![]))
    });
    operators.insert(LOOKUP, |_: &ParsingContext<'_>, node: &pb::NodeProto| {
        let (table, dims) = table_of_lookup(&ours(node)?);
        let op = LookupOp { table: Arc::new(table), dims };
        Ok((expand(Replaced { op: Our::Lookup(op), outputs: dims }), vec![]))
    });
}

/// A node in the types of this library: both are of one format.
fn ours(node: &pb::NodeProto) -> TractResult<NodeProto> {
    Ok(NodeProto::decode(&*node.encode_to_vec())?)
}

/// `… × inputs` floats to `… × outputs` floats.
#[derive(Clone)]
struct LinearOp {
    linear: Arc<Linear>,
    activation: Activation,
}

/// `…` row numbers to `… × dims` floats.
#[derive(Clone)]
struct LookupOp {
    table: Arc<Table>,
    dims: usize,
}

#[derive(Clone, Debug)]
enum Our {
    Linear(LinearOp),
    Lookup(LookupOp),
}

/// One of our nodes while tract still works out shapes.
#[derive(Clone, Debug)]
struct Replaced {
    op: Our,
    outputs: usize,
}

impl Expansion for Replaced {
    fn name(&self) -> StaticName {
        match self.op {
            Our::Linear(_) => LINEAR.into(),
            Our::Lookup(_) => LOOKUP.into(),
        }
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        let is_linear = matches!(self.op, Our::Linear(_));
        solver.equals(&outputs[0].datum_type, f32::datum_type())?;
        if is_linear {
            solver.equals(&inputs[0].datum_type, f32::datum_type())?;
        }
        solver.given(&inputs[0].rank, move |solver, rank| {
            // A linear layer replaces the last axis, a lookup adds one.
            let shared = usize::try_from(rank)? - usize::from(is_linear);
            solver.equals(&outputs[0].rank, (shared + 1).to_dim().to_i64()?)?;
            for axis in 0..shared {
                solver.equals(&outputs[0].shape[axis], &inputs[0].shape[axis])?;
            }
            solver.equals(&outputs[0].shape[shared], self.outputs.to_dim())
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        match &self.op {
            Our::Linear(op) => model.wire_node(prefix, op.clone(), inputs),
            Our::Lookup(op) => model.wire_node(prefix, op.clone(), inputs),
        }
    }
}

impl fmt::Debug for LinearOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LINEAR} {} → {} {:?}", self.linear.inputs(), self.linear.outputs(), self.activation)
    }
}

impl PartialEq for LinearOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.linear, &other.linear) && self.activation == other.activation
    }
}

impl Eq for LinearOp {}

impl Op for LinearOp {
    fn name(&self) -> StaticName {
        LINEAR.into()
    }

    op_as_typed_op!();
}

impl TypedOp for LinearOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.to_tvec();
        let last = shape.last_mut().context("a linear layer needs at least one axis")?;
        ensure!(
            *last == self.linear.inputs().to_dim(),
            "a linear layer of {} inputs gets {last}",
            self.linear.inputs()
        );
        *last = self.linear.outputs().to_dim();
        Ok(tvec!(f32::fact(&*shape)))
    }

    as_op!();
}

impl EvalOp for LinearOp {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let view = inputs[0].to_plain_array_view::<f32>()?;
        let view = view.as_standard_layout();
        let values = view.as_slice().context("a standard layout is a slice")?;
        let (dims, outputs) = (self.linear.inputs(), self.linear.outputs());
        let rows = values.len() / dims;
        let mut wide = Vec::new();
        if rows > 0 {
            let matrix = Matrix { values, stride: dims };
            self.linear.run(matrix, rows, self.activation, &mut Scratch::default(), &mut wide);
        }
        let stride = self.linear.stride();
        if stride != outputs {
            wide = wide.chunks_exact(stride).flat_map(|row| &row[..outputs]).copied().collect();
        }
        let mut shape: TVec<usize> = inputs[0].shape().into();
        *shape.last_mut().context("a linear layer needs at least one axis")? = outputs;
        Ok(tvec!(Tensor::from_shape(&shape, &wide)?.into_tvalue()))
    }
}

impl fmt::Debug for LookupOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LOOKUP} {} × {}", self.table.rows(self.dims), self.dims)
    }
}

impl PartialEq for LookupOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
    }
}

impl Eq for LookupOp {}

impl Op for LookupOp {
    fn name(&self) -> StaticName {
        LOOKUP.into()
    }

    op_as_typed_op!();
}

impl TypedOp for LookupOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.to_tvec();
        shape.push(self.dims.to_dim());
        Ok(tvec!(f32::fact(&*shape)))
    }

    as_op!();
}

impl EvalOp for LookupOp {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let numbers = inputs[0].cast_to::<i64>()?;
        let numbers = numbers.to_plain_array_view::<i64>()?;
        let rows = self.table.rows(self.dims) as i64;
        let mut values = vec![0f32; numbers.len() * self.dims];
        for (&number, out) in numbers.iter().zip(values.chunks_exact_mut(self.dims)) {
            // As ONNX has it: negative numbers count from the end.
            let row = if number < 0 { number + rows } else { number };
            ensure!((0..rows).contains(&row), "row {number} of a table of {rows} rows");
            self.table.add_row(row as usize, self.dims, out);
        }
        let mut shape: TVec<usize> = inputs[0].shape().into();
        shape.push(self.dims);
        Ok(tvec!(Tensor::from_shape(&shape, &values)?.into_tvalue()))
    }
}
