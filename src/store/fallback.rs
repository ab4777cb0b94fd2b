//! A durable store with memory behind it: when the durable one fails, everything known goes on in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::{EventStore, MemoryStore, Record, Snapshot, StorageKind, StoreError};

/// Keeps records in a durable store as long as that works, and from its first failure on in memory.
///
/// A snapshot is only ever that of the durable store: memory has none, and to be without one is no failure. What it stands for has to be
/// [`load`](EventStore::load)ed to be known here.
///
/// Nothing that was loaded or appended is lost to the session when that happens; what happens afterwards ends with it.
/// [`Fallback::kind`](EventStore::kind) and [`Fallback::notes`] tell. Removing and erasing always reach for the durable store too,
/// and fail when that cannot be changed: a person must not be told that something is gone which is not.
#[derive(Debug)]
pub struct Fallback<S> {
    /// None: memory is what was asked for.
    durable: Option<S>,
    /// The same records as the durable store, as far as they are known here.
    memory: MemoryStore,
    failed: Cell<bool>,
    /// Records that the durable store never took.
    only_here: RefCell<BTreeSet<String>>,
    notes: RefCell<Vec<String>>,
}

impl<S: EventStore> Fallback<S> {
    /// Begins with the durable store.
    pub fn new(durable: S) -> Self {
        Self { durable: Some(durable), ..Self::in_memory() }
    }

    /// Memory from the beginning, because nothing is to be left behind.
    pub fn in_memory() -> Self {
        Self {
            durable: None,
            memory: MemoryStore::new(),
            failed: Cell::new(false),
            only_here: RefCell::default(),
            notes: RefCell::default(),
        }
    }

    /// What did not go as it should, one sentence or more each.
    pub fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// The durable store, as long as it is of use.
    fn working(&self) -> Option<&S> {
        self.durable.as_ref().filter(|_| !self.failed.get())
    }

    fn fall_back(&self, error: &StoreError) {
        // Two calls under way at once may both fail; once is enough to say so.
        if !self.failed.replace(true) {
            let note = format!("Events are kept in memory only, until the page is closed: {error}.");
            self.notes.borrow_mut().push(note);
        }
    }
}

impl<S: EventStore> EventStore for Fallback<S> {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        if let Some(durable) = self.working() {
            match durable.load().await {
                Ok(records) => {
                    self.memory.erase().await?;
                    self.memory.append(&records).await?;
                    return Ok(records);
                }
                Err(error) => self.fall_back(&error),
            }
        }
        self.memory.load().await
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        if let Some(durable) = self.working()
            && let Err(error) = durable.append(records).await
        {
            self.fall_back(&error);
        }
        if self.failed.get() {
            self.only_here.borrow_mut().extend(records.iter().map(|record| record.id.clone()));
        }
        self.memory.append(records).await
    }

    async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        if let Some(durable) = &self.durable
            && let Err(error) = durable.remove(ids).await
        {
            // An append that failed may have come through all the same, so it is tried; but only what was there has to go.
            if ids.iter().any(|id| !self.only_here.borrow().contains(id)) {
                return Err(error);
            }
        }
        self.memory.remove(ids).await
    }

    async fn erase(&self) -> Result<(), StoreError> {
        self.memory.erase().await?;
        match &self.durable {
            Some(durable) => durable.erase().await,
            None => Ok(()),
        }
    }

    async fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        match self.working() {
            // Whoever cannot have it loads the records, and then learns whether the store is of use.
            Some(durable) => Ok(durable.snapshot().await.unwrap_or(None)),
            None => Ok(None),
        }
    }

    async fn keep_snapshot(&self, bytes: &[u8]) -> Result<bool, StoreError> {
        match self.working() {
            Some(durable) => durable.keep_snapshot(bytes).await,
            None => Ok(false),
        }
    }

    fn kind(&self) -> StorageKind {
        self.working().map_or(StorageKind::Memory, EventStore::kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;
    use std::pin::pin;
    use std::rc::Rc;
    use std::task::{Context, Poll, Waker};

    fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    /// A store that can be unplugged.
    #[derive(Default)]
    struct Plugged {
        inner: MemoryStore,
        unplugged: Rc<Cell<bool>>,
    }

    impl Plugged {
        fn check(&self) -> Result<(), StoreError> {
            match self.unplugged.get() {
                true => Err(StoreError::new(StoreErrorKind::Lost, "the plug was pulled")),
                false => Ok(()),
            }
        }
    }

    impl EventStore for Plugged {
        async fn load(&self) -> Result<Vec<Record>, StoreError> {
            self.check()?;
            self.inner.load().await
        }
        async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
            self.check()?;
            self.inner.append(records).await
        }
        async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
            self.check()?;
            self.inner.remove(ids).await
        }
        async fn erase(&self) -> Result<(), StoreError> {
            self.check()?;
            self.inner.erase().await
        }
        async fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
            self.check()?;
            self.inner.snapshot().await
        }
        async fn keep_snapshot(&self, bytes: &[u8]) -> Result<bool, StoreError> {
            self.check()?;
            self.inner.keep_snapshot(bytes).await
        }
        fn kind(&self) -> StorageKind {
            StorageKind::IndexedDb
        }
    }

    fn record(id: &str) -> Record {
        Record { id: id.into(), value: id.into() }
    }

    fn behind(store: &Fallback<Plugged>) -> &Plugged {
        store.durable.as_ref().unwrap()
    }

    fn ids(store: &impl EventStore) -> String {
        ready(store.load()).unwrap().into_iter().map(|record| record.id).collect()
    }

    #[test]
    fn all_is_kept_when_the_durable_store_fails() {
        let durable = Plugged::default();
        let unplugged = Rc::clone(&durable.unplugged);
        ready(durable.append(&[record("a")])).unwrap();
        let store = Fallback::new(durable);
        assert_eq!(ids(&store), "a");
        ready(store.append(&[record("b")])).unwrap();
        assert_eq!((store.kind(), store.notes().len()), (StorageKind::IndexedDb, 0));

        unplugged.set(true);
        ready(store.append(&[record("c")])).unwrap();
        assert_eq!(ids(&store), "abc");
        assert_eq!(store.kind(), StorageKind::Memory);
        let notes = store.notes();
        assert!(notes.len() == 1 && notes[0].contains("the plug was pulled"), "{notes:?}");

        // What the durable store missed makes it no good to go back to.
        unplugged.set(false);
        ready(store.append(&[record("d")])).unwrap();
        assert_eq!((ids(&store), ids(behind(&store))), ("abcd".into(), "ab".into()));
        assert_eq!(store.kind(), StorageKind::Memory);
    }

    #[test]
    fn what_is_removed_does_not_come_back_with_the_next_visit() {
        let store = Fallback::new(Plugged::default());
        ready(store.append(&[record("a"), record("b")])).unwrap();
        let unplugged = Rc::clone(&behind(&store).unplugged);
        unplugged.set(true);
        assert_eq!(ready(store.remove(&["a".into()])).unwrap_err().code(), "storage-lost");
        assert_eq!(ids(&store), "ab", "what was not removed is still there");

        // What was recorded since is here alone, and can go.
        ready(store.append(&[record("c")])).unwrap();
        ready(store.remove(&["c".into()])).unwrap();
        assert!(ready(store.remove(&["b".into()])).is_err());
        unplugged.set(false);
        ready(store.remove(&["a".into()])).unwrap();
        assert_eq!((ids(&store), ids(behind(&store))), ("b".into(), "b".into()));
    }

    #[test]
    fn what_others_wrote_is_seen_and_what_they_removed_is_gone() {
        let store = Fallback::new(Plugged::default());
        ready(store.append(&[record("a")])).unwrap();
        ready(behind(&store).append(&[record("b")])).unwrap();
        ready(behind(&store).remove(&["a".into()])).unwrap();
        assert_eq!(ids(&store), "b");
        behind(&store).unplugged.set(true);
        assert_eq!(ids(&store), "b");
    }

    #[test]
    fn to_be_without_a_snapshot_is_no_failure() {
        let store = Fallback::new(Plugged::default());
        assert!(ready(store.keep_snapshot(b"derived")).unwrap());
        assert_eq!(ready(store.snapshot()).unwrap().unwrap().bytes, b"derived");
        behind(&store).unplugged.set(true);
        assert_eq!(ready(store.snapshot()).unwrap(), None);
        assert!(ready(store.keep_snapshot(b"derived")).is_err());
        assert_eq!((store.kind(), store.notes().len()), (StorageKind::IndexedDb, 0));
        let memory = Fallback::<Plugged>::in_memory();
        assert!(!ready(memory.keep_snapshot(b"derived")).unwrap());
        assert_eq!(ready(memory.snapshot()).unwrap(), None);
    }

    #[test]
    fn memory_that_was_asked_for_is_no_failure() {
        let store = Fallback::<Plugged>::in_memory();
        ready(store.append(&[record("a")])).unwrap();
        assert_eq!((ids(&store), store.kind(), store.notes().len()), ("a".into(), StorageKind::Memory, 0));
        ready(store.erase()).unwrap();
        assert_eq!(ids(&store), "");
    }

    #[test]
    fn erasing_fails_when_something_is_left() {
        let store = Fallback::new(Plugged::default());
        ready(store.append(&[record("a")])).unwrap();
        behind(&store).unplugged.set(true);
        assert_eq!(ready(store.erase()).unwrap_err().code(), "storage-lost");
        behind(&store).unplugged.set(false);
        ready(store.erase()).unwrap();
        assert_eq!((ids(&store), ids(behind(&store))), (String::new(), String::new()));
    }
}
