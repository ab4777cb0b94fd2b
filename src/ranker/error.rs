//! Why a ranker could not be read or run.

use std::fmt;

/// A ranker that cannot be read, or that does not fit the catalog. The ranking goes without it.
#[derive(Debug)]
pub struct RankerError {
    kind: RankerErrorKind,
    message: String,
}

/// What was wrong.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RankerErrorKind {
    /// The JSON is no description of a ranker.
    Description,
    /// The description is of a newer version.
    TooNew,
    /// The model file is no ONNX model.
    NotOnnx,
    /// The model uses an operator that cannot be run here.
    Operator,
    /// The model has other inputs or outputs than a ranker has.
    Inputs,
    /// The model takes a feature that the catalog does not have.
    UnknownFeature,
    /// The model failed while running.
    Run,
}

impl RankerError {
    pub(crate) fn new(kind: RankerErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Which case this is.
    pub fn kind(&self) -> RankerErrorKind {
        self.kind
    }

    /// A name for this case that stays the same from version to version.
    pub fn code(&self) -> &'static str {
        match self.kind {
            RankerErrorKind::Description => "ranker",
            RankerErrorKind::TooNew => "ranker-too-new",
            RankerErrorKind::NotOnnx => "ranker-not-onnx",
            RankerErrorKind::Operator => "ranker-operator",
            RankerErrorKind::Inputs => "ranker-inputs",
            RankerErrorKind::UnknownFeature => "ranker-feature",
            RankerErrorKind::Run => "ranker-run",
        }
    }
}

impl fmt::Display for RankerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RankerError {}
