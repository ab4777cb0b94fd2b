//! Which row has an id?

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::error::{VectorError, VectorErrorKind};

/// The ids of rows, each once.
#[derive(Debug, Default)]
pub(super) struct Ids {
    names: Vec<Box<str>>,
    /// Row numbers by id. A table of bare numbers: the ids themselves are kept once.
    rows: HashTable<u32>,
    hasher: RandomState,
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The id of a row.
    pub(super) fn name(&self, row: usize) -> &str {
        &self.names[row]
    }

    /// The row of that id.
    pub(super) fn row(&self, id: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(id);
        self.rows.find(hash, |row| &*self.names[*row as usize] == id).map(|row| *row as usize)
    }

    /// The row of an id that has to be there.
    pub(super) fn known_row(&self, id: &str) -> Result<usize, VectorError> {
        self.row(id).ok_or_else(|| VectorErrorKind::UnknownId { id: id.into() }.into())
    }

    /// Gives the next rows their ids: all of them, or none if one is there already or there would be too many.
    pub(super) fn add(&mut self, ids: &[&str]) -> Result<(), VectorError> {
        let before = self.len();
        if before + ids.len() > u32::MAX as usize {
            return Err(VectorErrorKind::TooMany { limit: u32::MAX as usize }.into());
        }
        for id in ids {
            if self.row(id).is_some() {
                self.truncate(before);
                return Err(VectorErrorKind::DuplicateId { id: (*id).into() }.into());
            }
            self.names.push((*id).into());
            self.remember(self.len() - 1);
        }
        Ok(())
    }

    /// Takes back the ids of rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        for row in len..self.len() {
            self.forget(row);
        }
        self.names.truncate(len);
    }

    /// Removes a row's id and gives its number to the last row.
    pub(super) fn swap_remove(&mut self, row: usize) {
        let last = self.len() - 1;
        self.forget(row);
        if row != last {
            self.forget(last);
        }
        self.names.swap_remove(row);
        if row != last {
            self.remember(row);
        }
    }

    fn remember(&mut self, row: usize) {
        let Self { names, rows, hasher } = self;
        let hash = |row: &u32| hasher.hash_one(&*names[*row as usize]);
        // `add` keeps row numbers within u32.
        rows.insert_unique(hash(&(row as u32)), row as u32, hash);
    }

    fn forget(&mut self, row: usize) {
        let hash = self.hasher.hash_one(&*self.names[row]);
        if let Ok(entry) = self.rows.find_entry(hash, |other| *other as usize == row) {
            entry.remove();
        }
    }
}
