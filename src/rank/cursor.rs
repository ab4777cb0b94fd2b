//! Where a list goes on: which items were handed out before, as a text that a caller keeps and gives back.
//!
//! A cursor holds the rows of all pages before it, not a number of places. The next page is therefore the best of what was
//! not shown yet: nothing comes twice, whatever the person did in between and however the order changed by it.

use super::error::{RankError, RankErrorKind};

/// The rows that were shown, ascending, in one version of one catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cursor {
    pub(crate) rows: Vec<usize>,
}

/// What a cursor begins with: the version of this notation.
const FORMAT: &str = "h2";
/// So much of a catalog's version tells it from every other.
const VERSION_DIGITS: usize = 12;

impl Cursor {
    /// The rows of this cursor and of one more page.
    pub(crate) fn with(&self, page: impl Iterator<Item = usize>) -> Self {
        let mut rows: Vec<usize> = self.rows.iter().copied().chain(page).collect();
        rows.sort_unstable();
        rows.dedup();
        Self { rows }
    }

    /// `h2.<catalog>.<step>.<step>….<check>`: the steps from row to row, in base 36, which keeps a thousand rows in a few kilobytes, and a
    /// checksum of all before it, without which a cursor that was cut short would be one of fewer pages.
    pub(crate) fn to_text(&self, catalog_version: &str) -> String {
        let mut text = format!("{FORMAT}.{}", prefix(catalog_version));
        let mut before = 0;
        for row in &self.rows {
            text.push('.');
            push_base36(&mut text, row - before);
            before = *row;
        }
        let check = checksum(&text);
        text.push('.');
        push_base36(&mut text, check as usize);
        text
    }

    /// # Errors
    ///
    /// A text that no call handed out, or one from another version of the catalog.
    pub(crate) fn from_text(text: &str, catalog_version: &str, rows: usize) -> Result<Self, RankError> {
        let refuse = |what: &str| Err(RankError::new(RankErrorKind::BadCursor, what.to_owned()));
        let mut parts = text.split('.');
        let (Some(FORMAT), Some(version)) = (parts.next(), parts.next()) else {
            return refuse("expected a cursor that an earlier call returned, got another text");
        };
        if version != prefix(catalog_version) {
            return refuse(
                "expected a cursor of this version of the catalog, got one of another; ask for the first page again",
            );
        }
        let damaged = "expected a cursor as it was returned, got a damaged one";
        let mut check = String::new();
        let Some((body, stated)) = text.rsplit_once('.') else { return refuse(damaged) };
        push_base36(&mut check, checksum(body) as usize);
        if stated != check {
            return refuse(damaged);
        }
        // The format and the version are two; what is left of the body are steps.
        let mut all: Vec<usize> = Vec::new();
        for step in body.split('.').skip(2) {
            let step = usize::from_str_radix(step, 36).ok();
            let row = step.and_then(|step| all.last().copied().unwrap_or(0).checked_add(step));
            match row.filter(|row| *row < rows && all.last().is_none_or(|last| last < row)) {
                Some(row) => all.push(row),
                None => return refuse(damaged),
            }
        }
        Ok(Self { rows: all })
    }
}

/// FNV-1a of 32 bits: no single character can be another, and of other changes one in four billion goes unnoticed.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn prefix(version: &str) -> &str {
    version.get(..VERSION_DIGITS).unwrap_or(version)
}

fn push_base36(text: &mut String, mut number: usize) {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).expect("a digit below 36"));
        number /= 36;
        if number == 0 {
            break;
        }
    }
    text.extend(digits.iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERSION: &str = "0123456789abcdef";

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(0usize..100_000, 0..200)) {
            let cursor = Cursor::default().with(rows.into_iter());
            prop_assert_eq!(Cursor::from_text(&cursor.to_text(VERSION), VERSION, 100_000).unwrap(), cursor);
        }

        #[test]
        fn no_text_panics(text in "(h2\\.)?(0123456789ab)?[a-zA-Z0-9.+-]{0,40}") {
            let _ = Cursor::from_text(&text, VERSION, 10);
        }
    }

    #[test]
    fn whatever_was_changed_is_refused() {
        let text = Cursor { rows: vec![3, 9, 30, 31, 70_000] }.to_text(VERSION);
        let refused = |changed: &str| {
            let error = Cursor::from_text(changed, VERSION, 100_000).expect_err(changed);
            assert_eq!(error.code(), "cursor", "{changed}");
        };
        for at in 0..text.len() {
            refused(&text[..at]);
            refused(&text[at + 1..]);
            refused(&format!("{}{}", &text[..at], &text[at + 1..]));
            for other in "0123456789abcdefghijklmnopqrstuvwxyzABCXYZ.+-_ é".chars() {
                if !text[at..].starts_with(other) {
                    refused(&format!("{}{other}{}", &text[..at], &text[at + 1..]));
                }
                refused(&format!("{}{other}{}", &text[..at], &text[at..]));
            }
        }
        let parts: Vec<&str> = text.split('.').collect();
        for (a, b) in [(2, 3), (3, 4), (2, 6), (6, 7)] {
            let mut swapped = parts.clone();
            swapped.swap(a, b);
            refused(&swapped.join("."));
        }
    }

    #[test]
    fn rows_beyond_the_catalog_and_other_versions_are_refused() {
        let signed = |body: &str| {
            let mut text = format!("{body}.");
            push_base36(&mut text, checksum(body) as usize);
            text
        };
        let text = Cursor { rows: vec![3, 9] }.to_text(VERSION);
        assert_eq!(text, signed("h2.0123456789ab.3.6"));
        for (text, version, rows) in [
            (text.as_str(), VERSION, 9),
            (&text, "fedcba9876543210", 10),
            (&signed("h2.0123456789ab.3.0"), VERSION, 10),
            (&signed("h1.0123456789ab.3.6"), VERSION, 10),
            ("h1.0123456789ab.3.6", VERSION, 10),
            ("h2.0123456789ab", VERSION, 10),
            ("", VERSION, 10),
        ] {
            let error = Cursor::from_text(text, version, rows).unwrap_err();
            assert_eq!(error.code(), "cursor", "{text}");
        }
    }
}
