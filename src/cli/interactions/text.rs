//! Interactions as CSV and as JSON lines.

use std::io::BufRead;

use csv::ByteRecord;
use serde::Deserialize;
use serde_json::Value;

use super::{At, COLUMNS, Failure, Line, Sink, parse_time, refuse};

const NOT_UTF8: &str = "expected UTF-8, got other bytes; save the file as UTF-8";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLine {
    user: Option<Value>,
    item: Value,
    #[serde(rename = "type")]
    kind: String,
    value: Option<f64>,
    timestamp: Value,
}

pub(super) fn each_json_line(name: &str, mut reader: impl BufRead, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    for number in 1u64.. {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes);
        if read.map_err(Failure::while_doing(format!("reading {name}")))? == 0 {
            break;
        }
        let at = At::Line(number);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            sink(at, Err(NOT_UTF8.to_owned()))?;
            continue;
        };
        if text.trim().is_empty() {
            continue;
        }
        match json_line(text) {
            Ok((user, item, one, time)) => {
                let line = Line { user: user.as_deref(), item: &item, kind: &one.kind, value: one.value, time };
                sink(at, Ok(line))?;
            }
            Err(message) => sink(at, Err(message))?,
        }
    }
    Ok(())
}

/// User, item, the rest, and the time.
fn json_line(text: &str) -> Result<(Option<String>, String, JsonLine, i64), String> {
    let mut one: JsonLine =
        serde_json::from_str(text).map_err(|error| format!("expected an event as a JSON object, got: {error}"))?;
    let id = |what: &str, value: Value| match value {
        // Without blanks, as building takes them.
        Value::String(text) => Ok(text.trim().to_owned()),
        // Ids that are numbers in a database often stay so in its exports, and 1.0 is the item 1.
        Value::Number(number) if number.is_f64() => Ok(number.as_f64().unwrap_or_default().to_string()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("expected `{what}` as a string or a number, got {other}")),
    };
    let user = one.user.take().filter(|user| !user.is_null()).map(|user| id("user", user)).transpose()?;
    let item = id("item", one.item.take())?;
    let time = match &one.timestamp {
        Value::String(text) => parse_time(text)?,
        other => parse_time(&other.to_string())?,
    };
    Ok((user, item, one, time))
}

pub(super) fn each_csv_line(name: &str, reader: impl BufRead, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(reader);
    let headers = reader.headers().map_err(|error| refuse(name, At::Line(1), error))?.clone();
    if let Some(unknown) = headers.iter().find(|header| !COLUMNS.contains(header)) {
        let message = format!("expected the columns {}, got `{unknown}`", COLUMNS.join(","));
        return Err(refuse(name, At::Line(1), message));
    }
    let column = |wanted: &str| headers.iter().position(|header| header == wanted);
    let required = |wanted: &str| {
        column(wanted).ok_or_else(|| {
            let message = format!("expected the columns {}, found no `{wanted}`", COLUMNS.join(","));
            refuse(name, At::Line(1), message)
        })
    };
    let columns = CsvColumns {
        count: headers.len(),
        user: column("user"),
        item: required("item")?,
        kind: required("type")?,
        value: column("value"),
        timestamp: required("timestamp")?,
    };
    // Of "\r\n" the second is read, and counted, with the line after it.
    let uncounted = u64::from(reader.position().line() == 1);
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(Failure::while_doing(format!("reading {name}")))? {
        let at = At::Line(record.position().map_or(0, csv::Position::line) + uncounted);
        // No id, type or number has a second line.
        let line = match record.as_slice().iter().filter(|byte| **byte == b'\n').count() {
            0 => columns.line(&record),
            more => Err(format!("a quote is left open and takes {} lines", more + 1)),
        };
        sink(at, line)?;
    }
    Ok(())
}

/// Which field is what.
struct CsvColumns {
    count: usize,
    user: Option<usize>,
    item: usize,
    kind: usize,
    value: Option<usize>,
    timestamp: usize,
}

impl CsvColumns {
    fn line<'r>(&self, record: &'r ByteRecord) -> Result<Line<'r>, String> {
        if record.len() != self.count {
            return Err(format!("expected {} fields, found {}", self.count, record.len()));
        }
        let text = |at: usize| std::str::from_utf8(&record[at]).map_err(|_| NOT_UTF8.to_owned());
        let optional = |at: Option<usize>| Ok::<_, String>(at.map(text).transpose()?.filter(|cell| !cell.is_empty()));
        let number = |cell: &str| cell.parse().map_err(|_| format!("expected `value` as a number, got `{cell}`"));
        Ok(Line {
            user: optional(self.user)?,
            item: text(self.item)?,
            kind: text(self.kind)?,
            value: optional(self.value)?.map(number).transpose()?,
            time: parse_time(text(self.timestamp)?)?,
        })
    }
}
