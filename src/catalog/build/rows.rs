//! Rows as they come from input files, before the schema is applied, and the rows that were not good enough.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::cell::Cell;

/// Where a row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named by whoever asked for it.
    pub file: Arc<str>,
    /// Where in the file.
    pub at: At,
}

/// Where in a file a row stands, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The line a row begins on, for text files.
    Line(u64),
    /// The number of the row, for files without lines.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            At::Line(line) => write!(f, "{}, line {line}", self.file),
            At::Row(row) => write!(f, "{}, row {row}", self.file),
        }
    }
}

/// Why a row was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RejectionCode {
    /// The row cannot be read: wrong number of fields, broken JSON.
    Malformed,
    /// The row has bytes that are no UTF-8.
    NotUtf8,
    /// There is nothing to make an id of.
    MissingId,
    /// An earlier row has the same id.
    DuplicateId,
    /// A value is not of the type its column has.
    Cast,
    /// A column that must have a value has none.
    MissingValue,
    /// A row of a joined file whose key no item has.
    Unmatched,
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where it stands.
    pub place: Place,
    /// Why, for programs.
    pub code: RejectionCode,
    /// Why, for people.
    pub reason: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl Serialize for Rejection {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat<'a> {
            file: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            line: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            row: Option<u64>,
            code: RejectionCode,
            reason: &'a str,
        }
        let (line, row) = match self.place.at {
            At::Line(line) => (Some(line), None),
            At::Row(row) => (None, Some(row)),
        };
        Flat { file: &self.place.file, line, row, code: self.code, reason: &self.reason }.serialize(serializer)
    }
}

/// Rows of one or several files, with the columns of all of them.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    columns: Vec<String>,
    index: HashMap<String, usize>,
    rows: Vec<Row>,
    rejected: Vec<Rejection>,
}

#[derive(Debug, Clone)]
struct Row {
    place: Place,
    /// By column; columns beyond the end are missing.
    cells: Vec<Cell>,
}

impl Rows {
    /// No rows, no columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a column, which is new if there was none of that name.
    pub fn column(&mut self, name: &str) -> usize {
        if let Some(&index) = self.index.get(name) {
            return index;
        }
        let index = self.columns.len();
        self.columns.push(name.to_owned());
        self.index.insert(name.to_owned(), index);
        index
    }

    /// Appends a row of cells with the numbers of their columns.
    pub fn push(&mut self, place: Place, cells: impl IntoIterator<Item = (usize, Cell)>) {
        let mut row = vec![Cell::Missing; self.columns.len()];
        for (column, cell) in cells {
            row[column] = cell;
        }
        self.rows.push(Row { place, cells: row });
    }

    /// Notes a row that could not be read.
    pub fn reject(&mut self, place: Place, code: RejectionCode, reason: impl Into<String>) {
        self.rejected.push(Rejection { place, code, reason: reason.into() });
    }

    /// The names of the columns, in order of appearance.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows there are, rejected ones left out.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row could be read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows that could not be read.
    pub fn rejected(&self) -> &[Rejection] {
        &self.rejected
    }

    pub(super) fn find_column(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub(super) fn place(&self, row: usize) -> &Place {
        &self.rows[row].place
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> &Cell {
        self.rows[row].cells.get(column).unwrap_or(&Cell::Missing)
    }
}
