//! Why a subcommand stopped: what it was doing, and the error that came of it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use crate::catalog::CatalogError;
use crate::collaborative::PrivacyError;
use crate::embed::EmbedError;
use crate::evaluate::EvaluateError;
use crate::profile::ProfileError;
use crate::rank::RankError;
use crate::ranker::RankerError;
use crate::store::StoreError;
use crate::vector::VectorError;

/// A message for the person at the terminal, with its cause.
#[derive(Debug)]
pub(crate) struct Failure {
    doing: String,
    code: Option<&'static str>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that explains itself.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { doing: message.into(), code: None, cause: None }
    }

    /// The same, with a name for programs.
    pub(crate) fn with_code(code: &'static str, message: impl Into<String>) -> Self {
        Self { doing: message.into(), code: Some(code), cause: None }
    }

    /// For `map_err`: what was being done, usually with the file's name, when `cause` happened.
    pub(crate) fn while_doing<E: Into<Box<dyn Error + Send + Sync>>>(
        doing: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |cause| Self { doing, code: None, cause: Some(cause.into()) }
    }

    /// A stable name for programs: that of the library's error behind it.
    pub(crate) fn code(&self) -> &'static str {
        self.code.or_else(|| self.chain().find_map(code_of)).unwrap_or("failed")
    }

    /// The causes, the nearest first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        std::iter::successors(self.source(), |&error| error.source())
    }
}

fn code_of(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let known = [
        error.downcast_ref::<CatalogError>().map(CatalogError::code),
        error.downcast_ref::<EmbedError>().map(EmbedError::code),
        error.downcast_ref::<EvaluateError>().map(EvaluateError::code),
        error.downcast_ref::<PrivacyError>().map(PrivacyError::code),
        error.downcast_ref::<ProfileError>().map(ProfileError::code),
        error.downcast_ref::<RankError>().map(RankError::code),
        error.downcast_ref::<RankerError>().map(RankerError::code),
        error.downcast_ref::<StoreError>().map(StoreError::code),
        error.downcast_ref::<VectorError>().map(VectorError::code),
        error.downcast_ref::<io::Error>().map(|error| match error.kind() {
            io::ErrorKind::NotFound => "file-not-found",
            _ => "file-failed",
        }),
    ];
    known.into_iter().flatten().next()
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self { doing: String::new(), code: None, cause: Some(error.into()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.doing.clone();
        for cause in self.chain() {
            let cause = cause.to_string();
            // Some errors say what their source says.
            if !text.contains(&cause) {
                if !text.is_empty() {
                    text.push_str(": ");
                }
                text.push_str(&cause);
            }
        }
        f.write_str(&text)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|c| &**c as &(dyn Error + 'static))
    }
}

/// Reads a whole file, or says which one could not be read.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::while_doing(format!("reading {}", path.display())))
}
