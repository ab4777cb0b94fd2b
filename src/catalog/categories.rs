//! The different values of a column, numbered: what filters, category spaces and filter controls work on.

use std::collections::HashMap;
use std::ops::Range;

use super::column::Column;
use super::manifest::ColumnType;

/// The different values of a text, boolean, integer or tags column, in byte order, and which rows have which.
#[derive(Debug, Clone)]
pub struct Categories {
    values: Vec<String>,
    counts: Vec<u32>,
    /// Where each row's codes begin, and at the end how many there are.
    starts: Vec<u32>,
    codes: Vec<u32>,
}

impl Categories {
    pub(crate) fn of(column: &Column) -> Self {
        let rows = column.len();
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        // Numbered in order of appearance first, put into byte order afterwards.
        let mut codes: Vec<u32> = Vec::with_capacity(rows);
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut code = |value: &str| {
            if let Some(&number) = numbers.get(value) {
                return number;
            }
            let number = numbers.len() as u32;
            numbers.insert(value.to_owned(), number);
            number
        };
        for row in 0..rows {
            match column.column_type() {
                ColumnType::Tags => codes.extend(column.tags(row).map(&mut code)),
                ColumnType::Text => codes.extend(column.text(row).map(&mut code)),
                ColumnType::Boolean => codes.extend(column.boolean(row).map(|value| code(&value.to_string()))),
                ColumnType::Integer => codes.extend(column.integer(row).map(|value| code(&value.to_string()))),
                ColumnType::Number | ColumnType::Date => {}
            }
            starts.push(codes.len() as u32);
        }
        let mut sorted: Vec<(String, u32)> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let mut renumber = vec![0; sorted.len()];
        for (new, (_, old)) in sorted.iter().enumerate() {
            renumber[*old as usize] = new as u32;
        }
        let mut counts = vec![0; sorted.len()];
        for code in &mut codes {
            *code = renumber[*code as usize];
            counts[*code as usize] += 1;
        }
        Self { values: sorted.into_iter().map(|(value, _)| value).collect(), counts, starts, codes }
    }

    /// How many different values there are; codes are smaller than this.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether every row is missing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a code, as text.
    pub fn value(&self, code: u32) -> &str {
        &self.values[code as usize]
    }

    /// The code of a value.
    pub fn code(&self, value: &str) -> Option<u32> {
        self.values.binary_search_by(|known| known.as_str().cmp(value)).ok().map(|code| code as u32)
    }

    /// How many rows have this value.
    pub fn count(&self, code: u32) -> usize {
        self.counts[code as usize] as usize
    }

    /// The codes of a row; none when it is missing, at most one unless the column has tags.
    pub fn codes(&self, row: usize) -> &[u32] {
        let range: Range<usize> = self.starts[row] as usize..self.starts[row + 1] as usize;
        &self.codes[range]
    }

    /// Values with the number of their rows: the most frequent first, equally frequent ones in byte order.
    pub fn by_count(&self) -> Vec<(&str, usize)> {
        let mut all: Vec<(&str, usize)> =
            self.values.iter().map(String::as_str).zip(self.counts.iter().map(|&count| count as usize)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all
    }
}
