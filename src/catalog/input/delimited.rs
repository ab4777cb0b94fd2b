//! CSV and its relatives with tabs and semicolons.

use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::super::build::{At, Cell, Place, RejectionCode, Rows};
use super::super::error::CatalogError;
use super::{unreadable, without_bom};

pub(super) fn read(file: &Arc<str>, bytes: &[u8], rows: &mut Rows) -> Result<(), CatalogError> {
    let text = without_bom(bytes);
    let bom_bytes = (bytes.len() - text.len()) as u64;
    let delimiter = delimiter(text);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(text);
    let mut record = ByteRecord::new();
    let failed = |error: csv::Error| unreadable(file, "it cannot be read as CSV").with_source(error);
    if !reader.read_byte_record(&mut record).map_err(failed)? {
        return Err(unreadable(file, "it is empty; expected a line with the names of the columns"));
    }
    let quotes = Quotes::of(&text[..reader.position().byte() as usize], delimiter, 1);
    if let Some(open) = quotes.open {
        return Err(unreadable(file, quotes.never_closed(open)));
    }
    let mut columns: Vec<Option<usize>> = Vec::with_capacity(record.len());
    let mut seen: Vec<&str> = Vec::with_capacity(record.len());
    for field in &record {
        let name = std::str::from_utf8(field)
            .map_err(|_| unreadable(file, "the names of its columns are no UTF-8; save it as UTF-8"))?
            .trim();
        if seen.contains(&name) && !name.is_empty() {
            return Err(unreadable(file, format!("two of its columns are named {name:?}; rename one")));
        }
        seen.push(name);
        // A column without a name is usually the row number of a data frame; nothing can refer to it.
        columns.push((!name.is_empty()).then(|| rows.column(name)));
    }
    let expected = columns.len();
    loop {
        let start = reader.position().byte();
        if !reader.read_byte_record(&mut record).map_err(failed)? {
            return Ok(());
        }
        // Checked where it lies: within a field, removed quotes would shift the position.
        let raw = &text[start as usize..reader.position().byte() as usize];
        // Empty lines before a row are read with it.
        let empty = raw.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n').count();
        let line = record.position().map_or(0, |position| position.line()) + empty as u64;
        let place = Place { file: Arc::clone(file), at: At::Line(line) };
        if let Err(error) = std::str::from_utf8(raw) {
            let at = bom_bytes + start + error.valid_up_to() as u64;
            let byte = raw[error.valid_up_to()];
            let reason = format!("byte {at} of the file (0x{byte:02X}) is no UTF-8; save the file as UTF-8");
            rows.reject(place, RejectionCode::NotUtf8, reason);
            continue;
        }
        let quotes = Quotes::of(raw, delimiter, line - empty as u64);
        if let Some(opened) = quotes.open {
            rows.reject(place, RejectionCode::Malformed, quotes.never_closed(opened));
            continue;
        }
        if let Some((opened, lines)) = quotes.longest.filter(|(_, lines)| *lines > MOST_LINES) {
            let reason = format!(
                "expected a text of at most {MOST_LINES} lines in quotes, found one of {lines}, opened on line {opened}; is the quote \
                 left open?"
            );
            rows.reject(place, RejectionCode::Malformed, reason);
            continue;
        }
        if record.len() != expected {
            let hint = match quotes.longest {
                Some((opened, 2..)) => format!("; is the quote that is opened on line {opened} left open?"),
                _ => String::new(),
            };
            let reason = format!("expected {expected} fields, found {}{hint}", record.len());
            rows.reject(place, RejectionCode::Malformed, reason);
            continue;
        }
        let cells = columns.iter().zip(&record).filter_map(|(column, field)| {
            let text = String::from_utf8_lossy(field);
            let cell = if text.is_empty() { Cell::Missing } else { Cell::Text(text.into_owned()) };
            column.map(|column| (column, cell))
        });
        rows.push(place, cells);
    }
}

/// More lines than a text of an item has: whoever leaves a quote open has it closed by the next one, however far below.
const MOST_LINES: u64 = 1000;

/// The quotes of a row as it stands in the file.
struct Quotes {
    /// The line where the one was opened that is open at the end.
    open: Option<u64>,
    /// Of the longest text in quotes, the line where they were opened, and how many lines it has.
    longest: Option<(u64, u64)>,
    /// The line after the row.
    end: u64,
}

impl Quotes {
    /// `line` is that of the first byte. The rules are those of the `csv` crate: a quote opens at the beginning of a field only, two
    /// within quotes are one in the text, and one that closes may have more text behind it.
    fn of(row: &[u8], delimiter: u8, line: u64) -> Self {
        let mut quotes = Self { open: None, longest: None, end: line };
        if !row.contains(&b'"') {
            return quotes;
        }
        let mut begins = true;
        let mut bytes = row.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match quotes.open {
                Some(_) if byte == b'"' && bytes.peek() == Some(&b'"') => {
                    bytes.next();
                }
                Some(opened) if byte == b'"' => {
                    let lines = quotes.end - opened + 1;
                    if quotes.longest.is_none_or(|(_, most)| lines > most) {
                        quotes.longest = Some((opened, lines));
                    }
                    quotes.open = None;
                }
                Some(_) => {}
                None => {
                    quotes.open = (begins && byte == b'"').then_some(quotes.end);
                    begins = byte == delimiter || byte == b'\n' || byte == b'\r';
                }
            }
            quotes.end += u64::from(byte == b'\n');
        }
        if row.last() != Some(&b'\n') {
            quotes.end += 1;
        }
        quotes
    }

    fn never_closed(&self, opened: u64) -> String {
        let lines = self.end - opened;
        format!(
            "the quote that is opened on line {opened} is never closed; it takes everything to the end of the file, {lines} line{}",
            if lines == 1 { "" } else { "s" }
        )
    }
}

/// The one of comma, semicolon and tab that the first line has most of outside quotes; a comma when it has none.
fn delimiter(text: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for &byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            byte if !quoted => counts.iter_mut().filter(|(known, _)| *known == byte).for_each(|(_, count)| *count += 1),
            _ => {}
        }
    }
    // The first of equals: a comma.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(byte, _)| *byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_read_off_the_header() {
        assert_eq!(delimiter(b"a,b;c,d\n;;;;;"), b',');
        assert_eq!(delimiter(b"a;b\n"), b';');
        assert_eq!(delimiter(b"a\tb\tc,d"), b'\t');
        assert_eq!(delimiter(b"\"a;b;c\",d"), b',');
        assert_eq!(delimiter(b"alone"), b',');
    }
}
