//! Events in the browser's database.
//!
//! One database per profile, named `homebody/PROFILE`, with two object stores: `events` (key: the event's id; value: the
//! event), which only ever grows but for undo, and `meta` (key `schema`), which says who wrote it. The database's own version
//! is that of this layout; [`upgrade`] is the path from each older one.
//!
//! It is made when the first record is appended, not before, so that a visitor who does nothing leaves nothing, and erasing
//! removes the database itself. A lost connection is opened anew once per call. Another tab that wants to erase or upgrade
//! gets this one's connection closed at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, Event, IdbDatabase, IdbFactory, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
};

use super::first_event::FirstEvent;
use super::json;
use crate::store::{EventStore, Record, StorageKind, StoreError, StoreErrorKind};

/// The version of the layout above. A change needs an arm in [`upgrade`] and a fixture of the old layout in its test.
const VERSION: u32 = 1;
const EVENTS: &str = "events";
const META: &str = "meta";

#[wasm_bindgen]
extern "C" {
    /// What web-sys counts as unstable, though every browser of the last years has it.
    #[wasm_bindgen(extends = IdbDatabase)]
    type Database;
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn transaction_with(
        this: &Database,
        stores: &Array,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;

    #[wasm_bindgen(extends = IdbFactory)]
    type Factory;
    #[wasm_bindgen(method, catch)]
    fn databases(this: &Factory) -> Result<Promise, JsValue>;
}

/// The database of one profile.
pub(super) struct IndexedDb {
    name: String,
    connection: RefCell<Option<Rc<Connection>>>,
}

/// An open connection. Dropping it closes it, once the transactions under way are done.
struct Connection {
    database: IdbDatabase,
    closed: Rc<Cell<bool>>,
    _on_version_change: Closure<dyn FnMut(Event)>,
    _on_close: Closure<dyn FnMut(Event)>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.close();
    }
}

impl IndexedDb {
    pub(super) fn new(profile: &str) -> Self {
        Self { name: format!("homebody/{profile}"), connection: RefCell::new(None) }
    }

    fn factory() -> Result<IdbFactory, StoreError> {
        let found = Reflect::get(&js_sys::global(), &"indexedDB".into()).map_err(|thrown| refused(&thrown))?;
        found.dyn_into().map_err(|_| {
            StoreError::new(StoreErrorKind::Refused, "expected this browser to have IndexedDB, found none")
        })
    }

    /// Whether the database is there already; asking by opening it would make it.
    async fn exists(&self) -> Result<bool, StoreError> {
        let factory: Factory = Self::factory()?.unchecked_into();
        let method = Reflect::get(&factory, &"databases".into()).map_err(|thrown| refused(&thrown))?;
        if !method.is_instance_of::<Function>() {
            // A browser that does not tell: opening it is the only way to know.
            return Ok(true);
        }
        let list = factory.databases().map_err(|thrown| refused(&thrown))?;
        let list = JsFuture::from(list).await.map_err(|thrown| refused(&thrown))?;
        Ok(Array::from(&list).iter().any(|info| {
            Reflect::get(&info, &"name".into()).is_ok_and(|name| name.as_string().as_deref() == Some(&self.name))
        }))
    }

    async fn connection(&self) -> Result<Rc<Connection>, StoreError> {
        // Taken out of the cell before anything is awaited.
        let held = self.connection.borrow().clone();
        if let Some(connection) = held.filter(|connection| !connection.closed.get()) {
            return Ok(connection);
        }
        let connection = Rc::new(self.open().await?);
        self.connection.replace(Some(Rc::clone(&connection)));
        Ok(connection)
    }

    async fn open(&self) -> Result<Connection, StoreError> {
        let request = Self::factory()?.open_with_u32(&self.name, VERSION).map_err(|thrown| refused(&thrown))?;
        let failed: Rc<RefCell<Option<JsValue>>> = Rc::default();
        let on_upgrade = {
            let (request, failed) = (request.clone(), Rc::clone(&failed));
            Closure::<dyn FnMut(web_sys::IdbVersionChangeEvent)>::new(move |event: web_sys::IdbVersionChangeEvent| {
                if let Err(thrown) = upgrade(&request, event.old_version()) {
                    failed.replace(Some(thrown));
                    if let Some(transaction) = request.transaction() {
                        let _ = transaction.abort();
                    }
                }
            })
        };
        request.set_onupgradeneeded(Some(on_upgrade.as_ref().unchecked_ref()));
        let event =
            FirstEvent::of(&request, &["success", "error", "blocked"]).map_err(|thrown| refused(&thrown))?.await;
        if let Some(thrown) = failed.take() {
            return Err(refused(&thrown));
        }
        request.set_onupgradeneeded(None);
        match event.type_().as_str() {
            "success" => {}
            "blocked" => {
                // Should the other tab give way after all, nobody is there any more to do the upgrade.
                let give_up = Closure::once_into_js(move |event: Event| {
                    let request: Option<IdbOpenDbRequest> = event.target().and_then(|target| target.dyn_into().ok());
                    if let Some(transaction) = request.and_then(|request| request.transaction()) {
                        let _ = transaction.abort();
                    }
                });
                request.set_onupgradeneeded(Some(give_up.unchecked_ref()));
                let message = "expected to open the profile's database, but another tab holds an older version of it \
                               open; close the other tabs of this site";
                return Err(StoreError::new(StoreErrorKind::Refused, message));
            }
            _ => {
                event.prevent_default();
                let error = request.error().ok().flatten();
                if error.as_ref().is_some_and(|error| error.name() == "VersionError") {
                    let message = format!(
                        "expected a profile database of version {VERSION} or older, but a newer version of this site \
                         wrote it; reload the page without its cache"
                    );
                    return Err(StoreError::new(StoreErrorKind::Refused, message));
                }
                return Err(error.map_or_else(|| refused(&JsValue::NULL), |error| refused(&error)));
            }
        }
        let database: IdbDatabase = request.result().map_err(|thrown| refused(&thrown))?.unchecked_into();
        let closed = Rc::new(Cell::new(false));
        let on_version_change = {
            let (database, closed) = (database.clone(), Rc::clone(&closed));
            Closure::new(move |_: Event| {
                closed.set(true);
                database.close();
            })
        };
        let on_close = {
            let closed = Rc::clone(&closed);
            Closure::new(move |_: Event| closed.set(true))
        };
        database.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
        database.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Connection { database, closed, _on_version_change: on_version_change, _on_close: on_close })
    }

    /// Runs one transaction over `events` to its end, on a new connection if the one at hand turns out lost. `work` only
    /// places requests; a transaction that fails changes nothing, and so can be run again.
    async fn run<T>(&self, mode: &str, work: impl Fn(&IdbObjectStore) -> Result<T, JsValue>) -> Result<T, StoreError> {
        match self.run_once(mode, &work).await {
            Err(error) if error.kind() == StoreErrorKind::Lost => {
                self.connection.replace(None);
                self.run_once(mode, &work).await
            }
            done => done,
        }
    }

    async fn run_once<T>(
        &self,
        mode: &str,
        work: &impl Fn(&IdbObjectStore) -> Result<T, JsValue>,
    ) -> Result<T, StoreError> {
        let connection = self.connection().await?;
        let (transaction, done, value) = (|| {
            let options = Object::new();
            // An event counts as kept when it is on the disk, not when the system has promised to write it.
            Reflect::set(&options, &"durability".into(), &"strict".into())?;
            let stores = Array::of1(&EVENTS.into());
            let database: &Database = connection.database.unchecked_ref();
            let transaction = database.transaction_with(&stores, mode, &options)?;
            let done = FirstEvent::of(&transaction, &["complete", "abort"])?;
            let value = work(&transaction.object_store(EVENTS)?)?;
            Ok((transaction, done, value))
        })()
        .map_err(|thrown: JsValue| failed(&thrown))?;
        if done.await.type_() == "complete" {
            return Ok(value);
        }
        Err(failed(&transaction.error().map_or(JsValue::NULL, JsValue::from)))
    }
}

impl EventStore for IndexedDb {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        if !self.exists().await? {
            return Ok(Vec::new());
        }
        let (keys, values) = self.run("readonly", |events| Ok((events.get_all_keys()?, events.get_all()?))).await?;
        let list = |request: &IdbRequest| request.result().map(|list| Array::from(&list));
        let (keys, values) =
            (list(&keys).map_err(|thrown| failed(&thrown))?, list(&values).map_err(|thrown| failed(&thrown))?);
        keys.iter().zip(values.iter()).map(|(key, value)| record(&key, &value)).collect()
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        let value = |record: &Record| Ok((JsValue::from(&record.id), json::to_js(&record.value)?));
        let values: Vec<_> =
            records.iter().map(value).collect::<Result<_, JsValue>>().map_err(|thrown| failed(&thrown))?;
        // One listener for all requests: a record that is there already is no failure and must not abort the transaction.
        let known = Closure::<dyn FnMut(Event)>::new(|event: Event| {
            let request: Option<IdbRequest> = event.target().and_then(|target| target.dyn_into().ok());
            let error = request.and_then(|request| request.error().ok().flatten());
            if error.is_some_and(|error| error.name() == "ConstraintError") {
                event.prevent_default();
                event.stop_propagation();
            }
        });
        let add = |events: &IdbObjectStore| {
            for (id, value) in &values {
                events.add_with_key(value, id)?.set_onerror(Some(known.as_ref().unchecked_ref()));
            }
            Ok(())
        };
        self.run("readwrite", add).await
    }

    async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        if !self.exists().await? {
            return Ok(());
        }
        let delete = |events: &IdbObjectStore| ids.iter().try_for_each(|id| events.delete(&id.into()).map(|_| ()));
        self.run("readwrite", delete).await
    }

    async fn erase(&self) -> Result<(), StoreError> {
        if !self.exists().await? {
            return Ok(());
        }
        // Emptied first: should another tab keep the database from being deleted, nothing is in it any more.
        self.run("readwrite", |events| events.clear().map(|_| ())).await?;
        self.connection.replace(None);
        let request = Self::factory()?.delete_database(&self.name).map_err(|thrown| refused(&thrown))?;
        let event =
            FirstEvent::of(&request, &["success", "error", "blocked"]).map_err(|thrown| refused(&thrown))?.await;
        if event.type_() == "error" {
            event.prevent_default();
            return Err(request.error().ok().flatten().map_or_else(|| failed(&JsValue::NULL), |error| failed(&error)));
        }
        Ok(())
    }

    fn kind(&self) -> StorageKind {
        StorageKind::IndexedDb
    }
}

/// Brings a database of an older version to [`VERSION`]; 0 is one that has just been made.
fn upgrade(request: &IdbOpenDbRequest, from: f64) -> Result<(), JsValue> {
    let database: IdbDatabase = request.result()?.unchecked_into();
    if from < 1.0 {
        database.create_object_store(EVENTS)?;
        let meta = database.create_object_store(META)?;
        let schema = Object::new();
        Reflect::set(&schema, &"format".into(), &"homebody-profile".into())?;
        Reflect::set(&schema, &"version".into(), &VERSION.into())?;
        meta.put_with_key(&schema, &"schema".into())?;
    }
    Ok(())
}

fn record(key: &JsValue, value: &JsValue) -> Result<Record, StoreError> {
    let unreadable = |what: &str| {
        let message =
            format!("expected events in the profile's database, found {what}; export what can be read and erase");
        StoreError::new(StoreErrorKind::Unreadable, message)
    };
    let id = key.as_string().ok_or_else(|| unreadable("a key that is no text"))?;
    let value = json::from_js(value).map_err(|_| unreadable("a value that is not JSON"))?;
    Ok(Record { id, value })
}

/// What the browser threw when the database was to be opened.
fn refused(thrown: &JsValue) -> StoreError {
    let message = format!("expected to open the profile's database, the browser refused it ({})", describe(thrown));
    StoreError::new(StoreErrorKind::Refused, message)
}

/// What the browser threw when an open database was used.
fn failed(thrown: &JsValue) -> StoreError {
    let name = thrown.dyn_ref::<DomException>().map(DomException::name);
    match name.as_deref() {
        Some("QuotaExceededError") => {
            let message = "expected room for an event, but this site's storage or the disk is full";
            StoreError::new(StoreErrorKind::Full, message)
        }
        _ => {
            let message = format!("the connection to the profile's database was lost ({})", describe(thrown));
            StoreError::new(StoreErrorKind::Lost, message)
        }
    }
}

fn describe(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<DomException>() {
        Some(error) => format!("{}: {}", error.name(), error.message()),
        None => thrown.as_string().unwrap_or_else(|| "no reason was given".to_owned()),
    }
}
