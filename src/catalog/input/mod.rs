//! Which rows are in a file? CSV, JSON, JSON lines, Parquet and Arrow, all to [`Rows`].
//!
//! The format is told by the extension and must be what the content looks like. A row that cannot be read is noted with
//! its place and the reason, and reading goes on where that is possible: for CSV and JSON lines always.

mod columnar;
mod delimited;
mod guarded;
mod json;

pub(crate) use guarded::{Undecodable, guarded, silence_guarded_panics};

use std::sync::Arc;

use super::build::Rows;
use super::error::{CatalogError, CatalogErrorKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Delimited,
    Json,
    JsonLines,
    Parquet,
    ArrowFile,
    ArrowStream,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Delimited => "CSV",
            Self::Json => "a JSON array",
            Self::JsonLines => "JSON lines",
            Self::Parquet => "Parquet",
            Self::ArrowFile => "an Arrow file",
            Self::ArrowStream => "an Arrow stream",
        }
    }
}

/// Known extensions, for the message about unknown ones.
const EXTENSIONS: &str = ".csv, .tsv, .json, .jsonl, .ndjson, .parquet, .arrow, .arrows, .feather, .ipc";

/// Appends the rows of a file to `rows`. `name` is the file's name, with its extension; it is also what places are named
/// with.
///
/// # Errors
/// A file that cannot be read at all: unknown extension, content of another format, damage. Single bad rows are noted in
/// `rows` instead.
pub fn read_rows(name: &str, bytes: Vec<u8>, rows: &mut Rows) -> Result<(), CatalogError> {
    let file: Arc<str> = name.into();
    match format(name, &bytes)? {
        Format::Delimited => delimited::read(&file, &bytes, rows),
        Format::Json => json::read_array(&file, &bytes, rows),
        Format::JsonLines => json::read_lines(&file, &bytes, rows),
        Format::Parquet => columnar::read_parquet(&file, bytes, rows),
        Format::ArrowFile => columnar::read_arrow_file(&file, bytes, rows),
        Format::ArrowStream => columnar::read_arrow_stream(&file, bytes, rows),
    }
}

fn format(name: &str, bytes: &[u8]) -> Result<Format, CatalogError> {
    let file_name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let extension = file_name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let fitting: &[Format] = match extension.as_str() {
        "csv" | "tsv" => &[Format::Delimited],
        "json" => &[Format::Json],
        "jsonl" | "ndjson" => &[Format::JsonLines],
        "parquet" => &[Format::Parquet],
        "arrow" | "arrows" | "feather" | "ipc" => &[Format::ArrowFile, Format::ArrowStream],
        _ => return Err(unreadable(name, format!("its extension is none of {EXTENSIONS}; rename it"))),
    };
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(unreadable(name, "it is UTF-16; save it as UTF-8"));
    }
    if bytes.starts_with(&[0x1F, 0x8B]) || bytes.starts_with(b"PK\x03\x04") {
        return Err(unreadable(name, "it is compressed; unpack it first"));
    }
    match looks_like(bytes) {
        Some(found) if !fitting.contains(&found) => {
            // JSON lines begin like a JSON object, and any text can be a CSV of one column.
            let extension_says = fitting.iter().map(|format| format.name()).collect::<Vec<_>>().join(" or ");
            let context = format!("its name says {extension_says}, its content is {}; rename it", found.name());
            Err(unreadable(name, context))
        }
        Some(found) => Ok(found),
        None if matches!(fitting[0], Format::Delimited | Format::Json | Format::JsonLines) => Ok(fitting[0]),
        None => {
            let expected = fitting.iter().map(|format| format.name()).collect::<Vec<_>>().join(" or ");
            Err(unreadable(name, format!("expected {expected}, found something else")))
        }
    }
}

/// What the first bytes tell; `None` for what could be CSV, or nothing.
fn looks_like(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(b"PAR1") {
        return Some(Format::Parquet);
    }
    if bytes.starts_with(b"ARROW1") {
        return Some(Format::ArrowFile);
    }
    if bytes.starts_with(&[0xFF; 4]) {
        return Some(Format::ArrowStream);
    }
    match without_bom(bytes).trim_ascii_start().first() {
        Some(b'[') => Some(Format::Json),
        Some(b'{') => Some(Format::JsonLines),
        _ => None,
    }
}

/// The bytes after a UTF-8 byte order mark, if there is one.
fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

fn unreadable(file: &str, what: impl std::fmt::Display) -> CatalogError {
    CatalogError::new(CatalogErrorKind::Input, format!("{file}: {what}"))
}
