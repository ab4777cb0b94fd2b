//! Finding the encoder of [`super::bert`] in an ONNX graph.
//!
//! Exporters write the same model in many ways: the layer norm as one node or as nine, the weights as float32, as int8 with
//! `Cast` and `Mul` or `DequantizeLinear` behind, or behind `DynamicQuantizeLinear` and `MatMulInteger`; heads are split by
//! shapes that are constants or computed on the way. So the graph is followed backwards from its output by what the nodes
//! mean, through whatever only moves numbers about. Anything that is not understood makes the whole graph unrecognized
//! (with the reason), never half understood; and `homebody model pack` compares with tract's result before it relies on it.

use super::onnx::{NodeProto, TensorProto};

use super::bert::{Bert, Layer, Norm, Table};
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
    fn addends(&self, name: &'a str, out: &mut Vec<&'a str>) {
        match self.made_by(name, "Add") {
            Some(node) if self.layer_norm(name).is_err() => node.input.iter().for_each(|i| self.addends(i, out)),
            _ => out.push(name),
        }
    }

    /// The factors of a product, through nested `Mul` nodes.
    fn factors(&self, name: &'a str, out: &mut Vec<&'a str>) {
        match self.made_by(name, "Mul") {
            Some(node) => node.input.iter().for_each(|i| self.factors(i, out)),
            None => out.push(name),
        }
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
        let mut leaves = Vec::new();
        self.addends(sum, &mut leaves);
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
        let mut leaves = Vec::new();
        self.addends(sum, &mut leaves);
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
        let mut leaves = Vec::new();
        self.addends(name, &mut leaves);
        let mut bias = None;
        let mut product = None;
        for leaf in leaves {
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
        let mut factors = Vec::new();
        node.input.iter().for_each(|i| self.factors(i, &mut factors));
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
        let mut factors = Vec::new();
        self.factors(name, &mut factors);
        let (mut half, mut one_plus_erf, mut rest) = (1.0, None, Vec::new());
        for factor in factors {
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

/// What was found of an attention.
struct Attention<'a> {
    /// Query, key, value.
    linears: [LinearNode<'a>; 3],
    heads: usize,
    scale: f32,
}

/// Nodes that only move numbers about.
const LAYOUT: [&str; 6] = ["Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze", "Cast"];

impl<'a> Finder<'a> {
    /// `name` are the contexts of all heads side by side.
    fn attention(&self, name: &'a str) -> Found<Attention<'a>> {
        let product = self.through(name, &LAYOUT);
        let Some(node) = self.made_by(product, "MatMul") else {
            return no(format!("{product} is not the product of attention weights and values"));
        };
        let mut weights = self.through(&node.input[0], &["Identity", "Dropout", "Cast"]);
        // Where(IsNaN(p), 0, p): rows that see nothing. There are none without padding.
        if let Some(choice) = self.made_by(weights, "Where")
            && self.made_by(&choice.input[0], "IsNaN").is_some_and(|n| n.input[0] == choice.input[2])
        {
            weights = &choice.input[2];
        }
        let Some(softmax) = self.made_by(weights, "Softmax") else { return no(format!("{weights} is not a softmax")) };
        if !matches!(attribute_int(softmax, "axis").unwrap_or(-1), -1 | 3) {
            return no("a softmax is not over the keys");
        }
        let mut scale = 1.0;
        let scores = self.scores(&softmax.input[0], &mut scale)?;
        let Some(node_scores) = self.made_by(scores, "MatMul") else {
            return no(format!("{scores} is not the product of queries and keys"));
        };
        let query_path = self.unscaled(&node_scores.input[0], &mut scale);
        let key_path = self.unscaled(&node_scores.input[1], &mut scale);
        let value_path = self.through(&node.input[1], &LAYOUT);
        let heads_of = self.heads(&node_scores.input[0]);
        let linear = |name: &'a str| match self.linear(name)? {
            Some(linear) => Ok(linear),
            None => no(format!("{name} is not the output of a linear layer")),
        };
        let linears = [linear(query_path)?, linear(key_path)?, linear(value_path)?];
        let Some(heads) = heads_of.map(|h| h.count(linears[0].channels.scales.len())) else {
            return no("the number of heads is not found");
        };
        Ok(Attention { linears, heads, scale })
    }

    /// From the softmax back to the product: past the mask, collecting factors.
    fn scores(&self, name: &'a str, scale: &mut f32) -> Found<&'a str> {
        let mut name = self.through(name, &["Identity", "Cast"]);
        loop {
            let Some(node) = self.maker(name) else { return no(format!("{name} has no maker")) };
            name = match node.op_type.as_str() {
                "MatMul" => return Ok(name),
                "Add" => {
                    let [a, b] = &node.input[..] else { return no("an Add has not two operands") };
                    // The mask is the operand that holds nothing learned.
                    match (self.is_learned(a), self.is_learned(b)) {
                        (true, false) => a,
                        (false, true) => b,
                        _ => return no("something learned is added to the attention scores"),
                    }
                }
                "Where" => match (self.is_learned(&node.input[1]), self.is_learned(&node.input[2])) {
                    (true, false) => &node.input[1],
                    (false, true) => &node.input[2],
                    _ => return no("attention scores are chosen in a way that is not understood"),
                },
                "Div" | "Mul" => match self.with_scalar(node) {
                    Some((s, rest)) => {
                        *scale *= if node.op_type == "Div" { 1.0 / s } else { s };
                        rest
                    }
                    None => return no("attention scores are scaled by something that is not constant"),
                },
                "Identity" | "Cast" => &node.input[0],
                other => return no(format!("{other} stands between attention scores and softmax")),
            };
        }
    }

    /// Back through layout and constant factors.
    fn unscaled(&self, name: &'a str, scale: &mut f32) -> &'a str {
        let mut name = self.through(name, &LAYOUT);
        while let Some(node) = self.maker(name).filter(|n| matches!(n.op_type.as_str(), "Mul" | "Div"))
            && let Some((s, rest)) = self.with_scalar(node)
        {
            *scale *= if node.op_type == "Div" { 1.0 / s } else { s };
            name = self.through(rest, &LAYOUT);
        }
        name
    }

    /// Whether anything that `name` is computed from is a table or matrix of floats: a product, a bias, an embedding.
    fn is_learned(&self, name: &'a str) -> bool {
        let mut seen = std::collections::HashSet::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            if let Some(tensor) = self.constant(name) {
                let float = !matches!(tensor.data_type, tensor::data_type::INT64 | tensor::data_type::INT32 | 9);
                if float && tensor::element_count(tensor) > 1 {
                    return true;
                }
            } else if let Some(node) = self.maker(name) {
                open.extend(node.input.iter().map(String::as_str));
            }
        }
        false
    }

    /// How the queries are split into heads: by the shape of the first `Reshape` on the way back.
    fn heads(&self, name: &'a str) -> Option<HeadSplit> {
        let mut name = name;
        for _ in 0..8 {
            let node = self.maker(name)?;
            if node.op_type == "Reshape" {
                let shape = self.shape_constants(&node.input[1])?;
                if let [_, _, heads, head_dims] = shape[..] {
                    return match (heads, head_dims) {
                        (Some(h), _) if h > 0 => Some(HeadSplit::Heads(h as usize)),
                        (_, Some(d)) if d > 0 => Some(HeadSplit::Dims(d as usize)),
                        _ => None,
                    };
                }
            }
            name = if matches!(node.op_type.as_str(), "Mul" | "Div") {
                self.with_scalar(node)?.1
            } else {
                node.input.first()?
            };
        }
        None
    }

    /// The elements of a shape, where they are constants.
    fn shape_constants(&self, name: &str) -> Option<Vec<Option<i64>>> {
        if let Some(tensor) = self.constant(name) {
            return Some(tensor::integers(tensor)?.into_iter().map(Some).collect());
        }
        let node = self.made_by(name, "Concat")?;
        let element = |part: &String| {
            let part = match self.made_by(part, "Unsqueeze") {
                Some(node) => &node.input[0],
                None => part,
            };
            self.constant(part).and_then(tensor::integers).and_then(|v| v.first().copied())
        };
        Some(node.input.iter().map(element).collect())
    }

    /// Token, position and type tables from the leaves of the embedding sum.
    fn tables(&self, leaves: &[&'a str], dims: usize) -> Found<[Option<Table>; 3]> {
        let mut tables = [None, None, None];
        for &leaf in leaves {
            let Some((stored, index)) = self.gather(leaf) else {
                return no(format!("{leaf} is not looked up in an embedding table"));
            };
            let Some((rows, columns)) = stored.shape().filter(|&(_, columns)| columns == dims) else {
                return no(format!("the table {} does not have {dims} columns", stored.values.name));
            };
            let place = if self.through(index, &LAYOUT) == "input_ids" {
                0
            } else if self.through(index, &LAYOUT) == "token_type_ids" || rows <= 16 {
                2
            } else if self.counts_from_zero(index) {
                1
            } else {
                return no(format!(
                    "positions are looked up in {} in a way that is not understood",
                    stored.values.name
                ));
            };
            let Some(table) = stored.table() else {
                return no(format!("the table {} is not understood", stored.values.name));
            };
            if tables[place].replace(table).is_some() {
                return no(format!("the {rows} × {columns} table {} is one too many", stored.values.name));
            }
        }
        Ok(tables)
    }

    /// The table and the index of a lookup, dequantized before or after it.
    pub(super) fn gather(&self, name: &'a str) -> Option<(Stored<'a>, &'a str)> {
        let node = self.maker(self.through(name, &["Identity"]))?;
        match node.op_type.as_str() {
            "Gather" if attribute_int(node, "axis").unwrap_or(0) == 0 => {
                Some((Stored::of(self.links, &node.input[0])?, &node.input[1]))
            }
            "DequantizeLinear" => {
                let gather = self.made_by(&node.input[0], "Gather")?;
                let stored = Stored {
                    values: self.constant(&gather.input[0])?,
                    scale: Some(self.constant(&node.input[1])?),
                    zero: node.input.get(2).filter(|n| !n.is_empty()).and_then(|n| self.constant(n)),
                    transposed: false,
                    axis: 0,
                };
                // One scale for all: per-row scales would have to be gathered too.
                (tensor::element_count(stored.scale?) == 1).then_some((stored, gather.input[1].as_str()))
            }
            _ => None,
        }
    }

    /// Whether an index is 0, 1, 2, … whatever the tokens are: a slice of such a constant, or a range. Models that count
    /// only past padding (RoBERTa) look at the tokens.
    fn counts_from_zero(&self, name: &'a str) -> bool {
        let name = self.through(name, &["Identity", "Cast", "Unsqueeze", "Expand", "Reshape"]);
        let Some(node) = self.maker(name) else { return name == "position_ids" };
        match node.op_type.as_str() {
            "Range" => {
                node.input.first().and_then(|n| self.constant(n)).and_then(tensor::integers).as_deref() == Some(&[0])
            }
            "Slice" => self
                .constant(self.through(&node.input[0], &["Identity"]))
                .and_then(tensor::integers)
                .is_some_and(|v| v.iter().enumerate().all(|(i, &x)| x == i as i64)),
            _ => false,
        }
    }
}

enum HeadSplit {
    Heads(usize),
    Dims(usize),
}

impl HeadSplit {
    fn count(self, width: usize) -> usize {
        match self {
            Self::Heads(heads) => heads,
            Self::Dims(dims) => width / dims,
        }
    }
}

fn attribute_int(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}
