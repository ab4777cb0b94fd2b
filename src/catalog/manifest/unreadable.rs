//! What to say of bytes that are no manifest: a page of the server, one that breaks off, was changed or is too new.

use super::{FORMAT, FORMAT_VERSION, HASH_PREFIX, MANIFEST_FILE};
use crate::catalog::error::{CatalogError, CatalogErrorKind};

pub(super) fn damaged(what: &str) -> CatalogError {
    let context = format!("{MANIFEST_FILE}: {what}; fetch or copy it again, and do not edit it");
    CatalogError::new(CatalogErrorKind::Damaged, context)
}

pub(super) fn too_new(found: u64) -> CatalogError {
    CatalogError::new(
        CatalogErrorKind::TooNew { found, readable: FORMAT_VERSION },
        format!(
            "{MANIFEST_FILE} has format version {found} or parts that are unknown here; up to version {FORMAT_VERSION} \
             is read; update Homebody, or build the catalog with this version"
        ),
    )
}

/// For bytes that are no JSON object with a format and a version.
pub(super) fn unreadable(bytes: &[u8], error: serde_json::Error) -> CatalogError {
    if looks_like_html(bytes) {
        return web_page(MANIFEST_FILE);
    }
    let text = bytes.trim_ascii_start();
    // What breaks off within a number or a word is not called an unexpected end. The own hash ends a manifest, so with
    // it there, nothing was broken off.
    let has_hash = bytes.windows(HASH_PREFIX.len()).any(|window| window == HASH_PREFIX.as_bytes());
    let cut_value = error.is_syntax() && !has_hash;
    let at_end = error.is_eof() || (cut_value && error_position(bytes, &error) + 1 >= bytes.len());
    if text.is_empty() || (text.starts_with(b"{") && at_end) {
        return CatalogError::new(
            CatalogErrorKind::Truncated { at: bytes.len() as u64 },
            format!("{MANIFEST_FILE} ends after {} bytes, in the middle; fetch or copy it again", bytes.len()),
        )
        .with_source(error);
    }
    // A manifest that was changed still has most of its words.
    let known = bytes.windows(FORMAT.len()).any(|window| window == FORMAT.as_bytes());
    if text.starts_with(b"{") && known {
        return damaged(&format!("line {}, column {} cannot be read", error.line(), error.column())).with_source(error);
    }
    let context = format!("{MANIFEST_FILE} must be the JSON that `homebody build` writes; is this the right address?");
    CatalogError::new(CatalogErrorKind::NotACatalog, context).with_source(error)
}

/// Where in the text the error is, in bytes.
fn error_position(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1)
}

pub(super) fn web_page(path: &str) -> CatalogError {
    CatalogError::new(
        CatalogErrorKind::WebPage,
        format!("expected {path}, found HTML; the server probably has no such file and answers with its own page"),
    )
}

/// Whether the bytes begin like an HTML page.
pub(super) fn looks_like_html(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let head: Vec<u8> = text.iter().take(15).map(u8::to_ascii_lowercase).collect();
    [&b"<!doctype html"[..], b"<html", b"<head", b"<body", b"<!--"].iter().any(|start| head.starts_with(start))
}
