//! A float32 encoder's file as one with int8 weights: a quarter of the size, and still standard ONNX.
//!
//! Each weight matrix becomes an int8 initializer, a `Cast` and a `Mul` with its scales, which is the form of weight-only
//! int8 files that every runtime reads. How the weights are rounded is [`calibrate`](super::calibrate)'s business; the
//! token table gets a scale per row.

use super::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, attribute_type};
use prost::Message;

use super::bert::Stage;
use super::calibrate::Moments;
use super::graph::{Links, OnnxGraph};
use super::kernel;
use super::linear::quantize_channels;
use super::recognize::{Source, recognize_with_sources};
use super::stored::transpose;
use super::tensor::{self, data_type};
use super::tokenize::TextTokenizer;

/// Tables with fewer rows stay as they are: they are no part of the size that matters.
const LEAST_ROWS: i64 = 4096;

/// The file with int8 weights, or `None` where there is nothing to do: the graph is not the usual encoder, or its weights
/// are not floats.
pub(super) fn to_int8(
    graph: &OnnxGraph,
    tokenizer: &TextTokenizer,
    max_tokens: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Option<Vec<u8>> {
    let (bert, sources) = recognize_with_sources(graph, kernel::best()).ok()?;
    let links = Links::of(graph.proto.graph.as_ref().expect("checked when the graph was parsed"));
    let floats = sources
        .iter()
        .flat_map(|s| s.attention_in.iter().chain([&s.attention_out, &s.up, &s.down]))
        .filter(|s| s.is_float)
        .count();
    if floats == 0 {
        return None;
    }
    let moments = Moments::measure(&bert, tokenizer.vocabulary_size(), tokenizer.template(), max_tokens, progress);
    let mut rounded: Vec<Rounded> = Vec::new();
    for (layer, sources) in sources.iter().enumerate() {
        let parts = sources.attention_in.iter().map(|s| (Stage::AttentionIn, s)).chain([
            (Stage::AttentionOut, &sources.attention_out),
            (Stage::Up, &sources.up),
            (Stage::Down, &sources.down),
        ]);
        // A matrix that several layers share is rounded for the first of them.
        for (stage, source) in parts {
            if source.is_float && rounded.iter().all(|r| r.name != source.name) {
                rounded.push(round_matrix(&moments, layer, stage, links.tensors.get(source.name.as_str())?, source)?);
            }
        }
    }
    if let Some(words) = links.tensor_gathered_by("input_ids").filter(|t| t.dims.len() == 2 && t.dims[0] >= LEAST_ROWS)
        && let Some(values) = tensor::floats(words)
    {
        let (rows, dims) = (words.dims[0] as usize, words.dims[1] as usize);
        // Rows as channels: a scale each.
        let (values, scales) = quantize_channels(&transpose(&values, rows, dims), rows);
        let values = transpose(&values, dims, rows);
        rounded.push(Rounded { name: words.name.clone(), shape: [rows, dims], values, scales, per_row: true });
    }
    let mut proto = graph.proto.clone();
    let graph = proto.graph.as_mut().expect("checked when the graph was parsed");
    put(graph, rounded);
    Some(proto.encode_to_vec())
}

/// An int8 matrix in place of the float tensor `name`.
struct Rounded {
    name: String,
    shape: [usize; 2],
    values: Vec<i8>,
    scales: Vec<f32>,
    /// Whether there is a scale per row and not per column.
    per_row: bool,
}

fn round_matrix(
    moments: &Moments,
    layer: usize,
    stage: Stage,
    tensor: &TensorProto,
    source: &Source,
) -> Option<Rounded> {
    let [rows, columns] = tensor.dims[..] else { return None };
    let (rows, columns) = (usize::try_from(rows).ok()?, usize::try_from(columns).ok()?);
    let stored = tensor::floats(tensor)?;
    let (weights, channels) =
        if source.transposed { (transpose(&stored, rows, columns), rows) } else { (stored, columns) };
    let (values, scales) = moments.quantize(layer, stage, &weights, channels);
    let values = if source.transposed { transpose(&values, columns, rows) } else { values };
    let name = source.name.clone();
    Some(Rounded { name, shape: [rows, columns], values, scales, per_row: source.transposed })
}

/// Puts int8 tensors in place of float ones of the same name; nodes that read them need not change.
fn put(graph: &mut GraphProto, rounded: Vec<Rounded>) {
    let replaced = |name: &str| rounded.iter().any(|r| r.name == name);
    graph.initializer.retain(|t| !replaced(&t.name));
    graph.node.retain(|n| n.op_type != "Constant" || !n.output.iter().any(|o| replaced(o)));
    // Old exporters list the weights among the inputs.
    graph.input.retain(|i| !replaced(&i.name));
    let mut nodes = Vec::new();
    for Rounded { name, shape: [rows, columns], values, scales, per_row } in rounded {
        let (int8, scale, float) = (format!("{name}.int8"), format!("{name}.scale"), format!("{name}.float"));
        graph.initializer.push(TensorProto {
            name: int8.clone(),
            dims: vec![rows as i64, columns as i64],
            data_type: data_type::INT8,
            raw_data: values.into_iter().map(|v| v as u8).collect(),
            ..TensorProto::default()
        });
        graph.initializer.push(TensorProto {
            name: scale.clone(),
            dims: if per_row { vec![rows as i64, 1] } else { vec![1, columns as i64] },
            data_type: data_type::FLOAT,
            raw_data: scales.iter().flat_map(|s| s.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        let to = AttributeProto {
            name: "to".into(),
            r#type: attribute_type::INT,
            i: i64::from(data_type::FLOAT),
            ..AttributeProto::default()
        };
        nodes.push(node("Cast", vec![int8], float.clone(), vec![to]));
        nodes.push(node("Mul", vec![float, scale], name, vec![]));
    }
    // Before everything that reads them: nodes are in the order of the computation.
    nodes.append(&mut graph.node);
    graph.node = nodes;
}

fn node(op_type: &str, input: Vec<String>, output: String, attribute: Vec<AttributeProto>) -> NodeProto {
    let name = format!("{op_type} {output}");
    NodeProto { op_type: op_type.into(), name, input, output: vec![output], attribute, ..NodeProto::default() }
}
