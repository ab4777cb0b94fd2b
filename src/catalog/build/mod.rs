//! How does a catalog come to be?
//!
//! [`Schema`] says which column is what, [`Rows`] are what the input files had. A [`CatalogDraft`] is both put together:
//! typed items, and a list of the rows that were rejected with the reason. It asks for the vectors of its texts, each
//! different text once, and then gives the bytes of the catalog's files. The same input gives the same bytes.
//!
//! ```
//! use homebody::{At, CatalogDraft, Cell, Place, Rows, Schema};
//!
//! let schema = Schema::from_toml("name = 'fruit'\nid = 'name'\n[columns.grams]\ntype = 'number'")?;
//! let mut rows = Rows::new();
//! let (name, grams) = (rows.column("name"), rows.column("grams"));
//! for (line, fruit, weight) in [(1, "pear", "170"), (2, "apple", "heavy")] {
//!     let place = Place { file: "fruit.csv".into(), at: At::Line(line) };
//!     rows.push(place, [(name, Cell::Text(fruit.into())), (grams, Cell::Text(weight.into()))]);
//! }
//! let draft = CatalogDraft::new(&schema, &rows, &[])?;
//! assert_eq!(draft.len(), 1);
//! let reason = "fruit.csv, line 2: column \"grams\": expected a number, found text \"heavy\"";
//! assert_eq!(draft.rejected()[0].to_string(), reason);
//! let files = draft.finish(None, &[])?;
//! # Ok::<(), homebody::CatalogError>(())
//! ```
//!
//! What it does not do: open files or run models.

mod cell;
mod map;
mod pack;
mod raw;
mod rows;
mod schema;
mod table;
mod template;

use std::collections::HashMap;

use super::error::{CatalogError, CatalogErrorKind};
use super::manifest::{Manifest, ModelRef};
use super::space::{APPROVAL, COLLABORATIVE, EXPECTED, MAP_X, MAP_Y, POPULARITY, TREND};
pub use cell::Cell;
pub use pack::CatalogFile;
pub use rows::{At, Place, Rejection, RejectionCode, Rows};
pub use schema::Schema;
use schema::SpaceKindRule;
use table::{Table, cast_rows};

use crate::collaborative::Learned;

/// A catalog but for its vectors.
#[derive(Debug)]
pub struct CatalogDraft<'a> {
    schema: &'a Schema,
    table: Table,
    /// The different texts in order of first use.
    texts: Vec<String>,
    /// For each text space, which text each item has.
    uses: Vec<Vec<Option<usize>>>,
}

impl<'a> CatalogDraft<'a> {
    /// Applies a schema to rows. `joined` has the rows of [`Schema::join_files`], in that order.
    ///
    /// # Errors
    /// When the schema names a column that is not there, or no row is good enough to be an item. Single bad rows are no
    /// errors; see [`CatalogDraft::rejected`].
    ///
    /// # Panics
    /// When `joined` has not one entry per joined file.
    pub fn new(schema: &'a Schema, rows: &Rows, joined: &[Rows]) -> Result<Self, CatalogError> {
        assert_eq!(joined.len(), schema.joins.len(), "one set of rows per joined file");
        if rows.is_empty() && rows.rejected().is_empty() {
            return Err(CatalogError::new(CatalogErrorKind::Empty, "the input has no rows; is it the right file?"));
        }
        let table = cast_rows(schema, rows, joined)?;
        let mut texts: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut uses = Vec::new();
        for space in &schema.spaces {
            let SpaceKindRule::Text(template) = &space.kind else { continue };
            let text_of = |item: &table::Item| {
                let text =
                    template.render(&|name| schema.column_index(name).and_then(|column| item.values[column].to_text()));
                if text.is_empty() {
                    return None;
                }
                let number = *numbers.entry(text).or_insert_with_key(|text| {
                    texts.push(text.clone());
                    texts.len() - 1
                });
                Some(number)
            };
            uses.push(table.items.iter().map(text_of).collect());
        }
        Ok(Self { schema, table, texts, uses })
    }

    /// How many items the catalog will have.
    pub fn len(&self) -> usize {
        self.table.items.len()
    }

    /// Never: a draft without items is an error.
    pub fn is_empty(&self) -> bool {
        self.table.items.is_empty()
    }

    /// The rows of input and joined files that were left out, each with its reason.
    pub fn rejected(&self) -> &[Rejection] {
        &self.table.rejected
    }

    /// The rows of joined files whose key no item has.
    pub fn unmatched(&self) -> &[Rejection] {
        &self.table.unmatched
    }

    /// For each joined file, how many items got values from it.
    pub fn joined(&self) -> &[usize] {
        &self.table.joined
    }

    /// The texts to be turned into vectors, each different one once.
    pub fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }

    /// The files of the catalog, `catalog.json` last. `vectors` are unit vectors of [`CatalogDraft::texts`], in that
    /// order, made by `model` as documents.
    ///
    /// # Errors
    /// When there are texts and no model, or the vectors are not what a model gives.
    pub fn finish(&self, model: Option<ModelRef>, vectors: &[Vec<f32>]) -> Result<Vec<CatalogFile>, CatalogError> {
        self.finish_with_manifest(model, vectors, None).map(|(_, files)| files)
    }

    /// With something `learned` from interactions, one row per item, the catalog gets a collaborative space of the factors and
    /// columns of the figures, which are its prior unless the schema has one.
    pub(crate) fn finish_with_manifest(
        &self,
        model: Option<ModelRef>,
        vectors: &[Vec<f32>],
        learned: Option<&Learned>,
    ) -> Result<(Manifest, Vec<CatalogFile>), CatalogError> {
        if self.schema.needs_model() && model.is_none() {
            let context = "the schema has a text space, which needs a model; give one";
            return Err(CatalogError::new(CatalogErrorKind::Embedding, context));
        }
        if vectors.len() != self.texts.len() {
            let context = format!("expected {} vectors, found {}", self.texts.len(), vectors.len());
            return Err(CatalogError::new(CatalogErrorKind::Embedding, context));
        }
        let rows = |uses: &Vec<Option<usize>>| uses.iter().map(|text| text.map(|text| &*vectors[text])).collect();
        let spaces: Vec<Vec<Option<&[f32]>>> = self.uses.iter().map(rows).collect();
        if learned.is_some_and(|learned| learned.factors.is_some())
            && self.schema.spaces.iter().any(|space| space.name == COLLABORATIVE)
        {
            let context = format!(
                "a space of the schema is named {COLLABORATIVE:?}, as the one that is learned from interactions; give it \
                 another name"
            );
            return Err(CatalogError::new(CatalogErrorKind::Schema, context));
        }
        let made = [POPULARITY, TREND, APPROVAL, EXPECTED];
        let taken = made.into_iter().find(|name| self.schema.column_index(name).is_some());
        if let Some(name) = taken.filter(|_| learned.is_some_and(|learned| learned.figures.is_some())) {
            let context = format!(
                "a column of the schema is named {name:?}, as one that is made from interactions; give it another name"
            );
            return Err(CatalogError::new(CatalogErrorKind::Schema, context));
        }
        if self.schema.map.is_some()
            && let Some(name) = [MAP_X, MAP_Y].into_iter().find(|name| self.schema.column_index(name).is_some())
        {
            let context = format!(
                "a column of the schema is named {name:?}, as one that the map is made of; give it another name"
            );
            return Err(CatalogError::new(CatalogErrorKind::Schema, context));
        }
        pack::pack(self.schema, &self.table.items, model, &spaces, learned)
    }
}
