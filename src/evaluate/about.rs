//! What items are about, for what is learned of those that nobody chose yet: their texts, and their categories.

use super::content::Content;
use crate::catalog::{Catalog, SpaceKind};

/// Vectors of the text and, behind it, of the categories, row after row.
pub(super) struct About {
    dims: usize,
    values: Vec<f32>,
}

/// A category of fewer items says nothing that could be learned.
const LEAST_ITEMS: u32 = 5;
/// At most so many categories are looked at, the most common ones: the regression's cost goes with their square.
const MOST_CATEGORIES: usize = 256;

impl About {
    /// Nothing if there are neither vectors nor categories.
    pub(super) fn of(catalog: &Catalog, content: Option<&Content>) -> Option<Self> {
        let rows = catalog.len();
        let texts = content.map_or(0, Content::dims);
        let columns = catalog.spaces().iter().filter_map(|space| match &space.kind {
            SpaceKind::Category { column, .. } => catalog.column(column)?.categories(),
            _ => None,
        });
        let columns: Vec<_> = columns.collect();
        let mut common: Vec<(u32, usize, u32)> = Vec::new();
        for (at, categories) in columns.iter().enumerate() {
            let counted = (0..categories.len() as u32).map(|code| (categories.count(code) as u32, at, code));
            common.extend(counted.filter(|(count, ..)| *count >= LEAST_ITEMS));
        }
        common.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        common.truncate(MOST_CATEGORIES);
        let dims = texts + common.len();
        if dims == 0 {
            return None;
        }
        let mut values = vec![0.0f32; rows * dims];
        for (row, out) in values.chunks_mut(dims).enumerate() {
            let (text, kinds) = out.split_at_mut(texts);
            if let Some(content) = content {
                text.copy_from_slice(content.centred(row));
            }
            let has_any = columns.iter().any(|categories| !categories.codes(row).is_empty());
            for ((count, column, code), out) in common.iter().zip(kinds).filter(|_| has_any) {
                let has = columns[*column].codes(row).contains(code);
                // Centred, like the texts: what all items share is no news.
                *out = f32::from(u8::from(has)) - *count as f32 / rows as f32;
            }
        }
        Some(Self { dims, values })
    }

    pub(super) fn dims(&self) -> usize {
        self.dims
    }

    /// Writes the vector of a row; false where nothing is known of the item.
    pub(super) fn vector(&self, row: usize, out: &mut [f32]) -> bool {
        out.copy_from_slice(&self.values[row * self.dims..][..self.dims]);
        out.iter().any(|x| *x != 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CatalogDraft, CatalogReader, MANIFEST_FILE, Rows, Schema, read_rows};

    #[test]
    fn categories_are_centred_and_rare_ones_left_out() {
        let schema = Schema::from_toml(
            "name = \"a\"\nid = \"id\"\n[columns.kind]\ntype = \"tags\"\n[[space]]\nname = \"kind\"\nkind = \"category\"\ncolumn = \"kind\"\nmany = true\n",
        )
        .unwrap();
        let mut rows = Rows::new();
        let line = |n: usize| format!("{{\"id\":\"{n:02}\",\"kind\":[{}]}}\n", ["\"common\"", "\"rare\"", ""][n / 6]);
        read_rows("a.jsonl", (0..10).chain([12]).map(line).collect::<String>().into_bytes(), &mut rows).unwrap();
        let draft = CatalogDraft::new(&schema, &rows, &[]).unwrap();
        let files = draft.finish(None, &[]).unwrap();
        let (manifest, data): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.path == MANIFEST_FILE);
        let mut reader = CatalogReader::new(&manifest[0].bytes).unwrap();
        data.into_iter().for_each(|file| reader.add(&file.path, file.bytes).unwrap());
        let catalog = reader.finish().unwrap();
        let about = About::of(&catalog, None).unwrap();
        assert_eq!(about.dims(), 1, "four items are too few");
        let mut out = [9.0];
        assert!(about.vector(0, &mut out) && (out[0] - 5.0 / 11.0).abs() < 1e-6, "{out:?}");
        assert!(about.vector(7, &mut out) && (out[0] + 6.0 / 11.0).abs() < 1e-6, "{out:?}");
        assert!(!about.vector(10, &mut out), "an item without any category");
    }
}
