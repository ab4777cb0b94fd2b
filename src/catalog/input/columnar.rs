//! Parquet files, Arrow files and Arrow streams.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::{can_cast_types, cast};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, FieldRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::super::build::{At, Cell, Place, RejectionCode, Rows};
use super::super::error::CatalogError;
use super::guarded::{Undecodable, guarded};
use super::unreadable;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

pub(super) fn read_parquet(file: &Arc<str>, bytes: Vec<u8>, rows: &mut Rows) -> Result<(), CatalogError> {
    read(file, rows, || {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?.build()?;
        Ok(Box::new(reader))
    })
}

pub(super) fn read_arrow_file(file: &Arc<str>, bytes: Vec<u8>, rows: &mut Rows) -> Result<(), CatalogError> {
    read(file, rows, || Ok(Box::new(FileReader::try_new(Cursor::new(bytes), None)?)))
}

pub(super) fn read_arrow_stream(file: &Arc<str>, bytes: Vec<u8>, rows: &mut Rows) -> Result<(), CatalogError> {
    read(file, rows, || Ok(Box::new(StreamReader::try_new(Cursor::new(bytes), None)?)))
}

fn read(
    file: &Arc<str>,
    rows: &mut Rows,
    open: impl FnOnce() -> Result<Batches, ArrowError>,
) -> Result<(), CatalogError> {
    // All batches are decoded before a row is taken, so that nothing is half done.
    let decoded = guarded(|| open()?.collect::<Result<Vec<RecordBatch>, ArrowError>>());
    let batches = decoded.map_err(|undecodable| match undecodable {
        Undecodable::Error(error) => unreadable(file, "it is damaged or incomplete").with_source(error),
        Undecodable::Panic => unreadable(file, undecodable.message()),
    })?;
    let mut number = 0;
    for batch in batches {
        let mut columns: Vec<(usize, Vec<Cell>)> = Vec::new();
        let mut bad: BTreeMap<usize, String> = BTreeMap::new();
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            add_columns("", field, array, rows, &mut columns, &mut bad).map_err(|error| {
                unreadable(file, format!("its column {:?} cannot be read", field.name())).with_source(error)
            })?;
        }
        for row in 0..batch.num_rows() {
            number += 1;
            let place = Place { file: Arc::clone(file), at: At::Row(number) };
            match bad.get(&row) {
                Some(column) => {
                    let reason = format!("column {column:?} has bytes that are no UTF-8");
                    rows.reject(place, RejectionCode::NotUtf8, reason);
                }
                None => {
                    let cells = columns
                        .iter_mut()
                        .map(|(column, cells)| (*column, std::mem::replace(&mut cells[row], Cell::Missing)));
                    rows.push(place, cells.collect::<Vec<_>>());
                }
            }
        }
    }
    Ok(())
}

/// Adds a column, or for a struct those of its members with dotted names. Types that nothing can be made of are left out:
/// a schema that asks for one is told that there is no such column.
fn add_columns(
    prefix: &str,
    field: &FieldRef,
    array: &ArrayRef,
    rows: &mut Rows,
    out: &mut Vec<(usize, Vec<Cell>)>,
    bad: &mut BTreeMap<usize, String>,
) -> Result<(), ArrowError> {
    let name = format!("{prefix}{}", field.name());
    if let DataType::Struct(members) = field.data_type() {
        let structs = array.as_struct();
        for (member, array) in members.iter().zip(structs.columns()) {
            let start = out.len();
            add_columns(&format!("{name}."), member, array, rows, out, bad)?;
            for (_, cells) in &mut out[start..] {
                for row in (0..cells.len()).filter(|&row| structs.is_null(row)) {
                    cells[row] = Cell::Missing;
                }
            }
        }
        return Ok(());
    }
    if let Some(cells) = to_cells(array, &mut |row| {
        bad.entry(row).or_insert_with(|| name.clone());
    })? {
        let column = rows.column(&name);
        out.push((column, cells));
    }
    Ok(())
}

/// The values of an array, or `None` for a type that has no cells.
fn to_cells(array: &ArrayRef, bad: &mut dyn FnMut(usize)) -> Result<Option<Vec<Cell>>, ArrowError> {
    use DataType as T;
    let some = |row: usize, cell: &dyn Fn(usize) -> Cell| if array.is_null(row) { Cell::Missing } else { cell(row) };
    let all = |cell: &dyn Fn(usize) -> Cell| Ok(Some((0..array.len()).map(|row| some(row, cell)).collect()));
    match array.data_type() {
        T::Null => all(&|_| Cell::Missing),
        T::Boolean => all(&|row| Cell::Boolean(array.as_boolean().value(row))),
        T::Int8 | T::Int16 | T::Int32 | T::UInt8 | T::UInt16 | T::UInt32 => to_cells(&cast(array, &T::Int64)?, bad),
        T::Int64 => all(&|row| Cell::Integer(array.as_primitive::<Int64Type>().value(row))),
        T::UInt64 => all(&|row| {
            let value = array.as_primitive::<UInt64Type>().value(row);
            // As text it keeps all of its digits, which ids need.
            i64::try_from(value).map_or_else(|_| Cell::Text(value.to_string()), Cell::Integer)
        }),
        T::Float16 => to_cells(&cast(array, &T::Float32)?, bad),
        // By way of text: 0.1 in 32 bits is meant as 0.1, not as 0.10000000149011612.
        T::Float32 => all(&|row| {
            let value = array.as_primitive::<Float32Type>().value(row);
            Cell::Number(value.to_string().parse().unwrap_or(f64::from(value)))
        }),
        T::Float64 => all(&|row| Cell::Number(array.as_primitive::<Float64Type>().value(row))),
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => {
            to_cells(&cast(array, &T::Float64)?, bad)
        }
        T::Utf8 => all(&|row| Cell::Text(array.as_string::<i32>().value(row).to_owned())),
        T::LargeUtf8 => all(&|row| Cell::Text(array.as_string::<i64>().value(row).to_owned())),
        T::Utf8View => all(&|row| Cell::Text(array.as_string_view().value(row).to_owned())),
        // Parquet files of old writers have texts without saying that they are.
        T::Binary => {
            let values = array.as_binary::<i32>();
            let mut cells = Vec::with_capacity(array.len());
            for row in 0..array.len() {
                cells.push(some(row, &|row| {
                    String::from_utf8(values.value(row).to_vec()).map_or(Cell::Missing, Cell::Text)
                }));
                if values.is_valid(row) && cells[row] == Cell::Missing {
                    bad(row);
                }
            }
            Ok(Some(cells))
        }
        T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => to_cells(&cast(array, &T::Binary)?, bad),
        T::Date32 => all(&|row| Cell::Date(array.as_primitive::<Date32Type>().value(row))),
        T::Date64 | T::Timestamp(..) => to_cells(&cast(array, &T::Date32)?, bad),
        T::Dictionary(_, values) => to_cells(&cast(array, values)?, bad),
        T::List(_) | T::ListView(_) | T::LargeListView(_) | T::FixedSizeList(..) => {
            let element = match array.data_type() {
                T::List(field) | T::ListView(field) | T::LargeListView(field) | T::FixedSizeList(field, _) => field,
                _ => unreachable!("matched above"),
            };
            to_cells(&cast(array, &T::LargeList(Arc::clone(element)))?, bad)
        }
        T::LargeList(_) => {
            let lists = array.as_list::<i64>();
            let mut rows_of_values = Vec::new();
            let Some(mut values) = to_cells(lists.values(), &mut |value| rows_of_values.push(value))? else {
                return Ok(None);
            };
            let mut cells = Vec::with_capacity(array.len());
            for row in 0..array.len() {
                let (start, end) = (lists.value_offsets()[row] as usize, lists.value_offsets()[row + 1] as usize);
                if rows_of_values.iter().any(|value| (start..end).contains(value)) {
                    bad(row);
                }
                cells.push(match lists.is_null(row) {
                    true => Cell::Missing,
                    false => Cell::List(
                        values[start..end].iter_mut().map(|cell| std::mem::replace(cell, Cell::Missing)).collect(),
                    ),
                });
            }
            Ok(Some(cells))
        }
        other if can_cast_types(other, &T::Utf8) => to_cells(&cast(array, &T::Utf8)?, bad),
        _ => Ok(None),
    }
}
