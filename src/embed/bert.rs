//! The encoder that BERT-style graphs are, run without an interpreter.
//!
//! [`recognize`](super::recognize) finds this shape in an ONNX graph; what it does not find is run by tract, node by node.
//!
//! ```text
//! x = norm(word[id] + position[i] + type[t])
//! layer: q, k, v = linear(x);  per head: c = softmax(q · kᵀ · scale) · v;  x = norm(linear(c) + x)
//!        x = norm(linear(gelu(linear(x))) + x)
//! ```
//!
//! Texts of one call lie one after another without padding: every step but attention works on rows, whosever they are, and
//! attention on one text at a time. So a text's result does not depend on its company.

use super::kernel::math::{self, Matrix, SOFTMAX_COLUMNS};
use super::kernel::{COLUMNS, Kernel, Shape};
use super::linear::{Activation, Linear, Scratch};
use super::tokenize::Tokens;

/// Rows that are looked up: token, position and type embeddings.
pub(crate) enum Table {
    /// Row `r` is `(values[r] − zeros) · scales`; one scale (and zero) for all rows or one per row.
    Int8 {
        values: Vec<i8>,
        scales: Vec<f32>,
        zeros: Vec<f32>,
    },
    Float {
        values: Vec<f32>,
    },
}

impl Table {
    pub(crate) fn rows(&self, dims: usize) -> usize {
        match self {
            Self::Int8 { values, .. } => values.len() / dims,
            Self::Float { values } => values.len() / dims,
        }
    }

    pub(crate) fn add_row(&self, row: usize, dims: usize, out: &mut [f32]) {
        match self {
            Self::Int8 { values, scales, zeros } => {
                let of = |v: &[f32]| if v.len() == 1 { v[0] } else { v.get(row).copied().unwrap_or(0.0) };
                math::add_scaled_bytes(&values[row * dims..][..dims], of(zeros), of(scales), out);
            }
            Self::Float { values } => math::add(&values[row * dims..][..dims], out),
        }
    }
}

/// Layer normalization.
pub(crate) struct Norm {
    pub(crate) gain: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl Norm {
    fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.gain.len()) {
            math::layer_norm(row, &self.gain, &self.bias, self.epsilon);
        }
    }
}

/// The linear layers of a transformer layer, in the order of the computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    AttentionIn,
    AttentionOut,
    Up,
    Down,
}

/// One transformer layer.
pub(crate) struct Layer {
    /// Query, key and value side by side.
    pub(crate) attention_in: Linear,
    /// What scores are multiplied with before the softmax, usually 1/√head_dims.
    pub(crate) score_scale: f32,
    pub(crate) attention_out: Linear,
    pub(crate) attention_norm: Norm,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    pub(crate) norm: Norm,
}

/// A whole encoder.
pub(crate) struct Bert {
    pub(crate) kernel: &'static dyn Kernel,
    pub(crate) dims: usize,
    pub(crate) heads: usize,
    pub(crate) words: Table,
    pub(crate) positions: Table,
    /// Absent where the model has no token types.
    pub(crate) types: Option<Table>,
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
}

/// The memory of one run, kept between runs.
#[derive(Default)]
pub(crate) struct Workspace {
    scratch: Scratch,
    /// The rows that pass through the layers.
    hidden: Vec<f32>,
    /// Query, key and value; then the wide middle of the feed-forward part.
    wide: Vec<f32>,
    context: Vec<f32>,
    linear_out: Vec<f32>,
    /// Of one head: keys and some queries, a column each, and values, a row each.
    keys: Vec<f32>,
    queries: Vec<f32>,
    values: Vec<f32>,
    /// A row per key, a column per query.
    scores: Vec<[f32; SOFTMAX_COLUMNS]>,
}

impl Bert {
    /// Hidden states of the last layer for all texts, one row of `dims` per token, text after text.
    pub(crate) fn run<'w>(&self, texts: &[&Tokens], space: &'w mut Workspace) -> &'w [f32] {
        self.run_observed(texts, space, &mut |_, _, _, _| {})
    }

    /// As [`Bert::run`]; `observe(layer, stage, rows, count)` sees what each linear layer is about to read.
    pub(crate) fn run_observed<'w>(
        &self,
        texts: &[&Tokens],
        space: &'w mut Workspace,
        observe: &mut dyn FnMut(usize, Stage, Matrix<'_>, usize),
    ) -> &'w [f32] {
        let dims = self.dims;
        let rows: usize = texts.iter().map(|t| t.ids.len()).sum();
        space.hidden.clear();
        space.hidden.resize(rows * dims, 0.0);
        let mut hidden = space.hidden.chunks_exact_mut(dims);
        for text in texts {
            for (position, (&id, &type_id)) in text.ids.iter().zip(&text.type_ids).enumerate() {
                let row = hidden.next().expect("one row per token");
                self.words.add_row(id as usize, dims, row);
                if let Some(types) = &self.types {
                    types.add_row(type_id as usize, dims, row);
                }
                self.positions.add_row(position, dims, row);
            }
        }
        self.norm.apply(&mut space.hidden);
        for (index, layer) in self.layers.iter().enumerate() {
            self.run_layer(layer, texts, rows, space, &mut |stage, matrix| observe(index, stage, matrix, rows));
        }
        &space.hidden
    }

    fn run_layer(
        &self,
        layer: &Layer,
        texts: &[&Tokens],
        rows: usize,
        space: &mut Workspace,
        observe: &mut dyn FnMut(Stage, Matrix<'_>),
    ) {
        let dims = self.dims;
        let hidden = Matrix { values: &space.hidden, stride: dims };
        observe(Stage::AttentionIn, hidden);
        layer.attention_in.run(hidden, rows, Activation::None, &mut space.scratch, &mut space.wide);
        space.context.resize(rows * dims, 0.0);
        let mut first = 0;
        for text in texts {
            let count = text.ids.len();
            self.attend(layer, first, count, space);
            first += count;
        }
        let context = Matrix { values: &space.context, stride: dims };
        observe(Stage::AttentionOut, context);
        layer.attention_out.run(context, rows, Activation::None, &mut space.scratch, &mut space.linear_out);
        add_rows(&space.linear_out, layer.attention_out.stride(), &mut space.hidden, dims);
        layer.attention_norm.apply(&mut space.hidden);

        let hidden = Matrix { values: &space.hidden, stride: dims };
        observe(Stage::Up, hidden);
        layer.up.run(hidden, rows, Activation::Gelu, &mut space.scratch, &mut space.wide);
        let middle = Matrix { values: &space.wide, stride: layer.up.stride() };
        observe(Stage::Down, middle);
        layer.down.run(middle, rows, Activation::None, &mut space.scratch, &mut space.linear_out);
        add_rows(&space.linear_out, layer.down.stride(), &mut space.hidden, dims);
        layer.norm.apply(&mut space.hidden);
    }

    /// Attention of one text, `count` rows from row `first`: reads query, key and value from `wide`, writes `context`.
    fn attend(&self, layer: &Layer, first: usize, count: usize, space: &mut Workspace) {
        let (dims, head_dims) = (self.dims, self.dims / self.heads);
        let stride = layer.attention_in.stride();
        let rows = &space.wide[first * stride..][..count * stride];
        let padded = count.next_multiple_of(COLUMNS);
        space.keys.resize(head_dims * padded, 0.0);
        space.queries.resize(head_dims * SOFTMAX_COLUMNS, 0.0);
        space.values.resize(count * head_dims, 0.0);
        space.scores.resize(count, [0.0; SOFTMAX_COLUMNS]);
        for head in 0..self.heads {
            let (query, key, value) = (head * head_dims, dims + head * head_dims, 2 * dims + head * head_dims);
            transpose(&rows[key..], stride, count, head_dims, padded, &mut space.keys);
            // Close together: at their own distance the rows would fall on few sets of the first-level cache.
            for (to, from) in space.values.chunks_exact_mut(head_dims).zip(rows.chunks_exact(stride)) {
                to.copy_from_slice(&from[value..][..head_dims]);
            }
            let keys = Matrix { values: &space.keys, stride: padded };
            let values = Matrix { values: &space.values, stride: head_dims };
            for begin in (0..count).step_by(SOFTMAX_COLUMNS) {
                let block = SOFTMAX_COLUMNS.min(count - begin);
                transpose(
                    &rows[begin * stride + query..],
                    stride,
                    block,
                    head_dims,
                    SOFTMAX_COLUMNS,
                    &mut space.queries,
                );
                let queries = Matrix { values: &space.queries, stride: SOFTMAX_COLUMNS };
                // Columns past the last query are zeros and end in nothing.
                let shape = Shape { depth: head_dims, rows: count, columns: block.next_multiple_of(COLUMNS) };
                let scores = space.scores.as_flattened_mut();
                self.kernel.product(keys, queries, shape, scores, SOFTMAX_COLUMNS);
                let inverse = math::softmax_columns(&mut space.scores, layer.score_scale);
                let weights = Matrix { values: space.scores.as_flattened(), stride: SOFTMAX_COLUMNS };
                let out = &mut space.context[(first + begin) * dims + head * head_dims..];
                let shape = Shape { depth: count, rows: block, columns: head_dims };
                self.kernel.product(weights, values, shape, out, dims);
                for (row, factor) in out.chunks_mut(dims).zip(inverse).take(block) {
                    math::scale(&mut row[..head_dims], factor);
                }
            }
        }
    }
}

/// `to[d · padded + row] = from[row · stride + d]`; columns from `count` to `padded` are zeros.
///
/// Eight rows at a time: those stay in the first-level cache, which rows at this distance leave quickly.
fn transpose(from: &[f32], stride: usize, count: usize, columns: usize, padded: usize, to: &mut [f32]) {
    for first in (0..padded).step_by(COLUMNS) {
        let rows: [&[f32]; COLUMNS] =
            std::array::from_fn(|r| if first + r < count { &from[(first + r) * stride..][..columns] } else { &[] });
        if first + COLUMNS <= count {
            for (d, out) in to.chunks_exact_mut(padded).take(columns).enumerate() {
                let out: &mut [f32; COLUMNS] = out[first..].first_chunk_mut().expect("rows are filled up to eights");
                for (y, row) in out.iter_mut().zip(&rows) {
                    *y = row[d];
                }
            }
        } else {
            for (d, out) in to.chunks_exact_mut(padded).take(columns).enumerate() {
                for (y, row) in out[first..first + COLUMNS].iter_mut().zip(&rows) {
                    *y = row.get(d).copied().unwrap_or(0.0);
                }
            }
        }
    }
}

/// Adds rows of a wider distance to rows that lie close.
fn add_rows(from: &[f32], stride: usize, to: &mut [f32], dims: usize) {
    for (to, from) in to.chunks_exact_mut(dims).zip(from.chunks_exact(stride)) {
        math::add(&from[..dims], to);
    }
}
