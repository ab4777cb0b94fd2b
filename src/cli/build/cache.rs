//! Vectors of texts that were embedded before, so that a build takes up where an earlier one stopped, and the next build
//! of a slightly changed catalog only embeds what changed.
//!
//! A file in the user's cache folder, one for all catalogs and models: keys are hashes over model, kind and text. It holds
//! nothing that cannot be made again, so a cache that cannot be used is a note, never a failure.

use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, ReadableDatabase, TableDefinition};
use sha2::{Digest, Sha256};

/// SHA-256 → float32 values, little endian.
const VECTORS: TableDefinition<'static, [u8; 32], &'static [u8]> = TableDefinition::new("vectors");
const FILE: &str = "embeddings.redb";
/// Goes into every key: the same model gives slightly other vectors when the code that runs it changes.
const GENERATION: &str = concat!("homebody ", env!("CARGO_PKG_VERSION"));

/// The key of a text.
pub(super) type Key = [u8; 32];

/// An open cache, or none.
pub(super) struct VectorCache {
    database: Option<Database>,
}

impl VectorCache {
    /// Opens the cache in `folder`, or in the user's cache folder. The text says why there is none.
    pub(super) fn open(folder: Option<&Path>) -> (Self, Option<String>) {
        match Self::try_open(folder) {
            Ok(database) => (Self { database: Some(database) }, None),
            Err(reason) => {
                let note =
                    format!("texts are embedded without a cache, so an interrupted build starts again: {reason}");
                (Self { database: None }, Some(note))
            }
        }
    }

    fn try_open(folder: Option<&Path>) -> Result<Database, String> {
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => default_folder().ok_or("this user has no home folder; name one with --cache")?,
        };
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let path = folder.join(FILE);
        Database::create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => format!("{} is in use by another build", path.display()),
            error => format!("{} cannot be used ({error}); remove it to begin a new one", path.display()),
        })
    }

    /// The vectors that are there. What is there but no vector of `dims` finite values is left out.
    pub(super) fn get(&self, keys: &[Key], dims: usize) -> Vec<Option<Vec<f32>>> {
        let found = self.database.as_ref().and_then(|database| {
            let table = database.begin_read().ok()?.open_table(VECTORS).ok()?;
            let value = |key: &Key| table.get(key).ok()?.and_then(|bytes| decode(bytes.value(), dims));
            Some(keys.iter().map(value).collect())
        });
        found.unwrap_or_else(|| vec![None; keys.len()])
    }

    /// Keeps vectors; they are on disk when this returns. After a failure nothing more is kept, and the text says why.
    pub(super) fn put(&mut self, vectors: &[(Key, &[f32])]) -> Result<(), String> {
        let Some(database) = &self.database else { return Ok(()) };
        let write = || -> Result<(), redb::Error> {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(VECTORS)?;
                for (key, vector) in vectors {
                    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                    table.insert(key, bytes.as_slice())?;
                }
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| {
            self.database = None;
            format!("the cache of embedded texts cannot be written ({error}); going on without it")
        })
    }
}

/// Where the program keeps what it can make again: `HOMEBODY_CACHE`, or the system's place for this user.
fn default_folder() -> Option<PathBuf> {
    match std::env::var_os("HOMEBODY_CACHE").filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(folder.into()),
        None => directories::ProjectDirs::from("", "", "homebody").map(|dirs| dirs.cache_dir().to_owned()),
    }
}

/// The key of a document text.
pub(super) fn key(model_sha256: &str, text: &str) -> Key {
    let mut hash = Sha256::new();
    for part in [GENERATION, model_sha256, "document", text] {
        // Lengths keep parts apart, whatever is in them.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn decode(bytes: &[u8], dims: usize) -> Option<Vec<f32>> {
    let (values, rest) = bytes.as_chunks::<4>();
    let vector: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    (rest.is_empty() && vector.len() == dims && vector.iter().all(|value| value.is_finite())).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let keys = [key("m", "one"), key("m", "two")];
        let (mut cache, note) = VectorCache::open(Some(folder.path()));
        assert_eq!(note, None);
        assert_eq!(cache.get(&keys, 2), [None, None]);
        cache.put(&[(keys[1], &[0.25, -1.0])]).unwrap();
        drop(cache);
        let (cache, _) = VectorCache::open(Some(folder.path()));
        assert_eq!(cache.get(&keys, 2), [None, Some(vec![0.25, -1.0])]);
        assert_eq!(cache.get(&keys, 3), [None, None], "a vector of another length is no vector");
    }

    #[test]
    fn keys_depend_on_all_parts() {
        let keys = [key("m", "text"), key("n", "text"), key("m", "texts"), key("mt", "ext")];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{index}");
        }
    }

    #[test]
    fn a_cache_that_cannot_be_used_is_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = VectorCache::open(Some(folder.path()));
        let (mut second, note) = VectorCache::open(Some(folder.path()));
        assert!(note.unwrap().contains("in use by another build"));
        assert_eq!(second.get(&[key("m", "one")], 2), [None]);
        assert_eq!(second.put(&[(key("m", "one"), &[1.0, 0.0])]), Ok(()));
        drop(first);

        std::fs::write(folder.path().join(FILE), b"this is no database, whatever its name").unwrap();
        let (_, note) = VectorCache::open(Some(folder.path()));
        assert!(note.unwrap().contains("cannot be used"));

        let (_, note) = VectorCache::open(Some(&folder.path().join(FILE)));
        assert!(note.is_some(), "a file is no folder");
    }
}
