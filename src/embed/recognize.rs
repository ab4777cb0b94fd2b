//! Finding the encoder of [`super::bert`] in an ONNX graph.
//!
//! Exporters write the same model in many ways: the layer norm as one node or as nine, the weights as float32, as int8 with
//! `Cast` and `Mul` or `DequantizeLinear` behind, or behind `DynamicQuantizeLinear` and `MatMulInteger`; heads are split by
//! shapes that are constants or computed on the way. So the graph is followed backwards from its output by what the nodes
//! mean, through whatever only moves numbers about. Anything that is not understood makes the whole graph unrecognized
//! (with the reason), never half understood; and `homebody model pack` compares with tract's result before it relies on it.

mod attention;
mod tables;

use super::onnx::{NodeProto, TensorProto};

use super::bert::{Bert, Layer, Norm};
use super::graph::{Links, OnnxGraph};
use super::kernel::Kernel;
use super::linear::{Channels, Linear, quantize_channels};
use super::stored::Stored;
use super::tensor;

/// Why a graph is not the encoder that this library runs by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unrecognized(pub(crate) String);

type Found<T> = Result<T, Unrecognized>;

fn no<T>(why: impl Into<String>) -> Found<T> {
    Err(Unrecognized(why.into()))
}

/// Reads the whole encoder, packed for `kernel`.
pub(crate) fn recognize(graph: &OnnxGraph, kernel: &'static dyn Kernel) -> Found<Bert> {
    recognize_with_sources(graph, kernel).map(|(bert, _)| bert)
}

/// As [`recognize`], and says for each layer where in the file its weights are.
pub(super) fn recognize_with_sources(
    graph: &OnnxGraph,
    kernel: &'static dyn Kernel,
) -> Found<(Bert, Vec<LayerSources>)> {
    let links = Links::of(graph.proto.graph.as_ref().expect("checked when the graph was parsed"));
    let finder = Finder::new(&links);
    let mut layers = Vec::new();
    let mut sources = Vec::new();
    let mut output = finder.through(&graph.output, &["Identity", "Cast"]);
    let (norm, embedded) = loop {
        let (norm, sum) = finder.layer_norm(output)?;
        match finder.layer(sum, norm, kernel)? {
            Step::Layer(layer, heads, input, of_layer) => {
                layers.push((*layer, heads));
                sources.push(*of_layer);
                output = input;
            }
            Step::Embeddings(norm, leaves) => break (norm, leaves),
        }
    };
    if layers.is_empty() {
        return no("there is no transformer layer");
    }
    layers.reverse();
    sources.reverse();
    let heads = layers[0].1;
    let dims = norm.gain.len();
    if layers.iter().any(|(_, h)| *h != heads) || heads == 0 || dims % heads != 0 || (dims / heads) % 8 != 0 {
        return no(format!("{heads} heads do not divide {dims} dimensions into multiples of 8"));
    }
    let layers: Vec<Layer> = layers.into_iter().map(|(layer, _)| layer).collect();
    let fits = |l: &Layer| {
        l.attention_in.outputs() == 3 * dims
            && l.attention_in.inputs() == dims
            && (l.attention_out.inputs(), l.attention_out.outputs()) == (dims, dims)
            && l.up.inputs() == dims
            && (l.down.inputs(), l.down.outputs()) == (l.up.outputs(), dims)
            && l.attention_norm.gain.len() == dims
            && l.norm.gain.len() == dims
    };
    if !layers.iter().all(fits) {
        return no("the layers do not all have the same width");
    }
    let [words, positions, types] = finder.tables(&embedded, dims)?;
    let Some(words) = words else { return no("there is no token embedding table") };
    let Some(positions) = positions else { return no("there is no position table") };
    Ok((Bert { kernel, dims, heads, words, positions, types, norm, layers }, sources))
}

enum Step<'a> {
    /// The layer, its heads, what it reads, and where its weights are.
    Layer(Box<Layer>, usize, &'a str, Box<LayerSources>),
    Embeddings(Norm, Vec<&'a str>),
}

/// A linear layer as the graph has it.
pub(super) struct LinearNode<'a> {
    pub(super) input: &'a str,
    pub(super) channels: Channels,
    pub(super) inputs: usize,
    stored: Stored<'a>,
}

/// Where the weights of one linear layer are in the file.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only packing asks where the weights were"))]
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The tensor's name.
    pub(super) name: String,
    /// Whether the rows of the tensor, and not its columns, are the output channels.
    pub(super) transposed: bool,
    /// Whether the file has floats, which were quantized while reading.
    pub(super) is_float: bool,
}

impl Source {
    fn of(linear: &LinearNode<'_>) -> Self {
        let Stored { values, transposed, scale, .. } = linear.stored;
        let is_float = scale.is_none() && tensor::is_float(values);
        Self { name: values.name.clone(), transposed, is_float }
    }
}

/// Where the weights of one transformer layer are in the file, in the order of the computation.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only packing asks where the weights were"))]
#[derive(Debug, Clone)]
pub(super) struct LayerSources {
    /// Query, key and value.
    pub(super) attention_in: [Source; 3],
    pub(super) attention_out: Source,
    pub(super) up: Source,
    pub(super) down: Source,
}

/// Reads meaning into the nodes of a graph.
pub(super) struct Finder<'a> {
    links: &'a Links<'a>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(links: &'a Links<'a>) -> Self {
        Self { links }
    }

    /// The linear layer, bias included, whose output is `name` itself, of the same shape but for the last axis.
    #[cfg(feature = "graph")]
    pub(super) fn linear_at(&self, name: &'a str) -> Option<LinearNode<'a>> {
        let node = self.maker(name)?;
        if node.op_type != "Add" {
            return self.product_at(node).ok()?;
        }
        let (bias, product) = self.split(node, |n| {
            let tensor = self.constant(n)?;
            let vector = self.vector(n)?;
            (tensor.dims.last().is_some_and(|&d| d == vector.len() as i64)).then_some(vector)
        })?;
        let mut linear = self.product_at(self.maker(product)?).ok()??;
        self.put_bias(&mut linear, Some(bias)).ok()?;
        Some(linear)
    }

    fn maker(&self, name: &str) -> Option<&'a NodeProto> {
        self.links.makers.get(name).copied()
    }

    fn made_by(&self, name: &str, op: &str) -> Option<&'a NodeProto> {
        self.maker(name).filter(|n| n.op_type == op)
    }

    fn constant(&self, name: &str) -> Option<&'a TensorProto> {
        self.links.tensors.get(name).copied()
    }

    /// The only number of a constant.
    fn scalar(&self, name: &str) -> Option<f32> {
        let values = tensor::floats(self.constant(name)?)?;
        (values.len() == 1).then(|| values[0])
    }

    fn vector(&self, name: &str) -> Option<Vec<f32>> {
        tensor::floats(self.constant(name)?)
    }

    /// Follows first inputs back through nodes of these kinds.
    fn through(&self, name: &'a str, ops: &[&str]) -> &'a str {
        let mut name = name;
        while let Some(node) = self.maker(name).filter(|n| ops.contains(&n.op_type.as_str()) && !n.input.is_empty()) {
            name = &node.input[0];
        }
        name
    }

    /// The constant and the other operand of a node with two operands.
    fn with_scalar(&self, node: &'a NodeProto) -> Option<(f32, &'a str)> {
        let [a, b] = &node.input[..] else { return None };
        self.scalar(b).map(|s| (s, a.as_str())).or_else(|| self.scalar(a).map(|s| (s, b.as_str())))
    }

    /// The leaves of a sum: what is added, through nested `Add` nodes but not into layer norms.
    fn addends(&self, name: &'a str) -> Vec<&'a str> {
        self.operands(name, |node, name| node.op_type == "Add" && self.layer_norm(name).is_err())
    }

    /// The factors of a product, through nested `Mul` nodes.
    fn factors(&self, name: &'a str) -> Vec<&'a str> {
        self.operands(name, |node, _| node.op_type == "Mul")
    }

    /// What is combined to `name` by nodes that are `nested`, in the order in which it is written.
    fn operands(&self, name: &'a str, nested: impl Fn(&NodeProto, &str) -> bool) -> Vec<&'a str> {
        /// More than any encoder nests. A graph can double with each node; then nodes count as operands.
        const NODES: usize = 64;
        let (mut operands, mut open, mut nodes) = (Vec::new(), vec![name], 0);
        while let Some(name) = open.pop() {
            match self.maker(name).filter(|node| nodes < NODES && nested(node, name)) {
                Some(node) => {
                    nodes += 1;
                    open.extend(node.input.iter().rev().map(String::as_str));
                }
                None => operands.push(name),
            }
        }
        operands
    }

    /// `name = LayerNorm(input)` as one node or spelled out; returns the input.
    fn layer_norm(&self, name: &'a str) -> Found<(Norm, &'a str)> {
        if let Some(node) = self.made_by(name, "LayerNormalization") {
            let (Some(gain), Some(bias)) =
                (node.input.get(1).and_then(|n| self.vector(n)), node.input.get(2).and_then(|n| self.vector(n)))
            else {
                return no(format!("the layer norm {name} has no constant gain and bias"));
            };
            let axis = attribute_int(node, "axis").unwrap_or(-1);
            if axis != -1 && axis != 2 {
                return no(format!("the layer norm {name} is over axis {axis}"));
            }
            let epsilon = node.attribute.iter().find(|a| a.name == "epsilon").map_or(1e-5, |a| a.f);
            return Ok((Norm { gain, bias, epsilon }, &node.input[0]));
        }
        self.spelled_out_norm(name).ok_or_else(|| Unrecognized(format!("{name} is not the output of a layer norm")))
    }

    /// `(x − mean) / sqrt(mean((x − mean)²) + ε) · gain + bias`
    fn spelled_out_norm(&self, name: &'a str) -> Option<(Norm, &'a str)> {
        let add = self.made_by(name, "Add")?;
        let (bias, scaled) = self.split(add, |n| self.vector(n).filter(|v| v.len() > 1))?;
        let (gain, normal) = self.split(self.made_by(scaled, "Mul")?, |n| self.vector(n).filter(|v| v.len() > 1))?;
        let divide = self.made_by(normal, "Div")?;
        let centred = self.made_by(&divide.input[0], "Sub")?;
        let input = centred.input[0].as_str();
        let mean = self.made_by(&centred.input[1], "ReduceMean")?;
        let root = self.made_by(&divide.input[1], "Sqrt")?;
        let (epsilon, variance) = self.with_scalar(self.made_by(&root.input[0], "Add")?)?;
        let square = self.maker(&self.made_by(variance, "ReduceMean")?.input[0])?;
        // The square's base is a difference from the same mean: some exporters write the subtraction twice.
        let base = self.made_by(&square.input[0], "Sub")?;
        let squares = match square.op_type.as_str() {
            "Pow" => self.scalar(&square.input[1])? == 2.0,
            "Mul" => square.input[0] == square.input[1],
            _ => false,
        };
        let same = mean.input[0] == input && base.input[0] == input;
        (squares && same && gain.len() == bias.len()).then_some((Norm { gain, bias, epsilon }, input))
    }

    /// The operand that `wanted` takes, and the other.
    fn split<T>(&self, node: &'a NodeProto, wanted: impl Fn(&str) -> Option<T>) -> Option<(T, &'a str)> {
        let [a, b] = &node.input[..] else { return None };
        wanted(a).map(|t| (t, b.as_str())).or_else(|| wanted(b).map(|t| (t, a.as_str())))
    }

    /// A layer that ends in `norm(sum)`, or the sum of embeddings that the first layer begins with.
    fn layer(&self, sum: &'a str, norm: Norm, kernel: &'static dyn Kernel) -> Found<Step<'a>> {
        let leaves = self.addends(sum);
        let Some((down, residual)) = self.linear_in(&leaves)? else { return Ok(Step::Embeddings(norm, leaves)) };
        let Some(widened) = self.gelu(down.input) else {
            return no(format!("{} is not the exact GELU of something", down.input));
        };
        let Some(up) = self.linear(widened)? else {
            return no(format!("{widened} is not the output of a linear layer"));
        };
        if up.input != residual {
            return no("the feed-forward part does not read what is added to it");
        }
        let (attention_norm, sum) = self.layer_norm(residual)?;
        let leaves = self.addends(sum);
        let Some((attention_out, residual)) = self.linear_in(&leaves)? else {
            return no("a layer has no linear layer behind its attention");
        };
        let attention = self.attention(attention_out.input)?;
        let [query, key, value] = attention.linears;
        if [&query, &key, &value].iter().any(|l| l.input != residual || l.inputs != query.inputs) {
            return no("query, key and value do not read what the attention is added to");
        }
        let sources = LayerSources {
            attention_in: [Source::of(&query), Source::of(&key), Source::of(&value)],
            attention_out: Source::of(&attention_out),
            up: Source::of(&up),
            down: Source::of(&down),
        };
        let pack = |l: LinearNode<'_>| Linear::pack(kernel, l.inputs, &[l.channels]);
        let layer = Layer {
            attention_in: Linear::pack(kernel, query.inputs, &[query.channels, key.channels, value.channels]),
            score_scale: attention.scale,
            attention_out: pack(attention_out),
            attention_norm,
            up: pack(up),
            down: pack(down),
            norm,
        };
        Ok(Step::Layer(Box::new(layer), attention.heads, residual, Box::new(sources)))
    }

    /// Of the leaves of a sum: a product with constant weights and its bias, and the one other thing that is added.
    fn linear_in(&self, leaves: &[&'a str]) -> Found<Option<(LinearNode<'a>, &'a str)>> {
        let mut product = None;
        let mut bias = None;
        let mut others = Vec::new();
        for &leaf in leaves {
            if let Some(vector) = self.vector(leaf) {
                bias = Some(vector);
            } else if product.is_none()
                && let Some(found) = self.product(leaf)?
            {
                product = Some(found);
            } else {
                others.push(leaf);
            }
        }
        match (product, &others[..]) {
            (Some(mut linear), [residual]) => {
                self.put_bias(&mut linear, bias)?;
                Ok(Some((linear, residual)))
            }
            (None, _) => Ok(None),
            (Some(_), _) => no(format!("a sum has {} parts beside a linear layer", others.len())),
        }
    }

    fn put_bias(&self, linear: &mut LinearNode<'a>, bias: Option<Vec<f32>>) -> Found<()> {
        let Some(bias) = bias else { return Ok(()) };
        let channels = linear.channels.scales.len();
        if bias.len() != channels || !linear.channels.bias.is_empty() {
            return no(format!("a bias of {} values does not fit {channels} channels", bias.len()));
        }
        linear.channels.bias = bias;
        Ok(())
    }

    /// `name = x · W + b`
    fn linear(&self, name: &'a str) -> Found<Option<LinearNode<'a>>> {
        let mut bias = None;
        let mut product = None;
        for leaf in self.addends(name) {
            if let Some(vector) = self.vector(leaf) {
                bias = Some(vector);
            } else if product.is_none() {
                product = self.product(leaf)?;
                if product.is_none() {
                    return Ok(None);
                }
            } else {
                return Ok(None);
            }
        }
        let Some(mut linear) = product else { return Ok(None) };
        self.put_bias(&mut linear, bias)?;
        Ok(Some(linear))
    }

    /// A product with constant weights in any of its forms, whatever reshapes stand around it.
    fn product(&self, name: &'a str) -> Found<Option<LinearNode<'a>>> {
        let Some(node) = self.maker(self.through(name, &["Identity", "Reshape"])) else { return Ok(None) };
        let found = self.product_at(node)?;
        Ok(found.map(|linear| match node.op_type.as_str() {
            // A Gemm takes two dimensions: the batch was folded into the rows before it.
            "Gemm" => LinearNode { input: self.through(linear.input, &["Reshape"]), ..linear },
            _ => linear,
        }))
    }

    /// The product with constant weights that this very node is the last of.
    fn product_at(&self, node: &'a NodeProto) -> Found<Option<LinearNode<'a>>> {
        match node.op_type.as_str() {
            "MatMul" => match Stored::of(self.links, &node.input[1]) {
                Some(stored) => self.linear_node(&node.input[0], stored).map(Some),
                None => Ok(None),
            },
            "Gemm" => {
                let Some(mut stored) = Stored::of(self.links, &node.input[1]) else { return Ok(None) };
                let plain = |a: &str| node.attribute.iter().find(|x| x.name == a).is_none_or(|x| x.f == 1.0);
                if attribute_int(node, "transA").unwrap_or(0) != 0 || !plain("alpha") || !plain("beta") {
                    return no(format!("{} is a scaled Gemm", node.name));
                }
                if attribute_int(node, "transB").unwrap_or(0) != 0 {
                    stored = stored.transposed();
                }
                let mut linear = self.linear_node(&node.input[0], stored)?;
                let bias = node.input.get(2).filter(|n| !n.is_empty());
                self.put_bias(&mut linear, bias.and_then(|n| self.vector(n)))?;
                Ok(Some(linear))
            }
            // Cast(MatMulInteger(quantized x, W)) · (scale of x · scale of W)
            "Mul" => self.dynamic_product(node),
            _ => Ok(None),
        }
    }

    fn dynamic_product(&self, node: &'a NodeProto) -> Found<Option<LinearNode<'a>>> {
        let factors: Vec<&str> = node.input.iter().flat_map(|input| self.factors(input)).collect();
        let integer = |n: &&&'a str| self.made_by(n, "Cast").and_then(|c| self.made_by(&c.input[0], "MatMulInteger"));
        let Some(product) = factors.iter().find_map(|n| integer(&n)) else { return Ok(None) };
        let Some(quantize) = self.made_by(&product.input[0], "DynamicQuantizeLinear") else { return Ok(None) };
        let mut scales = factors.iter().filter(|n| integer(n).is_none() && **n != quantize.output[1]);
        let (Some(scale), None) = (scales.next().and_then(|n| self.constant(n)), scales.next()) else {
            return no(format!("the scales of {} are not understood", product.name));
        };
        let Some(weights) = self.constant(&product.input[1]) else { return Ok(None) };
        let zero = product.input.get(3).filter(|n| !n.is_empty()).and_then(|n| self.constant(n));
        let stored = Stored { values: weights, scale: Some(scale), zero, transposed: false, axis: 1 };
        self.linear_node(&quantize.input[0], stored).map(Some)
    }

    fn linear_node(&self, input: &'a str, stored: Stored<'a>) -> Found<LinearNode<'a>> {
        let not_understood = || Unrecognized(format!("the weights {} are not understood", stored.values.name));
        let (inputs, outputs) = stored.shape().ok_or_else(not_understood)?;
        let channels = match stored.channels() {
            Some(channels) => channels,
            None => {
                let weights = stored.floats().ok_or_else(not_understood)?;
                let (weights, scales) = quantize_channels(&weights, outputs);
                Channels { weights, scales, zeros: Vec::new(), bias: Vec::new() }
            }
        };
        Ok(LinearNode { input, channels, inputs, stored })
    }

    /// The `x` of `x · Φ(x)`, however it is written.
    pub(super) fn gelu(&self, name: &'a str) -> Option<&'a str> {
        let name = self.through(name, &["Identity", "Reshape"]);
        if let Some(node) = self.made_by(name, "Gelu") {
            let exact = node.attribute.iter().find(|a| a.name == "approximate").is_none_or(|a| a.s == b"none");
            return exact.then_some(&node.input[0]);
        }
        // 0.5 · x · (1 + erf(x / √2)), the three factors in any order and nesting.
        let (mut half, mut one_plus_erf, mut rest) = (1.0, None, Vec::new());
        for factor in self.factors(name) {
            if let Some(s) = self.scalar(factor) {
                half *= s;
            } else if let Some(argument) = self.erf_plus_one(factor) {
                one_plus_erf = Some(argument);
            } else {
                rest.push(factor);
            }
        }
        // For dynamically quantized models x is a sum, so `rest` is x itself.
        match (one_plus_erf?, &rest[..]) {
            (argument, [x]) if argument == *x && (half - 0.5).abs() < 1e-6 => Some(x),
            _ => None,
        }
    }

    /// The `x` of `erf(x / √2) + 1`.
    fn erf_plus_one(&self, name: &'a str) -> Option<&'a str> {
        let (one, erf) = self.with_scalar(self.made_by(name, "Add")?)?;
        let inner = self.maker(&self.made_by(erf, "Erf")?.input[0])?;
        let (scale, x) = self.with_scalar(inner)?;
        let scale = match inner.op_type.as_str() {
            "Div" if inner.input[0] == x => 1.0 / scale,
            "Mul" => scale,
            _ => return None,
        };
        (one == 1.0 && (scale - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-5).then_some(x)
    }
}

/// Nodes that only move numbers about.
const LAYOUT: [&str; 6] = ["Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze", "Cast"];

fn attribute_int(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}
