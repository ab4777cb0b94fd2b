//! What can go wrong between rows, schema and catalog files.

use std::error::Error;
use std::fmt;

/// Why a catalog could not be read, checked or built.
///
/// The message says what was expected, what came and what to do; [`CatalogError::kind`] and [`CatalogError::code`] are
/// for programs.
#[derive(Debug)]
pub struct CatalogError {
    kind: CatalogErrorKind,
    context: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`CatalogError`]; new ones may be added.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CatalogErrorKind {
    /// The bytes are some other file, not the manifest of a catalog.
    NotACatalog,
    /// A web page came where a catalog file should be: usually the server's own "not found" page.
    WebPage,
    /// The catalog was written by a newer version of this library.
    TooNew {
        /// The format version of the catalog.
        found: u64,
        /// The newest format version that this library reads.
        readable: u64,
    },
    /// A file ends before its time.
    Truncated {
        /// How many bytes came.
        at: u64,
    },
    /// A file has other bytes than the catalog was written with.
    Damaged,
    /// A file that the manifest does not name.
    UnknownFile,
    /// A file of the manifest was never handed in.
    MissingFile,
    /// Files, each intact, that contradict each other or the manifest.
    Inconsistent,
    /// The catalog's vectors come from another model than the one given, or from none.
    WrongModel,
    /// The schema cannot be understood.
    Schema,
    /// The schema names a column that neither the data nor the catalog has.
    UnknownColumn,
    /// An input file cannot be read at all.
    Input,
    /// No row was good enough to be an item.
    Empty,
    /// Rows were rejected, and that was not allowed.
    Rejected,
    /// A text could not be turned into a vector.
    Embedding,
    /// A file could not be written.
    Output,
}

impl CatalogErrorKind {
    /// What every message of this kind begins with.
    fn summary(self) -> &'static str {
        match self {
            Self::NotACatalog => "not a Homebody catalog",
            Self::WebPage => "a web page came instead of a catalog file",
            Self::TooNew { .. } => "the catalog is too new for this version of Homebody",
            Self::Truncated { .. } => "the catalog file is cut short",
            Self::Damaged => "the catalog file is damaged",
            Self::UnknownFile => "the catalog has no such file",
            Self::MissingFile => "a catalog file is missing",
            Self::Inconsistent => "the catalog contradicts itself",
            Self::WrongModel => "the catalog belongs to another model",
            Self::Schema => "the schema cannot be used",
            Self::UnknownColumn => "the schema names an unknown column",
            Self::Input => "the input cannot be read",
            Self::Empty => "there is nothing to make a catalog of",
            Self::Rejected => "some rows were rejected",
            Self::Embedding => "a text could not be embedded",
            Self::Output => "the catalog could not be written",
        }
    }
}

impl CatalogError {
    pub(crate) fn new(kind: CatalogErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> CatalogErrorKind {
        self.kind
    }

    /// A stable name of the kind, the same on every face of the library.
    pub fn code(&self) -> &'static str {
        match self.kind {
            CatalogErrorKind::NotACatalog => "not-a-catalog",
            CatalogErrorKind::WebPage => "catalog-web-page",
            CatalogErrorKind::TooNew { .. } => "catalog-too-new",
            CatalogErrorKind::Truncated { .. } => "catalog-truncated",
            CatalogErrorKind::Damaged => "catalog-damaged",
            CatalogErrorKind::UnknownFile => "catalog-unknown-file",
            CatalogErrorKind::MissingFile => "catalog-missing-file",
            CatalogErrorKind::Inconsistent => "catalog-inconsistent",
            CatalogErrorKind::WrongModel => "catalog-wrong-model",
            CatalogErrorKind::Schema => "schema-invalid",
            CatalogErrorKind::UnknownColumn => "schema-unknown-column",
            CatalogErrorKind::Input => "input-unreadable",
            CatalogErrorKind::Empty => "input-empty",
            CatalogErrorKind::Rejected => "rows-rejected",
            CatalogErrorKind::Embedding => "embedding-failed",
            CatalogErrorKind::Output => "output-failed",
        }
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.summary(), self.context)
    }
}

impl Error for CatalogError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// `a, b, c` for messages that list what is known; `(none)` when there is nothing to list.
pub(crate) fn listing<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let mut out = String::new();
    for name in names {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(name.as_ref());
    }
    if out.is_empty() { "(none)".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_kinds_share_a_text_or_a_code() {
        use CatalogErrorKind as K;
        let kinds = [
            K::NotACatalog,
            K::WebPage,
            K::TooNew { found: 2, readable: 1 },
            K::Truncated { at: 1 },
            K::Damaged,
            K::UnknownFile,
            K::MissingFile,
            K::Inconsistent,
            K::WrongModel,
            K::Schema,
            K::UnknownColumn,
            K::Input,
            K::Empty,
            K::Rejected,
            K::Embedding,
            K::Output,
        ];
        let texts: HashSet<String> = kinds.iter().map(|&kind| CatalogError::new(kind, "x").to_string()).collect();
        let codes: HashSet<&str> = kinds.iter().map(|&kind| CatalogError::new(kind, "x").code()).collect();
        assert_eq!(texts.len(), kinds.len());
        assert_eq!(codes.len(), kinds.len());
    }
}
