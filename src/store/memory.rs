//! A store in memory: for programs, tests, and browsers that refuse every other.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{EventStore, Record, Since, Snapshot, StorageKind, StoreError};

/// Keeps records until the last handle on them is dropped. Its futures never wait.
#[derive(Debug)]
pub struct MemoryStore {
    kept: Rc<RefCell<Kept>>,
    /// The revision whose records are those that were handed out, taken and removed by this handle.
    known: Cell<Option<f64>>,
}

#[derive(Debug, Default)]
struct Kept {
    records: BTreeMap<String, serde_json::Value>,
    /// How often the records changed.
    revision: f64,
    beside: Option<Beside>,
}

/// A snapshot, the revision that it is of, and what is written down beside it.
#[derive(Debug)]
struct Beside {
    bytes: Vec<u8>,
    revision: f64,
    since: Since,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self { kept: Rc::default(), known: Cell::new(Some(0.0)) }
    }

    /// Another handle on the same records, such as another tab of a browser has one.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { kept: Rc::clone(&self.kept), known: Cell::new(None) }
    }

    /// Changes the records and counts it; `since` is what is then written down beside a snapshot.
    fn change(
        &self,
        since: impl FnOnce(Since, f64) -> Option<Since>,
        work: impl FnOnce(&mut BTreeMap<String, serde_json::Value>),
    ) {
        let mut kept = self.kept.borrow_mut();
        let before = kept.revision;
        kept.beside = kept.beside.take().and_then(|it| Some(Beside { since: since(it.since, before)?, ..it }));
        work(&mut kept.records);
        kept.revision += 1.0;
        self.known.set(self.known.get().filter(|known| *known == before).map(|known| known + 1.0));
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl EventStore for MemoryStore {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        let kept = self.kept.borrow();
        self.known.set(Some(kept.revision));
        Ok(kept.records.iter().map(|(id, value)| Record { id: id.clone(), value: value.clone() }).collect())
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        self.change(
            |since, revision| since.and(revision, &ids),
            |kept| {
                for record in records {
                    kept.entry(record.id.clone()).or_insert_with(|| record.value.clone());
                }
            },
        );
        Ok(())
    }

    async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        self.change(
            |_, _| None,
            |kept| {
                for id in ids {
                    kept.remove(id);
                }
            },
        );
        Ok(())
    }

    async fn erase(&self) -> Result<(), StoreError> {
        self.change(|_, _| None, BTreeMap::clear);
        self.known.set(Some(self.kept.borrow().revision));
        Ok(())
    }

    async fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let kept = self.kept.borrow();
        let found = kept.beside.as_ref().and_then(|Beside { bytes, revision, since }| {
            let ids = since.clone().between(*revision, kept.revision)?;
            let record = |id: String| Some(Record { value: kept.records.get(&id)?.clone(), id });
            Some(Snapshot { bytes: bytes.clone(), since: ids.into_iter().map(record).collect::<Option<_>>()? })
        });
        if found.is_some() {
            self.known.set(Some(kept.revision));
        }
        Ok(found)
    }

    async fn keep_snapshot(&self, bytes: &[u8]) -> Result<bool, StoreError> {
        let mut kept = self.kept.borrow_mut();
        let fits = self.known.get() == Some(kept.revision);
        if fits {
            let revision = kept.revision;
            kept.beside = Some(Beside { bytes: bytes.to_vec(), revision, since: Since::kept_at(revision) });
        }
        Ok(fits)
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
    fn a_snapshot_is_given_with_what_was_added_since_and_ends_when_anything_is_removed() {
        let store = MemoryStore::new();
        let kept = || ready(store.snapshot()).unwrap();
        let since = || kept().map(|kept| kept.since.into_iter().map(|record| record.id).collect::<String>());
        assert_eq!(kept(), None);
        ready(store.append(&[record("a", "1")])).unwrap();
        for erased in [false, true] {
            assert!(ready(store.keep_snapshot(b"derived")).unwrap());
            assert_eq!(kept(), Some(Snapshot { bytes: b"derived".into(), since: vec![] }));
            ready(store.append(&[record("c", "3"), record("b", "2")])).unwrap();
            ready(store.append(&[record("c", "changed")])).unwrap();
            let added = vec![record("b", "2"), record("c", "3")];
            assert_eq!(kept(), Some(Snapshot { bytes: b"derived".into(), since: added }));
            match erased {
                false => ready(store.remove(&["b".into()])).unwrap(),
                true => ready(store.erase()).unwrap(),
            }
            assert_eq!(kept(), None);
            ready(store.append(&[record("d", "4")])).unwrap();
            assert_eq!(kept(), None);
        }
        assert!(ready(store.keep_snapshot(b"derived")).unwrap());
        let many: Vec<Record> = (0..300).map(|at| record(&format!("{at}"), "one")).collect();
        ready(store.append(&many[..100])).unwrap();
        assert_eq!(since().map(|ids| ids.len()), Some(190), "ten of one digit, ninety of two");
        ready(store.append(&many[100..])).unwrap();
        assert_eq!(kept(), None, "too many to look them up one by one");
    }

    #[test]
    fn a_handle_keeps_a_snapshot_only_of_what_it_knows() {
        let (store, mut others) = (MemoryStore::new(), vec![]);
        ready(store.append(&[record("a", "1")])).unwrap();
        for at in 0..3 {
            let other = store.another();
            assert!(!ready(other.keep_snapshot(b"of nothing")).unwrap());
            assert!(ready(store.keep_snapshot(b"derived")).unwrap());
            match at {
                0 => ready(other.append(&[record("b", "2")])).unwrap(),
                1 => ready(other.remove(&["a".into()])).unwrap(),
                _ => ready(other.erase()).unwrap(),
            }
            assert!(!ready(store.keep_snapshot(b"without it")).unwrap());
            let found = ready(store.snapshot()).unwrap();
            let ids = |found: Snapshot| found.since.into_iter().map(|record| record.id).collect::<String>();
            assert_eq!(found.map(ids), (at == 0).then(|| "b".into()));
            ready(store.load()).unwrap();
            assert!(ready(store.keep_snapshot(b"derived")).unwrap());
            others.push(other);
        }
        assert!(!ready(others[0].keep_snapshot(b"of what it had")).unwrap());
    }
}
