//! A snapshot within a profile's database: how it is kept, and how it is read with the events that it lacks, each in one transaction.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbObjectStore, IdbRequest};

use super::indexed_db_layout::{REVISION, SINCE, SNAPSHOT, Stores, records_of};
use super::json;
use crate::store::{Since, Snapshot};

const BYTES: &str = "bytes";

impl Stores {
    /// Keeps the value of bytes of a revision ([`value_of`]), if that is still the one there. Whether it was, is there at the end of the
    /// transaction.
    pub(super) fn keep_snapshot(&self, value: &JsValue, revision: f64) -> Result<Rc<Cell<bool>>, JsValue> {
        let kept = Rc::new(Cell::new(false));
        let (done, meta, value) = (Rc::clone(&kept), self.meta.clone(), value.clone());
        self.then(&self.meta.get(&REVISION.into())?, move |found| {
            if found.as_f64() == Some(revision) {
                meta.put_with_key(&value, &SNAPSHOT.into())?;
                meta.put_with_key(&json::to_js(&Since::kept_at(revision))?, &SINCE.into())?;
                done.set(true);
            }
            Ok(())
        });
        Ok(kept)
    }

    /// Asks for a snapshot and the events that it lacks. They are there at the end of the transaction.
    pub(super) fn read_snapshot(&self) -> Result<Reading, JsValue> {
        let revision = self.meta.get(&REVISION.into())?;
        let snapshot = self.meta.get(&SNAPSHOT.into())?;
        let lacking = Rc::new(RefCell::new(None));
        let reading = Reading { revision, snapshot, lacking: Rc::clone(&lacking) };
        let (asked, events) = (reading.clone(), self.events.clone());
        self.then(&self.meta.get(&SINCE.into())?, move |since| {
            if let Some(ids) = asked.ids(&since) {
                let requests = ids.iter().map(|id| events.get(&id.into())).collect::<Result<_, JsValue>>()?;
                lacking.replace(Some(Lacking { ids, requests }));
            }
            Ok(())
        });
        Ok(reading)
    }
}

/// A snapshot that is being read.
#[derive(Clone)]
pub(super) struct Reading {
    revision: IdbRequest,
    snapshot: IdbRequest,
    /// None: it is of no use.
    lacking: Rc<RefCell<Option<Lacking>>>,
}

/// The events that it lacks.
struct Lacking {
    ids: Vec<String>,
    /// One for each of them.
    requests: Vec<IdbRequest>,
}

impl Reading {
    /// Which events the snapshot lacks.
    fn ids(&self, since: &JsValue) -> Option<Vec<String>> {
        let revision = self.revision.result().ok()?.as_f64()?;
        let of = Reflect::get(&self.snapshot.result().ok()?, &REVISION.into()).ok()?.as_f64()?;
        since_of(since)?.between(of, revision)
    }

    /// What was read, and the revision that it comes to. None: not all of it is there and whole.
    pub(super) fn found(&self) -> Option<(f64, Snapshot)> {
        let Lacking { ids, requests } = self.lacking.take()?;
        let values = Array::new();
        for request in requests {
            let value = request.result().ok()?;
            if value.is_undefined() {
                return None;
            }
            values.push(&value);
        }
        let since = records_of(&ids.iter().map(JsValue::from).collect(), &values).ok()?;
        let snapshot = self.snapshot.result().ok()?;
        let bytes: Uint8Array = Reflect::get(&snapshot, &BYTES.into()).ok()?.dyn_into().ok()?;
        Some((self.revision.result().ok()?.as_f64()?, Snapshot { bytes: bytes.to_vec(), since }))
    }
}

/// What is written down beside a snapshot, of its value. None: nothing that can be read.
pub(super) fn since_of(value: &JsValue) -> Option<Since> {
    json::from_js(value).ok()
}

/// Removes a snapshot that can no longer be gone on from, and with it all that it tells of events that may be gone.
pub(super) fn forget(meta: &IdbObjectStore) -> Result<(), JsValue> {
    meta.delete(&SNAPSHOT.into())?;
    meta.delete(&SINCE.into()).map(|_| ())
}

/// Bytes and the revision that they are of, as a value.
pub(super) fn value_of(bytes: &[u8], revision: f64) -> Result<JsValue, JsValue> {
    let value = Object::new();
    Reflect::set(&value, &REVISION.into(), &revision.into())?;
    Reflect::set(&value, &BYTES.into(), &Uint8Array::from(bytes))?;
    Ok(value.into())
}
