//! What a list may hold: one item of a group of variants, so many of a category.

use std::collections::HashMap;

use super::sum::RankedRow;
use crate::catalog::{Catalog, Categories};
use crate::vector::Mask;

/// Which items are variants of one another.
#[derive(Debug)]
pub(crate) struct Variants {
    /// A number per row, the same for rows of one group.
    groups: Vec<u32>,
    count: usize,
}

impl Variants {
    /// Nothing where the catalog does not tell. An item without a value is of the group that its own id names.
    pub(crate) fn of(catalog: &Catalog) -> Option<Self> {
        let column = catalog.variant_of()?;
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let groups = (0..catalog.len()).map(|row| {
            let next = numbers.len() as u32;
            *numbers.entry(column.text(row).unwrap_or_else(|| catalog.id(row))).or_insert(next)
        });
        let groups = groups.collect();
        Some(Self { groups, count: numbers.len() })
    }

    /// Whether a row is the first of its group that this is asked about: of rows from the best on, the best of each group.
    pub(crate) fn first_of_group(&self) -> impl FnMut(usize) -> bool {
        let mut met = vec![false; self.count];
        move |row| !std::mem::replace(&mut met[self.groups[row] as usize], true)
    }

    /// Takes out all rows of the groups that these rows are of.
    pub(crate) fn leave_out(&self, mask: &mut Mask, rows: impl Iterator<Item = usize>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return;
        }
        let mut gone = vec![false; self.count];
        rows.for_each(|row| gone[self.groups[row] as usize] = true);
        let out: Vec<usize> = mask.rows().filter(|row| gone[self.groups[*row] as usize]).collect();
        out.into_iter().for_each(|row| mask.set(row, false));
    }
}

/// How many of each value are on the list already.
pub(crate) struct Caps<'a> {
    columns: Vec<(&'a Categories, usize, Vec<usize>)>,
}

impl<'a> Caps<'a> {
    pub(crate) fn new(columns: impl Iterator<Item = (&'a Categories, usize)>) -> Self {
        let counted = columns.map(|(categories, most)| (categories, most, vec![0; categories.len()]));
        Self { columns: counted.collect() }
    }

    /// Counts a row that is on the list.
    pub(crate) fn count(&mut self, row: usize) {
        for (categories, _, counts) in &mut self.columns {
            categories.codes(row).iter().for_each(|code| counts[*code as usize] += 1);
        }
    }

    fn has_room(&self, row: usize) -> bool {
        let full = |(categories, most, counts): &(&Categories, usize, Vec<usize>)| {
            categories.codes(row).iter().any(|code| counts[*code as usize] >= *most)
        };
        !self.columns.iter().any(full)
    }

    /// The rows that there is room for, in their order, until there are `wanted`. No more rows are looked at than that takes.
    pub(crate) fn take(&mut self, rows: impl Iterator<Item = RankedRow>, wanted: usize) -> Vec<RankedRow> {
        let with_room = rows.filter(|ranked| {
            let room = self.has_room(ranked.row);
            if room {
                self.count(ranked.row);
            }
            room
        });
        with_room.take(wanted).collect()
    }
}
