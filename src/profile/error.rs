//! Why an event or a profile document was refused.

use std::fmt;

/// An event or a profile document that cannot be used. The log it was meant for is unchanged.
#[derive(Debug)]
pub struct ProfileError {
    kind: ProfileErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What was wrong, for code that has to tell one case from another.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileErrorKind {
    /// The event type is in nobody's table of effects.
    UnknownEventType,
    /// No item of the catalog has this id.
    UnknownItem,
    /// No event of the log has this id.
    UnknownEvent,
    /// The event's value is missing, not finite, or out of its type's range.
    BadValue,
    /// The event's time is no plausible moment in milliseconds since 1970.
    BadTime,
    /// An id is empty or too long.
    BadId,
    /// A table of effects has a number out of its range.
    BadEffects,
    /// The bytes are no profile document at all.
    NotAProfile,
    /// A profile document of a version that this library cannot read yet.
    TooNew,
    /// A profile document that was cut off or changed after it was written.
    Damaged,
}

impl ProfileError {
    pub(crate) fn new(kind: ProfileErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Which case this is.
    pub fn kind(&self) -> ProfileErrorKind {
        self.kind
    }

    /// A name for this case that stays the same from version to version; the JavaScript border and `--json` use it.
    pub fn code(&self) -> &'static str {
        match self.kind {
            ProfileErrorKind::UnknownEventType => "unknown-event-type",
            ProfileErrorKind::UnknownItem => "unknown-item",
            ProfileErrorKind::UnknownEvent => "unknown-event",
            ProfileErrorKind::BadValue => "event-value",
            ProfileErrorKind::BadTime => "event-time",
            ProfileErrorKind::BadId => "event-id",
            ProfileErrorKind::BadEffects => "effects",
            ProfileErrorKind::NotAProfile => "profile-format",
            ProfileErrorKind::TooNew => "profile-too-new",
            ProfileErrorKind::Damaged => "profile-damaged",
        }
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProfileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
