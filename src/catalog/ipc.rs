//! Arrow IPC streams, read where they lie.
//!
//! `arrow_ipc`'s own stream decoder trusts the offsets in a message and panics on wrong ones. Catalog files are checked
//! against their hashes first, but hashes only say that a file is the one that somebody published: so the framing is
//! walked here, every buffer is checked to lie inside its message, and only plain, uncompressed columns of the expected
//! types are handed on to be decoded, without copying where the bytes are aligned.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::RecordBatchDecoder;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_ipc::{Message, MessageHeader, MetadataVersion, root_as_message};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};

use super::error::{CatalogError, CatalogErrorKind};

/// Rows per record batch: a few hundred kilobytes of vectors, so that a page can use them as they arrive.
pub(crate) const BATCH_ROWS: usize = 4096;
/// Buffers start at multiples of this within the file, which suits every SIMD width.
const ALIGNMENT: usize = 64;
const CONTINUATION: [u8; 4] = [0xFF; 4];

/// Writes an Arrow IPC stream: uncompressed, no dictionaries, the same batches always to the same bytes.
pub(crate) fn write_stream(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?;
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), schema, options)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    writer.into_inner()
}

/// Reads a stream whose fields must have the names and types of `expected`.
pub(crate) fn read_stream(path: &str, bytes: Vec<u8>, expected: &SchemaRef) -> Result<Vec<RecordBatch>, CatalogError> {
    let wrong = |what: String| {
        CatalogError::new(CatalogErrorKind::Inconsistent, format!("{path}: {what}; build the catalog anew"))
    };
    let mut rest = Buffer::from_vec(bytes);
    let mut seen_schema = false;
    let mut batches = Vec::new();
    while let Some((message_bytes, after)) = next_message(&rest).map_err(&wrong)? {
        let message = root_as_message(&message_bytes)
            .map_err(|error| wrong("a message has no readable head".to_owned()).with_source(error.to_string()))?;
        let body_bytes = usize::try_from(message.bodyLength()).ok().filter(|&length| length <= after.len());
        let Some(body_bytes) = body_bytes else {
            return Err(wrong(format!("a message of {} bytes does not fit in the file", message.bodyLength())));
        };
        let body = after.slice_with_length(0, body_bytes);
        rest = after.slice(body_bytes);
        match message.header_type() {
            MessageHeader::Schema if !seen_schema => {
                let found =
                    message.header_as_schema().ok_or_else(|| wrong("the schema message is empty".to_owned()))?;
                let found = arrow_ipc::convert::try_fb_to_schema(found)
                    .map_err(|error| wrong("the Arrow schema cannot be read".to_owned()).with_source(error))?;
                check_schema(expected, &found).map_err(&wrong)?;
                seen_schema = true;
            }
            MessageHeader::RecordBatch if seen_schema => {
                let decode_error =
                    |error: ArrowError| wrong("a record batch cannot be read".to_owned()).with_source(error);
                check_batch(&message, body.len(), expected).map_err(&wrong)?;
                let header = message.header_as_record_batch().ok_or_else(|| wrong("a batch is empty".to_owned()))?;
                let (dictionaries, version) = (HashMap::new(), message.version());
                let batch = RecordBatchDecoder::try_new(&body, header, Arc::clone(expected), &dictionaries, &version)
                    .and_then(RecordBatchDecoder::read_record_batch)
                    .map_err(decode_error)?;
                batches.push(batch);
            }
            other => return Err(wrong(format!("unexpected message {other:?}"))),
        }
    }
    if !seen_schema {
        return Err(wrong("expected an Arrow IPC stream, found no schema".to_owned()));
    }
    Ok(batches)
}

/// Splits off the metadata of the next message: `None` at the end-of-stream marker.
fn next_message(rest: &Buffer) -> Result<Option<(Buffer, Buffer)>, String> {
    let Some((prefix, _)) = rest.split_at_checked(8) else {
        return Err("the Arrow stream ends without its end marker".to_owned());
    };
    if prefix[..4] != CONTINUATION {
        return Err("expected an Arrow IPC stream, found other bytes".to_owned());
    }
    let length = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]) as usize;
    if length == 0 {
        return match rest.len() {
            8 => Ok(None),
            more => Err(format!("{} bytes follow the end of the Arrow stream", more - 8)),
        };
    }
    if length > rest.len() - 8 {
        return Err(format!("message metadata of {length} bytes does not fit in the file"));
    }
    let after = rest.slice(8);
    Ok(Some((after.slice_with_length(0, length), after.slice(length))))
}

fn check_schema(expected: &Schema, found: &Schema) -> Result<(), String> {
    let describe = |schema: &Schema| {
        let fields = schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        super::error::listing(fields)
    };
    let same = expected.fields().len() == found.fields().len()
        && expected
            .fields()
            .iter()
            .zip(found.fields())
            .all(|(a, b)| a.name() == b.name() && same_type(a.data_type(), b.data_type()));
    match same {
        true => Ok(()),
        false => Err(format!("expected the columns {}, found {}", describe(expected), describe(found))),
    }
}

/// Equal but for the names of list items, which differ between Arrow writers.
fn same_type(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::List(a), DataType::List(b)) => same_type(a.data_type(), b.data_type()),
        (DataType::FixedSizeList(a, m), DataType::FixedSizeList(b, n)) => {
            m == n && same_type(a.data_type(), b.data_type())
        }
        _ => a == b,
    }
}

/// Checks all that the decoder takes on trust: compression, lengths and the places of buffers.
fn check_batch(message: &Message<'_>, body_bytes: usize, schema: &Schema) -> Result<(), String> {
    let Some(batch) = message.header_as_record_batch() else { return Err("a batch is empty".to_owned()) };
    if batch.compression().is_some() {
        return Err("compressed record batches are not read".to_owned());
    }
    let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
        return Err("a batch has no columns".to_owned());
    };
    // Every value takes at least a bit of some buffer, and a row of a fixed-size list its size in values.
    let most_values = (body_bytes as i64).saturating_mul(8);
    let widths = schema.fields().iter().map(|field| match field.data_type() {
        DataType::FixedSizeList(_, size) => i64::from(*size),
        _ => 1,
    });
    let rows = batch.length();
    if rows < 0 || widths.into_iter().any(|width| rows.saturating_mul(width) > most_values) {
        return Err(format!("a batch of {rows} rows does not fit in its {body_bytes} bytes"));
    }
    for node in nodes {
        let (length, nulls) = (node.length(), node.null_count());
        if length < 0 || nulls < 0 || nulls > length || length > most_values {
            return Err(format!("a column of {length} values with {nulls} missing does not fit in {body_bytes} bytes"));
        }
    }
    let mut widths = Vec::new();
    schema.fields().iter().for_each(|field| buffer_widths(field.data_type(), &mut widths));
    if buffers.len() != widths.len() {
        return Err(format!("a batch has {} buffers, its columns take {}", buffers.len(), widths.len()));
    }
    for (buffer, width) in buffers.iter().zip(widths) {
        let (offset, length) = (buffer.offset(), buffer.length());
        let end = offset.checked_add(length);
        if offset < 0 || length < 0 || end.is_none_or(|end| end > body_bytes as i64) {
            return Err(format!("a buffer at {offset} with {length} bytes is not inside its {body_bytes} bytes"));
        }
        if length % width != 0 {
            return Err(format!("a buffer of {length} bytes does not consist of values of {width} bytes"));
        }
    }
    Ok(())
}

/// The bytes per value of each buffer of a column, in the order of the format; 1 for bits and characters.
fn buffer_widths(data_type: &DataType, out: &mut Vec<i64>) {
    const VALIDITY: i64 = 1;
    const OFFSET: i64 = 4;
    match data_type {
        DataType::Utf8 => out.extend([VALIDITY, OFFSET, 1]),
        DataType::List(item) => {
            out.extend([VALIDITY, OFFSET]);
            buffer_widths(item.data_type(), out);
        }
        DataType::FixedSizeList(item, _) => {
            out.push(VALIDITY);
            buffer_widths(item.data_type(), out);
        }
        other => out.extend([VALIDITY, other.primitive_width().map_or(1, |width| width as i64)]),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Int8Type};
    use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int8Array};
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn vectors_are_used_where_they_lie() {
        let item = Arc::new(Field::new("item", DataType::Int8, false));
        let fields = [("vector", DataType::FixedSizeList(Arc::clone(&item), 8)), ("scale", DataType::Float32)];
        let schema: SchemaRef =
            Arc::new(Schema::new(fields.map(|(name, kind)| Field::new(name, kind, false)).to_vec()));
        let batch = |rows: i8| {
            let values: Vec<i8> = (0..rows).flat_map(|row| [row; 8]).collect();
            let lists = FixedSizeListArray::try_new(Arc::clone(&item), 8, Arc::new(Int8Array::from(values)), None);
            let scales = Float32Array::from(vec![0.5; rows as usize]);
            let arrays: Vec<ArrayRef> = vec![Arc::new(lists.unwrap()), Arc::new(scales)];
            RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap()
        };
        let bytes = write_stream(&schema, &[batch(100), batch(7)]).unwrap();
        let range = bytes.as_ptr_range();
        let batches = read_stream("x", bytes, &schema).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [100, 7]);
        for batch in &batches {
            let values = batch.column(0).as_fixed_size_list().values().as_primitive::<Int8Type>().values();
            assert!(range.contains(&values.inner().as_ptr()), "int8 values were copied");
            assert_eq!((values.inner().as_ptr() as usize - range.start as usize) % ALIGNMENT, 0, "not aligned");
            let scales = batch.column(1).as_primitive::<Float32Type>().values();
            assert!(range.contains(&scales.inner().as_ptr()), "scales were copied");
        }
    }
}
