//! What can go wrong with vectors, and what to do about it.

use std::fmt;

/// Why a vector operation was refused. The text says what was expected, what came and what to do.
#[derive(Debug)]
pub struct VectorError {
    kind: VectorErrorKind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`VectorError`]; more may follow.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VectorErrorKind {
    /// A number of dimensions outside 2..=4096.
    Dims {
        /// What was asked for.
        dims: usize,
    },
    /// A query or row of another length than the set has.
    Length {
        /// Values a row (or an output) must have.
        expected: usize,
        /// Values that came.
        found: usize,
    },
    /// Values that do not make up whole rows.
    PartialRow {
        /// Values per row.
        dims: usize,
        /// Values that came.
        values: usize,
    },
    /// A NaN, an infinity, or a vector longer than [`MAX_NORM`](super::MAX_NORM).
    NotFinite {
        /// Which row of those that were handed in.
        row: usize,
    },
    /// int8 data for a float32 set, or the other way round.
    Precision {
        /// What the set holds.
        set: super::Precision,
    },
    /// A mask made for another number of rows.
    MaskLength {
        /// Rows of the set.
        rows: usize,
        /// Bits of the mask.
        bits: usize,
    },
    /// More scales than rows, or fewer.
    Scales {
        /// Rows that came.
        rows: usize,
        /// Scales that came.
        scales: usize,
    },
    /// A row number at or beyond the end.
    Row {
        /// What was asked for.
        row: usize,
        /// Rows of the set.
        rows: usize,
    },
    /// An id that the index does not have.
    UnknownId {
        /// The id.
        id: String,
    },
    /// An id that the index has already, or that came twice in one call.
    DuplicateId {
        /// The id.
        id: String,
    },
    /// Another number of ids than of rows.
    Ids {
        /// Rows that came.
        rows: usize,
        /// Ids that came.
        ids: usize,
    },
    /// More rows than one index can number.
    TooMany {
        /// The most that fit.
        limit: usize,
    },
    /// A word that names no choice of an option.
    UnknownOption {
        /// The option.
        option: &'static str,
        /// What came.
        found: String,
        /// What would have been understood.
        known: &'static [&'static str],
    },
    /// `device: "gpu"` was asked for and there is no GPU that answers rightly.
    NoGpu {
        /// What was tried and how it ended.
        reason: String,
    },
}

impl VectorError {
    pub(crate) fn new(kind: VectorErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> &VectorErrorKind {
        &self.kind
    }

    /// A stable name for programs: part of the JavaScript and `--json` interface.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            VectorErrorKind::Dims { .. } => "vector-dims",
            VectorErrorKind::Length { .. } => "vector-length",
            VectorErrorKind::PartialRow { .. } => "vector-partial-row",
            VectorErrorKind::NotFinite { .. } => "vector-not-finite",
            VectorErrorKind::Precision { .. } => "vector-precision",
            VectorErrorKind::MaskLength { .. } => "vector-mask-length",
            VectorErrorKind::Scales { .. } => "vector-scales",
            VectorErrorKind::Row { .. } => "vector-row",
            VectorErrorKind::UnknownId { .. } => "vector-unknown-id",
            VectorErrorKind::DuplicateId { .. } => "vector-duplicate-id",
            VectorErrorKind::Ids { .. } => "vector-ids",
            VectorErrorKind::TooMany { .. } => "vector-too-many",
            VectorErrorKind::UnknownOption { .. } => "vector-unknown-option",
            VectorErrorKind::NoGpu { .. } => "vector-no-gpu",
        }
    }
}

impl From<VectorErrorKind> for VectorError {
    fn from(kind: VectorErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for VectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            VectorErrorKind::Dims { dims } => {
                write!(f, "expected 2 to 4096 dimensions, got {dims}: shorten the vectors or pad them with zeros")
            }
            VectorErrorKind::Length { expected, found } => {
                write!(f, "expected a vector of {expected} values, got {found}: use the model that made the set")
            }
            VectorErrorKind::PartialRow { dims, values } => {
                write!(
                    f,
                    "expected whole rows of {dims} values, got {values} values: cut the input at a multiple of {dims}"
                )
            }
            VectorErrorKind::NotFinite { row } => write!(
                f,
                "vector {row} of the input holds NaN or infinity or is longer than 2^62: leave it out or make it again"
            ),
            VectorErrorKind::Precision { set } => {
                write!(f, "the set holds {} rows, other data came: make a set of the other precision", set.name())
            }
            VectorErrorKind::MaskLength { rows, bits } => {
                write!(f, "expected a mask of {rows} bits, one a row, got {bits}: make the mask for this set")
            }
            VectorErrorKind::Scales { rows, scales } => {
                write!(f, "expected one scale for each of {rows} rows, got {scales}: pass as many scales as rows")
            }
            VectorErrorKind::Row { row, rows } => {
                write!(f, "there is no row {row}: the set has {rows} rows, numbered from 0")
            }
            VectorErrorKind::UnknownId { id } => write!(f, "the index has no id {id:?}: add it first"),
            VectorErrorKind::DuplicateId { id } => {
                write!(f, "id {id:?} is taken: replace it, or leave the second one out")
            }
            VectorErrorKind::Ids { rows, ids } => {
                write!(f, "expected one id for each of {rows} vectors, got {ids}: pass as many ids as vectors")
            }
            VectorErrorKind::TooMany { limit } => {
                write!(f, "an index holds at most {limit} rows: split it into several")
            }
            VectorErrorKind::UnknownOption { option, found, known } => {
                write!(f, "{option} cannot be {found:?}: use one of {}", known.join(", "))
            }
            VectorErrorKind::NoGpu { reason } => {
                write!(f, "no GPU can be used ({reason}): choose device \"auto\" or \"cpu\"")
            }
        }
    }
}

impl std::error::Error for VectorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_share_a_code_or_a_text() {
        let kinds = [
            VectorErrorKind::Dims { dims: 1 },
            VectorErrorKind::Length { expected: 1, found: 1 },
            VectorErrorKind::PartialRow { dims: 1, values: 1 },
            VectorErrorKind::NotFinite { row: 1 },
            VectorErrorKind::Precision { set: super::super::Precision::Int8 },
            VectorErrorKind::MaskLength { rows: 1, bits: 1 },
            VectorErrorKind::Scales { rows: 1, scales: 1 },
            VectorErrorKind::Row { row: 1, rows: 1 },
            VectorErrorKind::UnknownId { id: "1".into() },
            VectorErrorKind::DuplicateId { id: "1".into() },
            VectorErrorKind::Ids { rows: 1, ids: 1 },
            VectorErrorKind::TooMany { limit: 1 },
            VectorErrorKind::UnknownOption { option: "1", found: "1".into(), known: &["1"] },
            VectorErrorKind::NoGpu { reason: "1".into() },
        ];
        let count = kinds.len();
        let errors: Vec<_> = kinds.into_iter().map(VectorError::new).collect();
        let codes: std::collections::BTreeSet<_> = errors.iter().map(VectorError::code).collect();
        let texts: std::collections::BTreeSet<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!((codes.len(), texts.len()), (count, count));
    }
}
