//! The attention of a layer, followed back from its output.

use super::{Finder, Found, LAYOUT, LinearNode, attribute_int, no};
use crate::embed::tensor;

/// What was found of an attention.
pub(super) struct Attention<'a> {
    /// Query, key, value.
    pub(super) linears: [LinearNode<'a>; 3],
    pub(super) heads: usize,
    pub(super) scale: f32,
}

impl<'a> Finder<'a> {
    /// `name` are the contexts of all heads side by side.
    pub(super) fn attention(&self, name: &'a str) -> Found<Attention<'a>> {
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
                if float && tensor::element_count(tensor) != Some(1) {
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
