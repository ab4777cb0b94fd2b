//! `homebody embed`: texts in, texts with vectors out.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde::{Deserialize, Deserializer};

use super::{Failure, model};
use crate::catalog::{Undecodable, guarded};
use crate::embed::{Embedder, TextKind};

/// Turn texts into vectors.
///
/// Standard input is JSONL with "text" (and usually "id") in each line, or an Arrow IPC stream with a column "text".
/// Standard output is the same, in the same order, with a "vector" of unit length added.
#[derive(Args)]
pub(crate) struct Embed {
    /// A folder made by `homebody model pack`.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Which of the model's prefixes is put before the texts.
    #[arg(long, value_enum, default_value = "document")]
    kind: Kind,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Query,
    Document,
}

/// Lines embedded at a time: enough to keep every core busy, few enough to start writing early.
const CHUNK: usize = 256;
/// How every Arrow IPC stream begins (the continuation marker before the schema message).
const ARROW_STREAM: [u8; 4] = [0xff; 4];
/// How every Arrow file begins.
const ARROW_FILE: &[u8] = b"ARROW1";
/// UTF-8 with a mark, as some editors write it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Embed {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let embedder = model::load(&self.model)?;
        let kind = match self.kind {
            Kind::Query => TextKind::Query,
            Kind::Document => TextKind::Document,
        };
        let mut input = io::stdin().lock();
        let output = BufWriter::new(io::stdout().lock());
        let head = input.fill_buf().map_err(Failure::while_doing("reading standard input"))?;
        if head.starts_with(ARROW_FILE) {
            return Err(Failure::new(
                "standard input is an Arrow file, which is read from its end; write the Arrow IPC stream format instead \
                 (pyarrow.ipc.new_stream)",
            ));
        }
        if head.starts_with(BYTE_ORDER_MARK) {
            input.consume(BYTE_ORDER_MARK.len());
        }
        let head = input.fill_buf().map_err(Failure::while_doing("reading standard input"))?;
        if head.starts_with(&ARROW_STREAM) {
            embed_arrow(&embedder, kind, input, output)
        } else {
            embed_jsonl(&embedder, kind, input, output)
        }
    }
}

#[derive(Deserialize)]
struct Line {
    text: String,
    /// There, if only as null.
    #[serde(default, deserialize_with = "present")]
    vector: bool,
}

fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(value).map(|_| true)
}

fn embed_jsonl(
    embedder: &Embedder,
    kind: TextKind,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), Failure> {
    let mut lines = input.lines().enumerate();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        for (index, line) in lines.by_ref() {
            let line = line.map_err(Failure::while_doing(format!("reading line {}", index + 1)))?;
            if !line.trim().is_empty() {
                chunk.push((index + 1, line));
            }
            if chunk.len() == CHUNK {
                break;
            }
        }
        if chunk.is_empty() {
            return output.flush().map_err(writing());
        }
        let done: Vec<String> =
            chunk.par_iter().map(|(n, line)| jsonl_line(embedder, kind, *n, line)).collect::<Result<_, _>>()?;
        for line in done {
            writeln!(output, "{line}").map_err(writing())?;
        }
    }
}

/// The line as it came, with the vector put before its closing brace: whatever else it holds stays as it was.
fn jsonl_line(embedder: &Embedder, kind: TextKind, number: usize, line: &str) -> Result<String, Failure> {
    let expected = || format!("line {number}: expected a JSON object with a string \"text\"");
    // serde would take an array of the members in their order as well.
    if !line.trim_start().starts_with('{') {
        return Err(Failure::new(expected()));
    }
    let parsed: Line = serde_json::from_str(line).map_err(Failure::while_doing(expected()))?;
    if parsed.vector {
        return Err(Failure::new(format!("line {number}: it has a \"vector\" already")));
    }
    let vector = embedder.embed(&parsed.text, kind).map_err(Failure::while_doing(format!("line {number}")))?;
    let vector = serde_json::to_string(&vector).expect("finite numbers");
    let body = line.trim_end().strip_suffix('}').expect("a JSON object ends with a brace");
    Ok(format!("{},\"vector\":{vector}}}", body.trim_end()))
}

fn embed_arrow(embedder: &Embedder, kind: TextKind, input: impl BufRead, output: impl Write) -> Result<(), Failure> {
    let doing = |why: Undecodable| Failure::new(format!("reading the Arrow stream: {}", why.message()));
    let mut reader = guarded(|| StreamReader::try_new(input, None)).map_err(doing)?;
    let schema = reader.schema();
    let Some((text_column, field)) = schema.column_with_name("text") else {
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        return Err(Failure::new(format!(
            "the Arrow stream has no column \"text\"; its columns are {}",
            names.join(", ")
        )));
    };
    if schema.column_with_name("vector").is_some() {
        return Err(Failure::new("the Arrow stream has a column \"vector\" already"));
    }
    if !matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return Err(Failure::new(format!(
            "the column \"text\" has type {}, expected a string type",
            field.data_type()
        )));
    }
    let dims = i32::try_from(embedder.manifest().dims).expect("vector lengths are small");
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let vector_field = Field::new("vector", DataType::FixedSizeList(Arc::clone(&item), dims), false);
    let fields: Vec<_> = schema.fields().iter().cloned().chain([Arc::new(vector_field)]).collect();
    let out_schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let mut writer = StreamWriter::try_new(output, &out_schema).map_err(writing())?;
    let mut rows_before = 0;
    while let Some(batch) = guarded(|| reader.next().transpose()).map_err(doing)? {
        let texts = batch.column(text_column);
        let values: Vec<f32> = (0..batch.num_rows())
            .into_par_iter()
            .map(|row| {
                let number = rows_before + row;
                let text =
                    string_at(texts, row).ok_or_else(|| Failure::new(format!("row {number}: the text is missing")))?;
                embedder.embed(text, kind).map_err(Failure::while_doing(format!("row {number}")))
            })
            .collect::<Result<Vec<_>, Failure>>()?
            .concat();
        rows_before += batch.num_rows();
        let values = Float32Array::from(values);
        let vectors = FixedSizeListArray::try_new(Arc::clone(&item), dims, Arc::new(values), None)
            .map_err(Failure::while_doing("laying out the vectors"))?;
        let columns: Vec<ArrayRef> = batch.columns().iter().cloned().chain([Arc::new(vectors) as ArrayRef]).collect();
        let batch = RecordBatch::try_new(Arc::clone(&out_schema), columns)
            .map_err(Failure::while_doing("laying out the vectors"))?;
        writer.write(&batch).map_err(writing())?;
    }
    writer.finish().map_err(writing())
}

fn string_at(column: &ArrayRef, row: usize) -> Option<&str> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row),
        _ => column.as_string_view().value(row),
    })
}

fn writing<E: Into<Box<dyn std::error::Error + Send + Sync>>>() -> impl FnOnce(E) -> Failure {
    Failure::while_doing("writing to standard output")
}
