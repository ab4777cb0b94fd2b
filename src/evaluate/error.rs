//! Why an evaluation could not be made.

use std::fmt;

use crate::collaborative::PrivacyError;

/// An evaluation that cannot be made as it was asked for.
#[derive(Debug)]
pub struct EvaluateError {
    kind: EvaluateErrorKind,
    message: String,
}

/// What was wrong.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluateErrorKind {
    /// No person has both something known and something to be guessed.
    NothingToJudge,
    /// A setting that cannot be read, or that the catalog refuses.
    BadSetting,
    /// What is promised to people cannot be kept on this machine.
    Privacy,
}

impl EvaluateError {
    pub(crate) fn setting(message: impl Into<String>) -> Self {
        Self { kind: EvaluateErrorKind::BadSetting, message: message.into() }
    }

    pub(crate) fn nothing(message: impl Into<String>) -> Self {
        Self { kind: EvaluateErrorKind::NothingToJudge, message: message.into() }
    }

    pub(crate) fn privacy(error: &PrivacyError) -> Self {
        Self { kind: EvaluateErrorKind::Privacy, message: error.to_string() }
    }

    /// Which case this is.
    pub fn kind(&self) -> EvaluateErrorKind {
        self.kind
    }

    /// A name for this case that stays the same from version to version.
    pub fn code(&self) -> &'static str {
        match self.kind {
            EvaluateErrorKind::NothingToJudge => "nothing-to-judge",
            EvaluateErrorKind::BadSetting => "setting",
            EvaluateErrorKind::Privacy => "privacy",
        }
    }
}

impl fmt::Display for EvaluateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvaluateError {}
