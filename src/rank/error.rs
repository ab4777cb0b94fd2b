//! Why a ranking call was refused.

use std::fmt;

/// A ranking call that cannot be answered as it was asked. Nothing was changed.
#[derive(Debug)]
pub struct RankError {
    kind: RankErrorKind,
    message: String,
}

/// What was wrong, for code that has to tell one case from another.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RankErrorKind {
    /// An option of a name that nobody knows.
    UnknownOption,
    /// An option with a value it cannot have.
    BadOption,
    /// A weight of a name that this catalog does not have.
    UnknownWeight,
    /// A weight that is not finite, too large, or negative where that would turn its meaning around.
    BadWeight,
    /// A filter that does not follow the grammar.
    BadFilter,
    /// A filter on a column that the catalog does not have.
    UnknownColumn,
    /// A filter that compares a column with something of another type.
    WrongType,
    /// No item of the catalog has this id.
    UnknownItem,
    /// A cursor that no call returned, a damaged one, or one from another version of the catalog.
    BadCursor,
    /// A scenario that the catalog does not have.
    UnknownScenario,
    /// A segment that the catalog does not have.
    UnknownSegment,
    /// No event of the profile has this id.
    UnknownEvent,
    /// A query vector of the wrong length, with no direction, or not finite.
    BadQuery,
    /// The catalog has nothing that the call needs (no text space to search in), or names a space like a built-in term.
    UnfitCatalog,
    /// Products that the call needs are made elsewhere and not at hand yet (see [`Ahead`](crate::Ahead)): have what the scorer
    /// wants made and call again. Never from a scorer that computes by itself.
    Pending,
}

impl RankError {
    pub(crate) fn new(kind: RankErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn pending() -> Self {
        Self::new(
            RankErrorKind::Pending,
            "expected products at hand, they are still to be made on the device that makes them",
        )
    }

    /// Which case this is.
    pub fn kind(&self) -> RankErrorKind {
        self.kind
    }

    /// A name for this case that stays the same from version to version; the JavaScript border and `--json` use it.
    pub fn code(&self) -> &'static str {
        match self.kind {
            RankErrorKind::UnknownOption => "unknown-option",
            RankErrorKind::BadOption => "option",
            RankErrorKind::UnknownWeight => "unknown-weight",
            RankErrorKind::BadWeight => "weight",
            RankErrorKind::BadFilter => "filter",
            RankErrorKind::UnknownColumn => "unknown-column",
            RankErrorKind::WrongType => "filter-type",
            RankErrorKind::UnknownItem => "unknown-item",
            RankErrorKind::BadCursor => "cursor",
            RankErrorKind::UnknownScenario => "unknown-scenario",
            RankErrorKind::UnknownSegment => "unknown-segment",
            RankErrorKind::UnknownEvent => "unknown-event",
            RankErrorKind::BadQuery => "query-vector",
            RankErrorKind::UnfitCatalog => "catalog-unfit",
            RankErrorKind::Pending => "products-pending",
        }
    }
}

impl fmt::Display for RankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RankError {}

/// "`a`, `b` and `c`", for messages that list what is known.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// A JSON value as a message shows it: its type, and the value itself if it is short.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    use serde_json::Value;
    let kind = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => "the boolean",
        Value::Number(_) => "the number",
        Value::String(_) => "the string",
        Value::Array(_) => "the list",
        Value::Object(_) => "the object",
    };
    let text = value.to_string();
    /// Longer values say no more than their beginning does.
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{kind} {}…", &text[..end]),
        None => format!("{kind} {text}"),
    }
}
