//! Files of events: what a person (or many) did with which items, as JSONL or CSV with the columns
//! `user,item,type,value,timestamp`, or as an exported profile.
//!
//! `user` and `value` may be absent. A timestamp is a number of seconds or milliseconds since 1970 (numbers below 10^11 are
//! seconds: as milliseconds they would lie before March 1973), a time like `2024-05-01T12:00:00Z`, or a day like
//! `2024-05-01`.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use serde::Deserialize;
use serde_json::Value;

use super::{Failure, read_file};
use crate::profile::{CountedIds, Effects, Event, NewEvent, read_profile};

const COLUMNS: [&str; 5] = ["user", "item", "type", "value", "timestamp"];

/// One line of a file of events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interaction {
    /// Who did it, where the file says.
    pub(super) user: Option<String>,
    /// The item's id.
    pub(super) item: String,
    /// The event type.
    pub(super) kind: String,
    /// A mark or an amount.
    pub(super) value: Option<f64>,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    /// The line, counted from 1.
    pub(super) line: u64,
}

/// Reads the events of one person: an exported profile, or a file of interactions without or with one `user`.
pub(crate) fn read_events(path: &Path, effects: &Effects, catalog: &str) -> Result<Vec<Event>, Failure> {
    let name = path.display().to_string();
    let bytes = read_file(path)?;
    if is_profile(&bytes) {
        return read_profile(&bytes).map_err(Failure::while_doing(format!("reading {name}")));
    }
    to_events(&name, parse_interactions(&name, &bytes)?, effects, catalog)
}

fn is_profile(bytes: &[u8]) -> bool {
    /// The line of a profile that says what it is stands at its top.
    const TOP: usize = 200;
    let top = String::from_utf8_lossy(&bytes[..bytes.len().min(TOP)]);
    top.contains("\"homebody-profile\"")
}

fn to_events(
    name: &str,
    interactions: Vec<Interaction>,
    effects: &Effects,
    catalog: &str,
) -> Result<Vec<Event>, Failure> {
    let users: BTreeSet<&str> = interactions.iter().filter_map(|one| one.user.as_deref()).collect();
    if users.len() > 1 {
        let message = format!("{name}: expected the events of one person, got those of {} users", users.len());
        return Err(Failure::with_code("events-users", message));
    }
    // The same file gives the same ids, in the order of its lines where times are equal.
    let mut ids = CountedIds::new();
    interactions
        .into_iter()
        .map(|one| {
            let Interaction { item, kind, value, time, line, .. } = one;
            let event = NewEvent { item, kind, value, time: None };
            // Items that the catalog does not have are kept and say nothing, as in an imported profile.
            event
                .into_event(effects, catalog, |_| true, &mut ids, time)
                .map_err(Failure::while_doing(format!("{name}, line {line}")))
        })
        .collect()
}

pub(super) fn parse_interactions(name: &str, bytes: &[u8]) -> Result<Vec<Interaction>, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        refuse(name, line as u64, "expected UTF-8, got other bytes; save the file as UTF-8")
    })?;
    // Some programs begin UTF-8 with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') { parse_jsonl(name, text) } else { parse_csv(name, text) }
}

fn refuse(name: &str, line: u64, message: impl std::fmt::Display) -> Failure {
    Failure::with_code("events-line", format!("{name}, line {line}: {message}"))
}

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

fn parse_jsonl(name: &str, text: &str) -> Result<Vec<Interaction>, Failure> {
    let mut interactions = Vec::new();
    for (line, content) in (1u64..).zip(text.lines()) {
        if content.trim().is_empty() {
            continue;
        }
        let one: JsonLine = serde_json::from_str(content)
            .map_err(|error| refuse(name, line, format_args!("expected an event as a JSON object, got: {error}")))?;
        let id = |what: &str, value: Value| match value {
            Value::String(text) => Ok(text),
            // Ids that are numbers in a database often stay so in its exports.
            Value::Number(number) => Ok(number.to_string()),
            other => Err(refuse(name, line, format_args!("expected `{what}` as a string or a number, got {other}"))),
        };
        let user = one.user.filter(|user| !user.is_null()).map(|user| id("user", user)).transpose()?;
        let item = id("item", one.item)?;
        let timestamp = match &one.timestamp {
            Value::String(text) => parse_time(text),
            other => parse_time(&other.to_string()),
        };
        let time = timestamp.map_err(|message| refuse(name, line, message))?;
        interactions.push(Interaction { user, item, kind: one.kind, value: one.value, time, line });
    }
    Ok(interactions)
}

fn parse_csv(name: &str, text: &str) -> Result<Vec<Interaction>, Failure> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| refuse(name, 1, error))?.clone();
    if let Some(unknown) = headers.iter().find(|header| !COLUMNS.contains(header)) {
        let message = format!("expected the columns {}, got `{unknown}`", COLUMNS.join(","));
        return Err(refuse(name, 1, message));
    }
    let column = |wanted: &str| headers.iter().position(|header| header == wanted);
    let required = |wanted: &str| {
        column(wanted).ok_or_else(|| {
            let message = format!("expected the columns {}, found no `{wanted}`", COLUMNS.join(","));
            refuse(name, 1, message)
        })
    };
    let (item, kind, timestamp) = (required("item")?, required("type")?, required("timestamp")?);
    let (user, value) = (column("user"), column("value"));
    let mut interactions = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            refuse(name, line, error)
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|cell| !cell.is_empty());
        let number = |cell: &str| {
            let number: Option<f64> = cell.parse().ok();
            number.ok_or_else(|| refuse(name, line, format_args!("expected `value` as a number, got `{cell}`")))
        };
        interactions.push(Interaction {
            user: cell(user).map(str::to_owned),
            item: cell(Some(item)).unwrap_or_default().to_owned(),
            kind: cell(Some(kind)).unwrap_or_default().to_owned(),
            value: cell(value).map(number).transpose()?,
            time: parse_time(cell(Some(timestamp)).unwrap_or_default())
                .map_err(|message| refuse(name, line, message))?,
            line,
        });
    }
    Ok(interactions)
}

/// A moment in milliseconds since 1970, from any of the ways of writing one that this module's head names.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    /// Smaller numbers are seconds.
    const SECONDS_BELOW: f64 = 1e11;
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number.abs() < SECONDS_BELOW { number * 1000.0 } else { number };
        // Beyond this a double is no exact count of milliseconds, and no moment of anybody's life either.
        if ms.is_finite() && ms.abs() < 1e15 {
            return Ok(ms.round() as i64);
        }
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.timestamp_millis());
    }
    if let Some(midnight) = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0)) {
        return Ok(midnight.and_utc().timestamp_millis());
    }
    Err(format!(
        "expected a time as seconds or milliseconds since 1970, `2024-05-01T12:00:00Z` or `2024-05-01`, got `{text}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Interaction>, String> {
        parse_interactions("e", text.as_bytes()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn jsonl_and_csv_say_the_same() {
        let csv = "user,item,type,value,timestamp\nu1,a,rate,4.5,1700000000\nu1,\"b, c\",like,,1700000000001\n";
        let jsonl = "{\"user\":\"u1\",\"item\":\"a\",\"type\":\"rate\",\"value\":4.5,\"timestamp\":1700000000}\n\
                     {\"user\":\"u1\",\"item\":\"b, c\",\"type\":\"like\",\"timestamp\":1700000000001}\n";
        let read = parse(csv).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].time, read[1].time, read[1].value), (1_700_000_000_000, 1_700_000_000_001, None));
        let lines =
            |read: Vec<Interaction>| read.into_iter().map(|one| Interaction { line: 0, ..one }).collect::<Vec<_>>();
        assert_eq!(lines(read), lines(parse(jsonl).unwrap()));
        assert_eq!(parse("item,timestamp,type\n7,2024-05-01,view\n").unwrap()[0].item, "7");
        assert_eq!(parse("{\"item\":7,\"type\":\"view\",\"timestamp\":\"2024-05-01\"}").unwrap()[0].item, "7");
        assert_eq!(parse("\u{feff}item,type,timestamp\n").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, told) in [
            ("item,type,timestamp\na,like,1700000000\nb,like,soon\n", "e, line 3: expected a time"),
            (
                "item,type,value,timestamp\na,rate,good,1700000000\n",
                "e, line 2: expected `value` as a number, got `good`",
            ),
            ("item,type,timestamp\na,like\n", "e, line 2"),
            (
                "item,type,time\na,like,1\n",
                "e, line 1: expected the columns user,item,type,value,timestamp, got `time`",
            ),
            ("item,timestamp\na,1\n", "found no `type`"),
            ("{\"item\":\"a\",\"type\":\"like\",\"timestamp\":1}\n{\"item\":\"a\"", "e, line 2: expected an event"),
            ("{\"item\":\"a\",\"kind\":\"like\",\"timestamp\":1}", "unknown field `kind`"),
            ("{\"item\":[1],\"type\":\"like\",\"timestamp\":1}", "expected `item` as a string"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(told), "{text}: {message}");
        }
        let bytes = b"item,type,timestamp\na,like,1700000000\n\xff\xfe,like,1\n";
        let failure = parse_interactions("e", bytes).unwrap_err();
        assert!(failure.to_string().starts_with("e, line 3: expected UTF-8"), "{failure}");
        assert_eq!(failure.code(), "events-line");
    }

    #[test]
    fn events_are_checked_and_repeat() {
        let events = |text: &str| to_events("e", parse_interactions("e", text.as_bytes())?, &Effects::default(), "v1");
        let good = "item,type,timestamp\nb,like,1700000000\na,like,1700000000\n";
        let read = events(good).unwrap();
        assert_eq!(read, events(good).unwrap());
        assert!(read[0].id < read[1].id, "lines of one time keep their order");
        let message = |text: &str| events(text).unwrap_err().to_string();
        assert!(
            message("item,type,timestamp\na,love,1700000000\n")
                .contains("line 2: unknown event type `love`; known are")
        );
        assert!(
            message("item,type,value,timestamp\na,rate,7,1700000000\n").contains("expected a value from 1 to 5, got 7")
        );
        assert!(message("item,type,timestamp\na,like,12\n").contains("line 2"), "a time in 1970 is a mistake");
        assert!(message("user,item,type,timestamp\nu,a,like,1700000000\nv,a,like,1700000000\n").contains("2 users"));
    }

    #[test]
    fn times_are_written_in_many_ways() {
        for text in ["1714564800", "1714564800000", "2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00"] {
            assert_eq!(parse_time(text), Ok(1_714_564_800_000), "{text}");
        }
        assert_eq!(parse_time("2024-05-01"), Ok(1_714_521_600_000));
        assert_eq!(parse_time("881250949.5"), Ok(881_250_949_500));
        for text in ["", "yesterday", "NaN", "inf", "1e20", "2024-02-30"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
