//! What is in a profile's database: the layout, the path from older ones, and how records and values become each other.
//!
//! Two object stores: `events` (key: the event's id; value: the event), which only ever grows but for undo, and `meta`: `schema` says
//! who wrote it, `revision` counts the changes of `events` from some random number on, `snapshot` has bytes that were made of
//! the events and the revision that they are of, and `since` which events were added after that one ([`Since`](crate::store::Since)). A package that knows nothing of
//! `since` leaves it as it is and counts on, by which it is seen to be of no use. The database's own version is that of this
//! layout; [`upgrade`] is the path from each older one.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect};
use serde_json::Value;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbObjectStore, IdbOpenDbRequest, IdbRequest};

use super::indexed_db_snapshot::{forget, since_of};
use super::json;
use crate::store::{Record, StoreError, StoreErrorKind};

/// The version of the layout above. A change needs an arm in [`upgrade`] and a fixture of the old layout in its test.
pub(super) const VERSION: u32 = 2;
pub(super) const EVENTS: &str = "events";
pub(super) const META: &str = "meta";
/// Keys of `meta`.
pub(super) const REVISION: &str = "revision";
pub(super) const SNAPSHOT: &str = "snapshot";
pub(super) const SINCE: &str = "since";

/// The object stores within a transaction.
pub(super) struct Stores {
    pub(super) events: IdbObjectStore,
    pub(super) meta: IdbObjectStore,
}

impl Stores {
    /// Counts the revision on, and writes down which events were added; without `added` others were removed, and with them goes
    /// what was made of them. What the revision was is there at the end of the transaction.
    pub(super) fn count_change(&self, added: Option<Rc<[String]>>) -> Result<Rc<Cell<Option<f64>>>, JsValue> {
        let before = Rc::new(Cell::new(None));
        let (counted, meta) = (Rc::clone(&before), self.meta.clone());
        // Requests are answered in the order in which they were made.
        let revision = meta.get(&REVISION.into())?;
        // Should it throw, the browser undoes the whole transaction.
        self.then(&self.meta.get(&SINCE.into())?, move |since| {
            let revision = revision.result()?.as_f64().unwrap_or(0.0);
            counted.set(Some(revision));
            meta.put_with_key(&(revision + 1.0).into(), &REVISION.into())?;
            match added.and_then(|added| since_of(&since)?.and(revision, &added)) {
                Some(since) => meta.put_with_key(&json::to_js(&since)?, &SINCE.into()).map(|_| ()),
                None => forget(&meta),
            }
        });
        Ok(before)
    }

    /// Calls `work` with the result of a request, within its transaction.
    pub(super) fn then(&self, request: &IdbRequest, work: impl FnOnce(JsValue) -> Result<(), JsValue> + 'static) {
        let result = request.clone();
        let listener = Closure::once_into_js(move || result.result().and_then(work));
        request.set_onsuccess(Some(listener.unchecked_ref()));
    }
}

/// Brings a database of an older version to [`VERSION`]; 0 is one that has just been made. Returns the first revision, if it had none.
pub(super) fn upgrade(request: &IdbOpenDbRequest, from: f64) -> Result<Option<f64>, JsValue> {
    let database: IdbDatabase = request.result()?.unchecked_into();
    if from < 1.0 {
        database.create_object_store(EVENTS)?;
        database.create_object_store(META)?;
    }
    let meta = request.transaction().ok_or(JsValue::NULL)?.object_store(META)?;
    let schema = Object::new();
    Reflect::set(&schema, &"format".into(), &"homebody-profile".into())?;
    Reflect::set(&schema, &"version".into(), &VERSION.into())?;
    meta.put_with_key(&schema, &"schema".into())?;
    if from >= 2.0 {
        return Ok(None);
    }
    // Not from 0: a database that was erased and made anew must not look like the one before.
    let first = (js_sys::Math::random() * f64::from(u32::MAX)).floor();
    meta.put_with_key(&first.into(), &REVISION.into())?;
    Ok(Some(first))
}

/// Keys and values as records; two texts cross the border, however many there are.
pub(super) fn records_of(keys: &Array, values: &Array) -> Result<Vec<Record>, StoreError> {
    let unreadable = |what: &str| {
        let message =
            format!("expected events in the profile's database, found {what}; export what can be read and erase");
        StoreError::new(StoreErrorKind::Unreadable, message)
    };
    let ids: Vec<String> = json::from_js(keys).map_err(|_| unreadable("a key that is no text"))?;
    let values: Vec<Value> = json::from_js(values).map_err(|_| unreadable("a value that is not JSON"))?;
    Ok(ids.into_iter().zip(values).map(|(id, value)| Record { id, value }).collect())
}
