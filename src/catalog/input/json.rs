//! JSON arrays and JSON lines.
//!
//! Members of nested objects become columns with dotted names: `{"imdb": {"rating": 7}}` has the column `imdb.rating`. The
//! same goes for a list of objects, whose members become lists: `{"genres": [{"name": "Drama"}]}` has `genres.name`.

use std::sync::Arc;

use serde_json::{Deserializer, Map, Value};

use super::super::build::{At, Cell, Place, RejectionCode, Rows};
use super::super::error::CatalogError;
use super::{unreadable, without_bom};

/// `[{…}, {…}]`, read element by element, so that each has its line.
pub(super) fn read_array(file: &Arc<str>, bytes: &[u8], rows: &mut Rows) -> Result<(), CatalogError> {
    let mut rest = without_bom(bytes);
    let mut lines = LineCounter { text: bytes, at: 0, line: 1 };
    let skip_space = |rest: &mut &[u8]| *rest = rest.trim_ascii_start();
    skip_space(&mut rest);
    let Some(inside) = rest.strip_prefix(b"[") else {
        return Err(unreadable(file, "expected a JSON array of objects"));
    };
    rest = inside;
    skip_space(&mut rest);
    let mut first = true;
    loop {
        if let Some(after) = rest.strip_prefix(b"]") {
            return match after.trim_ascii().is_empty() {
                true => Ok(()),
                false => {
                    let line = lines.line_at(bytes.len() - after.len());
                    Err(unreadable(file, format!("line {line}: something follows the end of the array")))
                }
            };
        }
        if !first {
            let line = lines.line_at(bytes.len() - rest.len());
            rest = rest
                .strip_prefix(b",")
                .ok_or_else(|| unreadable(file, format!("line {line}: expected a comma or the end of the array")))?;
            skip_space(&mut rest);
        }
        first = false;
        let start = bytes.len() - rest.len();
        let line = lines.line_at(start);
        let mut values = Deserializer::from_slice(rest).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                // The error counts its lines from the element on.
                let error_line = line + (error.line() as u64).saturating_sub(1);
                return Err(unreadable(file, format!("line {error_line}: broken JSON")).with_source(error));
            }
            None => return Err(unreadable(file, format!("line {line}: the array has no end; is the file complete?"))),
        };
        rest = &rest[values.byte_offset()..];
        skip_space(&mut rest);
        push(Place { file: Arc::clone(file), at: At::Line(line) }, value, rows);
    }
}

/// One object a line. Empty lines count as lines and are otherwise left out.
pub(super) fn read_lines(file: &Arc<str>, bytes: &[u8], rows: &mut Rows) -> Result<(), CatalogError> {
    let text = without_bom(bytes);
    let mut at = bytes.len() - text.len();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let start = at;
        at += line.len() + 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let place = Place { file: Arc::clone(file), at: At::Line(index as u64 + 1) };
        let line = match std::str::from_utf8(line) {
            Ok(line) => line,
            Err(error) => {
                let reason = format!("byte {} of the file is no UTF-8", start + error.valid_up_to());
                rows.reject(place, RejectionCode::NotUtf8, reason);
                continue;
            }
        };
        match serde_json::from_str(line) {
            Ok(value) => push(place, value, rows),
            Err(error) => {
                let reason = format!("broken JSON at column {}: {error}", error.column());
                rows.reject(place, RejectionCode::Malformed, reason);
            }
        }
    }
    Ok(())
}

fn push(place: Place, value: Value, rows: &mut Rows) {
    let Value::Object(members) = value else {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            _ => "an array",
        };
        rows.reject(place, RejectionCode::Malformed, format!("expected an object, found {kind}"));
        return;
    };
    let mut cells = Vec::new();
    flatten("", members, rows, &mut cells);
    rows.push(place, cells);
}

fn flatten(prefix: &str, members: Map<String, Value>, rows: &mut Rows, cells: &mut Vec<(usize, Cell)>) {
    for (name, value) in members {
        let name = format!("{prefix}{name}");
        match value {
            Value::Object(members) => flatten(&format!("{name}."), members, rows, cells),
            Value::Array(values) if values.iter().any(Value::is_object) => {
                let mut lists: Vec<(usize, Vec<Cell>)> = Vec::new();
                for value in values {
                    let Value::Object(members) = value else { continue };
                    let mut inner = Vec::new();
                    flatten(&format!("{name}."), members, rows, &mut inner);
                    for (column, cell) in inner {
                        match lists.iter_mut().find(|(known, _)| *known == column) {
                            Some((_, list)) => list.push(cell),
                            None => lists.push((column, vec![cell])),
                        }
                    }
                }
                cells.extend(lists.into_iter().map(|(column, list)| (column, Cell::List(list))));
            }
            value => {
                let column = rows.column(&name);
                cells.push((column, to_cell(value)));
            }
        }
    }
}

fn to_cell(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(value) => Cell::Boolean(value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Cell::Integer(value),
            // As text it keeps all of its digits, which ids need.
            None if number.is_u64() => Cell::Text(number.to_string()),
            None => number.as_f64().map_or(Cell::Missing, Cell::Number),
        },
        Value::String(text) => Cell::Text(text),
        Value::Array(values) => Cell::List(values.into_iter().map(to_cell).collect()),
        // Members of objects have columns of their own.
        Value::Object(_) => Cell::Missing,
    }
}

/// Lines of ascending positions, each byte looked at once.
struct LineCounter<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    fn line_at(&mut self, position: usize) -> u64 {
        self.line += self.text[self.at..position].iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.at = position;
        self.line
    }
}
