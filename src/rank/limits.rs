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

    /// Leaves of each group only the row with the greatest score, of equal ones the least row.
    pub(crate) fn keep_best(&self, mask: &mut Mask, scores: &[f64]) {
        const NONE: usize = usize::MAX;
        let mut best = vec![NONE; self.count];
        for row in mask.rows() {
            let best = &mut best[self.groups[row] as usize];
            if *best == NONE || scores[row] > scores[*best] {
                *best = row;
            }
        }
        *mask = Mask::none(mask.len());
        best.into_iter().filter(|row| *row != NONE).for_each(|row| mask.set(row, true));
    }

    /// Takes out all rows of the groups that these rows are of.
    pub(crate) fn leave_out(&self, mask: &mut Mask, rows: impl Iterator<Item = usize>) {
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

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
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

    /// The rows that there is room for, in their order, until there are `wanted`.
    pub(crate) fn take(&mut self, rows: Vec<RankedRow>, wanted: usize) -> Vec<RankedRow> {
        let mut taken = Vec::new();
        for ranked in rows {
            if taken.len() == wanted {
                break;
            }
            if self.has_room(ranked.row) {
                self.count(ranked.row);
                taken.push(ranked);
            }
        }
        taken
    }
}
