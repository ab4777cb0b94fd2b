//! Interactions as Parquet, a few thousand rows at a time.

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::time::time_of_number;
use super::{At, COLUMNS, Failure, Line, Sink, parse_time, unreadable};
use crate::catalog::{Undecodable, guarded};

pub(super) fn each_row(name: &str, file: File, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let open = || ParquetRecordBatchReaderBuilder::try_new(file)?.build();
    let damaged = |why: Undecodable| unreadable(name, why.message());
    let mut reader: ParquetRecordBatchReader = guarded(|| open().map_err(ArrowError::from)).map_err(damaged)?;
    let mut number = 0;
    while let Some(batch) = guarded(|| reader.next().transpose()).map_err(damaged)? {
        let columns = Columns::of(name, &batch)?;
        for row in 0..batch.num_rows() {
            number += 1;
            sink(At::Row(number), columns.line(row))?;
        }
    }
    Ok(())
}

/// The columns of a batch, as far as it has them.
struct Columns {
    user: Option<StringArray>,
    item: StringArray,
    kind: StringArray,
    value: Option<Float64Array>,
    timestamp: Times,
}

/// A column of timestamps may be any of these.
enum Times {
    Milliseconds(ArrayRef),
    Numbers(Float64Array),
    Texts(StringArray),
}

impl Columns {
    fn of(name: &str, batch: &RecordBatch) -> Result<Self, Failure> {
        let schema = batch.schema();
        let expected = || format!("expected the columns {}", COLUMNS.join(","));
        if let Some(unknown) = schema.fields().iter().find(|field| !COLUMNS.contains(&field.name().as_str())) {
            return Err(unreadable(name, format_args!("{}, got `{}`", expected(), unknown.name())));
        }
        let required = |wanted: &str| {
            let found = batch.column_by_name(wanted);
            found.ok_or_else(|| unreadable(name, format_args!("{}, found no `{wanted}`", expected())))
        };
        let converted = |wanted: &str, array: &ArrayRef, to: &DataType| {
            cast(array, to).map_err(|error| unreadable(name, format_args!("its column `{wanted}`: {error}")))
        };
        let texts = |wanted: &str, array: &ArrayRef| {
            if array.data_type().is_floating() {
                // What data frames make of whole numbers with a hole among them: 1.0 is the item 1.
                let numbers = converted(wanted, array, &DataType::Float64)?;
                let numbers = numbers.as_primitive::<Float64Type>();
                return Ok::<_, Failure>(
                    numbers.iter().map(|number| number.map(|number| number.to_string())).collect(),
                );
            }
            // Parquet files of old writers have texts without saying that they are: bytes become texts as well.
            Ok(converted(wanted, array, &DataType::Utf8)?.as_string::<i32>().clone())
        };
        let optional = |wanted: &str| batch.column_by_name(wanted);
        let numbers = |wanted: &str, array: &ArrayRef| {
            Ok::<_, Failure>(converted(wanted, array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
        };
        let time = required("timestamp")?;
        let timestamp = match time.data_type() {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                let moments = converted("timestamp", time, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
                Times::Milliseconds(converted("timestamp", &moments, &DataType::Int64)?)
            }
            numeric if numeric.is_numeric() => Times::Numbers(numbers("timestamp", time)?),
            _ => Times::Texts(texts("timestamp", time)?),
        };
        Ok(Self {
            user: optional("user").map(|array| texts("user", array)).transpose()?,
            item: texts("item", required("item")?)?,
            kind: texts("type", required("type")?)?,
            value: optional("value").map(|array| numbers("value", array)).transpose()?,
            timestamp,
        })
    }

    fn line(&self, row: usize) -> Result<Line<'_>, String> {
        let text = |what: &str, array: &'_ StringArray| match array.is_null(row) {
            true => Err(format!("expected a `{what}`, got none")),
            false => Ok(()),
        };
        text("item", &self.item)?;
        text("type", &self.kind)?;
        Ok(Line {
            user: self.user.as_ref().filter(|users| users.is_valid(row)).map(|users| users.value(row)),
            item: self.item.value(row),
            kind: self.kind.value(row),
            value: self.value.as_ref().filter(|values| values.is_valid(row)).map(|values| values.value(row)),
            time: self.timestamp.at(row)?,
        })
    }
}

impl Times {
    fn at(&self, row: usize) -> Result<i64, String> {
        let missing = || "expected a `timestamp`, got none".to_owned();
        match self {
            Self::Milliseconds(times) if times.is_valid(row) => Ok(times.as_primitive::<Int64Type>().value(row)),
            Self::Numbers(numbers) if numbers.is_valid(row) => {
                let number = numbers.value(row);
                time_of_number(number)
                    .ok_or_else(|| format!("expected a time as seconds or milliseconds since 1970, got {number}"))
            }
            Self::Texts(texts) if texts.is_valid(row) => parse_time(texts.value(row)),
            _ => Err(missing()),
        }
    }
}
