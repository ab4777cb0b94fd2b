//! What a manifest says of each file, and whether bytes are those of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::unreadable::{looks_like_html, web_page};
use super::{hex, sha256_hex};
use crate::catalog::error::{CatalogError, CatalogErrorKind};

/// Bytes per chunk hash: small enough to point at a place, large enough that the hashes stay a fraction (1/4096) of the data.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of a chunk's SHA-256 that are kept.
const CHUNK_HASH_BYTES: usize = 8;

/// A data file of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// Name within the catalog folder: no folders, ends in the first 16 digits of `sha256` and `.arrow`.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Rows over all its record batches.
    pub rows: usize,
    /// SHA-256 of the whole file, hexadecimal.
    pub sha256: String,
    /// Bytes per entry of `chunks`; the last chunk may be shorter.
    pub chunk_bytes: usize,
    /// The first 8 bytes of each chunk's SHA-256, hexadecimal.
    pub chunks: Vec<String>,
}

impl FileEntry {
    /// Describes `bytes`; the name is `stem-<hash>.arrow`.
    pub(crate) fn describe(stem: &str, bytes: &[u8], rows: usize) -> Self {
        let sha256 = sha256_hex(bytes);
        Self {
            path: format!("{stem}-{}.arrow", &sha256[..16]),
            bytes: bytes.len() as u64,
            rows,
            sha256,
            chunk_bytes: CHUNK_BYTES,
            chunks: bytes.chunks(CHUNK_BYTES).map(chunk_hash).collect(),
        }
    }

    /// The chunks, as byte ranges of `bytes`, whose content is not what was written. Of a file that was cut short only whole
    /// chunks can be told.
    pub(crate) fn changed_ranges(&self, bytes: &[u8]) -> Vec<(u64, u64)> {
        let chunk_bytes = self.chunk_bytes.max(1);
        let cut = if (bytes.len() as u64) < self.bytes { bytes.len() % chunk_bytes } else { 0 };
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (index, chunk) in bytes[..bytes.len() - cut].chunks(chunk_bytes).enumerate() {
            if self.chunks.get(index).is_some_and(|expected| *expected == chunk_hash(chunk)) {
                continue;
            }
            let start = (index * chunk_bytes) as u64;
            let end = start + chunk.len() as u64;
            match ranges.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => ranges.push((start, end)),
            }
        }
        ranges
    }

    /// Checks length and hash, and tells the likely causes apart.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), CatalogError> {
        let found = bytes.len() as u64;
        if found == self.bytes && sha256_hex(bytes) == self.sha256 {
            return Ok(());
        }
        if looks_like_html(bytes) {
            return Err(web_page(&self.path));
        }
        if found < self.bytes {
            return Err(CatalogError::new(
                CatalogErrorKind::Truncated { at: found },
                format!("{} has {} bytes, {found} came; fetch or copy it again", self.path, self.bytes),
            ));
        }
        if found > self.bytes {
            let context = format!("{} has {} bytes, {found} came; fetch or copy it again", self.path, self.bytes);
            return Err(CatalogError::new(CatalogErrorKind::Damaged, context));
        }
        let ranges = self.changed_ranges(bytes);
        let places = if ranges.is_empty() { String::new() } else { format!(" (bytes {})", places(&ranges)) };
        Err(CatalogError::new(
            CatalogErrorKind::Damaged,
            format!("{} is not what was built{places}; fetch or copy it again, or build the catalog anew", self.path),
        ))
    }
}

/// Ranges of bytes for people: the first and the last of each.
pub(crate) fn places(ranges: &[(u64, u64)]) -> String {
    let places: Vec<String> = ranges.iter().map(|(start, end)| format!("{start} to {}", end - 1)).collect();
    places.join(", ")
}

fn chunk_hash(chunk: &[u8]) -> String {
    hex(&Sha256::digest(chunk)[..CHUNK_HASH_BYTES])
}
