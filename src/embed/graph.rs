//! The ONNX graph as read from the file: is it one, does it take what a BERT-style encoder takes, what does it give.

use std::collections::HashMap;

use super::error::{EmbedError, EmbedErrorKind};
use super::onnx::{GraphProto, ModelProto, NodeProto, TensorProto, TensorType, ValueInfoProto};
use prost::Message;
use prost::bytes::Bytes;

/// What the model is fed, in the order of the graph's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    TokenIds,
    Mask,
    TypeIds,
    Positions,
}

/// A parsed model, together with what was found out about it.
pub(crate) struct OnnxGraph {
    pub(crate) proto: ModelProto,
    #[cfg_attr(not(feature = "graph"), expect(dead_code, reason = "the encoder makes what it needs of the tokens"))]
    pub(crate) inputs: Vec<Input>,
    /// Name of the output that holds the hidden states, `1 × tokens × dims`.
    pub(crate) output: String,
    /// Rows of the token embedding table, where one was found.
    pub(crate) vocabulary_rows: Option<usize>,
    /// Rows of the position table, where one was found: the longest input that the model can take.
    pub(crate) position_rows: Option<usize>,
}

impl OnnxGraph {
    /// Reads a file, whose bytes the tensors go on using.
    pub(crate) fn parse(bytes: Bytes) -> Result<Self, EmbedError> {
        let not_onnx = |why: String| EmbedError::new(EmbedErrorKind::NotOnnx, why);
        let proto = ModelProto::decode(bytes.clone()).map_err(|e| {
            let what = match bytes.first() {
                None => "it is empty".to_owned(),
                Some(b'<') => "it begins like an HTML or XML page".to_owned(),
                Some(_) => format!("its {} bytes are cut short or not ONNX at all ({e})", bytes.len()),
            };
            not_onnx(what).with_source(e)
        })?;
        let Some(graph) = proto.graph.as_ref().filter(|g| !g.node.is_empty()) else {
            return Err(not_onnx("it holds no graph".into()));
        };
        if let Some(tensor) = graph.initializer.iter().find(|t| !t.external_data.is_empty()) {
            return Err(not_onnx(format!(
                "the weights of {:?} are in another file; save the model with its weights inside",
                tensor.name
            )));
        }
        check_nodes(graph).map_err(not_onnx)?;
        let inputs = inputs(graph)?;
        let output = hidden_states(graph)?;
        let links = Links::of(graph);
        let vocabulary_rows = links.table_rows(graph, "input_ids");
        let position_rows = links.position_rows(graph);
        Ok(Self { inputs, output, vocabulary_rows, position_rows, proto })
    }

    #[cfg(feature = "cli")]
    pub(crate) fn has_operator(&self, operator: &str) -> bool {
        self.proto.graph.as_ref().is_some_and(|g| g.node.iter().any(|n| n.op_type == operator))
    }

    /// Length of the vectors: as the output declares it, or as the gain of the layer norm that makes it.
    pub(crate) fn dims(&self) -> Option<usize> {
        let graph = self.proto.graph.as_ref()?;
        let declared = graph.output.iter().find(|o| o.name == self.output).and_then(|o| fixed_dim(o, 2));
        declared.or_else(|| {
            let links = Links::of(graph);
            let gain = links.makers.get(self.output.as_str())?.input.get(1)?;
            usize::try_from(*links.tensors.get(gain.as_str())?.dims.first()?).ok()
        })
    }

    /// Fails if a tokenizer with `vocabulary` ids cannot belong to this model.
    pub(crate) fn check_vocabulary(&self, vocabulary: usize) -> Result<(), EmbedError> {
        let Some(rows) = self.vocabulary_rows else { return Ok(()) };
        // Tables are padded to round sizes and may hold reserved rows: a tenth more rows than tokens is still a fit,
        // one token more than rows is not.
        if vocabulary > rows || vocabulary * 10 < rows * 9 {
            return Err(EmbedError::new(
                EmbedErrorKind::Vocabulary,
                format!("the tokenizer has {vocabulary} token ids, the model's embedding table {rows} rows"),
            ));
        }
        Ok(())
    }

    /// Fails if a weight is no number: every vector would be none.
    #[cfg(feature = "cli")]
    pub(crate) fn check_weights(&self) -> Result<(), EmbedError> {
        check_weights(self.proto.graph.as_ref().expect("checked when the graph was parsed"))
    }
}

/// Checks what the format promises and everything behind leans on: each value is made once, nodes come after what they read,
/// so that no way back through the graph is endless, and the operators that are looked into have their operands.
fn check_nodes(graph: &GraphProto) -> Result<(), String> {
    let mut made_at: HashMap<&str, usize> = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if made_at.insert(output, at).is_some() {
                return Err(format!("{output:?} is made by two nodes"));
            }
        }
    }
    for (at, node) in graph.node.iter().enumerate() {
        let Operands { inputs, outputs } = operands(&node.op_type);
        if node.input.len() < inputs || node.output.len() < outputs {
            let (name, operator) = (&node.name, &node.op_type);
            let (has_in, has_out) = (node.input.len(), node.output.len());
            return Err(format!(
                "its node {name:?}, a {operator}, has {has_in} inputs and {has_out} outputs; it takes {inputs} and {outputs} or more"
            ));
        }
        if let Some(input) = node.input.iter().find(|input| made_at.get(input.as_str()).is_some_and(|made| *made >= at))
        {
            return Err(format!("its node {:?} reads {input:?} before it is made", node.name));
        }
    }
    Ok(())
}

/// How many an operator has at least.
struct Operands {
    inputs: usize,
    outputs: usize,
}

fn operands(operator: &str) -> Operands {
    let inputs = match operator {
        "Identity"
        | "Cast"
        | "Transpose"
        | "Squeeze"
        | "Unsqueeze"
        | "Dropout"
        | "ReduceMean"
        | "Sqrt"
        | "Erf"
        | "Gelu"
        | "Softmax"
        | "IsNaN"
        | "Slice"
        | "DynamicQuantizeLinear"
        | "LayerNormalization" => 1,
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "MatMul" | "Gemm" | "MatMulInteger" | "Gather" | "Reshape"
        | "DequantizeLinear" => 2,
        "Where" => 3,
        _ => 0,
    };
    Operands { inputs, outputs: if operator == "DynamicQuantizeLinear" { 3 } else { 0 } }
}

/// Infinite are only what attention is masked with, alone in their tensor.
#[cfg(feature = "cli")]
fn check_weights(graph: &GraphProto) -> Result<(), EmbedError> {
    let links = Links::of(graph);
    let bad =
        |values: &[f32]| values.iter().copied().find(|value| value.is_nan() || values.len() > 1 && value.is_infinite());
    let mut names: Vec<&str> = links.tensors.keys().copied().collect();
    names.sort_unstable();
    let found = names.into_iter().find_map(|name| Some((name, bad(&super::tensor::floats(links.tensors[name])?)?)));
    match found {
        Some((name, value)) => Err(EmbedError::new(
            EmbedErrorKind::NotOnnx,
            format!("its tensor {name:?} holds {value}; the file is damaged, or training went wrong"),
        )),
        None => Ok(()),
    }
}

fn inputs(graph: &GraphProto) -> Result<Vec<Input>, EmbedError> {
    let names: Vec<&str> = graph
        .input
        .iter()
        .map(|i| i.name.as_str())
        // Old exporters list the weights among the inputs.
        .filter(|name| !graph.initializer.iter().any(|t| t.name == *name))
        .collect();
    let wrong = || EmbedError::new(EmbedErrorKind::Inputs, format!("its inputs are {}", names.join(", ")));
    let inputs = names
        .iter()
        .map(|name| match *name {
            "input_ids" => Ok(Input::TokenIds),
            "attention_mask" => Ok(Input::Mask),
            "token_type_ids" => Ok(Input::TypeIds),
            "position_ids" => Ok(Input::Positions),
            _ => Err(wrong()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if inputs.contains(&Input::TokenIds) { Ok(inputs) } else { Err(wrong()) }
}

/// Picks the output with one vector per token: by its usual name, or the first float output of rank 3.
fn hidden_states(graph: &GraphProto) -> Result<String, EmbedError> {
    const FLOAT: i32 = 1;
    let named = |o: &&ValueInfoProto| matches!(o.name.as_str(), "last_hidden_state" | "token_embeddings");
    let rank_3 = |o: &&ValueInfoProto| {
        tensor_type(o).is_some_and(|t| t.elem_type == FLOAT && t.shape.as_ref().is_some_and(|s| s.dim.len() == 3))
    };
    let output = graph.output.iter().find(named).or_else(|| graph.output.iter().find(rank_3));
    output.map(|o| o.name.clone()).ok_or_else(|| {
        let names: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
        EmbedError::new(
            EmbedErrorKind::Outputs,
            format!(
                "expected a float output of shape batch × tokens × dims such as last_hidden_state, found {}; export the \
                 model for feature extraction",
                names.join(", ")
            ),
        )
    })
}

/// Which node makes a value, and which tensor is a constant of that name.
pub(crate) struct Links<'a> {
    pub(crate) makers: HashMap<&'a str, &'a NodeProto>,
    pub(crate) tensors: HashMap<&'a str, &'a TensorProto>,
}

impl<'a> Links<'a> {
    pub(crate) fn of(graph: &'a GraphProto) -> Self {
        let mut makers = HashMap::new();
        let mut tensors: HashMap<&str, &TensorProto> = graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
        for node in &graph.node {
            for output in &node.output {
                makers.insert(output.as_str(), node);
            }
            if node.op_type == "Constant"
                && let [output] = &node.output[..]
                && let Some(tensor) = node.attribute.iter().find_map(|a| a.t.as_ref())
            {
                tensors.insert(output.as_str(), tensor);
            }
        }
        Self { makers, tensors }
    }

    /// The stored tensor that `name` is computed from by nothing but casts and scales.
    fn stored(&self, name: &str) -> Option<&'a TensorProto> {
        let mut name = name;
        // Cast, then Mul or DequantizeLinear: three steps reach every form in the wild.
        for _ in 0..4 {
            if let Some(tensor) = self.tensors.get(name) {
                return Some(tensor);
            }
            let maker = self.makers.get(name)?;
            if !matches!(maker.op_type.as_str(), "Cast" | "Mul" | "DequantizeLinear" | "Identity" | "Sub") {
                return None;
            }
            name = maker.input.first()?;
        }
        None
    }

    /// The constant table, not computed from anything, whose rows are looked up by the graph input `input`.
    #[cfg(feature = "cli")]
    pub(crate) fn tensor_gathered_by(&self, input: &str) -> Option<&'a TensorProto> {
        let gather =
            self.makers.values().find(|n| n.op_type == "Gather" && n.input.get(1).is_some_and(|i| i == input))?;
        self.tensors.get(gather.input[0].as_str()).copied()
    }

    /// Rows of the table that is gathered by the graph input `input`.
    fn table_rows(&self, graph: &GraphProto, input: &str) -> Option<usize> {
        let is_input = |name: &str| {
            name == input
                || self.makers.get(name).is_some_and(|n| {
                    matches!(n.op_type.as_str(), "Cast" | "Identity" | "Reshape")
                        && n.input.first().is_some_and(|i| i == input)
                })
        };
        graph.node.iter().filter(|n| n.op_type == "Gather" && n.input.len() == 2).find_map(|n| {
            let table = self.stored(&n.input[0])?;
            (is_input(&n.input[1]) && table.dims.len() == 2).then(|| table.dims[0] as usize)
        })
    }

    /// Rows of the table whose vectors are added by position: a gathered two-dimensional table that is neither the
    /// token table nor the two rows of token types.
    fn position_rows(&self, graph: &GraphProto) -> Option<usize> {
        let gathered = graph.node.iter().filter(|n| n.op_type == "Gather" && n.input.len() == 2);
        let rows = gathered.filter_map(|n| {
            let table = self.stored(&n.input[0])?;
            let float_like = matches!(table.data_type, 1 | 2 | 3 | 10);
            (float_like && table.dims.len() == 2 && n.input[1] != "input_ids").then(|| table.dims[0] as usize)
        });
        rows.filter(|&rows| rows > 16).min()
    }
}

/// The size of a declared dimension, if it is a number.
fn fixed_dim(value: &ValueInfoProto, axis: usize) -> Option<usize> {
    usize::try_from(tensor_type(value)?.shape.as_ref()?.dim.get(axis)?.dim_value?).ok()
}

fn tensor_type(value: &ValueInfoProto) -> Option<&TensorType> {
    value.r#type.as_ref()?.tensor_type.as_ref()
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    fn node(operator: &str, input: &[&str], output: &[&str]) -> NodeProto {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        NodeProto { op_type: operator.into(), input: names(input), output: names(output), ..NodeProto::default() }
    }

    /// An encoder's inputs and output around these nodes, as a file.
    fn file(node: Vec<NodeProto>) -> Bytes {
        let value = |name: &str| ValueInfoProto { name: name.into(), ..ValueInfoProto::default() };
        let (input, output) = (vec![value("input_ids")], vec![value("last_hidden_state")]);
        let graph = GraphProto { node, input, output, ..GraphProto::default() };
        ModelProto { graph: Some(graph), ..ModelProto::default() }.encode_to_vec().into()
    }

    #[test]
    fn graphs_that_go_round_or_lack_operands_are_refused() {
        let refused = |nodes: Vec<NodeProto>, why: &str| {
            let error = OnnxGraph::parse(file(nodes)).err().expect(why);
            assert_eq!(error.kind(), EmbedErrorKind::NotOnnx);
            assert!(error.to_string().contains(why), "{error}");
        };
        let last = "last_hidden_state";
        refused(vec![node("Identity", &[last], &[last])], "before it is made");
        refused(vec![node("Add", &["b", "x"], &["a"]), node("Mul", &["a", "a"], &["b"])], "before it is made");
        refused(vec![node("Cast", &["x"], &["a"]), node("Erf", &["x"], &["a"])], "made by two nodes");
        refused(vec![node("MatMul", &["x"], &[last])], "a MatMul, has 1 inputs");
        refused(vec![node("DynamicQuantizeLinear", &["x"], &["q"])], "takes 1 and 3 or more");
    }

    #[test]
    fn graphs_of_nothing_but_sums_are_told_apart_soon() {
        use crate::embed::kernel;
        use crate::embed::recognize::recognize;
        // Each doubles the one before: 2⁶⁰ leaves, and a way back of 100,000 steps.
        for (count, operands) in [(60, 2), (100_000, 1)] {
            for operator in ["Add", "Mul", "Cast", "Sub"] {
                let name = |at: usize| if at == count { "last_hidden_state".to_owned() } else { format!("v{at}") };
                let step = |at: usize| {
                    let before = name(at - 1);
                    let input = if operands == 2 { [&*before, &*before] } else { [&*before, "input_ids"] };
                    node(operator, &input, &[&name(at)])
                };
                let graph = OnnxGraph::parse(file((1..=count).map(step).collect())).unwrap();
                assert!(recognize(&graph, kernel::best()).is_err(), "{operator}");
            }
        }
    }

    #[test]
    fn weights_that_are_no_numbers_are_named() {
        let with = |dims: &[i64], values: &[f32]| {
            let tensor = TensorProto {
                name: "encoder.up".into(),
                dims: dims.to_vec(),
                data_type: super::super::tensor::data_type::FLOAT,
                float_data: values.to_vec(),
                ..TensorProto::default()
            };
            check_weights(&GraphProto { initializer: vec![tensor], ..GraphProto::default() })
        };
        with(&[2], &[0.5, -1.0]).unwrap();
        with(&[], &[f32::NEG_INFINITY]).unwrap();
        for values in [[0.5, f32::NAN], [f32::INFINITY, 0.0]] {
            let error = with(&[2], &values).unwrap_err();
            assert_eq!(error.kind(), EmbedErrorKind::NotOnnx);
            assert!(error.to_string().contains("\"encoder.up\" holds "), "{error}");
        }
    }
}
