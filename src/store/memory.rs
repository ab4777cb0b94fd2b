//! A store in memory: for programs, tests, and browsers that refuse every other.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::{EventStore, Record, StorageKind, StoreError};

/// Keeps records until it is dropped. Its futures never wait.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: RefCell<BTreeMap<String, serde_json::Value>>,
    snapshot: RefCell<Option<Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl EventStore for MemoryStore {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        let records = self.records.borrow();
        Ok(records.iter().map(|(id, value)| Record { id: id.clone(), value: value.clone() }).collect())
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        self.snapshot.take();
        let mut kept = self.records.borrow_mut();
        for record in records {
            kept.entry(record.id.clone()).or_insert_with(|| record.value.clone());
        }
        Ok(())
    }

    async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        self.snapshot.take();
        let mut kept = self.records.borrow_mut();
        for id in ids {
            kept.remove(id);
        }
        Ok(())
    }

    async fn erase(&self) -> Result<(), StoreError> {
        self.snapshot.take();
        self.records.borrow_mut().clear();
        Ok(())
    }

    async fn snapshot(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.snapshot.borrow().clone())
    }

    async fn keep_snapshot(&self, bytes: &[u8]) -> Result<bool, StoreError> {
        self.snapshot.replace(Some(bytes.to_vec()));
        Ok(true)
    }

    fn kind(&self) -> StorageKind {
        StorageKind::Memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("memory never waits"),
        }
    }

    fn record(id: &str, value: &str) -> Record {
        Record { id: id.into(), value: value.into() }
    }

    #[test]
    fn records_are_kept_once_and_in_order() {
        let store = MemoryStore::new();
        ready(store.append(&[record("b", "1"), record("a", "2")])).unwrap();
        ready(store.append(&[record("b", "changed"), record("c", "3")])).unwrap();
        assert_eq!(ready(store.load()).unwrap(), [record("a", "2"), record("b", "1"), record("c", "3")]);
        ready(store.remove(&["a".into(), "gone".into()])).unwrap();
        assert_eq!(ready(store.load()).unwrap().len(), 2);
        ready(store.erase()).unwrap();
        assert!(ready(store.load()).unwrap().is_empty());
        assert_eq!(store.kind(), StorageKind::Memory);
    }

    #[test]
    fn a_snapshot_lasts_as_long_as_its_records() {
        let store = MemoryStore::new();
        let kept = || ready(store.snapshot()).unwrap();
        assert_eq!(kept(), None);
        for change in 0..3 {
            assert!(ready(store.keep_snapshot(b"derived")).unwrap());
            assert_eq!(kept().as_deref(), Some(&b"derived"[..]));
            match change {
                0 => ready(store.append(&[record("a", "1")])).unwrap(),
                1 => ready(store.remove(&["a".into()])).unwrap(),
                _ => ready(store.erase()).unwrap(),
            }
            assert_eq!(kept(), None);
        }
    }
}
