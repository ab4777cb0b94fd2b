//! Which interactions are in a file? CSV, JSON lines or Parquet with the columns `user,item,type,value,timestamp`, read as a stream.
//!
//! [`each_line`] hands out one line after the other, a bad one as the reason why it is bad; [`load_interactions`] is what a
//! subcommand calls that wants everybody's interactions with a catalog, and says what was left out. `user` and `value` may be
//! absent. A timestamp is a number of seconds or milliseconds since 1970 (numbers below 10^11 are seconds: as milliseconds they
//! would lie before March 1973), a time like `2024-05-01T12:00:00Z`, or a day like `2024-05-01`.

mod columnar;
mod text;
mod time;

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};

pub(crate) use self::time::parse_time;
use super::Failure;
use crate::catalog::Catalog;
use crate::evaluate::{Interactions, InteractionsReader};
use crate::rank::effects_of;

/// The columns that a file may have, in the order in which messages name them.
const COLUMNS: [&str; 5] = ["user", "item", "type", "value", "timestamp"];

/// One line of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line<'a> {
    /// Who did it, where the file says.
    pub(crate) user: Option<&'a str>,
    /// The item's id.
    pub(crate) item: &'a str,
    /// The event type.
    pub(crate) kind: &'a str,
    /// A mark or an amount.
    pub(crate) value: Option<f64>,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum At {
    /// Counted from 1.
    Line(u64),
    /// Of a Parquet file, counted from 1.
    Row(u64),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Row(number) => write!(f, "row {number}"),
        }
    }
}

/// Takes a line, or what is wrong with it; a failure ends the reading.
pub(crate) type Sink<'s> = dyn FnMut(At, Result<Line<'_>, String>) -> Result<(), Failure> + 's;

/// The failure that a bad line is to those who accept none.
pub(crate) fn refuse(name: &str, at: At, message: impl fmt::Display) -> Failure {
    Failure::with_code("events-line", format!("{name}, {at}: {message}"))
}

/// Reads a file line by line, in its order. An empty file has no lines.
pub(crate) fn each_line(path: &Path, sink: &mut Sink<'_>) -> Result<(), Failure> {
    /// So much is read at once.
    const PIECE: usize = 1 << 20;
    let name = path.display().to_string();
    let doing = || Failure::while_doing(format!("reading {name}"));
    let mut reader = BufReader::with_capacity(PIECE, File::open(path).map_err(doing())?);
    let top = reader.fill_buf().map_err(doing())?;
    if top.starts_with(b"PAR1") {
        return columnar::each_row(&name, File::open(path).map_err(doing())?, sink);
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) && !top.is_empty() {
        return Err(unreadable(&name, "its name says Parquet, its content is something else; rename it"));
    }
    each_text_line(&name, reader, sink)
}

/// The same for text that is at hand.
pub(crate) fn each_text_line(name: &str, mut reader: impl BufRead, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let doing = || Failure::while_doing(format!("reading {name}"));
    let top = reader.fill_buf().map_err(doing())?;
    if top.starts_with(&[0xFF, 0xFE]) || top.starts_with(&[0xFE, 0xFF]) {
        return Err(unreadable(name, "it is UTF-16; save it as UTF-8"));
    }
    if top.starts_with(&[0x1F, 0x8B]) || top.starts_with(b"PK\x03\x04") {
        return Err(unreadable(name, "it is compressed; unpack it first"));
    }
    // Some programs begin UTF-8 with a byte order mark.
    if top.starts_with(b"\xEF\xBB\xBF") {
        reader.consume(3);
    }
    match reader.fill_buf().map_err(doing())?.trim_ascii_start().first() {
        None => Ok(()),
        Some(b'{') => text::each_json_line(name, reader, sink),
        Some(_) => text::each_csv_line(name, reader, sink),
    }
}

fn unreadable(name: &str, what: impl fmt::Display) -> Failure {
    Failure::with_code("events-file", format!("{name}: {what}"))
}

/// Everybody's interactions with a catalog, as its table of effects understands them. What could not be used is counted
/// and told on standard error; a file without a usable line gives none, unless all of its lines are bad.
///
/// `now_ms` is the present, of the clock if not given.
pub(crate) fn load_interactions(path: &Path, catalog: &Catalog, now_ms: Option<i64>) -> Result<Interactions, Failure> {
    let name = path.display().to_string();
    let effects = effects_of(catalog).map_err(Failure::while_doing(format!("reading {name}")))?;
    let mut reader = InteractionsReader::new(catalog, &effects, now_ms.unwrap_or_else(clock));
    let mut bad = BadLines::default();
    let bar = ProgressBar::no_length().with_style(
        ProgressStyle::with_template("reading {msg}: {human_pos} interactions")
            .expect("a template that indicatif understands"),
    );
    bar.set_message(name.clone());
    let read = each_line(path, &mut |at, line| {
        match line.and_then(|line| {
            let user = line.user.ok_or("expected a `user`, since people are told apart, got none")?;
            Ok((user, line))
        }) {
            Ok((user, line)) => reader.push(user, line.item, line.kind, line.value, line.time),
            Err(message) => {
                reader.push_bad();
                bad.note(|| format!("{name}, {at}: {message}"));
            }
        }
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    read?;
    let data = reader.finish();
    let report = data.report();
    if report.bad_lines > 0 && report.bad_lines == report.interactions {
        // A file of another kind, most probably.
        return Err(Failure::with_code("events-line", bad.first.swap_remove(0)));
    }
    bad.first.iter().for_each(|message| eprintln!("{message}"));
    tell(&name, &data);
    Ok(data)
}

fn tell(name: &str, data: &Interactions) {
    /// More than a person clicks in years.
    const MANY: usize = 10_000;
    let report = data.report();
    if report.interactions == 0 {
        eprintln!("{name}: it is empty; expected lines with {}", COLUMNS.join(","));
        return;
    }
    eprintln!("{name}: {} interactions of {} people with {} items", report.used, report.users, report.items);
    for (count, what) in [
        (report.bad_lines, "cannot be read (the first ones are named above)"),
        (report.unknown_items, "speak of items that the catalog does not have"),
        (report.unknown_types, "are of unknown types or have values that their type cannot have"),
        (report.duplicates, "say again what another line says"),
        (report.future, "are from the future"),
    ] {
        if count > 0 {
            eprintln!("{name}: {count} lines are left out, for they {what}");
        }
    }
    if report.most_of_one_user > MANY {
        eprintln!("{name}: one person has {} of the interactions; perhaps it is a program", report.most_of_one_user);
    }
}

fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The first bad lines: as many as somebody reads.
#[derive(Default)]
struct BadLines {
    first: Vec<String>,
}

impl BadLines {
    fn note(&mut self, message: impl FnOnce() -> String) {
        const NAMED: usize = 5;
        if self.first.len() < NAMED {
            self.first.push(message());
        }
    }
}
