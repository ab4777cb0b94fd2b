//! One value of an input row, and how it becomes a value of a column.

use std::borrow::Cow;

use super::super::column::LARGEST_NUMBER;
use super::super::date::{Day, read};
use super::super::manifest::ColumnType;
use super::schema::ColumnRule;

/// A value as an input file has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing: a JSON `null`, an absent member, a null in Parquet.
    Missing,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A text.
    Text(String),
    /// A calendar day, in days since 1970-01-01.
    Date(i32),
    /// Several values.
    List(Vec<Cell>),
}

impl Cell {
    /// The value as text; `None` when it is missing. Numbers are written the shortest way that reads back the same.
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Missing => None,
            Self::Boolean(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Integer(value) => Some(Cow::Owned(value.to_string())),
            Self::Number(value) => Some(Cow::Owned(value.to_string())),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Date(day) => Some(Cow::Owned(Day(*day).to_string())),
            Self::List(cells) => {
                let texts: Vec<Cow<'_, str>> = cells.iter().filter_map(Self::to_text).collect();
                (!texts.is_empty()).then(|| Cow::Owned(texts.join(", ")))
            }
        }
    }

    /// The value for a message: what it is and, shortened, what it says.
    fn describe(&self) -> String {
        let kind = match self {
            Self::Missing => return "nothing".to_owned(),
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Number(_) => "number",
            Self::Text(_) => "text",
            Self::Date(_) => "date",
            Self::List(_) => "list",
        };
        let text = self.to_text().unwrap_or_default();
        // Enough to find the value again.
        const SHOWN: usize = 60;
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{kind} {:?}…", &text[..end]),
            None => format!("{kind} {text:?}"),
        }
    }

    /// Whether there is nothing in it: missing, blank text, or one of the words that the column's schema says mean nothing.
    fn is_nothing(&self, nulls: &[String]) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(text) => {
                let text = text.trim();
                text.is_empty() || nulls.iter().any(|null| null == text)
            }
            // Arrow and Parquet files made from data frames say "missing" this way.
            Self::Number(value) => value.is_nan(),
            Self::List(cells) => cells.iter().all(|cell| cell.is_nothing(nulls)),
            _ => false,
        }
    }
}

/// A value of a column: the same as a [`Cell`], but of the column's type, and tags as texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Typed {
    Missing,
    Text(String),
    Number(f64),
    Integer(i64),
    Boolean(bool),
    Date(i32),
    Tags(Vec<String>),
}

impl Typed {
    /// For templates and derived columns: tags joined with commas, dates as `YYYY-MM-DD`.
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Missing => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(value) => Some(Cow::Owned(value.to_string())),
            Self::Integer(value) => Some(Cow::Owned(value.to_string())),
            Self::Boolean(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Date(day) => Some(Cow::Owned(Day(*day).to_string())),
            Self::Tags(tags) => Some(Cow::Owned(tags.join(", "))),
        }
    }
}

/// Casts what the sources of a column have: the first value that there is, or for tags all of them.
///
/// The error says what was expected and what came; the caller adds column and place.
pub(crate) fn cast<'a>(rule: &ColumnRule, sources: impl Iterator<Item = &'a Cell>) -> Result<Typed, String> {
    let mut sources = sources.filter(|cell| !cell.is_nothing(&rule.nulls));
    if rule.column_type == ColumnType::Tags {
        let mut tags = Vec::new();
        sources.try_for_each(|cell| collect_tags(rule, cell, &mut tags))?;
        return Ok(if tags.is_empty() { Typed::Missing } else { Typed::Tags(tags) });
    }
    let Some(cell) = sources.next() else { return Ok(Typed::Missing) };
    let replaced;
    let cell = match cell.to_text().and_then(|text| rule.replace.get(text.trim()).cloned()) {
        Some(text) => {
            replaced = Cell::Text(text);
            &replaced
        }
        None => cell,
    };
    if cell.is_nothing(&rule.nulls) {
        return Ok(Typed::Missing);
    }
    cast_one(rule, cell)
}

fn cast_one(rule: &ColumnRule, cell: &Cell) -> Result<Typed, String> {
    let expected = |what: &str| Err(format!("expected {what}, found {}", cell.describe()));
    match rule.column_type {
        ColumnType::Text => {
            let text = cell.to_text().unwrap_or_default();
            Ok(Typed::Text(text.trim().to_owned()))
        }
        ColumnType::Number => match to_number(cell) {
            Some(value) if value.abs() <= rule.degrees.map_or(LARGEST_NUMBER, |degrees| degrees.most) => {
                Ok(Typed::Number(value))
            }
            Some(value) if value.is_finite() && rule.degrees.is_some() => {
                expected(&rule.degrees.map_or_else(String::new, |degrees| degrees.to_string()))
            }
            Some(value) if value.is_finite() => expected(&format!("a number up to {LARGEST_NUMBER:e}")),
            _ => expected("a number"),
        },
        ColumnType::Integer => match to_integer(cell) {
            Some(value) => Ok(Typed::Integer(value)),
            None => expected("a whole number"),
        },
        ColumnType::Boolean => match to_boolean(cell) {
            Some(value) => Ok(Typed::Boolean(value)),
            None => expected("true or false (or yes, no, 1, 0)"),
        },
        ColumnType::Date => {
            let Some(day) = to_day(rule, cell) else {
                return expected(&format!("a date like {}", rule.formats.join(" or ")));
            };
            repair_century(rule, day).map(|day| Typed::Date(day.0))
        }
        ColumnType::Tags => expected("tags"),
    }
}

fn collect_tags(rule: &ColumnRule, cell: &Cell, tags: &mut Vec<String>) -> Result<(), String> {
    let mut add = |text: &str| {
        let text = rule.replace.get(text.trim()).map_or(text, String::as_str).trim();
        let nothing = text.is_empty() || rule.nulls.iter().any(|null| null == text);
        if !nothing && !tags.iter().any(|tag| tag == text) {
            tags.push(text.to_owned());
        }
    };
    match cell {
        Cell::Missing => {}
        Cell::List(cells) => {
            for cell in cells {
                match cell {
                    Cell::List(_) => {
                        return Err(format!("expected tags, found a list within a list: {}", cell.describe()));
                    }
                    cell => cell.to_text().iter().for_each(|text| add(text)),
                }
            }
        }
        cell => {
            let text = cell.to_text().unwrap_or_default();
            match &rule.separator {
                Some(separator) => text.split(separator.as_str()).for_each(add),
                None => add(&text),
            }
        }
    }
    Ok(())
}

fn to_number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Integer(value) => Some(*value as f64),
        Cell::Number(value) => Some(*value),
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn to_integer(cell: &Cell) -> Option<i64> {
    /// Up to here every whole number has a floating point value of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64);
    match cell {
        Cell::Integer(value) => Some(*value),
        Cell::Number(value) => whole(*value),
        Cell::Text(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse().ok().and_then(whole))
        }
        _ => None,
    }
}

fn to_boolean(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Boolean(value) => Some(*value),
        Cell::Integer(0) => Some(false),
        Cell::Integer(1) => Some(true),
        Cell::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn to_day(rule: &ColumnRule, cell: &Cell) -> Option<Day> {
    if let Cell::Date(day) = cell {
        return Some(Day(*day)).filter(|day| day.date().is_some());
    }
    let text = cell.to_text()?;
    rule.formats.iter().find_map(|format| read(text.trim(), format)).map(Day::of)
}

/// Two-digit years that were once written out with the wrong century: a date later than any can be is a hundred years
/// older.
fn repair_century(rule: &ColumnRule, day: Day) -> Result<Day, String> {
    let Some(latest) = rule.latest.filter(|&latest| day > latest) else { return Ok(day) };
    let repaired = if rule.century { day.century_before().filter(|&day| day <= latest) } else { None };
    repaired.ok_or_else(|| format!("expected a date up to {latest}, found {day}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(column_type: &str, rest: &str) -> ColumnRule {
        let text = format!("name = 'x'\nid = 'id'\n[columns.c]\ntype = '{column_type}'\n{rest}");
        super::super::schema::Schema::from_toml(&text).unwrap().columns[0].clone()
    }

    fn one(column_type: &str, rest: &str, cell: Cell) -> Result<Typed, String> {
        cast(&rule(column_type, rest), std::iter::once(&cell))
    }

    fn text(value: &str) -> Cell {
        Cell::Text(value.to_owned())
    }

    #[test]
    fn numbers_become_text() {
        for (cell, expected) in
            [(Cell::Integer(1776), "1776"), (Cell::Number(8.5), "8.5"), (Cell::Number(300.0), "300")]
        {
            assert_eq!(one("text", "", cell), Ok(Typed::Text(expected.to_owned())));
        }
    }

    #[test]
    fn whole_numbers_become_integers_and_nothing_else_does() {
        for cell in [Cell::Integer(7), Cell::Number(7.0), text(" 7 "), text("7.0"), text("7e0")] {
            assert_eq!(one("integer", "", cell.clone()), Ok(Typed::Integer(7)), "{cell:?}");
        }
        for cell in [Cell::Number(7.5), text("seven"), Cell::Boolean(true), Cell::Number(1e300), text("1e300")] {
            let error = one("integer", "", cell.clone()).unwrap_err();
            assert!(error.starts_with("expected a whole number, found "), "{cell:?}: {error}");
        }
        assert_eq!(one("integer", "", text("9223372036854775807")), Ok(Typed::Integer(i64::MAX)));
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(one("number", "", text("1e3")), Ok(Typed::Number(1000.0)));
        assert!(one("number", "", text("inf")).is_err());
        assert_eq!(one("number", "", Cell::Number(-1e100)), Ok(Typed::Number(-1e100)));
        let error = one("number", "", text("-1e308")).unwrap_err();
        assert_eq!(error, "expected a number up to 1e100, found text \"-1e308\"");
        assert_eq!(one("number", "", Cell::Number(f64::NAN)), Ok(Typed::Missing));
    }

    #[test]
    fn words_can_mean_nothing() {
        assert_eq!(one("integer", "nulls = ['N/A']", text(" N/A ")), Ok(Typed::Missing));
        assert_eq!(one("text", "", text("  ")), Ok(Typed::Missing));
        assert!(one("integer", "", text("N/A")).is_err());
    }

    #[test]
    fn two_digit_years_get_their_century_back() {
        let films = "formats = ['%b %d %Y']\nlatest = '2011-12-31'\ncentury = true";
        let day = |date: &str| Ok(Typed::Date(Day::from_iso(date).unwrap().0));
        assert_eq!(one("date", films, text("Dec 31 2046")), day("1946-12-31"));
        assert_eq!(one("date", films, text("Jan 28 2011")), day("2011-01-28"));
        let strict = one("date", "formats = ['%b %d %Y']\nlatest = '2011-12-31'", text("Dec 31 2046")).unwrap_err();
        assert_eq!(strict, "expected a date up to 2011-12-31, found 2046-12-31");
        let hopeless = one("date", films, text("Dec 31 2999")).unwrap_err();
        assert!(hopeless.contains("found 2999-12-31"), "{hopeless}");
    }

    #[test]
    fn dates_say_which_formats_were_tried() {
        let error = one("date", "formats = ['%b %d %Y', '%Y']", text("yesterday")).unwrap_err();
        assert_eq!(error, "expected a date like %b %d %Y or %Y, found text \"yesterday\"");
        assert_eq!(one("date", "", text("1970-01-02")), Ok(Typed::Date(1)));
        assert_eq!(one("date", "formats = ['%Y']", Cell::Integer(1970)), Ok(Typed::Date(0)));
        assert!(one("date", "", Cell::Date(i32::MAX)).is_err());
    }

    #[test]
    fn tags_come_from_lists_and_separated_texts() {
        let tags = |values: &[&str]| Ok(Typed::Tags(values.iter().map(|&value| value.to_owned()).collect()));
        assert_eq!(one("tags", "separator = '|'", text("a| b |a||c")), tags(&["a", "b", "c"]));
        assert_eq!(one("tags", "", text("a|b")), tags(&["a|b"]));
        assert_eq!(one("tags", "", Cell::List(vec![text("x"), Cell::Missing, text("y")])), tags(&["x", "y"]));
        assert_eq!(one("tags", "replace = { x = '' }", Cell::List(vec![text("x")])), Ok(Typed::Missing));
        assert!(one("tags", "", Cell::List(vec![Cell::List(vec![text("x")])])).is_err());
        let both = [text("Drama"), text("Fantasy")];
        assert_eq!(cast(&rule("tags", "from = ['a', 'b']"), both.iter()), tags(&["Drama", "Fantasy"]));
    }

    #[test]
    fn the_first_source_that_has_a_value_counts() {
        let sources = [Cell::Missing, text(" "), text("third")];
        assert_eq!(cast(&rule("text", "from = ['a', 'b', 'c']"), sources.iter()), Ok(Typed::Text("third".to_owned())));
    }

    #[test]
    fn values_can_be_replaced() {
        assert_eq!(one("text", "replace = { A = 'B' }", text("A")), Ok(Typed::Text("B".to_owned())));
        assert_eq!(one("text", "replace = { A = '' }", text("A")), Ok(Typed::Missing));
    }

    #[test]
    fn long_values_are_shortened_in_messages() {
        let error = one("number", "", text(&"é".repeat(500))).unwrap_err();
        assert!(error.chars().count() < 120 && error.ends_with('…'), "{error}");
    }
}
