//! Where is it kept? Records by id, in memory here; the browser's database is in the wasm layer.
//!
//! A store knows nothing of what it keeps: a [`Record`] is an id and a JSON value. Whoever keeps events turns them into
//! records and back.
//!
//! ```
//! # use homebody::{EventStore, MemoryStore, Record};
//! # fn ready<T>(future: impl Future<Output = T>) -> T {
//! #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! #     let std::task::Poll::Ready(value) = std::pin::pin!(future).poll(&mut context) else { panic!("memory never waits") };
//! #     value
//! # }
//! let store = MemoryStore::new();
//! ready(store.append(&[Record { id: "1".into(), value: "kept".into() }]))?;
//! assert_eq!(ready(store.load())?.len(), 1);
//! ready(store.erase())?;
//! assert_eq!(ready(store.load())?, []);
//! # Ok::<(), homebody::StoreError>(())
//! ```

mod fallback;
mod memory;
mod since;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use fallback::Fallback;
pub use memory::MemoryStore;
pub(crate) use since::Since;

/// One thing kept: its id and whatever it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique in the store.
    pub id: String,
    /// What is kept.
    pub value: serde_json::Value,
}

/// Bytes that were made of the records, and what has been added to these since.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// As they were kept.
    pub bytes: Vec<u8>,
    /// The records that they were not made of, ascending by id. They and the records that the bytes were made of are all that there are.
    pub since: Vec<Record>,
}

/// What a store keeps its records in.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// Gone when the page or the program ends.
    Memory,
    /// The browser's database: there until it is erased.
    IndexedDb,
}

/// A place for records. When a call has ended well, what it did is as durable as the store's kind can make it.
// Futures without `Send`: the browser's own are not, and nothing here crosses threads.
#[allow(async_fn_in_trait)]
pub trait EventStore {
    /// All records, ascending by id.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    async fn load(&self) -> Result<Vec<Record>, StoreError>;
    /// Adds records, all or none. A record whose id is there already is left as it is: records never change.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was added.
    async fn append(&self, records: &[Record]) -> Result<(), StoreError>;
    /// Removes records, all or none. An id that is not there is no error.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was removed.
    async fn remove(&self, ids: &[String]) -> Result<(), StoreError>;
    /// Removes everything, and the store's own traces as far as it has any.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    async fn erase(&self) -> Result<(), StoreError>;
    /// The bytes that were last kept beside the records, with the records that were added since. Nothing once a record was removed, or more
    /// were added than are worth looking up one by one.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    async fn snapshot(&self) -> Result<Option<Snapshot>, StoreError>;
    /// Keeps bytes that were made of the records, in place of those before; gone once a record is removed, and erased with all of them. The
    /// records are those that this store has handed out, taken and removed by the beginning of the call: if
    /// somebody else changed them since, nothing is kept, and the answer is false.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was kept.
    async fn keep_snapshot(&self, bytes: &[u8]) -> Result<bool, StoreError>;
    /// What the records are kept in.
    fn kind(&self) -> StorageKind;
}

/// A store that could not do what it was asked to.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong in a store.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The store may not be used here: refused by the browser or its settings.
    Refused,
    /// The connection to the store was lost; what was asked may not have been done.
    Lost,
    /// There is no room left.
    Full,
    /// What is kept cannot be read back.
    Unreadable,
}

impl StoreError {
    /// An error of this kind; the message says what was expected, what came and what to do.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Which case this is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// A name for this case that stays the same from version to version.
    pub fn code(&self) -> &'static str {
        match self.kind {
            StoreErrorKind::Refused => "storage-refused",
            StoreErrorKind::Lost => "storage-lost",
            StoreErrorKind::Full => "storage-full",
            StoreErrorKind::Unreadable => "storage-unreadable",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
