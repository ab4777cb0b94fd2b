//! Arrow and Parquet decoders take offsets on trust and panic on damaged files; here that is bad input like any other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use arrow_schema::ArrowError;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Why input cannot be decoded.
pub(crate) enum Undecodable {
    /// The decoder says so.
    Error(ArrowError),
    /// The decoder panicked.
    Panic,
}

impl Undecodable {
    /// For people.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Error(error) => format!("it is damaged or incomplete ({error})"),
            Self::Panic => "it is damaged: its parts do not fit together".to_owned(),
        }
    }
}

/// What `decode` gives, whatever it does.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, Undecodable> {
    DECODING.set(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    decoded.map_err(|_| Undecodable::Panic)?.map_err(Undecodable::Error)
}

/// Says nothing of a panic that [`guarded`] turns into an error. For programs: a library leaves its host's hook alone.
pub(crate) fn silence_guarded_panics() {
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        if !DECODING.get() {
            before(panic);
        }
    }));
}
