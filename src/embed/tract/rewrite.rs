//! The graph pass: products with constant weights and table lookups become our operators, before tract sees the graph.
//!
//! tract would fold int8 weights to float32, four times their size, and with a symbolic length convert a whole embedding
//! table again on every run. So every linear layer that [`Finder`] understands, in any of the forms that weights come in
//! and with its bias and its GELU, is replaced by one `HomebodyLinear` node that carries int8 channels, and every lookup
//! in an int8 table by one `HomebodyLookup`, which dequantizes the rows that are read. What the new nodes do not need any
//! more (constants, dequantization) is left out, so that it takes no memory.

use std::collections::{HashMap, HashSet};

use super::super::bert::Table;
use super::super::graph::Links;
use super::super::linear::{Activation, Channels};
use super::super::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, attribute_type};
use super::super::recognize::Finder;
use super::super::tensor::{self, data_type};

/// The operators' names; none of ONNX begins so.
pub(super) const LINEAR: &str = "HomebodyLinear";
pub(super) const LOOKUP: &str = "HomebodyLookup";

/// A linear layer as a node carries it.
pub(super) struct LinearLayer {
    pub(super) inputs: usize,
    pub(super) channels: Channels,
    pub(super) activation: Activation,
}

/// The graph with our operators in it, and only what they and `output` need.
pub(super) fn rewrite(model: &ModelProto, output: &str) -> ModelProto {
    let graph = model.graph.as_ref().expect("checked when the graph was parsed");
    let links = Links::of(graph);
    let finder = Finder::new(&links);
    // From the output backwards, so that what only the replaced nodes needed is never reached.
    let mut replaced: HashMap<&str, NodeProto> = HashMap::new();
    let mut reached: HashSet<&str> = HashSet::new();
    let mut open = vec![output];
    while let Some(name) = open.pop() {
        if !reached.insert(name) {
            continue;
        }
        let Some(node) = links.makers.get(name) else { continue };
        if let Some((input, replacement)) = replacement(&finder, name) {
            replaced.insert(name, replacement);
            open.push(input);
        } else {
            open.extend(node.input.iter().map(String::as_str).filter(|n| !n.is_empty()));
            // Loops and branches read values of the graph around them.
            open.extend(node.attribute.iter().filter_map(|a| a.g.as_ref()).flat_map(captured));
        }
    }
    let kept = |node: &&NodeProto| node.output.iter().any(|o| reached.contains(o.as_str()));
    let node = graph
        .node
        .iter()
        .filter(kept)
        .map(|node| node.output.iter().find_map(|o| replaced.remove(o.as_str())).unwrap_or_else(|| node.clone()))
        .collect();
    let initializer = graph.initializer.iter().filter(|t| reached.contains(t.name.as_str())).cloned().collect();
    let graph = GraphProto {
        node,
        initializer,
        name: graph.name.clone(),
        input: graph.input.clone(),
        output: graph.output.iter().filter(|o| o.name == output).cloned().collect(),
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// Every name that a graph within a node reads, its own included: too many do no harm.
fn captured(graph: &GraphProto) -> Vec<&str> {
    let of_nodes = graph.node.iter().flat_map(|n| {
        n.input.iter().map(String::as_str).chain(n.attribute.iter().filter_map(|a| a.g.as_ref()).flat_map(captured))
    });
    of_nodes.chain(graph.output.iter().map(|o| o.name.as_str())).filter(|n| !n.is_empty()).collect()
}

/// The node that stands for everything up to `name`, and the one value it reads.
fn replacement<'a>(finder: &Finder<'a>, name: &'a str) -> Option<(&'a str, NodeProto)> {
    let (linear, activation) = match finder.gelu(name).and_then(|inner| finder.linear_at(inner)) {
        Some(linear) => (linear, Activation::Gelu),
        None => match finder.linear_at(name) {
            Some(linear) => (linear, Activation::None),
            None => return lookup(finder, name),
        },
    };
    let layer = LinearLayer { inputs: linear.inputs, channels: linear.channels, activation };
    Some((linear.input, node(LINEAR, linear.input, name, layer.into_attributes())))
}

fn lookup<'a>(finder: &Finder<'a>, name: &'a str) -> Option<(&'a str, NodeProto)> {
    let (stored, index) = finder.gather(name)?;
    let (_, dims) = stored.shape()?;
    // Float tables are tract's own business.
    let Table::Int8 { values, scales, zeros } = stored.table()? else { return None };
    let attributes =
        vec![table("values", [values.len() / dims, dims], values), floats("scales", scales), floats("zeros", zeros)];
    Some((index, node(LOOKUP, index, name, attributes)))
}

impl LinearLayer {
    fn into_attributes(self) -> Vec<AttributeProto> {
        let Channels { weights, scales, zeros, bias } = self.channels;
        vec![
            table("weights", [self.inputs, scales.len()], weights),
            floats("scales", scales),
            AttributeProto {
                name: "zeros".into(),
                r#type: attribute_type::INTS,
                ints: zeros.into_iter().map(i64::from).collect(),
                ..AttributeProto::default()
            },
            floats("bias", bias),
            AttributeProto {
                name: "gelu".into(),
                r#type: attribute_type::INT,
                i: i64::from(self.activation == Activation::Gelu),
                ..AttributeProto::default()
            },
        ]
    }

    /// Reads back what [`rewrite`] wrote.
    pub(super) fn from_node(node: &NodeProto) -> Self {
        let (shape, weights) = table_of(node, "weights");
        let gelu = attribute(node, "gelu").i != 0;
        Self {
            inputs: shape[0],
            channels: Channels {
                weights,
                scales: attribute(node, "scales").floats.clone(),
                zeros: attribute(node, "zeros").ints.iter().map(|&z| z as i32).collect(),
                bias: attribute(node, "bias").floats.clone(),
            },
            activation: if gelu { Activation::Gelu } else { Activation::None },
        }
    }
}

/// A table of [`LOOKUP`], and the length of its rows.
pub(super) fn table_of_lookup(node: &NodeProto) -> (Table, usize) {
    let ([_, dims], values) = table_of(node, "values");
    let numbers = |name| attribute(node, name).floats.clone();
    (Table::Int8 { values, scales: numbers("scales"), zeros: numbers("zeros") }, dims)
}

fn node(op_type: &str, input: &str, output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        name: format!("{op_type} {output}"),
        op_type: op_type.to_owned(),
        attribute,
        ..NodeProto::default()
    }
}

fn floats(name: &str, floats: Vec<f32>) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: attribute_type::FLOATS, floats, ..AttributeProto::default() }
}

fn table(name: &str, shape: [usize; 2], values: Vec<i8>) -> AttributeProto {
    let tensor = TensorProto {
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type: data_type::INT8,
        raw_data: values.into_iter().map(|v| v as u8).collect(),
        ..TensorProto::default()
    };
    AttributeProto {
        name: name.to_owned(),
        r#type: attribute_type::TENSOR,
        t: Some(tensor),
        ..AttributeProto::default()
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> &'a AttributeProto {
    node.attribute.iter().find(|a| a.name == name).expect("written by rewrite()")
}

fn table_of(node: &NodeProto, name: &str) -> ([usize; 2], Vec<i8>) {
    let tensor = attribute(node, name).t.as_ref().expect("written by rewrite()");
    let (values, _) = tensor::bytes(tensor).expect("written by rewrite()");
    ([tensor.dims[0] as usize, tensor.dims[1] as usize], values)
}
