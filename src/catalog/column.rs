//! Typed columns, used where the Arrow buffers lie.

use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, StringArray};
use arrow_schema::{DataType, Field};
use serde_json::Value;

use super::categories::Categories;
use super::date::Day;
use super::manifest::ColumnType;

/// A column of a catalog. Rows are those of the catalog; a row beyond the last panics.
#[derive(Debug, Clone)]
pub struct Column {
    name: String,
    /// Whether results carry it.
    pub display: bool,
    values: Values,
    categories: Arc<OnceLock<Categories>>,
}

#[derive(Debug, Clone)]
enum Values {
    Text(Chunks<StringArray>),
    Number(Chunks<Float64Array>),
    Integer(Chunks<Int64Array>),
    Boolean(Chunks<BooleanArray>),
    Date(Chunks<Date32Array>),
    Tags(Chunks<ListArray>),
}

/// One array per record batch.
#[derive(Debug, Clone)]
pub(crate) struct Chunks<A> {
    /// The first row of each array, and at the end the number of rows.
    starts: Vec<usize>,
    arrays: Vec<A>,
}

impl<A: Array + Clone> Chunks<A> {
    pub(crate) fn new(arrays: Vec<A>) -> Self {
        let mut starts = vec![0];
        starts.extend(arrays.iter().scan(0, |rows, array| {
            *rows += array.len();
            Some(*rows)
        }));
        Self { starts, arrays }
    }

    pub(crate) fn len(&self) -> usize {
        self.starts[self.arrays.len()]
    }

    /// The array that holds `row`, and where in it.
    pub(crate) fn locate(&self, row: usize) -> (&A, usize) {
        let chunk = self.starts.partition_point(|&start| start <= row) - 1;
        (&self.arrays[chunk], row - self.starts[chunk])
    }

    fn get(&self, row: usize) -> Option<(&A, usize)> {
        let (array, index) = self.locate(row);
        array.is_valid(index).then_some((array, index))
    }

    fn missing(&self) -> usize {
        self.arrays.iter().map(|array| array.null_count()).sum()
    }
}

impl ColumnType {
    /// The Arrow type in the items file.
    pub(crate) fn arrow_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Number => DataType::Float64,
            Self::Integer => DataType::Int64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Tags => DataType::List(tag_field()),
        }
    }
}

/// The field of a single tag within a tags column.
pub(crate) fn tag_field() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Utf8, true))
}

/// Numbers beyond this are a mistake; up to it, differences, squares and sums of them stay finite.
pub(crate) const LARGEST_NUMBER: f64 = 1e100;

impl Column {
    /// `arrays` have the Arrow type of `column_type`.
    pub(crate) fn new(name: &str, column_type: ColumnType, display: bool, arrays: &[ArrayRef]) -> Self {
        let values = match column_type {
            ColumnType::Text => {
                Values::Text(Chunks::new(arrays.iter().map(|array| array.as_string().clone()).collect()))
            }
            ColumnType::Number => Values::Number(Chunks::new(
                arrays.iter().map(|array| array.as_primitive::<Float64Type>().clone()).collect(),
            )),
            ColumnType::Integer => {
                Values::Integer(Chunks::new(arrays.iter().map(|a| a.as_primitive::<Int64Type>().clone()).collect()))
            }
            ColumnType::Boolean => {
                Values::Boolean(Chunks::new(arrays.iter().map(|array| array.as_boolean().clone()).collect()))
            }
            ColumnType::Date => {
                Values::Date(Chunks::new(arrays.iter().map(|a| a.as_primitive::<Date32Type>().clone()).collect()))
            }
            ColumnType::Tags => Values::Tags(Chunks::new(arrays.iter().map(|a| a.as_list().clone()).collect())),
        };
        Self { name: name.to_owned(), display, values, categories: Arc::default() }
    }

    /// Unique within the catalog.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the values are.
    pub fn column_type(&self) -> ColumnType {
        match &self.values {
            Values::Text(_) => ColumnType::Text,
            Values::Number(_) => ColumnType::Number,
            Values::Integer(_) => ColumnType::Integer,
            Values::Boolean(_) => ColumnType::Boolean,
            Values::Date(_) => ColumnType::Date,
            Values::Tags(_) => ColumnType::Tags,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Text(chunks) => chunks.len(),
            Values::Number(chunks) => chunks.len(),
            Values::Integer(chunks) => chunks.len(),
            Values::Boolean(chunks) => chunks.len(),
            Values::Date(chunks) => chunks.len(),
            Values::Tags(chunks) => chunks.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a number or integer column, or the days since 1970-01-01 of a date column. `None` when it is missing
    /// or the column has another type.
    pub fn number(&self, row: usize) -> Option<f64> {
        match &self.values {
            Values::Number(chunks) => chunks.get(row).map(|(array, index)| array.value(index)),
            // Exact up to 2^53; beyond that the nearest number.
            Values::Integer(chunks) => chunks.get(row).map(|(array, index)| array.value(index) as f64),
            Values::Date(chunks) => chunks.get(row).map(|(array, index)| f64::from(array.value(index))),
            _ => None,
        }
    }

    /// [`Column::number`] of every row, NaN where there is none.
    pub fn numbers(&self) -> Vec<f64> {
        (0..self.len()).map(|row| self.number(row).unwrap_or(f64::NAN)).collect()
    }

    /// The value of an integer column.
    pub fn integer(&self, row: usize) -> Option<i64> {
        match &self.values {
            Values::Integer(chunks) => chunks.get(row).map(|(array, index)| array.value(index)),
            _ => None,
        }
    }

    /// The value of a text column.
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Text(chunks) => chunks.get(row).map(|(array, index)| array.value(index)),
            _ => None,
        }
    }

    /// The value of a boolean column.
    pub fn boolean(&self, row: usize) -> Option<bool> {
        match &self.values {
            Values::Boolean(chunks) => chunks.get(row).map(|(array, index)| array.value(index)),
            _ => None,
        }
    }

    /// The value of a date column, as days since 1970-01-01.
    pub fn date(&self, row: usize) -> Option<i32> {
        match &self.values {
            Values::Date(chunks) => chunks.get(row).map(|(array, index)| array.value(index)),
            _ => None,
        }
    }

    /// The values of a tags column in the order they were given, each once; none when missing or of another type.
    pub fn tags(&self, row: usize) -> impl Iterator<Item = &str> {
        let found = match &self.values {
            Values::Tags(chunks) => chunks.get(row),
            _ => None,
        };
        found.into_iter().flat_map(|(array, index)| {
            let offsets = array.value_offsets();
            let tags = array.values().as_string::<i32>();
            (offsets[index] as usize..offsets[index + 1] as usize)
                .filter(|&tag| tags.is_valid(tag))
                .map(|tag| tags.value(tag))
        })
    }

    /// Whether the row has no value. Tags are missing, not empty, when there are none.
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Text(chunks) => chunks.get(row).is_none(),
            Values::Number(chunks) => chunks.get(row).is_none(),
            Values::Integer(chunks) => chunks.get(row).is_none(),
            Values::Boolean(chunks) => chunks.get(row).is_none(),
            Values::Date(chunks) => chunks.get(row).is_none(),
            Values::Tags(chunks) => chunks.get(row).is_none(),
        }
    }

    /// How many rows have no value.
    pub fn missing(&self) -> usize {
        match &self.values {
            Values::Text(chunks) => chunks.missing(),
            Values::Number(chunks) => chunks.missing(),
            Values::Integer(chunks) => chunks.missing(),
            Values::Boolean(chunks) => chunks.missing(),
            Values::Date(chunks) => chunks.missing(),
            Values::Tags(chunks) => chunks.missing(),
        }
    }

    /// The different values with the rows that have them; computed at the first call. `None` for number and date columns.
    pub fn categories(&self) -> Option<&Categories> {
        match self.column_type() {
            ColumnType::Number | ColumnType::Date => None,
            _ => Some(self.categories.get_or_init(|| Categories::of(self))),
        }
    }

    /// The value as results carry it: dates as `"YYYY-MM-DD"`, tags as an array, a missing value as `null`.
    pub fn value(&self, row: usize) -> Value {
        if self.is_missing(row) {
            return Value::Null;
        }
        match &self.values {
            Values::Text(_) => self.text(row).map_or(Value::Null, Value::from),
            Values::Number(_) => self.number(row).map_or(Value::Null, Value::from),
            Values::Integer(_) => self.integer(row).map_or(Value::Null, Value::from),
            Values::Boolean(_) => self.boolean(row).map_or(Value::Null, Value::from),
            Values::Date(_) => self.date(row).map_or(Value::Null, |day| Value::from(Day(day).to_string())),
            Values::Tags(_) => Value::Array(self.tags(row).map(Value::from).collect()),
        }
    }
}
